//! The browser session of local mode, and whose request it is.
//!
//! The cookie carries a random id and nothing else; the session lives in this process, so that signing out ends it
//! and a restart ends them all.

use std::sync::Arc;
use std::time::Duration;

use poem::http::{HeaderMap, StatusCode, header};
use poem::session::{CookieConfig, MemoryStorage, ServerSession, Session};
use poem::web::cookie::SameSite;
use poem::web::{Data, Query};
use poem::{IntoResponse, Response, handler};
use serde::Deserialize;

use super::{App, pages};
use crate::auth::Caller;

const SIGNED_IN: &str = "signed-in";
const LIFETIME: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// Why a request is nobody's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unauthenticated {
    /// There were no credentials.
    Missing,
    /// There were some, and they are not good.
    Invalid,
}

/// Loads and keeps sessions.
pub(super) fn middleware(is_https: bool) -> ServerSession<MemoryStorage> {
    let cookie = CookieConfig::new()
        .name("apikeys_session")
        .http_only(true)
        .same_site(SameSite::Strict)
        .secure(is_https)
        .max_age(LIFETIME);
    ServerSession::new(cookie, MemoryStorage::new())
}

/// Finds out who is calling: a bearer token decides where one is sent, the session otherwise.
pub(super) fn caller(
    app: &App,
    headers: &HeaderMap,
    session: &Session,
) -> Result<Caller, Unauthenticated> {
    let mut authorization = headers.get_all(header::AUTHORIZATION).iter();
    match (authorization.next(), authorization.next()) {
        (None, _) if session.get(SIGNED_IN) == Some(true) => Ok(Caller::local_operator()),
        (None, _) => Err(Unauthenticated::Missing),
        (Some(value), None) => value
            .to_str()
            .ok()
            .and_then(bearer_token)
            .filter(|token| app.local_token.matches(token))
            .map(|_| Caller::local_operator())
            .ok_or(Unauthenticated::Invalid),
        (Some(_), Some(_)) => Err(Unauthenticated::Invalid),
    }
}

/// The token of `Authorization: Bearer TOKEN` (RFC 6750 section 2.1; the scheme in any case, RFC 9110 section 11.1).
fn bearer_token(authorization: &str) -> Option<&str> {
    let (scheme, token) = authorization.split_once(' ')?;
    scheme
        .eq_ignore_ascii_case("bearer")
        .then(|| token.trim_start_matches(' '))
}

#[derive(Deserialize)]
struct SignIn {
    token: String,
}

/// `GET /sign-in?token=`: opens a session and goes to the page.
#[handler]
pub(super) fn sign_in(
    query: poem::Result<Query<SignIn>>,
    app: Data<&Arc<App>>,
    session: &Session,
) -> Response {
    let is_right = query.is_ok_and(|query| app.local_token.matches(&query.token));
    if !is_right {
        return pages::sign_in_refused();
    }
    session.set(SIGNED_IN, true);
    // A new id, so that nobody can prepare a session for somebody else.
    session.renew();
    to_home()
}

/// `POST /sign-out`: ends the session, wherever its cookie may have been copied to.
#[handler]
pub(super) fn sign_out(session: &Session) -> Response {
    session.purge();
    to_home()
}

/// Goes to the page with GET, and takes no token along as the referrer.
fn to_home() -> Response {
    StatusCode::SEE_OTHER
        .with_header(header::LOCATION, "/")
        .with_header(header::REFERRER_POLICY, "no-referrer")
        .into_response()
}

#[cfg(test)]
mod tests {
    use super::bearer_token;

    #[test]
    fn a_bearer_token_is_what_follows_the_scheme() {
        assert_eq!(bearer_token("Bearer abc"), Some("abc"));
        assert_eq!(bearer_token("bEARER  abc"), Some("abc"));
        for other in ["", "Bearer", "Basic abc", "Bearerabc", "abc"] {
            assert_eq!(bearer_token(other), None, "{other}");
        }
    }
}
