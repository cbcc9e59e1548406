//! `/auth`: a proxy asks whether a request may pass, and gets the answer as a status: 200, 401 or 403 (nginx takes no other for
//! an answer; Envoy lets pass on 200 alone), or 503 where nobody can tell. RFC 6750 section 3 has the challenges.
//!
//! It never redirects, and looks at nothing but the key and the scopes that are asked for: method, path and body are those of
//! the request that the proxy has.

use std::sync::Arc;

use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use poem::http::{HeaderMap, HeaderName, StatusCode, header};
use poem::web::Data;
use poem::{Request, Response, handler};

use super::App;
use super::caller::{OWNER_HEADER, bearer_token};
use crate::key::api_key::LiveKey;
use crate::key::error::{Error, chain};
use crate::key::scope::Scopes;

const KEY_ID_HEADER: HeaderName = HeaderName::from_static("apikeys-key-id");
const SCOPES_HEADER: HeaderName = HeaderName::from_static("apikeys-scopes");

/// What of an owner is percent-encoded in a header: all but visible ASCII, and the sign itself.
const NOT_PLAIN: &AsciiSet = &CONTROLS.add(b' ').add(b'%');

/// The longest list of scopes that a refusal repeats, in bytes.
const MAX_SCOPE_LEN: usize = 1000;

/// What is wrong with a request.
enum Refused {
    /// It has no key.
    Missing,
    /// It has several, and which is meant is not guessed.
    Several,
    /// It has one that does not work, whatever the reason.
    Invalid,
    /// Its key may not do this.
    OutOfScope { required: Vec<String> },
    /// Nobody can tell.
    Failed(Error),
}

/// `/auth` and `/auth/*`, whatever the method.
#[handler]
pub(super) async fn forward_auth(request: &Request, app: Data<&Arc<App>>) -> Response {
    check(request, &app)
        .await
        .map_or_else(refusal, |live_key| pass(&live_key))
}

async fn check(request: &Request, app: &App) -> Result<Arc<LiveKey>, Refused> {
    let presented = presented_key(request.headers(), &app.key_header)?;
    let found = app.verifier.verify(presented).await;
    let live_key = found.map_err(Refused::Failed)?.ok_or(Refused::Invalid)?;
    let required = required_scopes(request.uri().query().unwrap_or_default());
    if required
        .iter()
        .any(|scope| !live_key.scopes.contains(scope))
    {
        return Err(Refused::OutOfScope { required });
    }
    Ok(live_key)
}

/// The key in `Authorization: Bearer` or in the header for keys. Other schemes are somebody else's.
fn presented_key<'a>(headers: &'a HeaderMap, key_header: &HeaderName) -> Result<&'a str, Refused> {
    // What is not UTF-8 is a wrong key.
    let text = |bytes: &'a [u8]| str::from_utf8(bytes).unwrap_or_default();
    let authorizations = headers.get_all(header::AUTHORIZATION).iter();
    let bearers = authorizations.filter_map(|value| bearer_token(value.as_bytes()).map(text));
    let keys = headers.get_all(key_header).iter();
    let mut presented = bearers.chain(keys.map(|value| text(value.as_bytes())));
    match (presented.next(), presented.next()) {
        (None, _) => Err(Refused::Missing),
        (Some(key), None) => Ok(key),
        (Some(_), Some(_)) => Err(Refused::Several),
    }
}

/// The scopes of `?scope=a&scope=b`, or `?scope=a+b`. An empty one is one that no key has: a slip in a proxy's configuration
/// opens nothing.
fn required_scopes(query: &str) -> Vec<String> {
    let parameters = url::form_urlencoded::parse(query.as_bytes());
    let asked = parameters.filter(|(name, _)| name == "scope");
    asked
        .flat_map(|(_, value)| value.split(' ').map(str::to_owned).collect::<Vec<_>>())
        .collect()
}

fn pass(live_key: &LiveKey) -> Response {
    let owner = utf8_percent_encode(live_key.owner.as_str(), NOT_PLAIN).to_string();
    Response::builder()
        .header(OWNER_HEADER, owner)
        .header(KEY_ID_HEADER, live_key.id.to_string())
        .header(SCOPES_HEADER, live_key.scopes.as_str())
        .finish()
}

fn refusal(refused: Refused) -> Response {
    let response = Response::builder();
    let challenge = match refused {
        Refused::Missing => "Bearer".to_owned(),
        Refused::Several => "Bearer error=\"invalid_request\"".to_owned(),
        Refused::Invalid => "Bearer error=\"invalid_token\"".to_owned(),
        Refused::OutOfScope { required } => {
            // What no key can have cannot be said in a header either, and proxies have little room for headers.
            let sayable = required.iter().filter(|scope| Scopes::is_token(scope));
            let scope = sayable.map(String::as_str).collect::<Vec<_>>().join(" ");
            let challenge = if scope.len() <= MAX_SCOPE_LEN {
                format!("Bearer error=\"insufficient_scope\", scope=\"{scope}\"")
            } else {
                "Bearer error=\"insufficient_scope\"".to_owned()
            };
            return response
                .status(StatusCode::FORBIDDEN)
                .header(header::WWW_AUTHENTICATE, challenge)
                .finish();
        }
        Refused::Failed(Error::Unavailable(cause)) => {
            tracing::error!(cause = chain(&*cause), "the database is not available");
            return response
                .status(StatusCode::SERVICE_UNAVAILABLE)
                .header(header::RETRY_AFTER, "1")
                .finish();
        }
        Refused::Failed(error) => {
            tracing::error!(cause = chain(&error), "internal error");
            return response.status(StatusCode::INTERNAL_SERVER_ERROR).finish();
        }
    };
    response
        .status(StatusCode::UNAUTHORIZED)
        .header(header::WWW_AUTHENTICATE, challenge)
        .finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_scope_that_is_asked_for_is_required() {
        let required = |query: &str| required_scopes(query);
        assert!(required("").is_empty());
        assert!(required("other=1&scopes=a&Scope=b").is_empty());
        assert_eq!(required("scope=a&x=1&scope=b"), ["a", "b"]);
        assert_eq!(required("scope=a+b%20c"), ["a", "b", "c"]);
        assert_eq!(required("scope=https%3A%2F%2Fx%2Fa"), ["https://x/a"]);
        for nothing in ["scope=", "scope", "scope=&scope=a"] {
            assert_eq!(required(nothing)[0], "", "{nothing}");
        }
    }
}
