//! The domain: what an API key is, and the rules for making, listing, changing and deleting one.
//!
//! Nothing here knows HTTP, GraphQL or SQL. Whoever calls [`service::Service`] brings the proof that it may
//! ([`crate::auth::ReadKeys`], [`crate::auth::WriteKeys`]).

pub mod api_key;
pub mod background;
pub mod clock;
mod coalescer;
pub mod error;
pub mod event;
pub mod last_used;
pub mod lifetime;
pub mod list;
pub mod model;
pub mod page;
pub mod retention;
pub mod scan;
pub mod scope;
pub mod secret;
pub mod service;
pub mod verify;
