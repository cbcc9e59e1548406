DROP TRIGGER api_keys_give_key ON api_keys;
ALTER TABLE api_keys ALTER COLUMN owner TYPE text COLLATE "default";
ALTER TABLE api_key_events ALTER COLUMN owner TYPE text COLLATE "default";
CREATE TRIGGER api_keys_give_key AFTER UPDATE ON api_keys
FOR EACH ROW WHEN (
    (old.owner, old.name, old.scopes, old.expires_at, old.disabled_at)
        IS DISTINCT FROM (new.owner, new.name, new.scopes, new.expires_at, new.disabled_at)
)
EXECUTE FUNCTION api_keys_give_key();
