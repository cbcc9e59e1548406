//! Reads the body of a request: not all there is, and not for ever.

use poem::Body;
use poem::error::ReadBodyError;
use poem::http::StatusCode;
use tokio::sync::Semaphore;

use crate::bounds;

/// Why a body could not be read.
pub(super) struct Unread {
    pub(super) status: StatusCode,
    /// A sentence for the client.
    pub(super) message: String,
}

/// The places for bodies that are being read.
static PLACES: Semaphore = Semaphore::const_new(bounds::BODIES);

/// The whole body.
pub(super) async fn read(body: Body) -> Result<Vec<u8>, Unread> {
    let unread = |status, message: &str| {
        let message = message.to_owned();
        Unread { status, message }
    };
    let Ok(_place) = PLACES.try_acquire() else {
        return Err(unread(
            StatusCode::SERVICE_UNAVAILABLE,
            "The service is busy; try again in a moment.",
        ));
    };
    match tokio::time::timeout(bounds::BODY, body.into_bytes_limit(bounds::BODY_LEN)).await {
        Ok(Ok(bytes)) => Ok(bytes.into()),
        Ok(Err(ReadBodyError::PayloadTooLarge)) => Err(unread(
            StatusCode::PAYLOAD_TOO_LARGE,
            &format!("The body is larger than {} bytes.", bounds::BODY_LEN),
        )),
        Ok(Err(_)) => Err(unread(
            StatusCode::BAD_REQUEST,
            "The body ended before it was whole.",
        )),
        Err(_) => Err(unread(
            StatusCode::REQUEST_TIMEOUT,
            "The body did not arrive in time.",
        )),
    }
}
