-- Ids are UUIDs of version 7 as 16 bytes, so that their order is that of creation. Instants are microseconds
-- since 1970-01-01T00:00:00Z. STRICT, because SQLite would otherwise keep any type in any column.

CREATE TABLE api_keys (
    id          BLOB    NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    owner       TEXT    NOT NULL,
    name        TEXT    NOT NULL,
    scopes      TEXT    NOT NULL DEFAULT '', -- separated by single spaces, as in RFC 6749 section 3.3
    created_at  INTEGER NOT NULL,
    created_by  TEXT    NOT NULL,
    expires_at  INTEGER,
    disabled_at INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX api_keys_owner_id ON api_keys (owner, id);

CREATE TABLE api_key_secrets (
    digest       BLOB    NOT NULL PRIMARY KEY CHECK (length(digest) = 32), -- SHA-256 of the whole secret
    api_key_id   BLOB    NOT NULL REFERENCES api_keys (id) ON DELETE CASCADE,
    hint         TEXT    NOT NULL,
    created_at   INTEGER NOT NULL,
    expires_at   INTEGER,
    last_used_at INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX api_key_secrets_api_key_id ON api_key_secrets (api_key_id);

-- What happened, by whom. It outlives the key, so it refers to none.
CREATE TABLE api_key_events (
    id           BLOB    NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    api_key_id   BLOB    NOT NULL,
    api_key_name TEXT    NOT NULL, -- as it was then
    owner        TEXT    NOT NULL,
    actor        TEXT    NOT NULL,
    credential   TEXT    NOT NULL,
    action       TEXT    NOT NULL,
    at           INTEGER NOT NULL,
    changes      TEXT    NOT NULL -- a JSON array
) STRICT, WITHOUT ROWID;
CREATE INDEX api_key_events_owner_id ON api_key_events (owner, id);
