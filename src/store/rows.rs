//! Rows of keys and of their secrets, and the keys that they make together.

use std::cmp::Reverse;

use diesel::backend::Backend;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::sql_types::{HasSqlType, Nullable, Text};
use diesel::{Insertable, QueryResult, Queryable, Selectable, SqliteConnection};

use super::now::Now;
use super::schema::{api_key_secrets, api_keys};
use super::types::{DbInstant, DbUuid, SqlInstant, SqlUuid};
use crate::key::api_key::{ApiKey, ApiKeySecret};
use crate::key::model::{Name, Owner};
use crate::key::scope::Scopes;

#[derive(Queryable, Selectable)]
#[diesel(table_name = api_keys)]
pub(super) struct ApiKeyRow {
    pub(super) id: DbUuid,
    pub(super) name: String,
    name_folded: String,
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

    fn into_key(self, owner: Owner, as_of: DbInstant) -> ApiKey {
        ApiKey {
            id: self.id.0.into(),
            owner,
            name: Name::from_store(self.name),
            folded_name: self.name_folded,
            scopes: Scopes::from_store(self.scopes),
            created_at: self.created_at.0,
            created_by: self.created_by,
            expires_at: self.expires_at.map(|at| at.0),
            disabled_at: self.disabled_at.map(|at| at.0),
            secrets: Vec::new(),
            as_of: as_of.0,
        }
    }
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = api_key_secrets)]
pub(super) struct SecretRow {
    pub(super) hint: String,
    pub(super) created_at: DbInstant,
    pub(super) expires_at: Option<DbInstant>,
    pub(super) last_used_at: Option<DbInstant>,
}

/// The query for keys with their secrets: the query for the rows of the keys, of which each comes once for each secret.
///
/// In one statement both are as they were at the same moment, and it costs half the time of two.
#[derive(Debug, Clone)]
pub(super) struct WithSecrets<Q> {
    keys: Q,
    now: Now,
}

impl<Q> WithSecrets<Q> {
    /// The keys of a query that selects [`ApiKeyRow`], as they are `now`.
    pub(super) fn of(keys: Q, now: Now) -> Self {
        Self { keys, now }
    }
}

/// What a row of [`WithSecrets`] holds: a key, one of its secrets, if it has any, and when that was so.
pub(super) type KeyAndSecret = (ApiKeyRow, SecretColumns, DbInstant);

type SecretColumns = (
    Option<String>,
    Option<DbInstant>,
    Option<DbInstant>,
    Option<DbInstant>,
);

impl<Q> Query for WithSecrets<Q> {
    type SqlType = (
        (
            SqlUuid,
            Text,
            Text,
            Text,
            SqlInstant,
            Text,
            Nullable<SqlInstant>,
            Nullable<SqlInstant>,
        ),
        (
            Nullable<Text>,
            Nullable<SqlInstant>,
            Nullable<SqlInstant>,
            Nullable<SqlInstant>,
        ),
        SqlInstant,
    );
}

impl<Q> QueryId for WithSecrets<Q> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<Q> diesel::RunQueryDsl<SqliteConnection> for WithSecrets<Q> {}

impl<Q, DB> QueryFragment<DB> for WithSecrets<Q>
where
    DB: Backend + HasSqlType<SqlInstant>,
    Q: QueryFragment<DB>,
    Now: QueryFragment<DB>,
{
    /// The columns of the keys are those of [`ApiKeyRow`], in its order.
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        out.push_sql(
            "SELECT keys.id, keys.name, keys.name_folded, keys.scopes, keys.created_at, keys.created_by, \
             keys.expires_at, keys.disabled_at, api_key_secrets.hint, api_key_secrets.created_at, \
             api_key_secrets.expires_at, api_key_secrets.last_used_at, ",
        );
        self.now.walk_ast(out.reborrow())?;
        out.push_sql(" FROM (");
        self.keys.walk_ast(out.reborrow())?;
        out.push_sql(") AS keys LEFT JOIN api_key_secrets ON api_key_secrets.api_key_id = keys.id");
        Ok(())
    }
}

/// The keys of an owner that rows make, in no order. One without secrets is none, and the caller's to leave out.
pub(super) fn assemble(owner: &Owner, rows: Vec<KeyAndSecret>) -> Vec<ApiKey> {
    let mut keys: Vec<ApiKey> = Vec::with_capacity(rows.len());
    for (row, (hint, created_at, expires_at, last_used_at), as_of) in rows {
        let secret = hint.zip(created_at).map(|(hint, created_at)| ApiKeySecret {
            hint,
            created_at: created_at.0,
            expires_at: expires_at.map(|at| at.0),
            last_used_at: last_used_at.map(|at| at.0),
        });
        let id = row.id.0.into();
        let known = keys.iter_mut().rev().find(|key| key.id == id);
        match known {
            Some(known) => known.secrets.extend(secret),
            None => {
                let mut key = row.into_key(owner.clone(), as_of);
                key.secrets.extend(secret);
                keys.push(key);
            }
        }
    }
    for key in &mut keys {
        key.secrets.sort_by_key(|secret| Reverse(secret.created_at));
    }
    keys
}

/// The one key that rows make; `None` where there is none, or it has no secrets.
pub(super) fn assemble_one(owner: &Owner, rows: Vec<KeyAndSecret>) -> Option<ApiKey> {
    assemble(owner, rows)
        .pop()
        .filter(|key| !key.secrets.is_empty())
}

#[derive(Insertable)]
#[diesel(treat_none_as_default_value = false)]
#[diesel(table_name = api_keys)]
pub(super) struct NewApiKeyRow<'a> {
    pub(super) id: DbUuid,
    pub(super) owner: &'a str,
    pub(super) name: &'a str,
    pub(super) name_folded: &'a str,
    pub(super) scopes: &'a str,
    pub(super) created_at: DbInstant,
    pub(super) created_by: &'a str,
    pub(super) expires_at: Option<DbInstant>,
}

#[derive(Insertable)]
#[diesel(treat_none_as_default_value = false)]
#[diesel(table_name = api_key_secrets)]
pub(super) struct NewSecretRow<'a> {
    pub(super) digest: &'a [u8],
    pub(super) api_key_id: DbUuid,
    pub(super) hint: &'a str,
    pub(super) created_at: DbInstant,
}
