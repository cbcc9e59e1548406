//! Requests that are answered without executing anything, each with a GraphQL body.

use poem::Response;
use poem::http::{StatusCode, header};

use super::caller::Rejected;
use super::exchange::Unread;
use super::media::MediaType;
use crate::auth::Refused;
use crate::graphql::{Answer, code, request_error};
use crate::key::error::{Error, chain};

/// A request that is answered without executing anything.
pub(super) struct Refusal {
    pub(super) status: StatusCode,
    pub(super) code: &'static str,
    message: String,
    header: Option<(header::HeaderName, &'static str)>,
}

impl Refusal {
    pub(super) fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            code,
            message: message.into(),
            header: None,
        }
    }

    pub(super) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code::BAD_USER_INPUT, message)
    }

    /// The document was named instead of sent. The links of Apollo and urql that do this wait for the very message or code, and then send
    /// documents whole; 200 is how Apollo's own server says it.
    pub(super) fn persisted_query_not_supported() -> Self {
        let code = code::PERSISTED_QUERY_NOT_SUPPORTED;
        Self::new(StatusCode::OK, code, "PersistedQueryNotSupported")
    }

    /// It cannot be answered now; it may be tried again after so many seconds.
    pub(super) fn unavailable(message: &str, retry_after: &'static str) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, code::UNAVAILABLE, message)
            .with_header(header::RETRY_AFTER, retry_after)
    }

    pub(super) fn with_header(mut self, name: header::HeaderName, value: &'static str) -> Self {
        self.header = Some((name, value));
        self
    }

    pub(super) fn into_response(self, media_type: MediaType) -> Response {
        let answer = Answer::request_error(request_error(self.code, self.message));
        let mut response = respond(&answer, self.status, media_type);
        if let Some((name, value)) = self.header {
            response
                .headers_mut()
                .insert(name, header::HeaderValue::from_static(value));
        }
        response
    }
}

/// What a request hears that is not let in. RFC 6750 section 3 has the challenges.
impl From<Rejected> for Refusal {
    fn from(rejected: Rejected) -> Self {
        let challenge = |status, code, message: &str, challenge| {
            Refusal::new(status, code, message).with_header(header::WWW_AUTHENTICATE, challenge)
        };
        let refused = match rejected {
            Rejected::Refused(refused) => refused,
            Rejected::CrossSite => {
                let message = "The session of this browser is for pages of this server; another site needs a token.";
                return Refusal::new(StatusCode::FORBIDDEN, code::FORBIDDEN, message);
            }
        };
        match refused {
            Refused::Missing => challenge(
                StatusCode::UNAUTHORIZED,
                code::UNAUTHENTICATED,
                "Sign in, or send `Authorization: Bearer` with a token or an API key.",
                "Bearer",
            ),
            Refused::Invalid | Refused::Failed(Error::Unauthenticated) => challenge(
                StatusCode::UNAUTHORIZED,
                code::UNAUTHENTICATED,
                "The token or API key is not valid.",
                r#"Bearer error="invalid_token""#,
            ),
            Refused::Several => challenge(
                StatusCode::BAD_REQUEST,
                code::BAD_USER_INPUT,
                "The request has several credentials (a token, an API key, a session); send one.",
                r#"Bearer error="invalid_request""#,
            ),
            Refused::Failed(Error::Forbidden(message)) => challenge(
                StatusCode::FORBIDDEN,
                code::FORBIDDEN,
                &message,
                r#"Bearer error="insufficient_scope""#,
            ),
            Refused::Failed(Error::InvalidInput(invalid)) => Refusal::bad_request(invalid.message),
            Refused::IssuerUnavailable(cause) => {
                tracing::error!(
                    cause = chain(&*cause),
                    "the identity provider is not available"
                );
                let message = "The service cannot reach the identity provider, whose keys it needs to check this token; try again in a moment.";
                Refusal::unavailable(message, "10")
            }
            Refused::Failed(Error::Unavailable(cause)) => {
                tracing::error!(cause = chain(&*cause), "the database is not available");
                let message = "The service cannot reach its database; try again in a moment.";
                Refusal::unavailable(message, "1")
            }
            Refused::Failed(
                error @ (Error::Internal(_) | Error::NotFound | Error::LimitReached(_)),
            ) => {
                tracing::error!(cause = chain(&error), "internal error");
                Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, code::INTERNAL, "")
            }
        }
    }
}

/// An answer as HTTP.
pub(super) fn respond(answer: &Answer, status: StatusCode, media_type: MediaType) -> Response {
    match answer.to_json() {
        Ok(body) => Response::builder()
            .status(status)
            .content_type(media_type.as_str())
            .extension(Unread::new(body.len()))
            .body(body),
        Err(error) => {
            tracing::error!(%error, "an answer could not be written as JSON");
            Response::builder()
                .status(StatusCode::INTERNAL_SERVER_ERROR)
                .finish()
        }
    }
}
