DROP INDEX api_key_events_api_key_id_id;
DROP INDEX api_keys_unfolded;
ALTER TABLE api_keys DROP COLUMN name_folded;
