//! Names to languages, and the tally.

use super::*;

#[test]
fn names_and_extensions_tell_the_language() {
    for (path, language) in [
        ("src/main.rs", Some("Rust")),
        ("A.PY", Some("Python")),
        ("Dockerfile", Some("Dockerfile")),
        ("build/Dockerfile.dev", Some("Dockerfile")),
        ("api.dockerfile", Some("Dockerfile")),
        ("Makefile", Some("Makefile")),
        ("CMakeLists.txt", Some("CMake")),
        ("main.tf", Some("HCL")),
        ("a.tsx", Some("TypeScript")),
        ("README.md", None),
        ("a.json", None),
        (".rs", None),
        ("noextension", None),
        ("", None),
        ("vendor/a/b.go", None),
        ("web/node_modules/x/y.js", None),
        ("web/dist/app.js", None),
        ("third_party/a.c", None),
        ("app.min.js", None),
        ("api/pay.pb.go", None),
        ("Cargo.lock", None),
        ("vendor.go", Some("Go")),
        ("distance/a.go", Some("Go")),
    ] {
        assert_eq!(language_of(path), language, "{path}");
    }
}

#[test]
fn the_tables_have_no_name_twice_and_are_in_lower_case() {
    for table in [EXTENSIONS, FILE_NAMES] {
        for (index, (key, _)) in table.iter().enumerate() {
            assert_eq!(*key, key.to_ascii_lowercase());
            assert!(
                table[..index].iter().all(|(other, _)| other != key),
                "`{key}` stands twice"
            );
        }
    }
}

#[test]
fn a_diff_gives_the_same_tally_as_counting_again() {
    let mut tally = Languages::default();
    tally.add("a.rs", 600);
    tally.add("b.go", 300);
    tally.add("vendor/c.go", 1_000);
    tally.add("c.sh", 100);
    tally.subtract("b.go", 300);
    tally.add("b2.go", 200);
    tally.subtract("c.sh", 100);
    let mut again = Languages::default();
    again.add("a.rs", 600);
    again.add("b2.go", 200);
    assert_eq!(tally, again);
    assert_eq!(tally.shares_per_mille(), [("Rust", 750), ("Go", 250)]);
    assert_eq!(Languages::from_bytes(tally.bytes().clone()), tally);
}

#[test]
fn taking_back_more_than_there_is_leaves_nothing() {
    let mut tally = Languages::default();
    tally.subtract("a.rs", 1);
    tally.add("a.rs", u64::MAX);
    tally.add("b.rs", u64::MAX);
    tally.subtract("a.rs", u64::MAX);
    assert!(tally.bytes().is_empty());
    assert!(tally.shares_per_mille().is_empty());
}
