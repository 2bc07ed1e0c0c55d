//! The contract of a store, written once and run for every engine.
//!
//! A clause is a function over a [`Home`]; `contract!` makes a test of each for one engine. A new engine adds a home
//! and one line.

mod claims;
mod damage;
mod dump;
mod durability;
mod engines;
mod entities;
mod findings;
mod full;
pub(crate) mod golden;
mod homes;
mod ledger;
mod log;
pub(crate) mod samples;
mod sled_rails;
mod stored;
mod trimming;

use std::sync::Arc;

use super::Store;

/// Where a store under test lives.
pub(crate) trait Home {
    /// A home with nothing in it.
    fn fresh() -> Self;

    /// Opens the store; the one opened before must have been dropped.
    fn open(&self) -> Arc<dyn Store>;

    /// Whether what was written is there when the store is opened again.
    const KEEPS: bool;
}

macro_rules! contract {
    ($engine:ident, $home:ty, { $($module:ident: $($clause:ident,)+;)+ }) => {
        mod $engine {
            $(mod $module {
                $(#[test]
                fn $clause() {
                    $crate::store::contract::$module::$clause(&<$home as $crate::store::contract::Home>::fresh());
                })+
            })+
        }
    };
}

macro_rules! contract_of {
    ($engine:ident, $home:ty) => {
        contract!($engine, $home, {
            log:
                an_empty_log_has_no_head_and_no_commits,
                positions_have_no_gaps,
                a_stale_writer_is_refused,
                a_commit_that_contradicts_itself_is_refused,
                an_append_is_whole_or_absent,
                commits_are_read_from_both_ends_until_the_limit,
                a_reader_never_sees_half_a_commit,
                ;
            entities:
                the_newest_version_of_each_live_entity_is_loaded_once,
                versions_come_newest_first_and_bodies_by_position,
                a_deletion_has_no_body,
                a_scan_ends_when_it_is_told_to,
                a_retired_entity_keeps_its_identity,
                every_identity_is_listed_by_number,
                entity_numbers_go_on_after_the_highest,
                an_identifier_has_a_row_for_each_holder,
                identifiers_are_ordered_and_none_is_the_beginning_of_another,
                odd_refs_stay_apart,
                ;
            claims:
                a_claim_is_read_as_it_was_put,
                claims_of_an_origin_lie_together,
                a_head_changes_without_its_body,
                claims_of_an_entity_follow_its_heads,
                a_removed_claim_leaves_nothing,
                a_row_that_is_removed_and_put_stays,
                waiting_claims_are_found_by_identifier,
                scopes_and_sweeps_are_replaced_whole,
                an_applied_sweep_gives_its_claims_back,
                ;
            findings:
                findings_are_ordered_by_owner_and_kept_once,
                clearing_findings_of_one_owner_leaves_the_others,
                findings_of_a_scope_are_those_of_its_origins,
                findings_cleared_and_put_in_one_commit_are_the_new_ones,
                an_event_delivered_twice_is_one,
                events_of_two_sources_stay_apart,
                ;
            ledger:
                runs_come_newest_first_and_by_source,
                a_run_that_moves_has_one_place,
                audit_records_come_in_the_order_of_writing,
                the_ledger_moves_no_head,
                named_values_are_kept_from_both_sides,
                ;
            dump:
                a_dump_shows_every_row_of_one_moment,
                a_dump_ends_when_it_is_told_to,
                a_loaded_store_is_the_dumped_one_under_another_lineage,
                ;
            trimming:
                the_newest_version_at_or_before_the_horizon_stays,
                the_head_of_the_log_stays_whatever_its_age,
                a_trimming_goes_in_batches_and_may_be_cut_off_at_any_of_them,
                commits_go_on_between_the_batches_of_a_trimming,
                ends_of_identifiers_go_with_the_versions_that_held_them,
                events_go_by_their_own_time,
                a_sweep_goes_whole_or_can_be_undone_whole,
                runs_go_once_they_have_ended_but_for_the_last_of_each_source,
                audit_records_go_and_their_numbers_go_on,
                ;
            durability:
                a_store_opened_again_is_the_same_store,
                cleared_findings_stay_cleared_after_opening_again,
                ;
        });
    };
}

contract_of!(memory, crate::store::contract::homes::MemoryHome);
contract_of!(fjall, crate::store::contract::homes::FjallHome);
contract_of!(sled, crate::store::contract::homes::SledHome);
