-- A check asks for a secret and is answered by one row: what it tells of the key stands beside the digest as well. The triggers keep it so,
-- whoever writes: this server, one of an older version, or a person, whose sqlite3 does not look after foreign keys unless told to.
ALTER TABLE api_key_secrets ADD COLUMN key_owner TEXT NOT NULL DEFAULT '';
ALTER TABLE api_key_secrets ADD COLUMN key_name TEXT NOT NULL DEFAULT '';
ALTER TABLE api_key_secrets ADD COLUMN key_scopes TEXT NOT NULL DEFAULT '';
ALTER TABLE api_key_secrets ADD COLUMN key_expires_at INTEGER;
ALTER TABLE api_key_secrets ADD COLUMN key_disabled_at INTEGER;

DELETE FROM api_key_secrets WHERE api_key_id NOT IN (SELECT id FROM api_keys);
UPDATE api_key_secrets
SET key_owner = api_keys.owner, key_name = api_keys.name, key_scopes = api_keys.scopes,
    key_expires_at = api_keys.expires_at, key_disabled_at = api_keys.disabled_at
FROM api_keys WHERE api_keys.id = api_key_secrets.api_key_id;

CREATE TRIGGER api_key_secrets_take_key_first AFTER INSERT ON api_key_secrets
BEGIN
    UPDATE api_key_secrets
    SET key_owner = api_keys.owner, key_name = api_keys.name, key_scopes = api_keys.scopes,
        key_expires_at = api_keys.expires_at, key_disabled_at = api_keys.disabled_at
    FROM api_keys WHERE api_keys.id = new.api_key_id AND api_key_secrets.digest = new.digest;
END;

CREATE TRIGGER api_key_secrets_take_key AFTER UPDATE OF api_key_id ON api_key_secrets
BEGIN
    UPDATE api_key_secrets
    SET key_owner = api_keys.owner, key_name = api_keys.name, key_scopes = api_keys.scopes,
        key_expires_at = api_keys.expires_at, key_disabled_at = api_keys.disabled_at
    FROM api_keys WHERE api_keys.id = new.api_key_id AND api_key_secrets.digest = new.digest;
END;

CREATE TRIGGER api_keys_give_key AFTER UPDATE ON api_keys
WHEN (old.owner, old.name, old.scopes, old.expires_at, old.disabled_at)
    IS NOT (new.owner, new.name, new.scopes, new.expires_at, new.disabled_at)
BEGIN
    UPDATE api_key_secrets
    SET key_owner = new.owner, key_name = new.name, key_scopes = new.scopes,
        key_expires_at = new.expires_at, key_disabled_at = new.disabled_at
    WHERE api_key_id = new.id;
END;

-- A key that takes the place of another (REPLACE) is inserted, and no more.
CREATE TRIGGER api_keys_give_key_first AFTER INSERT ON api_keys
BEGIN
    UPDATE api_key_secrets
    SET key_owner = new.owner, key_name = new.name, key_scopes = new.scopes,
        key_expires_at = new.expires_at, key_disabled_at = new.disabled_at
    WHERE api_key_id = new.id;
END;

CREATE TRIGGER api_keys_take_secrets AFTER DELETE ON api_keys
BEGIN
    DELETE FROM api_key_secrets WHERE api_key_id = old.id;
END;
