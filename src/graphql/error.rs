//! Errors as a client sees them: a sentence and a stable `extensions.code`. The cause goes to the log, here and only
//! here.

use async_graphql::{ErrorExtensionValues, ServerError};

use crate::key::error::{Error, InvalidInput, chain};

/// The values of `extensions.code`. Clients rely on them.
pub mod code {
    /// No credentials, or wrong ones.
    pub const UNAUTHENTICATED: &str = "UNAUTHENTICATED";
    /// The caller is known, and may not do this.
    pub const FORBIDDEN: &str = "FORBIDDEN";
    /// There is nothing with this id for this caller.
    pub const NOT_FOUND: &str = "NOT_FOUND";
    /// The input breaks a rule; `extensions.field` names the argument or input field where there is one.
    pub const BAD_USER_INPUT: &str = "BAD_USER_INPUT";
    /// There may be no more of it; the message says what to do.
    pub const LIMIT_REACHED: &str = "LIMIT_REACHED";
    /// The request names a document that the server may know; it knows none, and the document must be sent. Clients wait for this.
    pub const PERSISTED_QUERY_NOT_SUPPORTED: &str = "PERSISTED_QUERY_NOT_SUPPORTED";
    /// The database cannot be reached; try again.
    pub const UNAVAILABLE: &str = "UNAVAILABLE";
    /// A fault of ours; `extensions.requestId` finds it in the log.
    pub const INTERNAL: &str = "INTERNAL";
    /// The document is not GraphQL.
    pub const GRAPHQL_PARSE_FAILED: &str = "GRAPHQL_PARSE_FAILED";
    /// The document does not fit the schema, or is too deep or too complex.
    pub const GRAPHQL_VALIDATION_FAILED: &str = "GRAPHQL_VALIDATION_FAILED";
}

impl From<InvalidInput> for async_graphql::Error {
    fn from(error: InvalidInput) -> Self {
        let mut extensions = ErrorExtensionValues::default();
        extensions.set("code", code::BAD_USER_INPUT);
        extensions.set("field", error.field);
        let mut answer = Self::new(error.message);
        answer.extensions = Some(extensions);
        answer
    }
}

impl From<Error> for async_graphql::Error {
    fn from(error: Error) -> Self {
        let (code, message) = match error {
            Error::InvalidInput(invalid) => return invalid.into(),
            Error::Unauthenticated => (code::UNAUTHENTICATED, error.to_string()),
            Error::Forbidden(_) => (code::FORBIDDEN, error.to_string()),
            Error::LimitReached(_) => (code::LIMIT_REACHED, error.to_string()),
            Error::NotFound => (code::NOT_FOUND, error.to_string()),
            Error::Unavailable(_) => {
                tracing::error!(cause = chain(&error), "the database is not available");
                let message = "The service cannot reach its database; try again in a moment. \
                    If this was a change, look first whether it was made.";
                (code::UNAVAILABLE, message.to_owned())
            }
            Error::Internal(_) => {
                tracing::error!(cause = chain(&error), "internal error");
                (
                    code::INTERNAL,
                    "Something went wrong on our side.".to_owned(),
                )
            }
        };
        let mut extensions = ErrorExtensionValues::default();
        extensions.set("code", code);
        let mut answer = Self::new(message);
        answer.extensions = Some(extensions);
        answer
    }
}

/// An error of the whole request, found before anything was executed.
pub fn request_error(code: &str, message: impl Into<String>) -> ServerError {
    let mut error = ServerError::new(message, None);
    set(&mut error, "code", code);
    error
}

/// Sets an extension of an error.
pub(super) fn set(error: &mut ServerError, name: &str, value: &str) {
    error.extensions.get_or_insert_default().set(name, value);
}

/// The code of an error, where one of ours set it.
pub(super) fn code_of(error: &ServerError) -> Option<&async_graphql::Value> {
    error.extensions.as_ref()?.get("code")
}
