//! The browser session of local mode.
//!
//! The cookie carries a random id and nothing else; the session lives in this process, so that signing out ends it
//! and a restart ends them all.

use std::sync::Arc;
use std::time::Duration;

use poem::http::{StatusCode, header};
use poem::session::{CookieConfig, MemoryStorage, ServerSession, Session};
use poem::web::cookie::SameSite;
use poem::web::{Data, Query};
use poem::{IntoResponse, Response, handler};
use serde::Deserialize;

use super::{App, pages};
use crate::auth::People;

const SIGNED_IN: &str = "signed-in";
const LIFETIME: Duration = Duration::from_secs(7 * 24 * 60 * 60);

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

/// Whether the local operator has signed in.
pub(super) fn is_signed_in(session: &Session) -> bool {
    session.get(SIGNED_IN) == Some(true)
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
    let is_right = query.is_ok_and(|query| {
        let people = app.authenticator.people();
        matches!(people, People::Local(token) if token.matches(&query.token))
    });
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
