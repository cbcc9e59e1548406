//! The record of what happened to keys. It is written in the transaction of the change, and outlives the key.

use diesel::prelude::*;

use super::schema::api_key_events;
use super::types::{DbInstant, DbUuid};

/// An event as it is written.
#[derive(Insertable)]
#[diesel(table_name = api_key_events)]
pub(super) struct NewEventRow<'a> {
    pub(super) id: DbUuid,
    pub(super) api_key_id: DbUuid,
    pub(super) api_key_name: &'a str,
    pub(super) owner: &'a str,
    pub(super) actor: &'a str,
    pub(super) credential: &'a str,
    pub(super) action: &'a str,
    pub(super) at: DbInstant,
    pub(super) changes: &'a str,
}

/// The JSON of an event that changes no field.
pub(super) const NO_CHANGES: &str = "[]";
