//! Which pages of other origins may call `/graphql` (CORS, in the [Fetch standard](https://fetch.spec.whatwg.org/)).
//!
//! They send a token; cookies play no part. An origin that is not allowed is not refused here: its requests are answered
//! as any program's, and its browser keeps the answers from it.

use std::sync::Arc;

use poem::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use poem::{Endpoint, IntoResponse, Request, Response, Result};

use super::App;

/// Answers preflights of allowed origins, and tells their browsers that they may read the answers.
pub(super) async fn cors<E: Endpoint>(endpoint: Arc<E>, request: Request) -> Result<Response> {
    let origin = request
        .data::<Arc<App>>()
        .and_then(|app| allowed(app, &request));
    let Some(origin) = origin else {
        return Ok(endpoint.call(request).await?.into_response());
    };
    let is_preflight = request.method() == Method::OPTIONS
        && request
            .headers()
            .contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
    let mut response = if is_preflight {
        StatusCode::NO_CONTENT.into_response()
    } else {
        endpoint.call(request).await?.into_response()
    };
    let mut set = |name: HeaderName, value: &'static str| {
        response
            .headers_mut()
            .insert(name, HeaderValue::from_static(value));
    };
    if is_preflight {
        set(header::ACCESS_CONTROL_ALLOW_METHODS, "GET, POST");
        set(
            header::ACCESS_CONTROL_ALLOW_HEADERS,
            "authorization, content-type",
        );
        set(header::ACCESS_CONTROL_MAX_AGE, "600");
    } else {
        set(
            header::ACCESS_CONTROL_EXPOSE_HEADERS,
            "www-authenticate, x-request-id",
        );
    }
    set(header::VARY, "origin");
    response
        .headers_mut()
        .insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    Ok(response)
}

fn allowed(app: &App, request: &Request) -> Option<HeaderValue> {
    let origin = request.headers().get(header::ORIGIN)?;
    let is_allowed = app
        .allowed_origins
        .iter()
        .any(|allowed| allowed.as_bytes() == origin.as_bytes());
    is_allowed.then(|| origin.clone())
}
