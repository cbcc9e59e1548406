//! Secrets as the checks of keys see them: by their digests, many at once.

use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

use diesel::sql_types::{Array, Binary, Text};
use diesel::{
    BoolExpressionMethods, ExpressionMethods, QueryDsl, Queryable, Selectable, SelectableHelper,
    SqliteConnection,
};
use jiff::Timestamp;

use super::any_of::AnyOf;
use super::error::Error;
use super::now::Now;
use super::schema::api_key_secrets;
use super::sqlite;
use super::types::{DbInstant, DbUuid, SqlInstant};
use super::{Store, in_time, on_both};
use crate::bounds;
use crate::key::api_key::LiveKey;
use crate::key::model::{Name, Owner};
use crate::key::scope::Scopes;
use crate::key::secret::Digest;

/// The columns about the key are kept like the key's own by the database's triggers (`migrations/`).
#[derive(Queryable, Selectable)]
#[diesel(table_name = api_key_secrets)]
struct LiveKeyRow {
    digest: Vec<u8>,
    created_at: DbInstant,
    expires_at: Option<DbInstant>,
    api_key_id: DbUuid,
    key_owner: String,
    key_name: String,
    key_scopes: String,
    key_expires_at: Option<DbInstant>,
}

impl LiveKeyRow {
    /// `None` where the digest is none, which the tables do not allow.
    fn into_entry(self) -> Option<(Digest, Arc<LiveKey>)> {
        let digest = Digest::from_store(self.digest.try_into().ok()?);
        let ends = [self.expires_at, self.key_expires_at];
        let live_key = LiveKey {
            id: self.api_key_id.0.into(),
            owner: Owner::from_store(self.key_owner),
            name: Name::from_store(self.key_name),
            scopes: Scopes::from_store(self.key_scopes),
            digest,
            issued_at: self.created_at.0,
            expires_at: ends.into_iter().flatten().map(|end| end.0).min(),
        };
        Some((digest, Arc::new(live_key)))
    }
}

/// A secret works at `now`: neither it nor its key has ended, and the key is not paused. What no trigger has filled in is
/// nobody's.
#[diesel::dsl::auto_type]
pub(super) fn works_at(now: Now) -> _ {
    let secret_goes_on = api_key_secrets::expires_at
        .is_null()
        .or(api_key_secrets::expires_at.gt(now));
    let key_goes_on = api_key_secrets::key_expires_at
        .is_null()
        .or(api_key_secrets::key_expires_at.gt(now));
    let is_not_paused = api_key_secrets::key_disabled_at.is_null();
    secret_goes_on
        .and(key_goes_on)
        .and(is_not_paused)
        .and(api_key_secrets::key_owner.ne(""))
}

impl Store {
    /// The keys that secrets with these digests open at `now`: neither has expired, and the key is not disabled.
    pub async fn secrets_find_live(
        &self,
        digests: Vec<Digest>,
        now: Timestamp,
    ) -> Result<Vec<(Digest, Arc<LiveKey>)>, Error> {
        let find = async {
            let find = |answer| self.secrets_find_live_within(answer, &digests, now);
            match find(bounds::ANSWER).await {
                Err(Error::Lost(_)) => find(bounds::LOOKUP).await,
                outcome => outcome,
            }
        };
        in_time(bounds::LOOKUP, find).await?
    }

    async fn secrets_find_live_within(
        &self,
        answer: Duration,
        digests: &[Digest],
        now: Timestamp,
    ) -> Result<Vec<(Digest, Arc<LiveKey>)>, Error> {
        let digests = digests.iter().map(|digest| digest.as_bytes().to_vec());
        let presented = AnyOf::digests(digests.collect());
        on_both!(
            self,
            check within answer, |conn| {
                let rows: Vec<LiveKeyRow> = api_key_secrets::table
                    .filter(presented)
                    .filter(works_at(Now(DbInstant(now))))
                    .select(LiveKeyRow::as_select())
                    .load(conn)
                    .await?;
                rows.into_iter()
                    .filter_map(LiveKeyRow::into_entry)
                    .collect()
            }
        )
        .await
    }

    /// Writes when secrets were last used, where that is later than what is known. Secrets that are gone are passed over.
    ///
    /// It is the one statement that Diesel has no expression for, and each database takes a list in its own way.
    pub async fn secrets_set_last_used(&self, uses: &[(Digest, Timestamp)]) -> Result<(), Error> {
        let (mut digests, mut instants) = (Vec::new(), Vec::new());
        for (digest, at) in uses {
            digests.push(digest.as_bytes().to_vec());
            instants.push(DbInstant(*at));
        }
        on_both!(@run self, rest, bounds::WORK, bounds::PATIENCE,
            sqlite: |database| {
                use sqlite::RunQueryDsl as _;
                let uses = as_json(&digests, &instants);
                database.writer.run(async move |connection: &mut SqliteConnection| {
                    let statement = diesel::sql_query(SQLITE_SET_LAST_USED).bind::<Text, _>(uses);
                    statement.execute(connection).await?;
                    Ok(())
                })
                .await
            },
            postgres: |pools, connection| {
                use diesel_async::RunQueryDsl as _;
                let statement = diesel::sql_query(POSTGRES_SET_LAST_USED)
                    .bind::<Array<Binary>, _>(digests)
                    .bind::<Array<SqlInstant>, _>(instants);
                let set = async |connection: &mut diesel_async::AsyncPgConnection| {
                    statement.execute(connection).await?;
                    Ok(())
                };
                pools.statement(connection, set).await
            }
        )
        .await
    }
}

/// The list comes as JSON: pairs of a digest in hexadecimal and microseconds.
const SQLITE_SET_LAST_USED: &str = "\
    UPDATE api_key_secrets SET last_used_at = used.at
    FROM (SELECT unhex(value ->> 0) AS digest, value ->> 1 AS at FROM json_each(?)) AS used
    WHERE api_key_secrets.digest = used.digest
      AND (api_key_secrets.last_used_at IS NULL OR api_key_secrets.last_used_at < used.at)";

/// A row that somebody else is changing is passed over rather than waited for, so that nobody waits in a circle. Whoever it was,
/// another server's uses or a rotation, the next use of the secret is told of.
const POSTGRES_SET_LAST_USED: &str = "\
    WITH used AS (SELECT * FROM unnest($1, $2) AS used (digest, at)),
    free AS (
        SELECT digest, used.at FROM api_key_secrets JOIN used USING (digest)
        WHERE last_used_at IS NULL OR last_used_at < used.at
        FOR UPDATE OF api_key_secrets SKIP LOCKED
    )
    UPDATE api_key_secrets SET last_used_at = free.at FROM free WHERE api_key_secrets.digest = free.digest";

fn as_json(digests: &[Vec<u8>], instants: &[DbInstant]) -> String {
    let mut json = String::from("[");
    for (digest, at) in digests.iter().zip(instants) {
        json.push_str(if json.len() > 1 { ",[\"" } else { "[\"" });
        for byte in digest {
            // Writing to a string cannot fail.
            let _ = write!(json, "{byte:02x}");
        }
        let _ = write!(json, "\",{}]", at.0.as_microsecond());
    }
    json.push(']');
    json
}
