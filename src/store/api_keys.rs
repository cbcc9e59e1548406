//! The keys and their secrets' digests.

use std::collections::HashMap;

use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use jiff::Timestamp;
use uuid::Uuid;

use super::error::Error;
use super::events::{NO_CHANGES, NewEventRow};
use super::range::KeysBetween;
use super::schema::{api_key_events, api_key_secrets, api_keys};
use super::types::{DbInstant, DbUuid};
use super::{Store, on_both};
use crate::key::model::{ApiKey, ApiKeySecret, KeyId, Name, Owner};
use crate::key::page::{End, Page, PageRequest};
use crate::key::scope::Scopes;
use crate::key::secret::Digest;

/// All that is written when a key is made.
pub struct ApiKeyCreation {
    /// The key as it will be listed.
    pub api_key: ApiKey,
    /// What is kept of its secret.
    pub digest: Digest,
    /// The id of the event.
    pub event_id: Uuid,
    /// How the caller proved who they are.
    pub credential: &'static str,
}

/// All that is needed to delete a key.
pub struct ApiKeyDeletion {
    /// Which key.
    pub id: KeyId,
    /// Whose it must be.
    pub owner: Owner,
    /// The id of the event.
    pub event_id: Uuid,
    /// Who deletes it.
    pub actor: String,
    /// How they proved who they are.
    pub credential: &'static str,
    /// When.
    pub at: Timestamp,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = api_keys)]
struct ApiKeyRow {
    id: DbUuid,
    owner: String,
    name: String,
    scopes: String,
    created_at: DbInstant,
    created_by: String,
}

impl ApiKeyRow {
    fn with_secrets(self, secrets: Vec<ApiKeySecret>) -> ApiKey {
        ApiKey {
            id: self.id.0.into(),
            owner: Owner::from_store(self.owner),
            name: Name::from_store(self.name),
            scopes: Scopes::from_store(&self.scopes),
            created_at: self.created_at.0,
            created_by: self.created_by,
            secrets,
        }
    }
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = api_key_secrets)]
struct SecretRow {
    api_key_id: DbUuid,
    hint: String,
    created_at: DbInstant,
    expires_at: Option<DbInstant>,
    last_used_at: Option<DbInstant>,
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

/// The query for the secrets of keys, newest first.
#[diesel::dsl::auto_type]
fn secrets_of(rows: &[ApiKeyRow]) -> _ {
    let ids: Vec<DbUuid> = rows.iter().map(|row| row.id).collect();
    api_key_secrets::table
        .filter(api_key_secrets::api_key_id.eq_any(ids))
        .order(api_key_secrets::created_at.desc())
}

/// Gives each key its secrets.
fn assemble(rows: Vec<ApiKeyRow>, secrets: Vec<SecretRow>) -> Vec<ApiKey> {
    let mut of_keys: HashMap<DbUuid, Vec<ApiKeySecret>> = HashMap::new();
    for secret in secrets {
        let of_key = of_keys.entry(secret.api_key_id).or_default();
        of_key.push(secret.into());
    }
    let keys = rows.into_iter().map(|row| {
        let secrets = of_keys.remove(&row.id).unwrap_or_default();
        row.with_secrets(secrets)
    });
    keys.collect()
}

#[derive(Insertable)]
#[diesel(table_name = api_keys)]
struct NewApiKeyRow<'a> {
    id: DbUuid,
    owner: &'a str,
    name: &'a str,
    scopes: String,
    created_at: DbInstant,
    created_by: &'a str,
}

#[derive(Insertable)]
#[diesel(table_name = api_key_secrets)]
struct NewSecretRow<'a> {
    digest: &'a [u8],
    api_key_id: DbUuid,
    hint: &'a str,
    created_at: DbInstant,
}

impl Store {
    /// Writes a key, its secret's digest and the `CREATED` event, all or nothing.
    pub async fn api_key_insert(&self, creation: ApiKeyCreation) -> Result<(), Error> {
        on_both!(
            self,
            write | conn | {
                let ApiKeyCreation {
                    api_key,
                    digest,
                    event_id,
                    credential,
                } = &creation;
                let id = DbUuid(api_key.id.into());
                let created_at = DbInstant(api_key.created_at);
                let key_row = NewApiKeyRow {
                    id,
                    owner: api_key.owner.as_str(),
                    name: api_key.name.as_str(),
                    scopes: api_key.scopes.to_string(),
                    created_at,
                    created_by: &api_key.created_by,
                };
                let secret_row = NewSecretRow {
                    digest: digest.as_bytes(),
                    api_key_id: id,
                    hint: api_key.hint(),
                    created_at,
                };
                let event_row = NewEventRow {
                    id: DbUuid(*event_id),
                    api_key_id: id,
                    api_key_name: api_key.name.as_str(),
                    owner: api_key.owner.as_str(),
                    actor: &api_key.created_by,
                    credential,
                    action: "CREATED",
                    at: created_at,
                    changes: NO_CHANGES,
                };
                diesel::insert_into(api_keys::table)
                    .values(&key_row)
                    .execute(conn)
                    .await?;
                diesel::insert_into(api_key_secrets::table)
                    .values(&secret_row)
                    .execute(conn)
                    .await?;
                diesel::insert_into(api_key_events::table)
                    .values(&event_row)
                    .execute(conn)
                    .await?;
                QueryResult::Ok(())
            }
        )
        .await
    }

    /// Removes a key with its secrets and leaves a `DELETED` event, all or nothing.
    ///
    /// `false`, and nothing done, where the owner has no such key.
    pub async fn api_key_delete(&self, deletion: ApiKeyDeletion) -> Result<bool, Error> {
        let id = DbUuid(deletion.id.into());
        on_both!(
            self,
            write | conn | {
                let name: Option<String> = diesel::delete(api_keys::table)
                    .filter(api_keys::id.eq(id))
                    .filter(api_keys::owner.eq(deletion.owner.as_str()))
                    .returning(api_keys::name)
                    .get_result(conn)
                    .await
                    .optional()?;
                let Some(name) = name else {
                    return QueryResult::Ok(false);
                };
                let event_row = NewEventRow {
                    id: DbUuid(deletion.event_id),
                    api_key_id: id,
                    api_key_name: &name,
                    owner: deletion.owner.as_str(),
                    actor: &deletion.actor,
                    credential: deletion.credential,
                    action: "DELETED",
                    at: DbInstant(deletion.at),
                    changes: NO_CHANGES,
                };
                diesel::insert_into(api_key_events::table)
                    .values(&event_row)
                    .execute(conn)
                    .await?;
                QueryResult::Ok(true)
            }
        )
        .await
    }

    /// One key of an owner.
    pub async fn api_key_find(&self, owner: &Owner, id: KeyId) -> Result<Option<ApiKey>, Error> {
        let owner = owner.clone();
        on_both!(
            self,
            read | conn | {
                let rows: Vec<ApiKeyRow> = api_keys::table
                    .filter(api_keys::id.eq(DbUuid(id.into())))
                    .filter(api_keys::owner.eq(owner.as_str()))
                    .select(ApiKeyRow::as_select())
                    .load(conn)
                    .await?;
                let secrets = secrets_of(&rows).select(SecretRow::as_select());
                let secrets: Vec<SecretRow> = secrets.load(conn).await?;
                assemble(rows, secrets).pop()
            }
        )
        .await
    }

    /// A page of an owner's keys, newest first. It costs two queries, and a third where a cursor was given.
    pub async fn api_keys_page(
        &self,
        owner: &Owner,
        request: &PageRequest,
    ) -> Result<Page<ApiKey>, Error> {
        // Newest first, `after` is the upper bound and `before` the lower one.
        let bit_before = |id: KeyId| Uuid::from(id).as_u128().saturating_sub(1);
        let bit_after = |id: KeyId| Uuid::from(id).as_u128().saturating_add(1);
        let page = KeysBetween::new(
            owner,
            request.before.map_or(u128::MIN, bit_after),
            request.after.map_or(u128::MAX, bit_before),
        );
        // What lies beyond the cursor that the page was counted from, the cursor's own key included.
        let number = |id: KeyId| Uuid::from(id).as_u128();
        let beyond = match request.end {
            End::First => request.after.map(|id| (number(id), u128::MAX)),
            End::Last => request.before.map(|id| (u128::MIN, number(id))),
        };
        let beyond = beyond.map(|(from, to)| KeysBetween::new(owner, from, to));
        let PageRequest { size, end, .. } = *request;

        on_both!(
            self,
            read | conn | {
                let query = api_keys::table
                    .filter(page)
                    .select(ApiKeyRow::as_select())
                    .into_boxed();
                let query = match end {
                    End::First => query.order((api_keys::owner.desc(), api_keys::id.desc())),
                    End::Last => query.order((api_keys::owner.asc(), api_keys::id.asc())),
                };
                // One more than asked for, to know whether there is more.
                let mut rows: Vec<ApiKeyRow> = query.limit(i64::from(size) + 1).load(conn).await?;
                let has_more = rows.len() > size as usize;
                rows.truncate(size as usize);
                if end == End::Last {
                    rows.reverse();
                }

                let has_beyond = match beyond {
                    None => false,
                    Some(beyond) => api_keys::table
                        .filter(beyond)
                        .select(api_keys::id)
                        .order((api_keys::owner.asc(), api_keys::id.asc()))
                        .first::<DbUuid>(conn)
                        .await
                        .optional()?
                        .is_some(),
                };

                let (has_next, has_previous) = match end {
                    End::First => (has_more, has_beyond),
                    End::Last => (has_beyond, has_more),
                };
                let secrets = secrets_of(&rows).select(SecretRow::as_select());
                let secrets: Vec<SecretRow> = secrets.load(conn).await?;
                Page {
                    items: assemble(rows, secrets),
                    has_next,
                    has_previous,
                }
            }
        )
        .await
    }

    /// How many keys an owner has.
    pub async fn api_keys_count(&self, owner: &Owner) -> Result<i64, Error> {
        let owner = owner.clone();
        on_both!(
            self,
            read | conn | {
                api_keys::table
                    .filter(api_keys::owner.eq(owner.as_str()))
                    .count()
                    .get_result(conn)
                    .await?
            }
        )
        .await
    }
}
