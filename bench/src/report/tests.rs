//! The parts of a page, and numbers as they are shown.

use super::table::{Table, number};
use super::{RUN, SOAK, replaced};

const PAGE: &str = "# Top\n\n<!-- bench run: begin -->\nold\n<!-- bench run: end -->\n\n## Between\n\n\
                    <!-- bench soak: begin --><!-- bench soak: end -->\nbottom\n";

#[test]
fn only_what_stands_between_the_marks_is_replaced() {
    let page = replaced(PAGE, RUN, "new\n").unwrap();
    assert!(
        page.contains("# Top\n\n<!-- bench run: begin -->\n\nnew\n\n<!-- bench run: end -->\n\n## Between\n"),
        "{page}"
    );
    assert!(!page.contains("old"));
    let page = replaced(&page, SOAK, "soaked").unwrap();
    assert!(
        page.contains("new") && page.ends_with("\n\nsoaked\n\n<!-- bench soak: end -->\nbottom\n"),
        "{page}"
    );
    assert_eq!(
        replaced(&page, SOAK, "soaked").unwrap(),
        page,
        "a second time changes nothing"
    );
}

#[test]
fn a_page_without_marks_is_left_alone() {
    assert_eq!(replaced("# Top\n", RUN, "new"), None);
    assert_eq!(
        replaced("<!-- bench run: end --> <!-- bench run: begin -->", RUN, "new"),
        None
    );
}

#[test]
fn numbers_have_the_digits_that_they_are_worth() {
    let shown = [0.0567, 1.234, 45.678, 123.4, 12_345.6, 1_234_567.0].map(number);
    assert_eq!(shown, ["0.057", "1.23", "45.7", "123", "12,346", "1,234,567"]);
}

#[test]
fn a_table_has_its_words_left_and_its_numbers_right() {
    let mut table = Table::new(["work", "s"]);
    table.row(["ingest", "5"]);
    assert_eq!(table.text(), "| work | s |\n| --- | --: |\n| ingest | 5 |\n");
}

#[test]
fn the_page_of_the_project_has_the_marks() {
    let page = include_str!("../../../docs/benchmarks.md");
    for part in [RUN, SOAK] {
        assert!(replaced(page, part, "new").is_some(), "{part}");
    }
}
