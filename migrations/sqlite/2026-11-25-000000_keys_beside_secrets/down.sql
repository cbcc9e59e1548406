DROP TRIGGER api_keys_give_key;
DROP TRIGGER api_key_secrets_take_key;
DROP TRIGGER api_key_secrets_take_key_first;
ALTER TABLE api_key_secrets DROP COLUMN key_disabled_at;
ALTER TABLE api_key_secrets DROP COLUMN key_expires_at;
ALTER TABLE api_key_secrets DROP COLUMN key_scopes;
ALTER TABLE api_key_secrets DROP COLUMN key_name;
ALTER TABLE api_key_secrets DROP COLUMN key_owner;
