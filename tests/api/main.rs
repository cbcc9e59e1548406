//! The scenarios: each through HTTP against the real binary, on SQLite and on PostgreSQL.
//!
//! `make test` runs everything (it sets `APIKEYS_TEST=all`). Plain `cargo test` leaves out what needs PostgreSQL,
//! Node, Python, nginx or Caddy and says so; in CI leaving out is a failure.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stderr,
    reason = "a panic is how a test fails"
)]

mod addresses;
mod backends;
mod beside;
mod callers;
mod changes;
mod cli;
mod clocks;
mod completion;
mod connections;
mod costs;
mod database;
mod documents;
mod effects;
mod events;
mod expiry;
mod filters;
mod forward_auth;
mod harness;
mod http2;
mod http_rules;
mod introspection;
mod last_used;
mod leaks;
mod life;
mod limits;
mod log_pipe;
mod logs;
mod migrations;
mod names;
mod nesting;
mod oidc;
mod outage;
mod overload;
mod owners;
mod pages;
mod pinned;
mod pooler;
mod postgres;
mod proxies;
mod record;
mod requests;
mod revocation;
mod rotation;
mod running;
mod sessions;
mod slow_peers;
mod standby;

use std::process::ExitCode;

use libtest_mimic::{Arguments, Trial};

use harness::{Kind, Test};

/// Registers async functions of one [`Test`] for the databases they are for.
macro_rules! trials {
    ($trials:ident, $kinds:expr, $needs_more:expr, $($module:ident :: $name:ident),* $(,)?) => {
        $(
            for kind in $kinds {
                let name = concat!(stringify!($module), "::", stringify!($name));
                $trials.push(trial(name, *kind, $needs_more, |test| Box::pin($module::$name(test))));
            }
        )*
    };
}

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let mut trials = Vec::new();
    trials!(
        trials,
        &[Kind::Sqlite, Kind::Postgres],
        false,
        beside::keys_of_an_older_version_are_checked_too,
        beside::what_a_person_writes_into_the_database_counts_at_once,
        callers::each_may_do_what_the_table_says_and_nothing_else,
        callers::a_key_is_good_until_it_is_deleted,
        callers::two_credentials_are_not_guessed_between,
        callers::a_session_serves_pages_of_this_server_alone,
        callers::scopes_are_checked_and_kept,
        callers::pages_of_allowed_origins_may_call,
        changes::what_is_left_out_stays_and_null_clears,
        changes::a_paused_key_is_refused_from_the_answer_on,
        changes::what_is_not_found_is_left_as_it_was,
        cli::create_key_prints_the_secret_alone,
        cli::migrate_runs_the_migrations_and_stops,
        completion::each_selected_field_is_in_the_answer,
        completion::what_may_not_be_null_takes_the_nearest_parent_that_may,
        completion::what_was_done_is_told_though_other_fields_failed,
        completion::arguments_within_a_payload_are_checked_before_anything_is_done,
        database::a_secret_is_kept_nowhere,
        database::a_restart_keeps_everything,
        database::sigkill_loses_nothing_that_was_acknowledged,
        database::three_servers_start_together_on_an_empty_database,
        documents::limits_let_the_known_clients_pass_and_stop_the_rest,
        documents::a_page_is_the_same_however_it_is_resolved,
        documents::a_hostile_document_is_refused_at_once,
        events::the_record_tells_what_happened_and_outlives_the_key,
        events::old_events_are_removed_in_the_background,
        expiry::a_key_is_refused_from_its_second_on,
        expiry::an_end_that_cannot_be_is_refused,
        expiry::the_longest_life_is_kept,
        filters::each_filter_lets_pass_what_it_says,
        filters::every_order_meets_each_key_once,
        filters::names_of_before_are_found_too,
        forward_auth::a_good_key_passes_with_its_owner,
        forward_auth::what_does_not_work_is_refused_all_alike,
        forward_auth::scopes_that_are_asked_for_are_required,
        forward_auth::an_outage_is_503_and_opens_nothing,
        http_rules::without_credentials_everything_is_unauthenticated,
        http_rules::post_takes_json_alone,
        http_rules::get_runs_queries_alone,
        http_rules::a_body_has_64_kib_at_most,
        http_rules::accept_decides_type_and_status,
        http_rules::nothing_about_keys_may_be_cached,
        introspection::an_active_key_is_described,
        introspection::anything_else_is_inactive_and_nothing_more,
        introspection::only_a_key_with_the_scope_may_ask,
        last_used::a_use_is_told_of_and_a_refusal_is_not,
        last_used::a_check_waits_for_no_write,
        last_used::each_of_120_000_keys_that_were_used_once_is_told_of,
        leaks::every_key_of_an_owner_can_be_revoked,
        leaks::a_scan_finds_secrets_and_tells_which_are_live,
        life::a_key_is_created_listed_and_deleted,
        life::a_name_is_checked,
        life::wrong_input_names_its_argument,
        life::two_hundred_creates_and_deletes_are_all_accounted_for,
        life::clients_that_go_away_harm_nobody,
        limits::an_owner_has_so_many_keys_and_no_more,
        limits::several_are_deleted_together_or_not_at_all,
        logs::one_line_a_request_and_nothing_secret,
        migrations::who_only_looks_does_not_migrate,
        names::a_key_without_a_name_holds_up_no_start,
        names::a_list_by_name_ends_whatever_a_person_wrote,
        oidc::the_claim_names_the_owner_and_sub_the_actor,
        outage::an_outage_is_called_one_and_ends,
        owners::two_owners_cannot_see_each_other,
        pages::a_thousand_keys_are_met_exactly_once_while_others_come_and_go,
        pages::page_info_and_counts_are_right,
        revocation::a_deleted_key_is_accepted_by_no_request_that_starts_after_the_answer,
        revocation::callers_that_go_away_harm_no_other,
        rotation::the_key_stays_and_its_old_secret_ends_with_the_overlap,
        rotation::there_are_never_more_than_two_secrets,
        rotation::a_key_may_rotate_itself_and_nobody_gains_by_rotating,
        running::a_signal_finishes_what_runs_and_exits_0,
        running::a_signal_right_after_the_start_exits_0,
        sessions::the_link_opens_a_session_and_signing_out_ends_it,
        sessions::a_wrong_link_opens_nothing,
        costs::a_request_asks_the_database_128_questions_at_most,
        costs::what_is_asked_twice_is_asked_once,
        costs::a_page_of_100_keys_with_events_of_each_passes,
        costs::an_answer_has_a_mebibyte_at_most,
        slow_peers::more_silent_connections_than_descriptors_harm_nobody,
        log_pipe::a_log_that_nobody_reads_stops_nothing,
        effects::a_key_revoked_before_the_body_came_makes_nothing,
        effects::a_write_looks_whether_its_credential_still_works,
        effects::a_document_of_many_mutations_stops_when_its_key_is_revoked,
        effects::keys_that_change_each_other_at_the_same_time_wait_in_no_circle,
        effects::a_key_that_writes_without_a_pause_can_be_deleted,
        overload::heavy_documents_do_not_hold_up_checks,
        record::the_record_of_an_owner_has_a_most,
        record::an_owner_that_writes_no_more_is_looked_at_too,
        record::a_task_that_cannot_do_its_work_is_told_by_readyz,
    );
    trials!(
        trials,
        &[Kind::Sqlite],
        false,
        cli::a_mistake_in_the_configuration_is_one_line_and_exit_code_2,
        cli::the_schema_in_the_repository_is_the_one_served,
        cli::help_names_every_variable,
        database::the_sqlite_file_is_its_owners_alone,
        oidc::tokens_of_every_listed_algorithm_are_taken,
        oidc::a_token_that_is_not_good_is_refused,
        oidc::keys_are_kept_and_asked_for_when_they_change,
        oidc::an_issuer_that_is_down_is_an_outage,
        oidc::an_issuer_with_another_name_is_not_believed,
        oidc::nothing_of_local_mode_is_there,
        outage::a_file_that_goes_away_is_an_outage,
        proxies::the_readme_shows_the_examples_as_they_are,
        costs::introspection_runs_once_a_document,
        nesting::brackets_deeper_than_64_are_refused_before_they_are_parsed,
        nesting::brackets_in_strings_and_comments_are_no_nesting,
        nesting::variables_that_nest_too_deep_are_refused,
        slow_peers::a_header_has_ten_seconds,
        slow_peers::a_body_has_twenty_seconds,
        slow_peers::a_reader_that_does_not_read_is_let_go,
        log_pipe::lines_that_were_lost_are_counted,
        log_pipe::a_signal_ends_it_though_nobody_reads_what_it_prints,
        http2::answers_that_nobody_reads_are_bounded_and_let_go,
        http2::one_connection_serves_many_requests,
        costs::type_names_below_the_schema_are_bounded,
        logs::what_a_client_calls_an_operation_is_no_way_into_the_log,
        requests::an_empty_name_of_an_operation_is_none,
        requests::the_schema_has_no_type_that_nothing_refers_to,
        requests::bodies_come_in_many_forms,
        requests::a_number_that_is_not_whole_is_refused_in_words,
        requests::persisted_queries_are_not_supported_and_said_to_be_so,
        requests::a_preflight_allows_what_is_asked_for_but_credentials,
    );
    trials!(
        trials,
        &[Kind::Postgres],
        false,
        last_used::a_thousand_checks_are_a_few_writes,
        beside::changes_at_the_same_time_reach_every_secret,
        postgres::a_page_costs_the_same_queries_whatever_its_size,
        postgres::a_page_reads_its_own_rows_alone,
        postgres::sslmode_means_what_libpq_says,
        postgres::a_server_that_does_not_answer_is_an_outage,
        postgres::a_server_that_accepts_and_says_nothing_is_reported_at_start,
        postgres::certificates_as_the_manual_makes_them_work_or_are_explained,
        postgres::a_database_of_another_encoding_is_refused,
        postgres::an_option_that_is_not_known_is_named,
        connections::connections_that_the_database_ends_fail_nothing,
        connections::connections_that_fall_silent_fail_nothing,
        connections::connections_that_fall_silent_under_load_fail_no_check,
        connections::two_connections_are_enough,
        connections::there_are_16_connections_where_nobody_says,
        connections::a_number_of_connections_that_cannot_be_is_refused,
        connections::a_connection_without_traffic_is_looked_at_after_30_seconds,
        migrations::a_role_that_may_make_no_tables_serves,
        migrations::the_wait_for_another_that_migrates_ends_and_names_it,
        migrations::whoever_waits_for_another_that_migrates_goes_on_after_it,
        migrations::a_migration_that_gets_no_lock_is_tried_again,
        migrations::owners_are_compared_byte_by_byte,
        pooler::a_pooler_of_transactions_is_refused_where_nobody_says_so,
        pooler::two_servers_share_a_pooler_of_transactions,
        pooler::a_pooler_of_sessions_needs_no_word,
        clocks::a_key_ends_by_the_clock_of_the_database,
        clocks::an_overlap_ends_by_the_clock_of_the_database,
        overload::checks_are_answered_while_everything_else_waits,
        overload::a_query_whose_client_is_gone_ends,
        overload::a_frozen_database_is_an_outage_within_five_seconds,
        overload::readyz_asks_once_for_all,
        pinned::settings_of_the_database_change_no_promise,
        addresses::a_dead_address_costs_a_moment,
        standby::a_standby_answers_no_check,
        standby::with_the_standby_alone_it_is_an_outage,
    );
    trials!(
        trials,
        &[Kind::Sqlite, Kind::Postgres],
        true,
        http_rules::every_audit_of_graphql_http_is_ok,
        http_rules::the_page_is_embedded_compressed_and_strict,
        backends::each_asks_and_answers_as_the_table_says,
        backends::nobody_is_let_in_where_apikeys_cannot_tell,
        proxies::a_good_key_passes_with_its_owner,
        proxies::what_the_client_claims_is_dropped,
        proxies::whoever_has_no_good_key_is_refused,
        proxies::a_scope_is_required_however_the_path_is_spelt,
        proxies::an_outage_opens_nothing,
    );
    trials!(
        trials,
        &[Kind::Sqlite],
        true,
        proxies::the_question_has_the_key_in_it_and_nothing_else,
    );

    let all = std::env::var("APIKEYS_TEST").is_ok_and(|value| value == "all");
    if !all {
        eprintln!(
            "LEFT OUT: the scenarios on PostgreSQL and those that need Node, Python, nginx or Caddy. `make test` runs everything."
        );
        if std::env::var_os("CI").is_some() {
            eprintln!("In CI leaving out is a failure: run `make test`.");
            return ExitCode::FAILURE;
        }
    }
    let conclusion = libtest_mimic::run(&arguments, trials);
    harness::stop_cluster();
    conclusion.exit_code()
}

fn trial(
    name: &str,
    kind: Kind,
    needs_more: bool,
    scenario: impl FnOnce(Test) -> std::pin::Pin<Box<dyn Future<Output = ()>>> + Send + 'static,
) -> Trial {
    let all = std::env::var("APIKEYS_TEST").is_ok_and(|value| value == "all");
    let left_out = !all && (kind == Kind::Postgres || needs_more);
    Trial::test(format!("{name}::{}", kind.name()), move || {
        let runtime = tokio::runtime::Runtime::new()?;
        runtime.block_on(async {
            let test = Test::new(kind).await;
            scenario(test).await;
        });
        Ok(())
    })
    .with_ignored_flag(left_out)
}
