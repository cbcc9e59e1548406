-- Ids are UUIDs of version 7, so that their order is that of creation.

CREATE TABLE api_keys (
    id          uuid        NOT NULL PRIMARY KEY,
    owner       text        NOT NULL,
    name        text        NOT NULL,
    scopes      text        NOT NULL DEFAULT '', -- separated by single spaces, as in RFC 6749 section 3.3
    created_at  timestamptz NOT NULL,
    created_by  text        NOT NULL,
    expires_at  timestamptz,
    disabled_at timestamptz
);
CREATE INDEX api_keys_owner_id ON api_keys (owner, id);

CREATE TABLE api_key_secrets (
    digest       bytea       NOT NULL PRIMARY KEY CHECK (octet_length(digest) = 32), -- SHA-256 of the whole secret
    api_key_id   uuid        NOT NULL REFERENCES api_keys (id) ON DELETE CASCADE,
    hint         text        NOT NULL,
    created_at   timestamptz NOT NULL,
    expires_at   timestamptz,
    last_used_at timestamptz
);
CREATE INDEX api_key_secrets_api_key_id ON api_key_secrets (api_key_id);

-- What happened, by whom. It outlives the key, so it refers to none.
CREATE TABLE api_key_events (
    id           uuid        NOT NULL PRIMARY KEY,
    api_key_id   uuid        NOT NULL,
    api_key_name text        NOT NULL, -- as it was then
    owner        text        NOT NULL,
    actor        text        NOT NULL,
    credential   text        NOT NULL,
    action       text        NOT NULL,
    at           timestamptz NOT NULL,
    changes      text        NOT NULL -- a JSON array
);
CREATE INDEX api_key_events_owner_id ON api_key_events (owner, id);
