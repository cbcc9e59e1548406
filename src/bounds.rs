//! Every bound of the server: how long anything takes, how large it gets, and how many there are at once.
//!
//! Each number stands here and nowhere else. ARCHITECTURE.md shows them as one table, and the tests below compare the two and
//! check the order between them. Rules about what a person may enter (the length of a name, the size of a page) belong to the
//! domain, and are not here.

use std::time::Duration;

const KIB: usize = 1024;

/// A check of a key is answered within this, whatever happens: with 503 where nobody can tell.
pub const CHECK: Duration = Duration::from_secs(5);
/// Everything else is answered within this, counted from when its body was read.
pub const REQUEST: Duration = Duration::from_secs(15);

/// The whole of one lookup for checks: the wait for a connection, and the query.
pub const LOOKUP: Duration = Duration::from_secs(4);
/// The wait of other work for a connection to the database.
pub const CONNECTION: Duration = Duration::from_secs(5);
/// The wait for the database, once there is a connection. PostgreSQL ends a statement, or a wait for a lock, after the same time
/// (`statement_timeout`, `lock_timeout`), and SQLite a wait for the file (`busy_timeout`).
pub const STATEMENT: Duration = Duration::from_secs(4);
/// The wait for the database's answer to a check; then it is asked once more, on another connection.
pub const ANSWER: Duration = Duration::from_millis(1_500);
/// The same for everything else, a little longer than the database takes at most.
pub const PATIENCE: Duration = Duration::from_millis(4_250);
/// A connection that has been idle for longer than this is asked whether it is still there before it is used.
pub const TRUSTED: Duration = Duration::from_secs(5);
/// The wait for that answer.
pub const PING: Duration = Duration::from_secs(1);
/// A connection that has been idle for this long is closed.
pub const RETIRED: Duration = Duration::from_secs(120);
/// The time of silence after which TCP asks whether the database is still there.
pub const KEEPALIVE: Duration = Duration::from_secs(30);
/// The wait of a start for another server that migrates the database, and of a migration for the tables' locks.
pub const MIGRATION_LOCK: Duration = Duration::from_secs(60);
/// The wait of a migration for a lock, before it is tried again: others wait behind it.
pub const MIGRATION_STEP: Duration = Duration::from_secs(1);
/// The whole of one piece of other work. It is longer than its two parts, so that what was answered as an outage has ended, or
/// was being committed.
pub const WORK: Duration = Duration::from_millis(9_500);
/// The time to connect to one address of PostgreSQL, encryption and sign-in included.
pub const CONNECT: Duration = Duration::from_secs(2);
/// The time after which the next address is tried as well.
pub const NEXT_ADDRESS: Duration = Duration::from_millis(250);
/// A change is not begun later than this after its request: it would end after its answer.
pub const LAST_CHANGE: Duration = Duration::from_millis(3_500);
/// The time for what a change looks at before it begins.
pub const LOOK: Duration = Duration::from_secs(2);
/// The wait of a GraphQL request for its turn.
pub const TURN: Duration = Duration::from_secs(3);

/// The time for the head of a request, and for the first byte of a new connection.
pub const HEAD: Duration = Duration::from_secs(10);
/// The same where connections run short.
pub const HEAD_IN_NEED: Duration = Duration::from_secs(2);
/// The time for the body of a request.
pub const BODY: Duration = Duration::from_secs(20);
/// The time for all of a request and its answer.
pub const EXCHANGE: Duration = Duration::from_secs(60);
/// The time in which a peer must take [`PACE_LEN`] bytes of an answer, while there is more of it.
pub const PACE: Duration = Duration::from_secs(15);
/// The bytes that a peer must take in [`PACE`].
pub const PACE_LEN: usize = 16 * KIB;
/// The time that a connection stays open between two requests. It is longer than the usual 60 s of a proxy, so that the proxy
/// closes first.
pub const IDLE: Duration = Duration::from_secs(75);
/// The same where connections run short.
pub const IDLE_IN_NEED: Duration = Duration::from_secs(5);
/// The time for an answer of the identity provider.
pub const ISSUER: Duration = Duration::from_secs(5);
/// The time for what runs to end after a signal to stop.
pub const GRACE: Duration = Duration::from_secs(20);

/// The bytes of a body.
pub const BODY_LEN: usize = 64 * KIB;
/// The bytes of a request's head.
pub const HEAD_LEN: usize = 128 * KIB;
/// The bytes of a GraphQL answer.
pub const ANSWER_LEN: usize = KIB * KIB;
/// The levels of brackets in a GraphQL document, of selections when each fragment is put in its place, and of JSON variables.
pub const NESTING: usize = 64;
/// The levels of selections. The introspection query of graphql-js needs 15.
pub const DEPTH: usize = 20;
/// What a GraphQL document may cost: a field costs 1, a question to the database 20, a page its size times its fields besides, a
/// count and a mutation 50. A page of 100 with both `edges` and `nodes` stays well below.
pub const COMPLEXITY: usize = 10_000;
/// The directives of a document.
pub const DIRECTIVES: usize = 50;
/// The variables of an operation: validation compares each with each.
pub const VARIABLES: usize = 100;
/// The mistakes of a document that an answer tells of.
pub const MISTAKES: usize = 20;
/// The questions to the database, and changes, of one GraphQL request.
pub const QUESTIONS: usize = 128;

/// The connections of clients. Where the process may open few files, there are fewer.
pub const CLIENTS: usize = 4_096;
/// The files that are kept for everything but clients: the database, the log, the issuer.
pub const OTHER_FILES: usize = 100;
/// The bytes of an answer that are handed on at once: what HTTP/2 holds for a reader that does not read is no more than this.
pub const PIECE_LEN: usize = 4 * KIB;
/// The bytes of GraphQL answers that their readers have not taken. Beyond, no more GraphQL is executed.
pub const UNREAD_LEN: usize = 128 * KIB * KIB;
/// The bytes of a request's body that wait in the server, for each stream of HTTP/2.
pub const STREAM_LEN: usize = 64 * KIB;
/// The bodies that are being read at once.
pub const BODIES: usize = 2_048;
/// The characters of an operation's name in the log; a longer one is left out.
pub const LOGGED_NAME: usize = 64;
/// The fields `__typename` below one `__schema` or `__type`.
pub const TYPE_NAMES: usize = 100;
/// The requests at once on one HTTP/2 connection.
pub const STREAMS: u32 = 100;
/// The GraphQL requests that are executed at once.
pub const EXECUTIONS: usize = 16;
/// The GraphQL requests that wait for their turn.
pub const TURNS: usize = 512;
/// The checks that wait for a lookup.
pub const CHECKS: usize = 4_096;
/// The lookups for checks at once.
pub const LOOKUPS: usize = 2;
/// The connections to PostgreSQL, where `APIKEYS_DATABASE_CONNECTIONS` does not say otherwise.
pub const CONNECTIONS: usize = 16;
/// The most that can be asked for.
pub const MOST_CONNECTIONS: usize = 80;
/// Those of them that checks have to themselves: one more than lookups, for one that is being given up.
pub const CHECK_CONNECTIONS: usize = LOOKUPS + 1;
/// The lines of the log that wait to be written.
pub const LOG_LINES: usize = 16 * KIB;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_wait_fits_into_the_one_around_it() {
        // A check: one lookup that fails, told to all who wait.
        assert!(LOOKUP < CHECK);
        assert!(CONNECT < LOOKUP && 2 * ANSWER + PING <= LOOKUP);
        // Anything else: what was answered as an outage has not begun, or has ended.
        assert!(STATEMENT < PATIENCE && CONNECTION + PATIENCE < WORK);
        assert!(PING < CONNECTION && TRUSTED < KEEPALIVE && KEEPALIVE < RETIRED);
        assert!(CONNECT < CONNECTION);
        assert!(LAST_CHANGE + LOOK + WORK <= REQUEST);
        assert!(4 * NEXT_ADDRESS < CONNECT && 4 * NEXT_ADDRESS + CONNECT < LOOKUP);
        assert!(TURN < LAST_CHANGE);
        // An exchange: head, body, and the work between them and the answer.
        assert!(HEAD + BODY + REQUEST < EXCHANGE);
        assert!(CHECK < REQUEST && REQUEST < GRACE);
        assert!(ISSUER + TURN < REQUEST);
        assert!(PACE < EXCHANGE && EXCHANGE < IDLE);
        assert!(HEAD_IN_NEED < HEAD && IDLE_IN_NEED < IDLE);
        const {
            assert!(BODY_LEN < HEAD_LEN && HEAD_LEN < ANSWER_LEN);
            assert!(PIECE_LEN < PACE_LEN && EXECUTIONS * ANSWER_LEN < UNREAD_LEN);
            assert!(CHECK_CONNECTIONS + EXECUTIONS / 2 < CONNECTIONS);
            assert!(
                CONNECTIONS < MOST_CONNECTIONS
                    && MOST_CONNECTIONS < OTHER_FILES
                    && OTHER_FILES < CLIENTS
            );
        }
    }

    /// A migration that waits for a lock holds up whoever comes after it, checks too.
    #[test]
    fn a_migration_waits_less_for_a_lock_than_a_check_for_its_answer() {
        let mut found = 0;
        for folder in std::fs::read_dir("migrations/postgres").unwrap() {
            let text = std::fs::read_to_string(folder.unwrap().path().join("up.sql")).unwrap();
            for wait in text.split("lock_timeout = '").skip(1) {
                let (number, _) = wait.split_once("s'").unwrap();
                let wait = Duration::from_secs(number.parse().unwrap());
                assert!(wait <= MIGRATION_STEP && wait < ANSWER, "{wait:?}");
                found += 1;
            }
        }
        assert!(found > 0, "the test reads what it is about");
    }

    #[test]
    fn the_table_of_the_architecture_is_this_one() {
        let page = include_str!("../ARCHITECTURE.md");
        let has = |name: &str, value: String| {
            let row = format!("| `{name}` | {value} |");
            assert!(page.contains(&row), "ARCHITECTURE.md lacks the row {row}");
        };
        let times = [
            ("CHECK", CHECK),
            ("REQUEST", REQUEST),
            ("LOOKUP", LOOKUP),
            ("CONNECTION", CONNECTION),
            ("STATEMENT", STATEMENT),
            ("ANSWER", ANSWER),
            ("PATIENCE", PATIENCE),
            ("TRUSTED", TRUSTED),
            ("PING", PING),
            ("RETIRED", RETIRED),
            ("KEEPALIVE", KEEPALIVE),
            ("MIGRATION_LOCK", MIGRATION_LOCK),
            ("MIGRATION_STEP", MIGRATION_STEP),
            ("WORK", WORK),
            ("CONNECT", CONNECT),
            ("NEXT_ADDRESS", NEXT_ADDRESS),
            ("LAST_CHANGE", LAST_CHANGE),
            ("LOOK", LOOK),
            ("TURN", TURN),
            ("HEAD", HEAD),
            ("HEAD_IN_NEED", HEAD_IN_NEED),
            ("BODY", BODY),
            ("EXCHANGE", EXCHANGE),
            ("PACE", PACE),
            ("IDLE", IDLE),
            ("IDLE_IN_NEED", IDLE_IN_NEED),
            ("ISSUER", ISSUER),
            ("GRACE", GRACE),
        ];
        for (name, time) in times {
            has(name, format!("{} s", time.as_secs_f64()));
        }
        for (name, bytes) in [
            ("PACE_LEN", PACE_LEN),
            ("BODY_LEN", BODY_LEN),
            ("HEAD_LEN", HEAD_LEN),
            ("ANSWER_LEN", ANSWER_LEN),
            ("PIECE_LEN", PIECE_LEN),
            ("UNREAD_LEN", UNREAD_LEN),
            ("STREAM_LEN", STREAM_LEN),
        ] {
            has(name, format!("{} KiB", bytes / KIB));
        }
        for (name, count) in [
            ("NESTING", NESTING),
            ("DEPTH", DEPTH),
            ("COMPLEXITY", COMPLEXITY),
            ("DIRECTIVES", DIRECTIVES),
            ("VARIABLES", VARIABLES),
            ("MISTAKES", MISTAKES),
            ("QUESTIONS", QUESTIONS),
            ("BODIES", BODIES),
            ("LOGGED_NAME", LOGGED_NAME),
            ("TYPE_NAMES", TYPE_NAMES),
            ("CLIENTS", CLIENTS),
            ("OTHER_FILES", OTHER_FILES),
            ("STREAMS", STREAMS as usize),
            ("EXECUTIONS", EXECUTIONS),
            ("TURNS", TURNS),
            ("CHECKS", CHECKS),
            ("LOOKUPS", LOOKUPS),
            ("CONNECTIONS", CONNECTIONS),
            ("MOST_CONNECTIONS", MOST_CONNECTIONS),
            ("CHECK_CONNECTIONS", CHECK_CONNECTIONS),
            ("LOG_LINES", LOG_LINES),
        ] {
            has(name, count.to_string());
        }
    }
}
