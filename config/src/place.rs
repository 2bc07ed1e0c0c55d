//! Where a value of the configuration comes from, and the path that leads to it.

use std::fmt;

/// The layer that set a value, with its place there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Origin {
    /// Nobody set it.
    Default,
    /// The embedded configuration.
    Embedded {
        line: u32,
        column: u32,
    },
    File {
        line: u32,
        column: u32,
    },
    /// The name of the variable.
    Environment(String),
    /// The name of the flag, such as `--listen`.
    Flag(&'static str),
}

/// One step into the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    Key(String),
    Item(usize),
}

/// A path to a value, without the names of list items.
pub(crate) type Path = Vec<Step>;

/// Lists whose items have names, with the key that holds the name.
const NAMED_LISTS: &[(&[&str], &str)] = &[(&["sources"], "id"), (&["auth", "tokens"], "name")];

/// The key that names the items of the list at `keys`, if it is such a list.
pub(crate) fn name_key(keys: &[&str]) -> Option<&'static str> {
    NAMED_LISTS.iter().find(|(path, _)| *path == keys).map(|(_, key)| *key)
}

/// A JSON pointer as steps. Digits are read as an item; [`crate::tree::Tree::get`] takes either for a key.
pub(crate) fn from_pointer(pointer: &str) -> Path {
    pointer
        .split('/')
        .skip(1)
        .map(|part| match part.parse() {
            Ok(at) => Step::Item(at),
            Err(_) => Step::Key(part.replace("~1", "/").replace("~0", "~")),
        })
        .collect()
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key(key) => f.write_str(key),
            Self::Item(at) => write!(f, "{at}"),
        }
    }
}
