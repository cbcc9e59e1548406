//! Who is calling, how they proved it, and what they may therefore do.
//!
//! Credentials come in, a [`Caller`] goes out. Nothing here knows HTTP, GraphQL or SQL.

mod authenticator;
mod caller;
mod local;

pub use authenticator::{Authenticator, Presented, Refused};
pub use caller::{Caller, Credential, ReadKeys, WriteKeys};
pub use local::{LocalToken, UnusableToken};
