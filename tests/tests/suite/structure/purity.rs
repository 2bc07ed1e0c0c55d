//! The pure core: values in, plans out.

use bailiwick_tests::{Workspace, code_of};
use regex::Regex;

/// What must not occur in the code of `catalog/src/core`, tests included, and why. There are no exceptions.
const FORBIDDEN: &[(&str, &str)] = &[
    (
        r"\basync\b|\.await\b|\bfutures?(_util)?::|\btokio\b",
        "the core does not wait for anything",
    ),
    (r"\bstd::(fs|net|io|process|env|os)\b", "the core does no IO"),
    (
        r"\bstd::(thread|cell)\b|\b(Mutex|RwLock|Condvar|OnceLock|LazyLock|Atomic[A-Z]\w*|mpsc)\b",
        "the core shares nothing that changes",
    ),
    (r"\bthread_local!|\bstatic mut\b", "the core has no state"),
    (
        r"\bstd::time\b|\bSystemTime\b|\bInstant\b|\bjiff\b|\bchrono\b|\bClock\b|::now\(",
        "time is an argument",
    ),
    (
        r"\brand\b|\bfastrand\b|\bgetrandom\b|\bnew_v[0-9]\b|\bRandomState\b",
        "ids and chances are arguments",
    ),
    (
        r"\be?print(ln)?!|\bdbg!|\btracing\b|\blog::",
        "the core returns what it has to say",
    ),
    (
        r"\bcrate::(api|engine|follow|graph|running|search|verify)\b",
        "the core knows no shell around it",
    ),
    (
        r"\bcrate::store::(open|memory|fjall|keyvalue|layout|Store\b|ChangeLog\b)",
        "the core sees records, not stores",
    ),
    (r"\btodo!|\bunimplemented!|\bunsafe\b", "the core is finished and safe"),
];

#[test]
fn the_core_is_pure() {
    let core: Vec<(String, String)> = Workspace::here()
        .rust_files()
        .into_iter()
        .filter(|(path, _)| path.starts_with("catalog/src/core/"))
        .collect();
    assert!(
        core.len() >= 5,
        "the core moved; this test looks for it in catalog/src/core"
    );
    let mut found = Vec::new();
    for (pattern, why) in FORBIDDEN {
        let pattern = Regex::new(pattern).unwrap();
        for (path, text) in &core {
            for (at, line) in code_of(text).lines().enumerate() {
                found.extend(
                    pattern
                        .find(line)
                        .map(|hit| format!("{path}:{}: `{}`: {why}", at + 1, hit.as_str())),
                );
            }
        }
    }
    assert!(
        found.is_empty(),
        "decide in the core, act in the shell:\n{}",
        found.join("\n")
    );
}

#[test]
fn the_core_and_the_vocabulary_iterate_in_a_fixed_order() {
    // A hash map may be asked, but whoever walks over one gets another order in each process.
    let walk = Regex::new(r"\b(HashMap|HashSet)\b").unwrap();
    let core = Workspace::here()
        .rust_files()
        .into_iter()
        .filter(|(path, _)| path.starts_with("catalog/src/core/"));
    for (path, text) in core {
        let code = bailiwick_tests::production_code_of(&text);
        assert!(
            !walk.is_match(&code),
            "{path}: take a BTreeMap, so that the same claims give the same entity"
        );
    }
}

#[test]
fn comments_and_texts_are_no_code() {
    let source = "a /* x /* y */ z */ b // tokio\n\"to\\\"kio\" r#\"to\"kio\"# 'x' '\\'' b\"y\" 'static for\"q\" c\n";
    let code = code_of(source);
    assert_eq!(code, "a   b  \n\"\" \"\" \"\" \"\" \"\" 'static for\"\" c\n");
}
