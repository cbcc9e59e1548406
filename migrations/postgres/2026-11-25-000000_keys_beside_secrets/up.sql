-- A check asks for a secret and is answered by one row: what it tells of the key stands beside the digest as well. The triggers keep it so,
-- whoever writes: this server, one of an older version, or a person. What was there before is the next migration's.

-- In the order in which those who write lock them, and not for ever: whoever checks a key would wait behind this.
SET LOCAL lock_timeout = '1s';
LOCK TABLE api_keys IN SHARE ROW EXCLUSIVE MODE;

ALTER TABLE api_key_secrets
    ADD COLUMN key_owner       text NOT NULL DEFAULT '',
    ADD COLUMN key_name        text NOT NULL DEFAULT '',
    ADD COLUMN key_scopes      text NOT NULL DEFAULT '',
    ADD COLUMN key_expires_at  timestamptz,
    ADD COLUMN key_disabled_at timestamptz;

-- The lock makes a change of the key wait until the secret can be seen, so that it reaches it too.
CREATE FUNCTION api_key_secrets_take_key() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    SELECT owner, name, scopes, expires_at, disabled_at
    INTO new.key_owner, new.key_name, new.key_scopes, new.key_expires_at, new.key_disabled_at
    FROM api_keys WHERE id = new.api_key_id FOR SHARE;
    IF NOT FOUND THEN
        new.key_owner := '';
        new.key_name := '';
        new.key_scopes := '';
    END IF;
    RETURN new;
END
$$;
CREATE TRIGGER api_key_secrets_take_key BEFORE INSERT OR UPDATE OF api_key_id ON api_key_secrets
FOR EACH ROW EXECUTE FUNCTION api_key_secrets_take_key();

CREATE FUNCTION api_keys_give_key() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    UPDATE api_key_secrets
    SET key_owner = new.owner, key_name = new.name, key_scopes = new.scopes,
        key_expires_at = new.expires_at, key_disabled_at = new.disabled_at
    WHERE api_key_id = new.id;
    RETURN NULL;
END
$$;
CREATE TRIGGER api_keys_give_key AFTER UPDATE ON api_keys
FOR EACH ROW WHEN (
    (old.owner, old.name, old.scopes, old.expires_at, old.disabled_at)
        IS DISTINCT FROM (new.owner, new.name, new.scopes, new.expires_at, new.disabled_at)
)
EXECUTE FUNCTION api_keys_give_key();
