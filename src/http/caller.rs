//! What a request presents to say whose it is.

use poem::Request;
use poem::http::{HeaderMap, HeaderName, header};
use poem::session::Session;

use super::{App, session};
use crate::auth::{Caller, Presented, Refused};

/// The header in which a backend names the owner that it acts for.
pub(super) const OWNER_HEADER: HeaderName = HeaderName::from_static("apikeys-owner");

/// Why a request is not let in.
#[derive(Debug)]
pub(super) enum Rejected {
    /// Its credentials are missing, not good, or not enough.
    Refused(Refused),
    /// It comes from another site, with the session of whoever uses the browser.
    CrossSite,
}

/// Whether a request presents nothing at all, so that its body need not be waited for.
pub(super) fn is_nobody(app: &App, request: &Request) -> bool {
    let headers = request.headers();
    let session = request.extensions().get::<Session>();
    !headers.contains_key(header::AUTHORIZATION)
        && !headers.contains_key(&app.key_header)
        && !session.is_some_and(session::is_signed_in)
}

/// Finds out who is calling.
pub(super) async fn caller(app: &App, request: &Request) -> Result<Caller, Rejected> {
    let headers = request.headers();
    // In OIDC mode there are no sessions.
    let session = request.extensions().get::<Session>();
    let presented = Presented {
        session: session.is_some_and(session::is_signed_in),
        ..presented(headers, app)?
    };
    let by_cookie_alone = presented.bearer.is_none() && presented.api_key.is_none();
    if presented.session && by_cookie_alone && !is_same_origin(app, headers) {
        return Err(Rejected::CrossSite);
    }
    let caller = app.authenticator.authenticate(presented).await;
    caller.map_err(Rejected::Refused)
}

/// What the headers present, apart from the session.
pub(super) fn presented<'a>(headers: &'a HeaderMap, app: &App) -> Result<Presented<'a>, Rejected> {
    let authorization = single(headers, &header::AUTHORIZATION)?;
    Ok(Presented {
        // Another scheme is a wrong token rather than none: what was sent is answered.
        bearer: authorization.map(|value| {
            let token = bearer_token(value.as_bytes()).unwrap_or_default();
            // A part of a text that begins after an ASCII character is one.
            str::from_utf8(token).unwrap_or_default()
        }),
        api_key: single(headers, &app.key_header)?,
        session: false,
        owner: single(headers, &OWNER_HEADER)?,
    })
}

/// The value of a header that may come once. Owners are UTF-8, so values are too.
fn single<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a str>, Rejected> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => str::from_utf8(value.as_bytes())
            .map(Some)
            .map_err(|_| Rejected::Refused(Refused::Invalid)),
        (Some(_), Some(_)) => Err(Rejected::Refused(Refused::Several)),
    }
}

/// The token of `Authorization: Bearer TOKEN` (RFC 6750 section 2.1; the scheme in any case, RFC 9110 section 11.1).
pub(super) fn bearer_token(authorization: &[u8]) -> Option<&[u8]> {
    let end = authorization.iter().position(|byte| *byte == b' ')?;
    let (scheme, token) = authorization.split_at(end);
    let blanks = token.iter().take_while(|byte| **byte == b' ').count();
    scheme
        .eq_ignore_ascii_case(b"bearer")
        .then_some(&token[blanks..])
}

/// Whether a browser says that the request comes from a page of ours. What is no browser says nothing, and is let pass:
/// it can send what it likes anyway.
fn is_same_origin(app: &App, headers: &HeaderMap) -> bool {
    let text = |name| {
        headers
            .get(name)
            .and_then(|value: &header::HeaderValue| value.to_str().ok())
    };
    if let Some(site) = text("sec-fetch-site") {
        return matches!(site, "same-origin" | "none");
    }
    match text("origin") {
        None => true,
        Some(origin) => {
            let host = origin.split_once("://").map(|(_, host)| host);
            origin == app.origin || (host.is_some() && host == text("host"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::bearer_token;

    #[test]
    fn a_bearer_token_is_what_follows_the_scheme() {
        assert_eq!(bearer_token(b"Bearer abc"), Some(&b"abc"[..]));
        assert_eq!(bearer_token(b"bEARER  abc"), Some(&b"abc"[..]));
        for other in ["", "Bearer", "Basic abc", "Bearerabc", "abc"] {
            assert_eq!(bearer_token(other.as_bytes()), None, "{other}");
        }
    }
}
