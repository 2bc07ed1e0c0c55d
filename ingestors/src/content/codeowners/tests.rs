//! Tables of both dialects. The GitHub cases follow its documentation and gitignore; the GitLab cases `File.fnmatch`.

use super::*;

fn github(content: &str) -> (Codeowners, Vec<Problem>) {
    Codeowners::parse(Dialect::Github, content.as_bytes())
}

fn gitlab(content: &str) -> (Codeowners, Vec<Problem>) {
    Codeowners::parse(Dialect::Gitlab, content.as_bytes())
}

fn matches(dialect: Dialect, pattern: &str, path: &str) -> bool {
    let (file, problems) = Codeowners::parse(dialect, format!("{pattern} @someone").as_bytes());
    assert!(
        problems.is_empty(),
        "`{pattern}` is read without a problem: {problems:?}"
    );
    !file.owners_of(path.as_bytes()).matched.is_empty()
}

/// Owners as written in the file, for short tables.
fn names(ownership: &Ownership) -> Vec<String> {
    ownership
        .owners
        .iter()
        .map(|owner| match owner {
            OwnerHandle::Team { org, team } => format!("@{org}/{team}"),
            OwnerHandle::User { name } => format!("@{name}"),
            OwnerHandle::Email { address } => address.clone(),
            OwnerHandle::Role { name } => format!("@@{name}"),
            OwnerHandle::Group { path } => format!("@{path}"),
        })
        .collect()
}

fn owners(file: &Codeowners, path: &str) -> Vec<String> {
    names(&file.owners_of(path.as_bytes()))
}

#[test]
fn github_patterns_match_as_gitignore_does() {
    let table: &[(&str, &[&str], &[&str])] = &[
        ("*", &["a", "a/b", ".x/y", "a/b/c"], &[]),
        ("**", &["a", "a/b/c"], &[]),
        ("**/*", &["a", "a/b/c"], &[]),
        ("/*", &["a", ".a"], &["a/b"]),
        ("/**", &["a", "a/b"], &[]),
        ("*.js", &["a.js", "a/b.js", "a.js/readme"], &["a.jsx", "js"]),
        ("/*.js", &["a.js"], &["a/b.js"]),
        ("lib", &["lib", "lib/a", "a/lib", "a/lib/b"], &["library", "a/libx"]),
        ("lib/", &["lib/a", "a/lib/b"], &["lib", "a/lib"]),
        ("/lib", &["lib", "lib/a"], &["a/lib", "library"]),
        ("/lib/", &["lib/a", "lib/a/b"], &["lib", "a/lib/b"]),
        ("docs/*", &["docs/a.md"], &["docs/a/b.md", "a/docs/b.md", "docs"]),
        ("/docs/*", &["docs/a.md"], &["docs/a/b.md"]),
        ("docs/**", &["docs/a.md", "docs/a/b.md"], &["docs", "a/docs/b.md"]),
        ("docs/**/*", &["docs/a.md", "docs/a/b.md"], &["docs"]),
        (
            "docs/*.md",
            &["docs/a.md", "docs/a.md/b"],
            &["docs/a/b.md", "a/docs/b.md"],
        ),
        ("a/b", &["a/b", "a/b/c"], &["x/a/b", "a/bc"]),
        ("**/a/b", &["a/b", "x/a/b", "x/y/a/b/c"], &["a/x/b"]),
        ("a/**/b", &["a/b", "a/x/b", "a/x/y/b/z"], &["x/a/b", "ab"]),
        ("a/*/b", &["a/x/b", "a/x/b/c"], &["a/b", "a/x/y/b"]),
        ("/*/", &["a/b", "a/b/c"], &["a"]),
        ("*/src/", &["a/src/b"], &["src/b", "a/b/src/c"]),
        ("f?o", &["foo", "x/fao/y", "fäo"], &["fo", "fooo"]),
        ("f\\*o", &["f*o"], &["foo"]),
        ("a\\ b/", &["a b/c"], &["a/c", "b/c"]),
        ("app/\\[slug\\]/", &["app/[slug]/page.tsx"], &["app/s/page.tsx"]),
        ("foo**bar", &["fooxbar"], &["foo/bar"]),
        ("/a/**/", &["a/b", "a/b/c"], &["a"]),
    ];
    for (pattern, yes, no) in table {
        for path in *yes {
            assert!(matches(Dialect::Github, pattern, path), "`{pattern}` matches `{path}`");
        }
        for path in *no {
            assert!(
                !matches(Dialect::Github, pattern, path),
                "`{pattern}` does not match `{path}`"
            );
        }
    }
}

#[test]
fn gitlab_patterns_match_as_fnmatch_does() {
    let table: &[(&str, &[&str], &[&str])] = &[
        ("*", &["a", "a/b", ".x/.y"], &[]),
        (
            "README.md",
            &["README.md", "a/b/README.md"],
            &["README.mdx", "README.md/a"],
        ),
        ("/README.md", &["README.md"], &["a/README.md"]),
        (
            "internal/README.md",
            &["internal/README.md", "a/internal/README.md"],
            &["README.md"],
        ),
        ("/docs/", &["docs/a", "docs/a/b", "docs/.a"], &["docs", "a/docs/b"]),
        ("docs/", &["docs/a", "a/docs/b/c"], &["docs"]),
        ("/docs", &["docs"], &["docs/a"]),
        ("/docs/*", &["docs/a", "docs/.a"], &["docs/a/b"]),
        ("/docs/**", &["docs/a"], &["docs/a/b"]),
        (
            "/docs/**/*.md",
            &["docs/a.md", "docs/a/b/c.md"],
            &["a.md", "docs/a.mdx"],
        ),
        (
            "/docs/**/index.md",
            &["docs/index.md", "docs/a/index.md"],
            &["docs/xindex.md"],
        ),
        (
            "/docs/*/README.md",
            &["docs/a/README.md"],
            &["docs/README.md", "docs/a/b/README.md"],
        ),
        ("/docs/*spec*", &["docs/a_specs.rb", "docs/spec"], &["docs/a/spec"]),
        ("*.rb", &["a.rb", "a/b.rb"], &["a.rb/b"]),
        ("/[ab].c", &["a.c", "b.c"], &["c.c"]),
        ("/x[a-c].c", &["xb.c"], &["xd.c"]),
        ("/x[!a-c].c", &["xd.c"], &["xb.c"]),
        ("/x[abc", &[], &["xa", "x[abc"]),
        ("path\\ with\\ spaces/", &["path with spaces/a"], &["path/a"]),
        ("\\#file", &["#file", "a/#file"], &["\\#file"]),
        ("/a\\*", &["a*"], &["ab"]),
    ];
    for (pattern, yes, no) in table {
        for path in *yes {
            assert!(matches(Dialect::Gitlab, pattern, path), "`{pattern}` matches `{path}`");
        }
        for path in *no {
            assert!(
                !matches(Dialect::Gitlab, pattern, path),
                "`{pattern}` does not match `{path}`"
            );
        }
    }
}

#[test]
fn the_last_match_wins_on_github_and_a_bare_pattern_unsets() {
    let (file, problems) = github(
        "\u{feff}# all\r\n*  @org/all one@example.com\r\n/apps/ @me\r\n  /apps/free\r\n/apps/late/ # nobody @x\r\n*.go @org/go @me # why",
    );
    assert_eq!(problems, vec![]);
    assert_eq!(owners(&file, "x"), ["@org/all", "one@example.com"]);
    assert_eq!(owners(&file, "apps/a"), ["@me"]);
    let unset = file.owners_of(b"apps/free/x");
    assert!(unset.owners.is_empty());
    assert_eq!(unset.matched[0].line, 4);
    assert_eq!(owners(&file, "apps/late/x"), [""; 0]);
    assert_eq!(owners(&file, "apps/free/x.go"), ["@org/go", "@me"]);
    assert_eq!(names(&file.owners_of_everything()), ["@org/all", "one@example.com"]);
}

#[test]
fn github_skips_invalid_lines_and_says_why() {
    let (file, problems) =
        github("* @a\nx/ nobody\n!y @b\n[Team] @b\n*.[ch] @b\n\\#z @b\n/ @b\nok @b @\nbad @a/b/c\nmail @a a@b\n");
    assert_eq!(file.rules.len(), 1);
    assert_eq!(file.skipped, 9);
    let codes: Vec<_> = problems
        .iter()
        .map(|problem| (problem.line.unwrap_or(0), problem.code))
        .collect();
    assert_eq!(
        codes,
        [
            (2, "owner_invalid"),
            (3, "pattern_invalid"),
            (4, "pattern_invalid"),
            (5, "pattern_invalid"),
            (6, "pattern_invalid"),
            (7, "pattern_invalid"),
            (8, "owner_invalid"),
            (9, "owner_invalid"),
            (10, "owner_invalid"),
        ]
    );
    assert_eq!(problems[0].column, Some(4));
}

#[test]
fn a_github_file_of_three_megabytes_is_not_loaded() {
    let mut content = "* @a\n".repeat(10);
    content.push_str(&"#".repeat(GITHUB_BYTES_MAX));
    let (file, problems) = github(&content);
    assert!(file.rules.is_empty());
    assert_eq!(problems[0].code, "content_too_large");
}

#[test]
fn gitlab_sections_each_give_owners_and_default_owners_are_inherited() {
    let (file, problems) = gitlab(
        "* @admin\n[README Owners]\nREADME.md @user1 @user2\ninternal/README.md @user4\n[README other owners][2] @group/sub @@maintainers\nREADME.md\n*.txt one@example.com\n",
    );
    assert_eq!(problems, vec![]);
    assert_eq!(
        owners(&file, "README.md"),
        ["@admin", "@user1", "@user2", "@group/sub", "@@maintainer"]
    );
    assert_eq!(
        owners(&file, "internal/README.md"),
        ["@admin", "@user4", "@group/sub", "@@maintainer"]
    );
    assert_eq!(owners(&file, "a.txt"), ["@admin", "one@example.com"]);
    assert_eq!(file.sections[2].approvals, 2);
    assert_eq!(names(&file.owners_of_everything()), ["@admin"]);
}

#[test]
fn gitlab_sections_of_one_name_are_one_without_regard_to_case() {
    let (file, problems) = gitlab("[Docs] @a\nx\n^[Other]\nx @o\n^[DOCS] @b\nx\ny\n");
    assert_eq!(problems, vec![]);
    assert_eq!(file.sections.len(), 3);
    assert_eq!(owners(&file, "x"), ["@b", "@o"]);
    let matched = file.owners_of(b"y").matched;
    assert_eq!(matched[0].section.as_deref(), Some("Docs"));
    assert!(matched[0].optional);
}

#[test]
fn a_repeated_gitlab_pattern_keeps_its_first_place_with_its_last_owners() {
    let (file, _) = gitlab("*.rb @a\n* @b\n*.rb @c\n");
    assert_eq!(owners(&file, "x.rb"), ["@b"]);
    let (file, _) = gitlab("*.rb @a\n*.rb @c\n");
    assert_eq!(owners(&file, "x.rb"), ["@c"]);
}

#[test]
fn gitlab_exclusions_cannot_be_taken_back_in_their_section() {
    let (file, problems) = gitlab("* @all\n!*.rb\n/x.rb @x\n[Ruby]\n*.rb @ruby\n!/config/**/*\n");
    assert_eq!(problems, vec![]);
    assert_eq!(owners(&file, "x.rb"), ["@ruby"]);
    assert_eq!(owners(&file, "config/a/b.rb"), [""; 0]);
    assert_eq!(owners(&file, "config/a/b.py"), ["@all"]);
}

#[test]
fn gitlab_reads_what_it_can_of_a_malformed_line() {
    let (file, problems) =
        gitlab("*.a nobody @b, x@y.z # @c\n[open\n[] @d\nq\nr @@nurse\ns\n[Sec] @e # @f\nt\nu @-x\n");
    assert_eq!(owners(&file, "x.a"), ["@b", "x@y.z", "@c"]);
    assert_eq!(owners(&file, "q"), ["@d"]);
    assert_eq!(owners(&file, "r"), [""; 0]);
    assert_eq!(owners(&file, "t"), ["@e"]);
    let codes: Vec<_> = problems
        .iter()
        .map(|problem| (problem.line.unwrap_or(0), problem.code))
        .collect();
    assert_eq!(
        codes,
        [
            (1, "owner_invalid"),
            (2, "section_invalid"),
            (2, "owner_missing"),
            (3, "section_invalid"),
            (5, "owner_invalid"),
            (9, "owner_invalid")
        ]
    );
}

#[test]
fn each_host_takes_the_first_file_of_its_own_order() {
    let all = PATHS;
    assert_eq!(
        choose(Host::Github, all).map(|choice| choice.path),
        Some(".github/CODEOWNERS")
    );
    assert_eq!(choose(Host::Gitlab, all).map(|choice| choice.path), Some("CODEOWNERS"));
    assert_eq!(choose(Host::Github, [".gitlab/CODEOWNERS"]), None);
    assert_eq!(
        choose(Host::Gitlab, ["docs/CODEOWNERS", ".gitlab/CODEOWNERS"]).map(|choice| choice.path),
        Some("docs/CODEOWNERS")
    );
    assert_eq!(
        choose(Host::Unknown, all).and_then(|choice| choice.dialect),
        Some(Dialect::Github)
    );
    assert_eq!(
        choose(Host::Unknown, [".gitlab/CODEOWNERS"]).and_then(|choice| choice.dialect),
        Some(Dialect::Gitlab)
    );
    let root = choose(Host::Unknown, ["CODEOWNERS"]).expect("there is one");
    assert_eq!(root.dialect_of(b"* @a\n"), Dialect::Github);
    assert_eq!(root.dialect_of(b"* @a\n^[Team][2] @b\n"), Dialect::Gitlab);
    assert_eq!(root.dialect_of(b"[ab].c @a\n"), Dialect::Github);
    assert_eq!(
        (
            Host::of("github.com"),
            Host::of("gitlab.acme.org"),
            Host::of("git.acme.org")
        ),
        (Host::Github, Host::Gitlab, Host::Unknown)
    );
}

#[test]
fn patterns_with_many_wildcards_end_in_time() {
    let pattern = format!("{}x @a\n{}y @a\n", "**/".repeat(500), "*a".repeat(500));
    let path = format!("{}{}", "a/".repeat(1000), "a".repeat(1000));
    for dialect in [Dialect::Github, Dialect::Gitlab] {
        let (file, _) = Codeowners::parse(dialect, pattern.as_bytes());
        assert!(file.owners_of(path.as_bytes()).matched.is_empty());
    }
}

#[test]
fn more_owners_than_the_limit_are_left_out_with_a_problem() {
    let line: String = (0..=OWNERS_PER_RULE_MAX).map(|index| format!(" @u{index}")).collect();
    for dialect in [Dialect::Github, Dialect::Gitlab] {
        let (file, problems) = Codeowners::parse(dialect, format!("*{line}").as_bytes());
        assert_eq!(file.rules[0].owners.len(), OWNERS_PER_RULE_MAX);
        assert_eq!(problems[0].code, "too_many_owners");
    }
}
