-- An owner is compared by its bytes, which costs less than by a language's rules, and an upgrade of the system's rules cannot break the
-- indexes that every page relies on. The indexes on it are built anew: meanwhile keys are neither listed nor changed, and are checked
-- as ever, because a check reads their secrets alone.
SET LOCAL lock_timeout = '1s';
LOCK TABLE api_keys, api_key_events IN ACCESS EXCLUSIVE MODE;
-- A column that a trigger names keeps its type while the trigger is there.
DROP TRIGGER api_keys_give_key ON api_keys;
ALTER TABLE api_keys ALTER COLUMN owner TYPE text COLLATE "C";
ALTER TABLE api_key_events ALTER COLUMN owner TYPE text COLLATE "C";
CREATE TRIGGER api_keys_give_key AFTER UPDATE ON api_keys
FOR EACH ROW WHEN (
    (old.owner, old.name, old.scopes, old.expires_at, old.disabled_at)
        IS DISTINCT FROM (new.owner, new.name, new.scopes, new.expires_at, new.disabled_at)
)
EXECUTE FUNCTION api_keys_give_key();
