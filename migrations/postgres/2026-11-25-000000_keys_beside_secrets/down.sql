DROP TRIGGER api_keys_give_key ON api_keys;
DROP FUNCTION api_keys_give_key;
DROP TRIGGER api_key_secrets_take_key ON api_key_secrets;
DROP FUNCTION api_key_secrets_take_key;
ALTER TABLE api_key_secrets
    DROP COLUMN key_owner,
    DROP COLUMN key_name,
    DROP COLUMN key_scopes,
    DROP COLUMN key_expires_at,
    DROP COLUMN key_disabled_at;
