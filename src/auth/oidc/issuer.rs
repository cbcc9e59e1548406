//! What the issuer says of itself: its metadata
//! ([OpenID Connect Discovery](https://openid.net/specs/openid-connect-discovery-1_0.html)) and its public keys (RFC 7517).
//! The only room that asks another server for something over HTTP.

use std::fmt;
use std::time::Duration;

use jsonwebtoken::jwk::Jwk;
use reqwest::header::{CACHE_CONTROL, HeaderMap};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use url::Url;

use crate::bounds;
use crate::key::error::Cause;

/// The longest answer that is read, in bytes.
const MAX_LEN: usize = 1024 * 1024;
/// How long keys are good where the issuer does not say, and the bounds to what it says.
const LIFETIME: Duration = Duration::from_secs(10 * 60);
const MIN_LIFETIME: Duration = Duration::from_secs(60);
const MAX_LIFETIME: Duration = Duration::from_secs(24 * 60 * 60);

/// The identifier of an issuer: a URL that its tokens repeat letter by letter.
#[derive(Debug, Clone)]
pub struct IssuerUrl {
    text: String,
    url: Url,
}

/// What cannot be an issuer, in words that follow the name of the variable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "is not the URL of an issuer; it must be like https://login.example.com, as the issuer's tokens have it"
)]
pub struct NotAnIssuer;

impl IssuerUrl {
    /// An `https` or `http` URL without a query, a fragment and a password (OpenID Connect Discovery section 2).
    pub fn parse(text: &str) -> Result<Self, NotAnIssuer> {
        let url = Url::parse(text).map_err(|_| NotAnIssuer)?;
        let is_bare = url.query().is_none() && url.fragment().is_none();
        let has_user = !url.username().is_empty() || url.password().is_some();
        if !matches!(url.scheme(), "http" | "https") || !is_bare || has_user {
            return Err(NotAnIssuer);
        }
        let text = text.to_owned();
        Ok(Self { text, url })
    }

    /// The identifier as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Its scheme, host and port.
    pub fn origin(&self) -> String {
        self.url.origin().ascii_serialization()
    }

    /// Whether somebody on the way could answer in the issuer's place.
    pub fn is_open_to_others(&self) -> bool {
        let is_loopback = match self.url.host() {
            Some(url::Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
            Some(url::Host::Ipv4(address)) => address.is_loopback(),
            Some(url::Host::Ipv6(address)) => address.is_loopback(),
            None => false,
        };
        self.url.scheme() == "http" && !is_loopback
    }
}

/// Asks one issuer.
pub(super) struct Issuer {
    url: IssuerUrl,
    http: reqwest::Client,
}

/// What the issuer said.
pub(super) struct Published {
    pub(super) keys: Vec<Jwk>,
    /// How long the keys may be believed without asking again.
    pub(super) lifetime: Duration,
    /// The origins of the endpoints that a page speaks to.
    pub(super) browser_origins: Vec<String>,
}

#[derive(Deserialize)]
struct Metadata {
    issuer: String,
    jwks_uri: Url,
    token_endpoint: Option<Url>,
    revocation_endpoint: Option<Url>,
}

#[derive(Deserialize)]
struct KeySet {
    keys: Vec<serde_json::Value>,
}

/// The issuer answered, and the answer cannot be used.
#[derive(Debug)]
struct Unusable(String);

impl fmt::Display for Unusable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Unusable {}

impl Issuer {
    pub(super) fn new(url: IssuerUrl) -> Result<Self, Cause> {
        let http = reqwest::Client::builder()
            .user_agent(concat!("apikeys/", env!("CARGO_PKG_VERSION")))
            // An issuer with TLS is not left for a place without.
            .https_only(url.url.scheme() == "https")
            .connect_timeout(bounds::ISSUER)
            .build()?;
        Ok(Self { url, http })
    }

    /// Asks for the metadata, and then for the keys.
    pub(super) async fn ask(&self) -> Result<Published, Cause> {
        match tokio::time::timeout(bounds::ISSUER, self.ask_patiently()).await {
            Ok(published) => published,
            Err(_) => Err(unusable(format!(
                "no answer in {} s",
                bounds::ISSUER.as_secs()
            ))),
        }
    }

    async fn ask_patiently(&self) -> Result<Published, Cause> {
        let base = self.url.as_str().trim_end_matches('/');
        let discovery = Url::parse(&format!("{base}/.well-known/openid-configuration"))?;
        let (metadata, _) = self.get::<Metadata>(discovery).await?;
        // Section 4.3 there: they must be the same, letter by letter.
        if metadata.issuer != self.url.as_str() {
            let problem = format!(
                "it calls itself {:?}; APIKEYS_OIDC_ISSUER must be exactly that",
                metadata.issuer
            );
            return Err(unusable(problem));
        }
        let (set, headers) = self.get::<KeySet>(metadata.jwks_uri).await?;
        // One key that we cannot read is no reason to do without the others.
        let keys = set.keys.into_iter();
        let keys = keys.filter_map(|key| serde_json::from_value(key).ok());
        let endpoints = [metadata.token_endpoint, metadata.revocation_endpoint];
        let origins = endpoints.into_iter().flatten();
        Ok(Published {
            keys: keys.collect(),
            lifetime: lifetime(&headers),
            browser_origins: origins
                .map(|url| url.origin().ascii_serialization())
                .collect(),
        })
    }

    async fn get<T: DeserializeOwned>(&self, url: Url) -> Result<(T, HeaderMap), Cause> {
        let path = url.path().to_owned();
        let mut response = self.http.get(url).send().await?.error_for_status()?;
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await? {
            body.extend_from_slice(&chunk);
            if body.len() > MAX_LEN {
                return Err(unusable(format!("{path} is longer than {MAX_LEN} bytes")));
            }
        }
        let value = serde_json::from_slice(&body)
            .map_err(|error| unusable(format!("{path} is not what it should be: {error}")))?;
        Ok((value, response.headers().clone()))
    }
}

fn unusable(problem: String) -> Cause {
    Box::new(Unusable(problem))
}

/// How long an answer may be believed (`max-age`, RFC 9111 section 5.2.2.1), within bounds.
fn lifetime(headers: &HeaderMap) -> Duration {
    let control = headers.get(CACHE_CONTROL);
    let control = control.and_then(|value| value.to_str().ok()).unwrap_or("");
    let seconds = control.split(',').find_map(|directive| {
        let (name, value) = directive.trim().split_once('=')?;
        let is_age = name.eq_ignore_ascii_case("max-age");
        is_age.then(|| value.trim_matches('"').parse().ok())?
    });
    seconds.map_or(LIFETIME, |seconds| {
        Duration::from_secs(seconds).clamp(MIN_LIFETIME, MAX_LIFETIME)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_live_as_long_as_the_issuer_says_within_bounds() {
        for (control, seconds) in [
            (None, 600),
            (Some("no-store"), 600),
            (Some("public, Max-Age=\"3600\""), 3600),
            (Some("max-age=0, must-revalidate"), 60),
            (Some("max-age=99999999"), 86_400),
            (Some("max-age=99999999999999999999999"), 600),
        ] {
            let mut headers = HeaderMap::new();
            if let Some(control) = control {
                headers.insert(CACHE_CONTROL, control.parse().unwrap());
            }
            assert_eq!(lifetime(&headers).as_secs(), seconds, "{control:?}");
        }
    }
}
