//! The table of every named limit of the program (law 9), and the page that lists them.

use std::fmt::Write as _;

use bailiwick_schema::Limit;

/// A limit and the crate or module that holds it.
#[derive(Debug, Clone, Copy)]
pub struct PublishedLimit {
    pub holder: &'static str,
    pub limit: Limit,
}

/// Every limit that any crate publishes, in the way of the data. A crate that publishes another table adds it here; the
/// suite finds tables that are not listed.
pub fn all_limits() -> Vec<PublishedLimit> {
    let mut tables: Vec<(&'static str, &'static [Limit])> = vec![
        ("config", bailiwick_config::limits::LIMITS),
        ("schema", bailiwick_schema::limits::LIMITS),
        ("schema::yaml", bailiwick_schema::yaml::LIMITS),
        ("schema::kind", bailiwick_schema::kind::LIMITS),
    ];
    tables.extend(
        bailiwick_ingestors::registry::LIMITS
            .iter()
            .map(|table| ("ingestors", *table)),
    );
    tables.extend([
        ("catalog::engine", bailiwick_catalog::engine::LIMITS),
        ("catalog::store", bailiwick_catalog::store::LIMITS),
        ("catalog::search", bailiwick_catalog::search::LIMITS),
        ("catalog::api", bailiwick_catalog::api::LIMITS),
        ("catalog::backup", bailiwick_catalog::backup::LIMITS),
        ("query", bailiwick_query::LIMITS),
    ]);
    let published = |(holder, table): (&'static str, &'static [Limit])| {
        table.iter().map(move |limit| PublishedLimit { holder, limit: *limit })
    };
    tables.into_iter().flat_map(published).collect()
}

/// `docs/limits.md` as it has to be.
pub fn limits_page() -> String {
    let mut page = String::from(
        "# Limits\n\nEverything has a limit with a name, a unit and something that says which one was hit. This page is \
         made from the\ntables in the code and compared by the test `law_9_everything_has_a_limit`; renew it with\n\
         `BAILIWICK_UPDATE_CONTRACTS=1 cargo test -p bailiwick-tests law_9`.\n",
    );
    let mut holder = "";
    for published in all_limits() {
        if published.holder != holder {
            holder = published.holder;
            let _ = write!(
                page,
                "\n## {holder}\n\n| limit | value | what happens beyond it |\n| --- | --: | --- |\n"
            );
        }
        let Limit {
            name,
            value,
            unit,
            effect,
        } = published.limit;
        let _ = writeln!(page, "| `{name}` | {} {unit} | {effect} |", grouped(value));
    }
    page
}

/// Digits in groups of three.
fn grouped(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::new();
    for (at, digit) in digits.char_indices() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
