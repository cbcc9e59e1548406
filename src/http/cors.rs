//! Which pages of other origins may call `/graphql` (CORS, in the [Fetch standard](https://fetch.spec.whatwg.org/)).
//!
//! They send a token; cookies play no part. An origin that is not allowed is not refused here: its requests are answered
//! as any program's, and its browser keeps the answers from it.

use std::sync::Arc;

use poem::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use poem::{Endpoint, IntoResponse, Request, Response, Result};

use super::App;

/// Answers preflights of allowed origins, and tells their browsers that they may read the answers.
pub(super) async fn cors<E: Endpoint>(endpoint: Arc<E>, request: Request) -> Result<Response> {
    let app = request.data::<Arc<App>>();
    let Some((app, origin)) = app.and_then(|app| Some((app, allowed(app, &request)?))) else {
        return Ok(endpoint.call(request).await?.into_response());
    };
    let is_preflight = request.method() == Method::OPTIONS
        && request
            .headers()
            .contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
    let headers = allowed_headers(request.headers(), &app.key_header);
    let mut response = if is_preflight {
        StatusCode::NO_CONTENT.into_response()
    } else {
        endpoint.call(request).await?.into_response()
    };
    let mut set = |name: HeaderName, value: HeaderValue| {
        response.headers_mut().insert(name, value);
    };
    let text = HeaderValue::from_static;
    if is_preflight {
        set(header::ACCESS_CONTROL_ALLOW_METHODS, text("GET, POST"));
        set(header::ACCESS_CONTROL_ALLOW_HEADERS, headers);
        set(header::ACCESS_CONTROL_MAX_AGE, text("600"));
        set(header::VARY, text("origin, access-control-request-headers"));
    } else {
        set(
            header::ACCESS_CONTROL_EXPOSE_HEADERS,
            text("www-authenticate, x-request-id"),
        );
        set(header::VARY, text("origin"));
    }
    set(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    Ok(response)
}

/// The headers that a page may send: those that it asks for, such as `traceparent`, which do nothing here. Of credentials it may
/// send a token alone.
fn allowed_headers(asked: &HeaderMap, key_header: &HeaderName) -> HeaderValue {
    const ALWAYS: &str = "authorization, content-type";
    let asked = asked.get_all(header::ACCESS_CONTROL_REQUEST_HEADERS);
    let asked = asked.iter().filter_map(|names| names.to_str().ok());
    let asked = asked.flat_map(|names| names.split(','));
    let asked = asked.filter_map(|name| HeaderName::from_bytes(name.trim().as_bytes()).ok());
    let is_harmless = |name: &HeaderName| {
        !ALWAYS.split(", ").any(|known| name == known)
            && name != key_header
            && name != header::COOKIE
    };
    let mut names = ALWAYS.to_owned();
    for name in asked.filter(is_harmless) {
        names.push_str(", ");
        names.push_str(name.as_str());
    }
    HeaderValue::try_from(names).unwrap_or(HeaderValue::from_static(ALWAYS))
}

fn allowed(app: &App, request: &Request) -> Option<HeaderValue> {
    let origin = request.headers().get(header::ORIGIN)?;
    let is_allowed = app
        .allowed_origins
        .iter()
        .any(|allowed| allowed.as_bytes() == origin.as_bytes());
    is_allowed.then(|| origin.clone())
}
