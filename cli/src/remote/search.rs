//! `bailiwick search`.

use serde_json::json;

use super::client::Client;
use super::{filter, items, note_cut};
use crate::args::SearchArgs;
use crate::context::Context;
use crate::exit::{Exit, Failure};
use crate::output::{Rows, cell, cell_at};

const SEARCH: &str = "
query Search($query: String!, $first: Int, $filter: EntityFilter) {
  search(query: $query, first: $first, filter: $filter) {
    totalCount
    nodes { score entity { ref kind metadata { name title description } owner { ref } } }
  }
}";

pub(super) async fn run(args: &SearchArgs, client: &Client, context: &Context) -> Result<Exit, Failure> {
    let variables = json!({ "query": args.text.join(" "), "first": args.first, "filter": filter(&args.filter)? });
    let data = client.query(SEARCH, variables).await?;
    let hits = items(&data, "/search/nodes");
    context.print(&data["search"]["nodes"], |style| {
        let mut rows = Rows::new(&["REF", "TITLE", "OWNER", "DESCRIPTION"]);
        for hit in hits {
            let entity = &hit["entity"];
            rows.add([
                cell(&entity["ref"]),
                cell_at(entity, "/metadata/title"),
                cell_at(entity, "/owner/ref"),
                first_sentence(&cell_at(entity, "/metadata/description")),
            ]);
        }
        if rows.is_empty() {
            String::new()
        } else {
            rows.render(style)
        }
    })?;
    if hits.is_empty() {
        context.note("nothing found");
        return Ok(Exit::No);
    }
    note_cut(context, hits.len(), &data, "/search/totalCount", "more with --first N");
    Ok(Exit::Ok)
}

/// Longest description in a row, in characters.
const DESCRIPTION_CHARACTERS_MAX: usize = 60;

fn first_sentence(text: &str) -> String {
    let sentence = text.split(". ").next().unwrap_or_default();
    match sentence.char_indices().nth(DESCRIPTION_CHARACTERS_MAX) {
        Some((at, _)) => format!("{}…", &sentence[..at]),
        None => sentence.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_long_description_is_cut_at_a_character() {
        let text = "ä".repeat(100);
        assert_eq!(
            super::first_sentence(&text).chars().count(),
            super::DESCRIPTION_CHARACTERS_MAX + 1
        );
        assert_eq!(super::first_sentence("One. Two."), "One");
    }
}
