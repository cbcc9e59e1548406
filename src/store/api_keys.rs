//! The keys: made, found, listed and deleted.

use std::collections::HashMap;

use diesel::{ExpressionMethods, QueryDsl, QueryResult, SelectableHelper};
use jiff::Timestamp;
use uuid::Uuid;

use super::error::Error;
use super::events::NewEventRow;
use super::listing::{Beside, Ordered, Passes};
use super::lock::{Locks, Mode};
use super::now::Now;
use super::range::{Between, ById, Group};
use super::rows::{ApiKeyRow, NewApiKeyRow, NewSecretRow, WithSecrets, assemble, assemble_one};
use super::schema::{api_key_events, api_keys};
use super::types::{DbInstant, DbUuid};
use super::{Store, on_both};
use crate::key::api_key::ApiKey;
use crate::key::event::{Action, Actor};
use crate::key::list::{Cursor, Direction, Filter, Order};
use crate::key::model::{KeyId, Owner};
use crate::key::page::{End, Page, PageRequest};
use crate::key::secret::Digest;

/// All that is written when a key is made.
pub struct ApiKeyCreation {
    /// The key as it will be listed.
    pub api_key: ApiKey,
    /// What is kept of its secret.
    pub digest: Digest,
    /// The id of the event.
    pub event_id: Uuid,
    /// Who makes it.
    pub actor: Actor,
    /// How many keys the owner may have, this one included.
    pub most: u32,
}

/// What came of making a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Created {
    /// It is stored.
    Yes,
    /// The owner had as many as may be; nothing was done.
    LimitReached,
}

impl Store {
    /// Writes a key, its secret's digest and the `CREATED` event, all or nothing.
    pub async fn api_key_insert(&self, creation: ApiKeyCreation) -> Result<Created, Error> {
        on_both!(
            self,
            write | conn | {
                let ApiKeyCreation {
                    api_key,
                    digest,
                    event_id,
                    actor,
                    most,
                } = &creation;
                let id = DbUuid(api_key.id.into());
                let created_at = DbInstant(api_key.created_at);
                let key_row = NewApiKeyRow {
                    id,
                    owner: api_key.owner.as_str(),
                    name: api_key.name.as_str(),
                    name_folded: &api_key.folded_name,
                    scopes: api_key.scopes.as_str(),
                    created_at,
                    created_by: &api_key.created_by,
                    expires_at: api_key.expires_at.map(DbInstant),
                };
                let secret_row = NewSecretRow {
                    digest: digest.as_bytes(),
                    api_key_id: id,
                    hint: api_key.hint(),
                    created_at,
                };
                let key = (id, api_key.name.as_str(), &api_key.owner);
                let event_row = NewEventRow::new(*event_id, key, actor, Action::Created, &[]);
                let (owner, most) = (&api_key.owner, i64::from(*most));
                let mut counted = conn.lock_owner(owner, Mode::Together, actor).await?;
                if counted.may_reach(most) && counted.others > 0 {
                    conn.begin_again().await?;
                    counted = conn.lock_owner(owner, Mode::Alone, actor).await?;
                }
                if counted.may_reach(most) {
                    return QueryResult::Ok(Created::LimitReached);
                }
                conn.insert_key(&key_row, &secret_row, &event_row).await?;
                QueryResult::Ok(Created::Yes)
            }
        )
        .await
    }

    /// Removes keys with their secrets and leaves a `DELETED` event for each, all or nothing. Each comes with the id of its
    /// event.
    ///
    /// `false`, and nothing done, where one of them is not the owner's.
    pub async fn api_keys_delete(
        &self,
        owner: Owner,
        deletions: Vec<(KeyId, Uuid)>,
        actor: Actor,
    ) -> Result<bool, Error> {
        let ids = deletions.iter().map(|(id, _)| DbUuid((*id).into()));
        let ids: Vec<DbUuid> = ids.collect();
        let outcome = on_both!(
            self,
            write | conn | {
                conn.lock_keys(&actor, &ids).await?;
                let deleted: Vec<(DbUuid, String)> = diesel::delete(api_keys::table)
                    .filter(api_keys::id.eq_any(&ids))
                    .filter(api_keys::owner.eq(owner.as_str()))
                    .returning((api_keys::id, api_keys::name))
                    .get_results(conn)
                    .await?;
                if deleted.len() < ids.len() {
                    return QueryResult::Err(diesel::result::Error::RollbackTransaction);
                }
                let names: HashMap<DbUuid, String> = deleted.into_iter().collect();
                let event_rows = deletions.iter().map(|(id, event_id)| {
                    let id = DbUuid((*id).into());
                    let name = names.get(&id).map_or("", String::as_str);
                    let key = (id, name, &owner);
                    NewEventRow::new(*event_id, key, &actor, Action::Deleted, &[])
                });
                let event_rows: Vec<NewEventRow> = event_rows.collect();
                // The statement for one is kept, and those for several are not.
                let events = diesel::insert_into(api_key_events::table);
                match event_rows.as_slice() {
                    [event_row] => events.values(event_row).execute(conn).await?,
                    _ => events.values(&event_rows).execute(conn).await?,
                };
                QueryResult::Ok(true)
            }
        )
        .await;
        match outcome {
            Err(Error::RolledBack) => Ok(false),
            outcome => outcome,
        }
    }

    /// The ids of some of an owner's keys, `most` at most.
    pub async fn api_keys_some_ids(&self, owner: &Owner, most: usize) -> Result<Vec<KeyId>, Error> {
        let all = Between::all(Group::keys_of(owner));
        let by_id = ById::ascending(Group::keys_of(owner));
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        on_both!(
            self,
            read | conn | {
                let ids: Vec<DbUuid> = api_keys::table
                    .filter(all)
                    .select(api_keys::id)
                    .order(by_id)
                    .limit(most)
                    .load(conn)
                    .await?;
                ids.into_iter().map(|id| id.0.into()).collect()
            }
        )
        .await
    }

    /// One key of an owner, as it is at `now`.
    pub async fn api_key_find(
        &self,
        owner: &Owner,
        id: KeyId,
        now: Timestamp,
    ) -> Result<Option<ApiKey>, Error> {
        let (owner, now) = (owner.clone(), Now(DbInstant(now)));
        on_both!(
            self,
            read | conn | {
                let keys = api_keys::table
                    .filter(api_keys::id.eq(DbUuid(id.into())))
                    .filter(api_keys::owner.eq(owner.as_str()))
                    .select(ApiKeyRow::as_select());
                let rows = WithSecrets::of(keys, now).load(conn).await?;
                assemble_one(&owner, rows)
            }
        )
        .await
    }

    /// A page of the keys of an owner that a filter lets pass, in order, as they are at `now`. It costs one query, and a
    /// second where a cursor was given.
    pub async fn api_keys_page(
        &self,
        owner: &Owner,
        filter: &Filter,
        order: Order,
        request: &PageRequest,
        now: Timestamp,
    ) -> Result<Page<ApiKey>, Error> {
        let passes = Passes::new(filter, now);
        let group = || Group::keys_of(owner);
        let page = (
            Between::cursors(group(), request, order.direction),
            Beside::cursors(request, order.direction),
        );
        let beyond =
            Between::beyond(group(), request, order.direction).map(|between| match Beside::beyond(
                request,
                order.direction,
            ) {
                Some(beside) => (Between::all(group()), beside),
                None => (between, Beside::default()),
            });
        let PageRequest { size, end, .. } = *request;
        let direction = match end {
            End::First => order.direction,
            End::Last => order.direction.reversed(),
        };
        let ordered = Ordered::by(order.field, direction, owner);
        let by_id = ById::ascending(group());
        let (owner, now) = (owner.clone(), Now(DbInstant(now)));

        on_both!(
            self,
            read | conn | {
                let (between, beside) = page;
                // One more than asked for, to know whether there is more.
                let keys = api_keys::table
                    .filter(between)
                    .filter(beside)
                    .filter(passes.clone())
                    .select(ApiKeyRow::as_select())
                    .order(ordered)
                    .limit(i64::from(size) + 1);
                let rows = WithSecrets::of(keys, now).load(conn).await?;
                let has_beyond = match beyond {
                    None => false,
                    Some((between, beside)) => api_keys::table
                        .filter(between)
                        .filter(beside)
                        .filter(passes)
                        .select(api_keys::id)
                        .order(by_id)
                        .limit(1)
                        .load::<DbUuid>(conn)
                        .await?
                        .pop()
                        .is_some(),
                };
                let mut keys = assemble(&owner, rows);
                keys.sort_by_cached_key(|key| Cursor::of(key, order.field));
                if direction == Direction::Descending {
                    keys.reverse();
                }
                let has_more = keys.len() > size as usize;
                keys.truncate(size as usize);
                keys.retain(|key| !key.secrets.is_empty());
                Page::of(keys, size, end, has_more, has_beyond)
            }
        )
        .await
    }

    /// How many keys of an owner a filter lets pass at `now`.
    pub async fn api_keys_count(
        &self,
        owner: &Owner,
        filter: &Filter,
        now: Timestamp,
    ) -> Result<i64, Error> {
        let passes = Passes::new(filter, now);
        let all = Between::all(Group::keys_of(owner));
        on_both!(
            self,
            read | conn | {
                api_keys::table
                    .filter(all)
                    .filter(passes)
                    .count()
                    .get_result(conn)
                    .await?
            }
        )
        .await
    }
}
