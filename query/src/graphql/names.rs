//! The rule by which names of kinds and of fields in their specs become names in GraphQL.
//!
//! 1. A run of characters that are no letters or digits of ASCII goes, and the character behind it becomes upper case,
//!    unless the run stands at the start (`default_branch` is `defaultBranch`, `backstage:permissions` is
//!    `backstagePermissions`).
//! 2. What is empty then, or begins with a digit, gets an underscore in front.
//! 3. Names of types begin in upper case.
//!
//! Where two fields become one name, neither is typed: both stay in the generic `spec`.

/// The GraphQL name of a field.
pub(super) fn field_name(name: &str) -> String {
    let mut out = String::with_capacity(name.len() + 1);
    let mut upper_next = false;
    for c in name.chars() {
        if !c.is_ascii_alphanumeric() {
            upper_next = !out.is_empty();
            continue;
        }
        if upper_next {
            out.push(c.to_ascii_uppercase());
        } else {
            out.push(c);
        }
        upper_next = false;
    }
    guard_start(out)
}

/// The GraphQL name of a kind or of an object within its spec.
pub(super) fn type_name(name: &str) -> String {
    let mut name = field_name(name);
    if let Some(first) = name.get(..1) {
        let first = first.to_ascii_uppercase();
        name.replace_range(..1, &first);
    }
    name
}

fn guard_start(name: String) -> String {
    if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) {
        format!("_{name}")
    } else {
        name
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_the_rule() {
        for (name, expected) in [
            ("lifecycle", "lifecycle"),
            ("default_branch", "defaultBranch"),
            ("providesApis", "providesApis"),
            ("backstage:permissions", "backstagePermissions"),
            ("EXPERIMENTAL_recovery", "EXPERIMENTALRecovery"),
            ("__typename", "typename"),
            ("2fa", "_2fa"),
            ("a\u{e9}b", "aB"),
            ("", "_"),
            ("…", "_"),
        ] {
            let mapped = field_name(name);
            assert_eq!(mapped, expected, "{name}");
            assert!(
                !mapped.starts_with("__"),
                "{name}: names with two underscores belong to introspection"
            );
        }
        assert_eq!(type_name("API"), "API");
        assert_eq!(type_name("machine-model"), "MachineModel");
        assert_eq!(type_name("2D"), "_2D");
    }
}
