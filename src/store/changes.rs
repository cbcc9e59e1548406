//! The keys: changed, and given new secrets.

use diesel::{ExpressionMethods, QueryDsl, QueryResult, SelectableHelper};
use jiff::Timestamp;
use uuid::Uuid;

use super::error::Error;
use super::events::NewEventRow;
use super::lock::Locks;
use super::now::Now;
use super::rows::{ApiKeyRow, NewSecretRow, SecretRow, WithSecrets, assemble_one};
use super::schema::{api_key_events, api_key_secrets, api_keys};
use super::types::{DbInstant, DbUuid};
use super::{Store, on_both};
use crate::key::api_key::{ApiKey, ApiKeySecret, ApiKeyUpdate, ENDED};
use crate::key::event::{Action, Actor, Change};
use crate::key::model::{KeyId, Owner, fold};
use crate::key::secret::Digest;

/// All that is needed to change a key.
pub struct ApiKeyChange {
    /// Which key.
    pub id: KeyId,
    /// Whose it must be.
    pub owner: Owner,
    /// What shall become different.
    pub update: ApiKeyUpdate,
    /// Whether a key that has scopes of this service itself may be made to work longer.
    pub may_give_more: bool,
    /// The id of the event.
    pub event_id: Uuid,
    /// Who changes it.
    pub actor: Actor,
}

/// All that is needed to give a key a new secret.
pub struct ApiKeyRotation {
    /// Which key.
    pub id: KeyId,
    /// Whose it must be.
    pub owner: Owner,
    /// What is kept of the new secret.
    pub digest: Digest,
    /// The new secret as it will be listed.
    pub secret: ApiKeySecret,
    /// When the secret that was the newest ends.
    pub overlap_ends: Timestamp,
    /// The secret that must be the newest, if one must.
    pub presented: Option<Digest>,
    /// The id of the event.
    pub event_id: Uuid,
    /// Who does it.
    pub actor: Actor,
}

impl ApiKeyRow {
    /// Changes the row, and tells what became different.
    fn apply(&mut self, update: &ApiKeyUpdate, now: Timestamp) -> Vec<Change> {
        let name = update.name.as_ref().map(|name| name.as_str().to_owned());
        let name = name.unwrap_or_else(|| self.name.clone());
        let old_end = self.expires_at.map(|at| at.0);
        let new_end = update.expires_at.unwrap_or(old_end);
        let was_disabled = self.disabled_at.is_some();
        let disabled = update.disabled.unwrap_or(was_disabled);
        let changes = [
            Change::of("name", Some(&self.name), Some(&name), String::clone),
            Change::of("expiresAt", old_end, new_end, |at| format!("{at:.6}")),
            Change::of("disabled", Some(was_disabled), Some(disabled), |is| {
                is.to_string()
            }),
        ];
        let changes = changes.into_iter().flatten().collect();
        self.name = name;
        self.expires_at = new_end.map(DbInstant);
        if disabled != was_disabled {
            self.disabled_at = disabled.then_some(DbInstant(now));
        }
        changes
    }
}

impl Store {
    /// Changes a key and leaves an `UPDATED` event that tells what became different, if anything did.
    ///
    /// Gives the key as it is then; `None`, and nothing done, where the owner has no such key; [`Error::RolledBack`] where it would
    /// work longer, and must not.
    pub async fn api_key_update(&self, change: ApiKeyChange) -> Result<Option<ApiKey>, Error> {
        let id = DbUuid(change.id.into());
        let outcome = on_both!(
            self,
            write | conn | {
                let (owner, actor) = (&change.owner, &change.actor);
                conn.lock_keys(actor, &[id]).await?;
                // It changes nothing, gives the row, and keeps others from it until the transaction ends.
                let mut rows: Vec<ApiKeyRow> = diesel::update(api_keys::table)
                    .filter(api_keys::id.eq(id))
                    .filter(api_keys::owner.eq(owner.as_str()))
                    .set(api_keys::owner.eq(api_keys::owner))
                    .returning(ApiKeyRow::as_select())
                    .get_results(conn)
                    .await?;
                let Some(row) = rows.as_mut_slice().first_mut() else {
                    return QueryResult::Ok(None);
                };
                let (end, is_disabled) = (row.expires_at, row.disabled_at.is_some());
                let gives_more = change.update.gives_more(end.map(|at| at.0), is_disabled);
                if gives_more && row.scopes().has_reserved() && !change.may_give_more {
                    return QueryResult::Err(diesel::result::Error::RollbackTransaction);
                }
                let changes = row.apply(&change.update, actor.at);
                if !changes.is_empty() {
                    diesel::update(api_keys::table)
                        .filter(api_keys::id.eq(id))
                        .set((
                            api_keys::name.eq(&row.name),
                            api_keys::name_folded.eq(fold(&row.name)),
                            api_keys::expires_at.eq(row.expires_at),
                            api_keys::disabled_at.eq(row.disabled_at),
                        ))
                        .execute(conn)
                        .await?;
                    let key = (id, row.name.as_str(), owner);
                    let action = Action::Updated;
                    let event_row = NewEventRow::new(change.event_id, key, actor, action, &changes);
                    diesel::insert_into(api_key_events::table)
                        .values(&event_row)
                        .execute(conn)
                        .await?;
                }
                let this = api_keys::table.filter(api_keys::id.eq(id));
                let this = this.select(ApiKeyRow::as_select());
                let rows = WithSecrets::of(this, Now(DbInstant(actor.at)))
                    .load(conn)
                    .await?;
                // A key without secrets is none, and what was done to it is undone.
                let changed = assemble_one(owner, rows);
                changed.map(Some).ok_or(diesel::result::Error::NotFound)
            }
        )
        .await;
        none_if_not_found(outcome)
    }

    /// Gives a key a new secret and leaves a `ROTATED` event. The secret that was the newest ends with the overlap, if it does
    /// not end before, and others end at once.
    ///
    /// Of the secrets that have ended, the database forgets all but the one that was used last, which tells when the key was.
    /// Gives the key as it is then; `None`, and nothing done, where the owner has no such key; [`Error::RolledBack`] where the secret
    /// that must be the newest is not.
    pub async fn api_key_rotate(&self, rotation: ApiKeyRotation) -> Result<Option<ApiKey>, Error> {
        let id = DbUuid(rotation.id.into());
        let outcome = on_both!(
            self,
            write | conn | {
                let (owner, actor) = (&rotation.owner, &rotation.actor);
                conn.lock_keys(actor, &[id]).await?;
                // As above.
                let rows: Vec<ApiKeyRow> = diesel::update(api_keys::table)
                    .filter(api_keys::id.eq(id))
                    .filter(api_keys::owner.eq(owner.as_str()))
                    .set(api_keys::owner.eq(api_keys::owner))
                    .returning(ApiKeyRow::as_select())
                    .get_results(conn)
                    .await?;
                let Some(row) = rows.as_slice().first() else {
                    return QueryResult::Ok(None);
                };
                let old: Vec<(Vec<u8>, SecretRow)> = api_key_secrets::table
                    .filter(api_key_secrets::api_key_id.eq(id))
                    .order(api_key_secrets::created_at.desc())
                    .select((api_key_secrets::digest, SecretRow::as_select()))
                    .load(conn)
                    .await?;
                let newest = old.as_slice().first();
                if newest.is_none() {
                    return QueryResult::Err(diesel::result::Error::NotFound);
                }
                let newest_digest = newest.map(|(digest, _)| digest.as_slice());
                let presented = rotation.presented.as_ref();
                let presented = presented.map(|digest| digest.as_bytes().as_slice());
                if presented.is_some() && presented != newest_digest {
                    return QueryResult::Err(diesel::result::Error::RollbackTransaction);
                }
                let last_used = old
                    .iter()
                    .max_by_key(|(_, secret)| secret.last_used_at.map(|at| at.0));
                for (digest, secret) in &old {
                    let this = api_key_secrets::table
                        .filter(api_key_secrets::digest.eq(digest.as_slice()));
                    let is = |other: Option<&(Vec<u8>, SecretRow)>| {
                        other.is_some_and(|(other, _)| other == digest)
                    };
                    let end = match is(newest) {
                        true => rotation.overlap_ends,
                        false => ENDED,
                    };
                    if !is(newest) && !is(last_used) {
                        diesel::delete(this).execute(conn).await?;
                    } else if secret.expires_at.is_none_or(|known| known.0 > end) {
                        diesel::update(this)
                            .set(api_key_secrets::expires_at.eq(Some(DbInstant(end))))
                            .execute(conn)
                            .await?;
                    }
                }
                // The newest is that of the latest time: another server's clock may be ahead.
                let after_newest = newest.and_then(|(_, secret)| {
                    let at = secret.created_at.0.as_microsecond() + 1;
                    Timestamp::from_microsecond(at).ok()
                });
                let created_at = rotation
                    .secret
                    .created_at
                    .max(after_newest.unwrap_or_default());
                let secret_row = NewSecretRow {
                    digest: rotation.digest.as_bytes(),
                    api_key_id: id,
                    hint: &rotation.secret.hint,
                    created_at: DbInstant(created_at),
                };
                diesel::insert_into(api_key_secrets::table)
                    .values(&secret_row)
                    .execute(conn)
                    .await?;
                let hint = newest.map(|(_, secret)| &secret.hint);
                let changes = Change::of("hint", hint, Some(&rotation.secret.hint), String::clone);
                let changes: Vec<Change> = changes.into_iter().collect();
                let key = (id, row.name.as_str(), owner);
                let action = Action::Rotated;
                let event_row = NewEventRow::new(rotation.event_id, key, actor, action, &changes);
                diesel::insert_into(api_key_events::table)
                    .values(&event_row)
                    .execute(conn)
                    .await?;
                let this = api_keys::table.filter(api_keys::id.eq(id));
                let this = this.select(ApiKeyRow::as_select());
                let rows = WithSecrets::of(this, Now(DbInstant(actor.at)))
                    .load(conn)
                    .await?;
                // A key without secrets is none, and what was done to it is undone.
                let changed = assemble_one(owner, rows);
                changed.map(Some).ok_or(diesel::result::Error::NotFound)
            }
        )
        .await;
        none_if_not_found(outcome)
    }

    /// Fills in the folded names that a migration left empty, or a server of an older version that still runs.
    pub(super) async fn api_keys_fold_names(&self) -> Result<(), Error> {
        // Few enough to be done in time, also where each statement takes its way through a network.
        const BATCH: i64 = 100;
        // A name may be empty where people write the tables by hand, and stays so: each is met once.
        let mut last = DbUuid(Uuid::nil());
        loop {
            let met = on_both!(
                self,
                write | conn | {
                    // Written out, so that the index on these serves.
                    let is_empty = diesel::dsl::sql::<diesel::sql_types::Bool>("name_folded = ''");
                    let unfolded: Vec<(DbUuid, String)> = api_keys::table
                        .filter(is_empty)
                        .filter(api_keys::id.gt(last))
                        .select((api_keys::id, api_keys::name))
                        .order(api_keys::id)
                        .limit(BATCH)
                        .load(conn)
                        .await?;
                    for (id, name) in &unfolded {
                        diesel::update(api_keys::table)
                            .filter(api_keys::id.eq(*id))
                            .set(api_keys::name_folded.eq(fold(name)))
                            .execute(conn)
                            .await?;
                    }
                    QueryResult::Ok(unfolded.last().map(|(id, _)| *id))
                }
            )
            .await?;
            match met {
                Some(id) => last = id,
                None => return Ok(()),
            }
        }
    }
}

/// Nothing was done where something was not found.
fn none_if_not_found<T>(outcome: Result<Option<T>, Error>) -> Result<Option<T>, Error> {
    match outcome {
        Err(Error::NotFound) => Ok(None),
        outcome => outcome,
    }
}
