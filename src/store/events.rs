//! The record of what happened to keys. It is written in the transaction of the change, and outlives the key.

use diesel::{
    ExpressionMethods, Insertable, OptionalExtension, QueryDsl, Queryable, Selectable,
    SelectableHelper,
};
use jiff::Timestamp;
use uuid::Uuid;

use super::error::Error;
use super::range::{Between, ById, Group};
use super::schema::api_key_events;
use super::types::{DbInstant, DbUuid};
use super::{Store, on_both};
use crate::auth::Credential;
use crate::key::event::{Action, Actor, ApiKeyEvent, Change};
use crate::key::list::Direction;
use crate::key::model::{KeyId, Owner};
use crate::key::page::{End, Page, PageRequest};

/// An event as it is written.
#[derive(Insertable)]
#[diesel(treat_none_as_default_value = false)]
#[diesel(table_name = api_key_events)]
pub(super) struct NewEventRow {
    id: DbUuid,
    api_key_id: DbUuid,
    api_key_name: String,
    owner: String,
    actor: String,
    credential: &'static str,
    action: &'static str,
    at: DbInstant,
    changes: String,
}

impl NewEventRow {
    /// What `actor` did to a key.
    pub(super) fn new(
        id: Uuid,
        (api_key_id, api_key_name, owner): (DbUuid, &str, &Owner),
        actor: &Actor,
        action: Action,
        changes: &[Change],
    ) -> Self {
        Self {
            id: DbUuid(id),
            api_key_id,
            api_key_name: api_key_name.to_owned(),
            owner: owner.as_str().to_owned(),
            actor: actor.subject.clone(),
            credential: actor.credential.as_str(),
            action: action.as_str(),
            at: DbInstant(actor.at),
            // Texts are always JSON.
            changes: serde_json::to_string(changes).unwrap_or_else(|_| "[]".to_owned()),
        }
    }
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = api_key_events)]
struct EventRow {
    id: DbUuid,
    api_key_id: DbUuid,
    api_key_name: String,
    owner: String,
    actor: String,
    credential: String,
    action: String,
    at: DbInstant,
    changes: String,
}

impl EventRow {
    /// An error where the row has a word that no version of this service writes.
    fn into_event(self) -> Result<ApiKeyEvent, Error> {
        let unknown =
            |what: &str| Error::Unexpected(format!("an event with an unknown {what}").into());
        Ok(ApiKeyEvent {
            id: self.id.0,
            api_key_id: self.api_key_id.0.into(),
            api_key_name: self.api_key_name,
            owner: Owner::from_store(self.owner),
            actor: self.actor,
            credential: Credential::from_store(&self.credential)
                .ok_or_else(|| unknown("credential"))?,
            action: Action::from_store(&self.action).ok_or_else(|| unknown("action"))?,
            at: self.at.0,
            changes: serde_json::from_str(&self.changes).map_err(|_| unknown("change"))?,
        })
    }
}

/// The query for the newest event of an owner beyond the `kept` newest.
#[diesel::dsl::auto_type]
fn newest_beyond(owner: &Owner, kept: u32) -> _ {
    let all: Between = Between::all(Group::events_of(owner, None));
    let newest_first: ById = ById {
        group: Group::events_of(owner, None),
        direction: Direction::Descending,
    };
    let kept: i64 = i64::from(kept);
    api_key_events::table
        .filter(all)
        .order(newest_first)
        .select(api_key_events::id)
        .offset(kept)
}

impl Store {
    /// What happened to an owner's keys, or to one of them, newest first.
    pub async fn api_key_events_page(
        &self,
        owner: &Owner,
        key: Option<KeyId>,
        request: &PageRequest,
    ) -> Result<Page<ApiKeyEvent>, Error> {
        const NEWEST_FIRST: Direction = Direction::Descending;
        let group = Group::events_of(owner, key);
        let page = Between::cursors(group.clone(), request, NEWEST_FIRST);
        let beyond = Between::beyond(group.clone(), request, NEWEST_FIRST);
        let PageRequest { size, end, .. } = *request;
        let direction = match end {
            End::First => NEWEST_FIRST,
            End::Last => NEWEST_FIRST.reversed(),
        };
        let by_id = ById::ascending(group.clone());
        let order = ById { group, direction };
        on_both!(
            self,
            read | conn | {
                let rows: Vec<EventRow> = api_key_events::table
                    .filter(page)
                    .select(EventRow::as_select())
                    .order(order)
                    .limit(i64::from(size) + 1)
                    .load(conn)
                    .await?;
                let has_beyond = match beyond {
                    None => false,
                    Some(beyond) => api_key_events::table
                        .filter(beyond)
                        .select(api_key_events::id)
                        .order(by_id)
                        .limit(1)
                        .load::<DbUuid>(conn)
                        .await?
                        .pop()
                        .is_some(),
                };
                let has_more = rows.len() > size as usize;
                let events = rows.into_iter().map(EventRow::into_event);
                let events = events.collect::<Result<_, _>>()?;
                Page::of(events, size, end, has_more, has_beyond)
            }
        )
        .await
    }

    /// How many events that are.
    pub async fn api_key_events_count(
        &self,
        owner: &Owner,
        key: Option<KeyId>,
    ) -> Result<i64, Error> {
        let all = Between::all(Group::events_of(owner, key));
        on_both!(
            self,
            read | conn | {
                api_key_events::table
                    .filter(all)
                    .count()
                    .get_result(conn)
                    .await?
            }
        )
        .await
    }

    /// One event of an owner.
    pub async fn api_key_event_find(
        &self,
        owner: &Owner,
        id: Uuid,
    ) -> Result<Option<ApiKeyEvent>, Error> {
        let owner = owner.clone();
        on_both!(
            self,
            read | conn | {
                let row: Option<EventRow> = api_key_events::table
                    .filter(api_key_events::id.eq(DbUuid(id)))
                    .filter(api_key_events::owner.eq(owner.as_str()))
                    .select(EventRow::as_select())
                    .first(conn)
                    .await
                    .optional()?;
                row.map(EventRow::into_event).transpose()?
            }
        )
        .await
    }

    /// Removes events that are older than `before`, `most` of them at most. Gives how many there were.
    ///
    /// Ids tell when an event happened, so that the primary key finds the oldest.
    pub async fn api_key_events_prune(&self, before: Timestamp, most: i64) -> Result<usize, Error> {
        let seconds = u64::try_from(before.as_second()).unwrap_or_default();
        let first_kept = Uuid::new_v7(uuid::Timestamp::from_unix(uuid::NoContext, seconds, 0));
        let first_kept = DbUuid(Uuid::from_u128(first_kept.as_u128() >> 80 << 80));
        on_both!(
            self,
            write | conn | {
                let oldest: Vec<DbUuid> = api_key_events::table
                    .filter(api_key_events::id.lt(first_kept))
                    .order(api_key_events::id)
                    .select(api_key_events::id)
                    .limit(most)
                    .load(conn)
                    .await?;
                diesel::delete(api_key_events::table)
                    .filter(api_key_events::id.eq_any(oldest))
                    .execute(conn)
                    .await
            }
        )
        .await
    }

    /// The first owner after `last`, in the database's order, that has events.
    pub async fn api_key_events_next_owner(
        &self,
        last: Option<&Owner>,
    ) -> Result<Option<Owner>, Error> {
        let last = last.map_or_else(String::new, |last| last.as_str().to_owned());
        on_both!(
            self,
            read | conn | {
                let next: Option<String> = api_key_events::table
                    .filter(api_key_events::owner.gt(last))
                    .order(api_key_events::owner)
                    .select(api_key_events::owner)
                    .first(conn)
                    .await
                    .optional()?;
                next.map(Owner::from_store)
            }
        )
        .await
    }

    /// Whether an owner has more events than so many.
    pub async fn api_key_events_are_more_than(
        &self,
        owner: &Owner,
        most: u32,
    ) -> Result<bool, Error> {
        let beyond = newest_beyond(owner, most);
        on_both!(
            self,
            read | conn | {
                let newest_beyond: Option<DbUuid> = beyond.first(conn).await.optional()?;
                newest_beyond.is_some()
            }
        )
        .await
    }

    /// Removes the oldest events of an owner beyond `kept`, `most` of them at most. Gives how many there were.
    pub async fn api_key_events_prune_owner(
        &self,
        owner: &Owner,
        kept: u32,
        most: i64,
    ) -> Result<usize, Error> {
        let group = || Group::events_of(owner, None);
        let beyond = newest_beyond(owner, kept);
        let all = Between::all(group());
        let oldest_first = ById::ascending(group());
        on_both!(
            self,
            write | conn | {
                let newest_beyond: Option<DbUuid> = beyond.first(conn).await.optional()?;
                let Some(newest_beyond) = newest_beyond else {
                    return diesel::QueryResult::Ok(0);
                };
                let oldest: Vec<DbUuid> = api_key_events::table
                    .filter(all)
                    .filter(api_key_events::id.le(newest_beyond))
                    .order(oldest_first)
                    .select(api_key_events::id)
                    .limit(most)
                    .load(conn)
                    .await?;
                diesel::delete(api_key_events::table)
                    .filter(api_key_events::id.eq_any(oldest))
                    .execute(conn)
                    .await
            }
        )
        .await
    }
}
