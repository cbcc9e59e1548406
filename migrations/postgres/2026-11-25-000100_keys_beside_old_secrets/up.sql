-- A migration of its own, because this takes its time: servers of an older version go on reading meanwhile. A row that a trigger has filled
-- since is newer than what is seen of its key here.
UPDATE api_key_secrets
SET key_owner = api_keys.owner, key_name = api_keys.name, key_scopes = api_keys.scopes,
    key_expires_at = api_keys.expires_at, key_disabled_at = api_keys.disabled_at
FROM api_keys WHERE api_keys.id = api_key_secrets.api_key_id AND api_key_secrets.key_owner = '';
