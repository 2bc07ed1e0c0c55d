//! What a document may ask for, decided before anything of it is validated or run.
//!
//! The text is checked before it is parsed (parsers recurse), the parsed document before it is validated (validation
//! walks it many times). Complexity counts every field once for each entry of the pages around it, so it bounds the
//! size of the answer. Fragments are walked where they are spread, with the budget running, so neither cycles nor
//! towers of fragments cost more than the budget.

use async_graphql::parser::types::{
    ExecutableDocument, Field, OperationDefinition, OperationType, Selection, SelectionSet,
};
use async_graphql::{Name, Value, Variables};
use bailiwick_schema::Position;

use crate::error::ApiError;
use crate::limits::{
    INTROSPECTION_LISTS_MAX, PAGE_DEFAULT, PAGE_MAX, QUERY_ALIASES_MAX, QUERY_COMPLEXITY_MAX, QUERY_DEPTH_MAX,
    QUERY_DIRECTIVES_MAX, QUERY_NESTING_MAX, QUERY_ROOT_FIELDS_MAX, QUERY_TEXT_BYTES_MAX,
};

/// Fields that give a page, and so multiply what is below them even where `first` is left out.
const PAGED: [&str; 7] = [
    "entities",
    "search",
    "relations",
    "findings",
    "changes",
    "runs",
    "history",
];
/// Fields that are dearer than a look-up.
const DEAR: [(&str, u64); 6] = [
    ("search", 500),
    ("aggregate", 200),
    ("entities", 50),
    ("explain", 50),
    ("findings", 50),
    ("body", 20),
];
/// Lists of introspection that lead back to types.
const INTROSPECTION_LISTS: [&str; 4] = ["fields", "interfaces", "possibleTypes", "inputFields"];

/// What the walk learned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Verdict {
    pub(super) operation: OperationType,
    /// The highest `atLeast` of the fields at the root.
    pub(super) at_least: Option<Position>,
    pub(super) complexity: u64,
}

/// Checks the bare text.
pub(super) fn check_text(query: &str) -> Result<(), ApiError> {
    if query.len() > QUERY_TEXT_BYTES_MAX {
        let message = format!("the document is longer than {QUERY_TEXT_BYTES_MAX} bytes");
        return Err(ApiError::limit("query_text_bytes_max", message));
    }
    // Brackets in strings and comments count too: that is on the safe side, and 60 of them open at once are rare.
    let mut depth = 0_usize;
    for byte in query.bytes() {
        match byte {
            b'{' | b'[' | b'(' => {
                depth += 1;
                if depth > QUERY_NESTING_MAX {
                    let message = format!("the document nests more than {QUERY_NESTING_MAX} brackets");
                    return Err(ApiError::limit("query_nesting_max", message));
                }
            }
            b'}' | b']' | b')' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    Ok(())
}

/// Checks a parsed document and the operation that will run.
pub(super) fn check_document(
    document: &ExecutableDocument,
    operation_name: Option<&str>,
    variables: &Variables,
) -> Result<Verdict, ApiError> {
    count_unexpanded(document)?;
    if operation_name.is_none() && document.operations.iter().count() > 1 {
        return Err(ApiError::bad_request(
            "the document has several operations; name one in `operationName`",
        ));
    }
    let mut verdict = None;
    let wanted = |name: Option<&str>| operation_name.is_none() || name == operation_name;
    for (name, operation) in document.operations.iter() {
        let mut walk = Walk {
            document,
            variables,
            operation: &operation.node,
            spent: 0,
            root_fields: 0,
            at_least: None,
        };
        walk.selections(&operation.node.selection_set.node, Place::ROOT)?;
        if wanted(name.map(|name| name.as_str())) && verdict.is_none() {
            let operation = operation.node.ty;
            verdict = Some(Verdict {
                operation,
                at_least: walk.at_least,
                complexity: walk.spent,
            });
        }
    }
    verdict.ok_or_else(|| ApiError::bad_request("the document has no operation of the name that the request gives"))
}

/// Aliases and directives, counted as written.
fn count_unexpanded(document: &ExecutableDocument) -> Result<(), ApiError> {
    let mut aliases = 0;
    let mut directives = 0;
    let fragments = document.fragments.values().map(|fragment| {
        directives += fragment.node.directives.len();
        &fragment.node.selection_set.node
    });
    let mut sets: Vec<&SelectionSet> = fragments.collect();
    for (_, operation) in document.operations.iter() {
        directives += operation.node.directives.len();
        sets.push(&operation.node.selection_set.node);
    }
    while let Some(set) = sets.pop() {
        for item in &set.items {
            match &item.node {
                Selection::Field(field) => {
                    aliases += usize::from(field.node.alias.is_some());
                    directives += field.node.directives.len();
                    sets.push(&field.node.selection_set.node);
                }
                Selection::FragmentSpread(spread) => directives += spread.node.directives.len(),
                Selection::InlineFragment(fragment) => {
                    directives += fragment.node.directives.len();
                    sets.push(&fragment.node.selection_set.node);
                }
            }
        }
    }
    if aliases > QUERY_ALIASES_MAX {
        let message = format!("the document has {aliases} aliases, {QUERY_ALIASES_MAX} are allowed");
        return Err(ApiError::limit("query_aliases_max", message));
    }
    if directives > QUERY_DIRECTIVES_MAX {
        let message = format!("the document has {directives} directives, {QUERY_DIRECTIVES_MAX} are allowed");
        return Err(ApiError::limit("query_directives_max", message));
    }
    Ok(())
}

/// Where the walk is.
#[derive(Clone, Copy)]
struct Place {
    depth: usize,
    /// Fragments around, which nest without a field.
    spreads: usize,
    /// How often a field here is answered.
    times: u64,
    /// Lists around, within an introspection.
    introspection: Option<usize>,
}

impl Place {
    const ROOT: Self = Self {
        depth: 0,
        spreads: 0,
        times: 1,
        introspection: None,
    };
}

struct Walk<'a> {
    document: &'a ExecutableDocument,
    variables: &'a Variables,
    operation: &'a OperationDefinition,
    spent: u64,
    root_fields: usize,
    at_least: Option<Position>,
}

impl Walk<'_> {
    fn selections(&mut self, set: &SelectionSet, place: Place) -> Result<(), ApiError> {
        for item in &set.items {
            // Whatever is walked is paid for, so that no arrangement of fragments walks for ever.
            self.spend(place.times)?;
            match &item.node {
                Selection::Field(field) => self.field(&field.node, place)?,
                Selection::InlineFragment(fragment) => {
                    self.selections(&fragment.node.selection_set.node, spread(place)?)?;
                }
                Selection::FragmentSpread(named) => {
                    if let Some(fragment) = self.document.fragments.get(&named.node.fragment_name.node) {
                        self.selections(&fragment.node.selection_set.node, spread(place)?)?;
                    }
                }
            }
        }
        Ok(())
    }

    fn field(&mut self, field: &Field, place: Place) -> Result<(), ApiError> {
        let name = field.name.node.as_str();
        if place.depth == 0 {
            self.root_fields += 1;
            if self.root_fields > QUERY_ROOT_FIELDS_MAX {
                let message = format!("the operation has more than {QUERY_ROOT_FIELDS_MAX} fields at its root");
                return Err(ApiError::limit("query_root_fields_max", message));
            }
            let at_least = self.whole_number(field, "atLeast").map(Position);
            self.at_least = self.at_least.max(at_least);
        }
        if let Some((_, cost)) = DEAR.iter().find(|(dear, _)| *dear == name) {
            self.spend(cost.saturating_mul(place.times))?;
        }
        let mut inner = Place {
            depth: place.depth + 1,
            spreads: 0,
            ..place
        };
        if place.depth == 0 && name.starts_with("__") {
            inner.introspection = Some(0);
        }
        if let Some(lists) = inner.introspection {
            let lists = lists + usize::from(INTROSPECTION_LISTS.contains(&name));
            if lists > INTROSPECTION_LISTS_MAX {
                let message = format!("the introspection nests more than {INTROSPECTION_LISTS_MAX} lists of types");
                return Err(ApiError::limit("introspection_lists_max", message));
            }
            inner.introspection = Some(lists);
        } else {
            if inner.depth > QUERY_DEPTH_MAX {
                let message = format!("the query nests more than {QUERY_DEPTH_MAX} fields; ask in two steps");
                return Err(ApiError::limit("query_depth_max", message));
            }
            let entries = match self.whole_number(field, "first") {
                Some(first) if first > PAGE_MAX as u64 => {
                    let message = format!("`{name}` asks for {first} entries, a page has at most {PAGE_MAX}");
                    return Err(ApiError::limit("page_max", message));
                }
                Some(first) => first.max(1),
                None if PAGED.contains(&name) => PAGE_DEFAULT as u64,
                None => 1,
            };
            inner.times = place.times.saturating_mul(entries);
        }
        self.selections(&field.selection_set.node, inner)
    }

    fn spend(&mut self, cost: u64) -> Result<(), ApiError> {
        self.spent = self.spent.saturating_add(cost);
        if self.spent > QUERY_COMPLEXITY_MAX {
            let message = format!(
                "the query asks for more than {QUERY_COMPLEXITY_MAX} fields, counting each entry of a page; ask for \
                 smaller pages or fewer fields"
            );
            return Err(ApiError::limit("query_complexity_max", message));
        }
        Ok(())
    }

    /// The value of an argument, where it is a whole number or a variable that holds one.
    fn whole_number(&self, field: &Field, argument: &str) -> Option<u64> {
        let value = field.get_argument(argument)?.node.clone();
        let of_variable = |name: Name| {
            self.variables
                .get(&name)
                .or_else(|| self.default_of(&name))
                .cloned()
                .ok_or(())
        };
        match value.into_const_with(of_variable) {
            Ok(Value::Number(number)) => number.as_u64(),
            _ => None,
        }
    }

    fn default_of(&self, name: &Name) -> Option<&Value> {
        let mut definitions = self.operation.variable_definitions.iter();
        let definition = definitions.find(|definition| definition.node.name.node == *name)?;
        definition.node.default_value.as_ref().map(|value| &value.node)
    }
}

fn spread(place: Place) -> Result<Place, ApiError> {
    let spreads = place.spreads + 1;
    if place.depth + spreads > QUERY_DEPTH_MAX {
        let message = format!("the query nests more than {QUERY_DEPTH_MAX} fields and fragments");
        return Err(ApiError::limit("query_depth_max", message));
    }
    Ok(Place { spreads, ..place })
}
