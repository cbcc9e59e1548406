//! OIDC mode: is this access token good, and who is it?
//!
//! Tokens are JWTs (RFC 7519) that the issuer signed, checked as [RFC 8725](https://datatracker.ietf.org/doc/html/rfc8725)
//! and [RFC 9068](https://datatracker.ietf.org/doc/html/rfc9068) ask. `jsonwebtoken` does the cryptography; the issuer is
//! asked for its public keys in [`keys`]. A token is never kept, logged or repeated.

mod issuer;
mod keys;

use std::sync::Arc;

use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, Header, Validation};
use serde_json::{Map, Value};

use self::issuer::Issuer;
use self::keys::{FindError, Keys};
use crate::key::error::Cause;
use crate::key::model::Owner;

pub use self::issuer::IssuerUrl;

/// What is taken: signatures of asymmetric keys alone. Never `none`, and never HMAC, whose secret would be the public key.
const ALGORITHMS: [Algorithm; 9] = [
    Algorithm::RS256,
    Algorithm::RS384,
    Algorithm::RS512,
    Algorithm::PS256,
    Algorithm::PS384,
    Algorithm::PS512,
    Algorithm::ES256,
    Algorithm::ES384,
    Algorithm::EdDSA,
];

/// How far the clocks of the issuer and of this server may be apart, in seconds.
const LEEWAY: u64 = 60;

/// The longest token that is looked at, in bytes.
const MAX_LEN: usize = 16 * 1024;

/// Which issuer's tokens are taken, and how the page signs in with it.
#[derive(Debug, Clone)]
pub struct OidcSettings {
    /// Who signs the tokens: their `iss`.
    pub issuer: IssuerUrl,
    /// For whom a token must be: one of its `aud`.
    pub audience: String,
    /// The id under which the page is registered with the issuer.
    pub client_id: Option<String>,
    /// The claim that says whose keys the caller works on.
    pub owner_claim: String,
    /// What the page asks the issuer for, separated by blanks.
    pub scope: String,
}

/// Knows good tokens from bad ones.
pub struct Oidc {
    settings: OidcSettings,
    keys: Arc<Keys>,
}

/// Who a token speaks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Person {
    pub(super) owner: Owner,
    /// The token's `sub`.
    pub(super) subject: String,
}

/// Why a token says nothing.
#[derive(Debug)]
pub(super) enum TokenError {
    /// It is not good. The reason is for the operator's log: the client hears the same for all.
    Invalid(String),
    /// The issuer cannot be asked for the key that signed it.
    Unavailable(Cause),
}

impl Oidc {
    /// Starts to ask the issuer for its keys, without waiting for them: an issuer that is down is no reason not to start.
    ///
    /// An error where the machine cannot do TLS at all. It must be called within a runtime.
    pub fn new(settings: OidcSettings) -> Result<Self, Cause> {
        let keys = Arc::new(Keys::new(Issuer::new(settings.issuer.clone())?));
        tokio::spawn(keys.clone().refresh());
        Ok(Self { settings, keys })
    }

    /// How this installation was set up.
    pub fn settings(&self) -> &OidcSettings {
        &self.settings
    }

    /// The origins that the page speaks to in order to sign in.
    pub fn browser_origins(&self) -> Vec<String> {
        let mut origins = self.keys.browser_origins();
        origins.push(self.settings.issuer.origin());
        origins.sort();
        origins.dedup();
        origins
    }

    /// Whether a bearer token has the form of a JWT in its compact form (RFC 7515 section 7.1). No API key does.
    pub(super) fn is_jwt(token: &str) -> bool {
        token.bytes().filter(|byte| *byte == b'.').count() == 2
    }

    /// Checks a token: its algorithm, signature, `iss`, `aud`, `exp`, `nbf`, `sub` and the claim that names the owner.
    pub(super) async fn verify(&self, token: &str) -> Result<Person, TokenError> {
        if token.len() > MAX_LEN {
            return Err(invalid(format!("it is longer than {MAX_LEN} bytes")));
        }
        let header = jsonwebtoken::decode_header(token)
            .map_err(|_| invalid("it is no JWT that is signed with an algorithm of ours"))?;
        check_header(&header)?;
        let found = self.keys.find(header.kid.as_deref(), header.alg).await;
        let key = found.map_err(|error| match error {
            FindError::NoSuchKey => invalid("the issuer has no key for it"),
            FindError::Unavailable(cause) => TokenError::Unavailable(cause),
        })?;
        let decoded = jsonwebtoken::decode(token, &key, &self.validation(header.alg));
        let claims = decoded.map_err(|error| invalid(reason(&error)))?.claims;
        self.person(&claims)
    }

    fn validation(&self, algorithm: Algorithm) -> Validation {
        let mut validation = Validation::new(algorithm);
        validation.leeway = LEEWAY;
        validation.validate_nbf = true;
        validation.set_audience(&[&self.settings.audience]);
        validation.set_issuer(&[self.settings.issuer.as_str()]);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        validation
    }

    fn person(&self, claims: &Map<String, Value>) -> Result<Person, TokenError> {
        let text = |claim: &str| {
            let text = claims.get(claim).and_then(Value::as_str);
            // An empty claim would make one owner of all who have it empty.
            text.filter(|text| !text.is_empty())
                .ok_or_else(|| invalid(format!("the claim `{claim}` is not a text, or empty")))
        };
        // The library would take a list of issuers, too.
        if text("iss")? != self.settings.issuer.as_str() {
            return Err(invalid("another issuer made it"));
        }
        // What the record keeps of people is bounded as owners are.
        let parse = |claim: &str| {
            Owner::parse(text(claim)?)
                .map_err(|error| invalid(format!("the claim `{claim}` cannot be used: {error}")))
        };
        let owner = parse(&self.settings.owner_claim)?;
        let subject = parse("sub")?.as_str().to_owned();
        Ok(Person { owner, subject })
    }
}

fn check_header(header: &Header) -> Result<(), TokenError> {
    if !ALGORITHMS.contains(&header.alg) {
        return Err(invalid(format!("its algorithm is {:?}", header.alg)));
    }
    // RFC 7515 section 4.1.11: what is critical and not understood is refused, and we understand nothing of the kind.
    if header.crit.is_some() {
        return Err(invalid("it has critical headers"));
    }
    // RFC 8725 section 3.11: other kinds of JWT, such as those that tell of a logout, are no access tokens.
    let kind = header.typ.as_deref().unwrap_or("JWT").to_ascii_lowercase();
    let kind = kind.strip_prefix("application/").unwrap_or(&kind);
    if !matches!(kind, "jwt" | "at+jwt") {
        return Err(invalid("its type is neither JWT nor at+jwt"));
    }
    Ok(())
}

fn invalid(reason: impl Into<String>) -> TokenError {
    TokenError::Invalid(reason.into())
}

/// What the library found, without anything of the token.
fn reason(error: &jsonwebtoken::errors::Error) -> String {
    match error.kind() {
        ErrorKind::InvalidSignature => "its signature is wrong".to_owned(),
        ErrorKind::ExpiredSignature => "it has expired".to_owned(),
        ErrorKind::ImmatureSignature => "it is not valid yet".to_owned(),
        ErrorKind::InvalidIssuer => "another issuer made it".to_owned(),
        ErrorKind::InvalidAudience => "it is for another audience".to_owned(),
        ErrorKind::MissingRequiredClaim(claim) => format!("the claim `{claim}` is missing"),
        ErrorKind::InvalidClaimFormat(claim) => format!("the claim `{claim}` is malformed"),
        _ => "it is malformed".to_owned(),
    }
}
