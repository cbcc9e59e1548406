//! Whether the process lives, and whether it can do its work.

use std::sync::Arc;

use poem::http::StatusCode;
use poem::web::Data;
use poem::{Response, handler};

use super::App;
use crate::key::error::chain;
use crate::store::STANDBY;

/// `GET /livez`: the process answers. It asks nobody else, so that a database outage restarts no server.
#[handler]
pub(super) fn livez() -> &'static str {
    "ok\n"
}

/// `GET /readyz`: checks of keys are answered too; else 503. Those who ask at the same time are answered by one question.
///
/// A task beside the requests that fails again and again is named, with 200: to send requests elsewhere would not mend it, and where
/// all replicas have it, would leave none.
#[handler]
pub(super) async fn readyz(app: Data<&Arc<App>>) -> Response {
    if let Err(error) = app.verifier.ping().await {
        let cause = chain(&error);
        tracing::error!(cause, "not ready");
        let body = match cause.contains(STANDBY) {
            true => format!("{STANDBY}\n"),
            false => "the database is not available\n".to_owned(),
        };
        return Response::builder()
            .status(StatusCode::SERVICE_UNAVAILABLE)
            .body(body);
    }
    let problems = app.health.iter().filter_map(|health| health.problem());
    let problems: Vec<&str> = problems.collect();
    Response::builder().body(match problems.is_empty() {
        true => "ok\n".to_owned(),
        false => format!("ok, but {}\n", problems.join(", and ")),
    })
}
