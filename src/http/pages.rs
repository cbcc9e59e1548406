//! What the server itself says to a person in a browser, and the schema that a build fetches.

use std::sync::Arc;

use poem::http::{StatusCode, header};
use poem::web::Data;
use poem::{Response, handler};

use super::App;

/// What `GET /sign-in` says to a token that is not the right one.
pub(super) fn sign_in_refused() -> Response {
    page(
        StatusCode::UNAUTHORIZED,
        "<p>This sign-in link is not valid. The server prints a new one each time that it starts: \
         look for the line that begins with <code>Open</code>.</p>",
    )
}

/// `GET /schema.graphql`: the SDL, for anyone.
#[handler]
pub(super) fn schema(app: Data<&Arc<App>>) -> Response {
    Response::builder()
        .content_type("text/plain; charset=utf-8")
        .header(header::CACHE_CONTROL, "no-cache")
        .body(app.sdl.clone())
}

fn page(status: StatusCode, body: &str) -> Response {
    Response::builder()
        .status(status)
        .content_type("text/html; charset=utf-8")
        .header(
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
        )
        .header(header::REFERRER_POLICY, "no-referrer")
        .body(format!(
            "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" \
             content=\"width=device-width\"><title>apikeys</title><h1>apikeys</h1>{body}</html>"
        ))
}
