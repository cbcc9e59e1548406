//! Rows of keys and of their secrets, and the keys that they make together.

use std::cmp::Reverse;
use std::collections::HashMap;

use diesel::{Insertable, QueryDsl, Queryable, Selectable};
use jiff::Timestamp;

use super::any_of::AnyOf;
use super::schema::{api_key_secrets, api_keys};
use super::types::{DbInstant, DbUuid, SqlUuid};
use crate::key::api_key::{ApiKey, ApiKeySecret};
use crate::key::model::{Name, Owner};
use crate::key::scope::Scopes;

#[derive(Queryable, Selectable)]
#[diesel(table_name = api_keys)]
pub(super) struct ApiKeyRow {
    pub(super) id: DbUuid,
    pub(super) name: String,
    scopes: String,
    created_at: DbInstant,
    created_by: String,
    pub(super) expires_at: Option<DbInstant>,
    pub(super) disabled_at: Option<DbInstant>,
}

impl ApiKeyRow {
    pub(super) fn scopes(&self) -> Scopes {
        Scopes::from_store(self.scopes.clone())
    }

    fn with_secrets(self, owner: Owner, secrets: Vec<ApiKeySecret>, as_of: Timestamp) -> ApiKey {
        ApiKey {
            id: self.id.0.into(),
            owner,
            name: Name::from_store(self.name),
            scopes: Scopes::from_store(self.scopes),
            created_at: self.created_at.0,
            created_by: self.created_by,
            expires_at: self.expires_at.map(|at| at.0),
            disabled_at: self.disabled_at.map(|at| at.0),
            secrets,
            as_of,
        }
    }
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = api_key_secrets)]
pub(super) struct SecretRow {
    api_key_id: DbUuid,
    pub(super) hint: String,
    pub(super) created_at: DbInstant,
    pub(super) expires_at: Option<DbInstant>,
    pub(super) last_used_at: Option<DbInstant>,
}

impl From<SecretRow> for ApiKeySecret {
    fn from(row: SecretRow) -> Self {
        Self {
            hint: row.hint,
            created_at: row.created_at.0,
            expires_at: row.expires_at.map(|at| at.0),
            last_used_at: row.last_used_at.map(|at| at.0),
        }
    }
}

/// The query for the secrets of keys.
#[diesel::dsl::auto_type]
pub(super) fn secrets_of(rows: &[ApiKeyRow]) -> _ {
    let of_these: AnyOf<SqlUuid, DbUuid> =
        AnyOf::keys_of_secrets(rows.iter().map(|row| row.id).collect());
    api_key_secrets::table.filter(of_these)
}

/// Gives each key of an owner its secrets. A key that has none was deleted since its row was read.
pub(super) fn assemble(
    owner: &Owner,
    rows: Vec<ApiKeyRow>,
    secrets: Vec<SecretRow>,
    as_of: Timestamp,
) -> Vec<ApiKey> {
    let mut of_keys: HashMap<DbUuid, Vec<ApiKeySecret>> = HashMap::with_capacity(rows.len());
    for secret in secrets {
        let of_key = of_keys.entry(secret.api_key_id).or_default();
        of_key.push(secret.into());
    }
    let keys = rows.into_iter().filter_map(|row| {
        let mut secrets = of_keys.remove(&row.id)?;
        secrets.sort_by_key(|secret| Reverse(secret.created_at));
        Some(row.with_secrets(owner.clone(), secrets, as_of))
    });
    keys.collect()
}

#[derive(Insertable)]
#[diesel(table_name = api_keys)]
pub(super) struct NewApiKeyRow<'a> {
    pub(super) id: DbUuid,
    pub(super) owner: &'a str,
    pub(super) name: &'a str,
    pub(super) name_folded: String,
    pub(super) scopes: &'a str,
    pub(super) created_at: DbInstant,
    pub(super) created_by: &'a str,
    pub(super) expires_at: Option<DbInstant>,
}

#[derive(Insertable)]
#[diesel(table_name = api_key_secrets)]
pub(super) struct NewSecretRow<'a> {
    pub(super) digest: &'a [u8],
    pub(super) api_key_id: DbUuid,
    pub(super) hint: &'a str,
    pub(super) created_at: DbInstant,
}
