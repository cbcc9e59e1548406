//! `apikeys` gives a product its "Access Tokens" page and what stands behind it: API keys that people list, create,
//! rotate and delete over GraphQL and that proxies and backends check, stored in SQLite or PostgreSQL.
//!
//! The rooms, and what each may call (`ARCHITECTURE.md` says why):
//!
//! - [`cli`] and [`config`]: the command line and the environment, read here and nowhere else.
//! - [`http`]: poem, and only here. It turns requests into calls of [`graphql`] and [`auth`].
//! - [`graphql`]: async-graphql, and only here. Parse, call the service, map.
//! - [`auth`]: who is calling, and the permissions that only a caller gives.
//! - [`key`]: the domain. [`key::service::Service`] holds the rules, [`key::secret::Secret`] the secrets.
//! - [`store`]: Diesel, and only here.
//! - [`bounds`]: every bound, for all of them.
//!
//! Dependencies point one way: `http -> graphql -> key::service -> store`.
//!
//! # Invariants
//!
//! - A secret leaves the server once, in the payload that made it. Only its SHA-256 digest is stored.
//! - Another owner's key is answered exactly as one that does not exist.
//! - What was acknowledged is committed. A change and its event are one transaction.
//! - A database that cannot be reached is an outage, never "not found".

pub mod auth;
pub mod bounds;
pub mod cli;
pub mod config;
pub mod graphql;
pub mod http;
pub mod key;
pub mod store;
