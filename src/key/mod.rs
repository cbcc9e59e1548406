//! The domain: what an API key is, and the rules for making, listing and deleting one.
//!
//! Nothing here knows HTTP, GraphQL or SQL. Whoever calls [`service::Service`] brings the proof that it may
//! ([`crate::auth::ReadKeys`], [`crate::auth::WriteKeys`]).

pub mod clock;
mod coalescer;
pub mod error;
pub mod last_used;
pub mod model;
pub mod page;
pub mod scope;
pub mod secret;
pub mod service;
pub mod verify;
