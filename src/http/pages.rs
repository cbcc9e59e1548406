//! What a person sees in a browser, and the schema that a build fetches.

use std::sync::Arc;

use poem::http::{StatusCode, header};
use poem::session::Session;
use poem::web::Data;
use poem::{Request, Response, handler};

use super::{App, session};

/// `GET /`: where everything is.
#[handler]
pub(super) fn home(request: &Request, app: Data<&Arc<App>>, session: &Session) -> Response {
    let state = if session::caller(&app, request.headers(), session).is_ok() {
        "<p>You are signed in. <form method=\"post\" action=\"/sign-out\"><button>Sign out</button></form></p>"
    } else {
        "<p>You are not signed in: open the link that the server printed when it started.</p>"
    };
    page(
        StatusCode::OK,
        &format!(
            "<p>The server is running.</p>{state}\
             <p>GraphQL is at <code>/graphql</code>; its schema is <a href=\"/schema.graphql\">/schema.graphql</a>.</p>"
        ),
    )
}

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
