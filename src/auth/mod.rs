//! Who is calling, how they proved it, and what they may therefore do.
//!
//! Credentials come in, a [`Caller`] goes out. Nothing here knows the request that brought them, GraphQL or SQL.

mod authenticator;
mod caller;
mod local;
mod oidc;

pub use authenticator::{Authenticator, People, Presented, Refused};
pub use caller::{Caller, Credential, IntrospectKeys, ReadKeys, ReadOwnKey, RotateKey, WriteKeys};
pub use local::{LocalToken, UnusableToken};
pub use oidc::{IssuerUrl, Oidc, OidcSettings};
