//! The help pages are contracts: scripts and people rely on names and words.

use crate::support::{root, run};

/// Every command with its own page.
const PAGES: &[&str] = &[
    "",
    "backup",
    "changes",
    "completions",
    "config",
    "config check",
    "config schema",
    "config show",
    "explain",
    "export",
    "findings",
    "get",
    "graph",
    "health",
    "ingest",
    "list",
    "owner",
    "restore",
    "runs",
    "runs show",
    "runs trigger",
    "search",
    "serve",
    "sources",
    "sweeps",
    "sweeps approve",
    "sweeps list",
    "sweeps reject",
    "sweeps undo",
    "token",
    "token new",
    "trim",
    "validate",
    "verify",
];

#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "the test is asked through the environment to renew the contract"
)]
fn every_help_page_is_the_checked_in_one() {
    let folder = root().join("schema/contracts/cli");
    let update = std::env::var("BAILIWICK_UPDATE_CONTRACTS").is_ok();
    let mut differing = Vec::new();
    let mut files = Vec::new();
    for page in PAGES {
        let mut args: Vec<&str> = page.split_whitespace().collect();
        args.push("--help");
        let help = run(&args, &root()).expect(0).stdout;
        let name = if page.is_empty() {
            "bailiwick.txt".to_owned()
        } else {
            format!("{}.txt", page.replace(' ', "-"))
        };
        let file = folder.join(&name);
        if update {
            std::fs::create_dir_all(&folder).unwrap();
            std::fs::write(&file, &help).unwrap();
        }
        if std::fs::read_to_string(&file).unwrap_or_default() != help {
            differing.push(name.clone());
        }
        files.push(name);
    }
    let wanted = differing.is_empty();
    assert!(
        wanted,
        "{differing:?} differ; if that is meant, renew them with BAILIWICK_UPDATE_CONTRACTS=1"
    );
    for entry in std::fs::read_dir(&folder).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(
            files.contains(&name),
            "schema/contracts/cli/{name} belongs to no command"
        );
    }
}

#[test]
fn every_command_has_a_page() {
    let help = run(&["--help"], &root()).expect(0).stdout;
    let commands = help.split("Commands:").nth(1).unwrap().split("\n\n").next().unwrap();
    for line in commands
        .lines()
        .filter(|line| line.starts_with("  ") && !line.starts_with("   "))
    {
        let name = line.split_whitespace().next().unwrap();
        assert!(PAGES.contains(&name), "`{name}` has no page in the contract");
    }
}

#[test]
fn the_help_lists_the_exit_codes() {
    let help = run(&["--help"], &root()).expect(0).stdout;
    let guide = std::fs::read_to_string(root().join("docs/guides/cli.md")).unwrap();
    for code in 0..=5 {
        assert!(help.contains(&format!("\n  {code}  ")), "{code}");
        assert!(
            guide.contains(&format!("| {code} |")),
            "docs/guides/cli.md names exit code {code}"
        );
    }
}
