//! The tables, the same for both backends.

use super::types::{SqlInstant, SqlUuid};

diesel::table! {
    use diesel::sql_types::{Binary, Nullable, Text};
    use super::{SqlInstant, SqlUuid};

    api_keys (id) {
        id -> SqlUuid,
        owner -> Text,
        name -> Text,
        name_folded -> Text,
        scopes -> Text,
        created_at -> SqlInstant,
        created_by -> Text,
        expires_at -> Nullable<SqlInstant>,
        disabled_at -> Nullable<SqlInstant>,
    }
}

diesel::table! {
    use diesel::sql_types::{Binary, Nullable, Text};
    use super::{SqlInstant, SqlUuid};

    api_key_secrets (digest) {
        digest -> Binary,
        api_key_id -> SqlUuid,
        hint -> Text,
        created_at -> SqlInstant,
        expires_at -> Nullable<SqlInstant>,
        last_used_at -> Nullable<SqlInstant>,
        key_owner -> Text,
        key_name -> Text,
        key_scopes -> Text,
        key_expires_at -> Nullable<SqlInstant>,
        key_disabled_at -> Nullable<SqlInstant>,
    }
}

diesel::table! {
    use diesel::sql_types::Text;
    use super::{SqlInstant, SqlUuid};

    api_key_events (id) {
        id -> SqlUuid,
        api_key_id -> SqlUuid,
        api_key_name -> Text,
        owner -> Text,
        actor -> Text,
        credential -> Text,
        action -> Text,
        at -> SqlInstant,
        changes -> Text,
    }
}

diesel::allow_tables_to_appear_in_same_query!(api_keys, api_key_secrets, api_key_events);
