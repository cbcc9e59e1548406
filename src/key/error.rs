//! What can go wrong in the domain, in the domain's words.

use std::fmt;

/// Input that breaks a rule. The message says what was wrong and what would be right, and never repeats a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidInput {
    /// The bare name of the argument or input field (`name`, `first`, `id`).
    pub field: &'static str,
    /// A sentence for the person who sent it.
    pub message: String,
}

impl InvalidInput {
    /// Says that `field` is wrong, in a sentence.
    pub fn new(field: &'static str, message: impl Into<String>) -> Self {
        Self {
            field,
            message: message.into(),
        }
    }
}

impl fmt::Display for InvalidInput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for InvalidInput {}

/// Why the service did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The request breaks a rule; nothing was changed.
    #[error(transparent)]
    InvalidInput(#[from] InvalidInput),
    /// The credential that asked for a change has ended since; nothing was changed.
    #[error("the credential of this request does not work any more; nothing was changed")]
    Unauthenticated,
    /// The caller is known, and may not do this. The sentence says what would be needed.
    #[error("{0}")]
    Forbidden(String),
    /// There is no such key, or it belongs to another owner: the two are told apart nowhere.
    #[error("there is no API key with this id")]
    NotFound,
    /// There may be no more of it; nothing was changed. The sentence says what to do.
    #[error("{0}")]
    LimitReached(String),
    /// The database cannot be reached or used now. Trying again may help.
    #[error("the database is not available")]
    Unavailable(#[source] Cause),
    /// A fault of ours.
    #[error("internal error")]
    Internal(#[source] Cause),
}

/// The technical cause of an error: for the log, never for the client.
pub type Cause = Box<dyn std::error::Error + Send + Sync>;

/// An error and its causes in one line, as the log and the command line show them.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        // Several libraries already end their own message with that of its cause.
        if !text.ends_with(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        source = cause.source();
    }
    text
}
