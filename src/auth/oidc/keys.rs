//! The issuer's public keys, kept in memory.
//!
//! They are asked for again when their lifetime is over, or when a token names a key that is not among them: once in ten
//! seconds at most, by one task, for which all wait who need it. Keys that are old are better than none: while the issuer is
//! down, those that it last gave go on working.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, PublicKeyUse};
use jsonwebtoken::{Algorithm, AlgorithmFamily, DecodingKey};

use super::issuer::{Issuer, Published};
use crate::key::error::{Cause, chain};

/// The least time between two questions to the issuer.
const INTERVAL: Duration = Duration::from_secs(10);

/// The keys of one issuer.
pub(super) struct Keys {
    issuer: Issuer,
    state: Mutex<State>,
    /// Held by whoever asks the issuer.
    turn: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct State {
    keys: Vec<PublicKey>,
    browser_origins: Vec<String>,
    good_until: Option<Instant>,
    asked_at: Option<Instant>,
    /// Why the last question was not answered.
    failure: Option<String>,
}

struct PublicKey {
    jwk: Jwk,
    key: DecodingKey,
}

/// Why there is no key for a token.
#[derive(Debug)]
pub(super) enum FindError {
    /// The issuer was asked and has none.
    NoSuchKey,
    /// The issuer could not be asked.
    Unavailable(Cause),
}

enum Found {
    Key(Box<DecodingKey>),
    /// There is one with this id, for something else.
    Unfit,
    Nothing,
}

impl Keys {
    pub(super) fn new(issuer: Issuer) -> Self {
        Self {
            issuer,
            state: Mutex::default(),
            turn: tokio::sync::Mutex::default(),
        }
    }

    /// The origins that the issuer's endpoints for pages have, as far as they are known.
    pub(super) fn browser_origins(&self) -> Vec<String> {
        self.state().browser_origins.clone()
    }

    /// The key for a token with this `kid` and `alg`.
    pub(super) async fn find(
        self: &Arc<Self>,
        kid: Option<&str>,
        algorithm: Algorithm,
    ) -> Result<DecodingKey, FindError> {
        let (found, is_good, has_failed) = {
            let state = self.state();
            let is_good = state.good_until.is_some_and(|end| Instant::now() < end);
            (state.find(kid, algorithm), is_good, state.failure.is_some())
        };
        let refresh = || tokio::spawn(self.clone().refresh());
        match found {
            Found::Key(key) if is_good => return Ok(*key),
            Found::Unfit if is_good => return Err(FindError::NoSuchKey),
            // Nobody waits again and again for an issuer that does not answer.
            Found::Key(key) if has_failed => {
                refresh();
                return Ok(*key);
            }
            // A task of its own: whoever goes away takes nothing from the others who wait for it.
            Found::Key(_) | Found::Unfit | Found::Nothing => drop(refresh().await),
        }
        let state = self.state();
        match (state.find(kid, algorithm), &state.failure) {
            (Found::Key(key), _) => Ok(*key),
            (Found::Nothing, Some(failure)) => Err(FindError::Unavailable(failure.clone().into())),
            (Found::Unfit | Found::Nothing, _) => Err(FindError::NoSuchKey),
        }
    }

    /// Asks the issuer, unless somebody just did.
    pub(super) async fn refresh(self: Arc<Self>) {
        let _turn = self.turn.lock().await;
        {
            let mut state = self.state();
            if state.asked_at.is_some_and(|at| at.elapsed() < INTERVAL) {
                return;
            }
            state.asked_at = Some(Instant::now());
        }
        let answer = self.issuer.ask().await;
        let mut state = self.state();
        match answer {
            Ok(published) => state.learn(published),
            Err(cause) => {
                let cause = chain(&*cause);
                tracing::warn!(cause, "the identity provider's keys cannot be had");
                state.failure = Some(cause);
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nobody leaves the state halfway: a panic elsewhere harms nothing here.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn learn(&mut self, published: Published) {
        let keys = published.keys.into_iter();
        let keys = keys.filter_map(|jwk| {
            let key = DecodingKey::from_jwk(&jwk).ok()?;
            Some(PublicKey { jwk, key })
        });
        self.keys = keys.collect();
        self.browser_origins = published.browser_origins;
        self.good_until = Some(Instant::now() + published.lifetime);
        self.failure = None;
        tracing::info!(
            keys = self.keys.len(),
            good_for_s = published.lifetime.as_secs(),
            "the identity provider gave its keys"
        );
    }

    fn find(&self, kid: Option<&str>, algorithm: Algorithm) -> Found {
        let named = |key: &&PublicKey| kid.is_none() || key.jwk.common.key_id.as_deref() == kid;
        let mut fitting = self.keys.iter().filter(named);
        let mut fitting = fitting.by_ref().filter(|key| key.fits(algorithm));
        match (fitting.next(), fitting.next()) {
            // A token that names no key is for the only one that there is (OpenID Connect Core section 10.1).
            (Some(_), Some(_)) if kid.is_none() => Found::Unfit,
            (Some(key), _) => Found::Key(Box::new(key.key.clone())),
            (None, _) if kid.is_some() && self.keys.iter().any(|key| named(&key)) => Found::Unfit,
            (None, _) => Found::Nothing,
        }
    }
}

impl PublicKey {
    /// Whether this key may check signatures of the algorithm (RFC 7517 sections 4.1, 4.2 and 4.4; RFC 8725 section 3.1).
    fn fits(&self, algorithm: Algorithm) -> bool {
        let has_type = match (&self.jwk.algorithm, algorithm.family()) {
            (AlgorithmParameters::RSA(_), AlgorithmFamily::Rsa) => true,
            (AlgorithmParameters::EllipticCurve(key), AlgorithmFamily::Ec) => {
                let curve = match algorithm {
                    Algorithm::ES256 => EllipticCurve::P256,
                    _ => EllipticCurve::P384,
                };
                key.curve == curve
            }
            (AlgorithmParameters::OctetKeyPair(key), AlgorithmFamily::Ed) => {
                key.curve == EllipticCurve::Ed25519
            }
            _ => false,
        };
        let common = &self.jwk.common;
        let is_for_signatures =
            matches!(common.public_key_use, None | Some(PublicKeyUse::Signature));
        let is_for_algorithm = common
            .key_algorithm
            .is_none_or(|only| only == KeyAlgorithm::from(algorithm));
        has_type && is_for_signatures && is_for_algorithm
    }
}
