//! The reading of mixes and of metrics.

use super::counting::counters_of;
use super::soak::Mix;
use crate::questions::Operation;

#[test]
fn a_mix_is_read_line_by_line() {
    let mix = Mix::parse("# shares\nlookup 40\n\n  page\t7 # pages\n").unwrap();
    assert_eq!(mix, Mix(vec![(Operation::Lookup, 40), (Operation::Page, 7)]));
}

#[test]
fn a_mix_of_unknown_operations_or_shares_is_refused() {
    for wrong in [
        "",
        "# nothing\n",
        "lookup",
        "lookup 0",
        "lookup -1",
        "lookup many",
        "dance 3",
        "lookup 3 4",
    ] {
        assert!(Mix::parse(wrong).is_err(), "`{wrong}`");
    }
}

#[test]
fn the_mix_that_is_checked_in_asks_for_every_operation_that_the_soak_must_have() {
    let Mix(mix) = Mix::parse(include_str!("../../mixes/soak.mix")).unwrap();
    for operation in ["lookup", "page", "search", "facets", "two_hops"] {
        let operation = Operation::named(operation).unwrap();
        assert!(mix.iter().any(|(named, _)| *named == operation), "{operation:?}");
    }
}

#[test]
fn counters_are_read_out_of_a_page_of_metrics() {
    let page = "# HELP bailiwick_versions_written Versions.\n# TYPE bailiwick_versions_written counter\n\
                bailiwick_versions_written_total 12\n\
                bailiwick_store_rows_read_total{table=\"log\",how=\"get\"} 3\n\
                bailiwick_store_rows_read_total{table=\"runs\",how=\"get\"} 44\n\
                bailiwick_store_bytes_written_total{table=\"log\"} 30\n\
                bailiwick_store_bytes_written_total{table=\"runs\"} 4\n\
                bailiwick_position 7\nbroken\nbailiwick_ledger_rows_total many\n# EOF\n";
    let counts: Vec<_> = counters_of(page).into_iter().collect();
    let wanted = [
        ("bailiwick_store_bytes_written_total", 34),
        ("bailiwick_store_rows_read_total{table=\"log\",how=\"get\"}", 3),
        ("bailiwick_versions_written_total", 12),
    ];
    assert_eq!(counts, wanted.map(|(name, count)| (name.to_owned(), count)));
}
