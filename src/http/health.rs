//! Whether the process lives, and whether it can do its work.

use std::sync::Arc;

use poem::http::StatusCode;
use poem::web::Data;
use poem::{Response, handler};

use super::App;
use crate::key::error::chain;

/// `GET /livez`: the process answers. It asks nobody else, so that a database outage restarts no server.
#[handler]
pub(super) fn livez() -> &'static str {
    "ok\n"
}

/// `GET /readyz`: the database answers too; else 503.
#[handler]
pub(super) async fn readyz(app: Data<&Arc<App>>) -> Response {
    match app.service.ping().await {
        Ok(()) => Response::builder().body("ok\n"),
        Err(error) => {
            tracing::error!(cause = chain(&error), "not ready");
            Response::builder()
                .status(StatusCode::SERVICE_UNAVAILABLE)
                .body("the database is not available\n")
        }
    }
}
