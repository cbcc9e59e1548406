//! One line a request, and the headers that every answer has.
//!
//! What is logged: an id of ours, the method, the route (never the path as it was sent), the operation's name, the
//! status and the duration. Never a body, a header, a variable or a query string.

use std::sync::Arc;
use std::time::Instant;

use poem::http::{HeaderValue, Method, header};
use poem::{Endpoint, IntoResponse, Request, Response, Result};
use tracing::Instrument;
use uuid::Uuid;

/// The id of a request: in its log lines, in the answer's `X-Request-Id`, and in `INTERNAL` errors.
#[derive(Clone)]
pub(super) struct RequestId(pub(super) String);

/// The name of the GraphQL operation that an answer is for.
#[derive(Clone)]
pub(super) struct OperationName(pub(super) String);

/// Paths that may be logged as they are. A path that is not ours may be anything, a pasted secret too.
const ROUTES: [&str; 15] = [
    "/",
    "/auth",
    "/console.json",
    "/events",
    "/favicon.ico",
    "/favicon.svg",
    "/graphiql",
    "/graphql",
    "/introspect",
    "/livez",
    "/new",
    "/readyz",
    "/schema.graphql",
    "/sign-in",
    "/sign-out",
];

/// Calls the endpoint, then logs what came of it.
pub(super) async fn log<E: Endpoint>(endpoint: Arc<E>, mut request: Request) -> Result<Response> {
    let id = Uuid::now_v7().simple().to_string();
    request.set_data(RequestId(id.clone()));
    let mut line = Line {
        span: tracing::info_span!("request", request_id = id),
        started: Instant::now(),
        method: known_method(request.method()),
        route: known_route(request.uri().path()),
        operation: None,
        status: CLIENT_WENT_AWAY,
    };

    let mut response = match endpoint.call(request).instrument(line.span.clone()).await {
        Ok(answer) => answer.into_response(),
        Err(error) => error.into_response(),
    };
    let headers = response.headers_mut();
    if let Ok(id) = HeaderValue::from_str(&id) {
        headers.insert("x-request-id", id);
    }
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    headers
        .entry(header::CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));

    line.operation = response.data::<OperationName>().map(|name| name.0.clone());
    line.status = response.status().as_u16();
    Ok(response)
}

/// What is logged where the client closed the connection before there was an answer, as nginx does.
const CLIENT_WENT_AWAY: u16 = 499;

/// The line of one request, written when it is dropped, which is also where a client went away.
struct Line {
    span: tracing::Span,
    started: Instant,
    method: &'static str,
    route: &'static str,
    operation: Option<String>,
    status: u16,
}

impl Drop for Line {
    fn drop(&mut self) {
        let Self {
            method,
            route,
            operation,
            status,
            ..
        } = self;
        let duration_us = u64::try_from(self.started.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.span
            .in_scope(|| tracing::info!(method, route, operation, status, duration_us, "request"));
    }
}

/// The route of a path, which is logged in its place.
fn known_route(path: &str) -> &'static str {
    if path.starts_with("/assets/") {
        return "/assets/*";
    }
    if path.starts_with("/auth/") {
        return "/auth/*";
    }
    let known = ROUTES.into_iter().find(|route| *route == path);
    known.unwrap_or("(none)")
}

/// The name of a method that HTTP defines; a client may send any word.
fn known_method(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "(other)",
    }
}
