-- Names as they are compared, without regard to case. Unicode's rules for that are the server's, the same for each database: it
-- fills what is empty here when it starts.
SET LOCAL lock_timeout = '1s';
ALTER TABLE api_keys ADD COLUMN name_folded text COLLATE "C" NOT NULL DEFAULT '';
CREATE INDEX api_keys_unfolded ON api_keys (id) WHERE name_folded = '';

-- The events of one key, in order.
CREATE INDEX api_key_events_api_key_id_id ON api_key_events (api_key_id, id);
