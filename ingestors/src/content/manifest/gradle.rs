//! `build.gradle`, `settings.gradle` and their Kotlin forms: programs, searched for literal values.

use std::sync::LazyLock;

use regex::Regex;

use super::{DESCRIPTION_CHARS_MAX, Manifest, NAME_CHARS_MAX, Problem, text};

static ROOT_NAME: LazyLock<Regex> =
    LazyLock::new(|| pattern(r#"(?m)^\s*rootProject\.(?:name\s*=|setName\s*\()\s*["']([^"'$\r\n]+)["']"#));
static FIELD: LazyLock<Regex> = LazyLock::new(|| {
    pattern(r#"(?m)^[ \t]*(?:project\.)?(group|version|description)[ \t]*(?:=[ \t]*|[ \t])["']([^"'$\r\n]+)["']"#)
});
static DEPENDENCY: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r#"(?m)^\s*(?:api|implementation|compile|runtimeOnly|runtime|compileOnly|annotationProcessor|kapt|ksp)\s*\(?\s*(?:platform\s*\(\s*)?["']([A-Za-z0-9_.\-]+:[A-Za-z0-9_.\-]+)(?::[^"']*)?["']"#,
    )
});
static INCLUDE: LazyLock<Regex> = LazyLock::new(|| pattern(r#"(?m)^\s*include\b\s*\(?\s*["']"#));

fn pattern(source: &str) -> Regex {
    Regex::new(source).expect("a pattern written here compiles, a test uses each")
}

pub(super) fn read(bytes: &[u8], manifest: &mut Manifest) -> Result<bool, Problem> {
    let content = text::utf8(bytes)?;
    if let Some(found) = ROOT_NAME.captures(content) {
        manifest.name = text::tidy(&found[1], NAME_CHARS_MAX);
    }
    for found in FIELD.captures_iter(content) {
        let (slot, chars_max) = match &found[1] {
            "version" => (&mut manifest.version, NAME_CHARS_MAX),
            "description" => (&mut manifest.description, DESCRIPTION_CHARS_MAX),
            _ => continue,
        };
        if slot.is_none() {
            *slot = text::tidy(&found[2], chars_max);
        }
    }
    for found in DEPENDENCY.captures_iter(content) {
        manifest.dependencies.push_new(&found[1]);
    }
    manifest.workspace = INCLUDE.is_match(content);
    Ok(true)
}
