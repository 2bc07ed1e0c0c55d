//! Panics of a storage library become errors, without its words on standard error.
//!
//! A library may meet damaged files with an assertion. Whoever calls one wraps the call; afterwards the library's own
//! state is nobody's guess, so that the caller uses it no more. Panics of threads that a library starts itself are not
//! reached from here.

use std::cell::Cell;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Once;

/// Most of what a panic said that is handed on, in characters.
const WORDS_CHARS: usize = 200;

thread_local! {
    static QUIET: Cell<bool> = const { Cell::new(false) };
}

static HOOK: Once = Once::new();

/// Runs `work`. Errors: what it panicked with.
pub(super) fn caught<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    HOOK.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |panic| {
            if !QUIET.get() {
                before(panic);
            }
        }));
    });
    let outer = QUIET.replace(true);
    let outcome = panic::catch_unwind(AssertUnwindSafe(work));
    QUIET.set(outer);
    outcome.map_err(|payload| {
        let text = payload
            .downcast_ref::<&str>()
            .copied()
            .or_else(|| payload.downcast_ref::<String>().map(String::as_str));
        one_line(text.unwrap_or("it panicked without a word"))
    })
}

/// Assertions speak in several lines, and of all that they know.
fn one_line(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(WORDS_CHARS) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_its_words() {
        assert_eq!(caught(|| 7), Ok(7));
        assert_eq!(caught(|| panic!("no {}", "page")).unwrap_err(), "no page");
        assert_eq!(caught(|| panic!("literal")).unwrap_err(), "literal");
        assert_eq!(caught(|| panic!("two\n  lines")).unwrap_err(), "two lines");
        let long = caught(|| panic!("{}", "ä".repeat(WORDS_CHARS + 1))).unwrap_err();
        assert_eq!(long, "ä".repeat(WORDS_CHARS) + "…");
        assert!(!QUIET.get(), "others are heard again");
    }
}
