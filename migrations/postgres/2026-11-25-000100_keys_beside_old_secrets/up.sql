-- A part of the rows at a time, each part committed: servers of an older version go on reading and writing meanwhile. A row that a trigger has
-- filled since is newer than what is seen of its key here.
DO $$
BEGIN
    FOR first_byte IN 0..255 LOOP
        UPDATE api_key_secrets
        SET key_owner = api_keys.owner, key_name = api_keys.name, key_scopes = api_keys.scopes,
            key_expires_at = api_keys.expires_at, key_disabled_at = api_keys.disabled_at
        FROM api_keys
        WHERE api_keys.id = api_key_secrets.api_key_id AND api_key_secrets.key_owner = ''
            AND digest >= set_byte('\x00', 0, first_byte)
            AND (first_byte = 255 OR digest < set_byte('\x00', 0, (first_byte + 1) % 256));
        COMMIT;
    END LOOP;
END
$$;
