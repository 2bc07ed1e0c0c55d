//! Input that means harm: a finding each, never a crash, never a read outside.

use std::os::unix::ffi::OsStrExt as _;

use bailiwick_schema::RunStatus;
use serde_json::json;

use crate::support::{Home, Repo, component};

/// A text that must never be read.
const OUTSIDE: &str = "the content of a file outside of the repository";

fn with_api(name: &str, definition: &str) -> String {
    format!(
        "apiVersion: backstage.io/v1alpha1\nkind: API\nmetadata: {{name: {name}}}\n\
         spec: {{type: openapi, lifecycle: production, owner: team-a, definition: {{$text: {definition}}}}}\n"
    )
}

fn location(name: &str, targets: &[&str]) -> String {
    json!({
        "apiVersion": "backstage.io/v1alpha1", "kind": "Location", "metadata": {"name": name},
        "spec": {"type": "file", "targets": targets},
    })
    .to_string()
}

/// A billion laughs.
fn bomb() -> String {
    let mut text = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for level in 1..12 {
        let items = vec![format!("*a{}", level - 1); 10].join(", ");
        text.push_str(&format!("a{level}: &a{level} [{items}]\n"));
    }
    text
}

/// Everything hostile that fits into a repository.
fn hostile_repository(home: &Home) -> Repo {
    std::fs::write(home.path().join("outside.yaml"), component("outside", OUTSIDE)).unwrap();
    std::fs::write(home.path().join("outside.txt"), OUTSIDE).unwrap();
    let mut repo = Repo::new(home.path().join("hostile"));
    repo.write("bomb/catalog-info.yaml", bomb())
        .write("deep/catalog-info.yaml", format!("a: {}", "[".repeat(200_000)))
        .write("nul/catalog-info.yaml", b"kind: Component\0\n")
        .write("latin/catalog-info.yaml", b"kind: Comp\xf6nent\n")
        .write("huge/catalog-info.yaml", vec![b'a'; 50 * 1024 * 1024])
        .write("text/catalog-info.yaml", with_api("text", "../../outside.txt"))
        .write("absolute/catalog-info.yaml", with_api("absolute", "/etc/passwd"))
        .write(
            "url/catalog-info.yaml",
            with_api("url", "https://127.0.0.1:9/definition.yaml"),
        )
        .write("cycle/catalog-info.yaml", location("cycle-a", &["./b.yaml"]))
        .write("cycle/b.yaml", location("cycle-b", &["./catalog-info.yaml"]))
        .write("self/catalog-info.yaml", location("self", &["./catalog-info.yaml"]))
        .write(
            "climb/catalog-info.yaml",
            location("climb", &["../../outside.yaml", "/etc/passwd", "./missing.yaml"]),
        )
        .write(
            "refs/catalog-info.yaml",
            component("refs", "x").replace("team-a", &"long".repeat(200)),
        )
        .write("scalar/catalog-info.yaml", "just text\n")
        .write("empty/catalog-info.yaml", "")
        .write("bidi/catalog-info.yaml", component("bidi", "\u{202e}txt.exe"))
        .write(
            "case/catalog-info.yaml",
            format!("{}---\n{}", component("Casing", "x"), component("casing", "y")),
        )
        .write("good/catalog-info.yaml", component("good", "stands beside all that"));
    std::fs::create_dir_all(repo.path.join("link")).unwrap();
    std::os::unix::fs::symlink("../../outside.yaml", repo.path.join("link/catalog-info.yaml")).unwrap();
    std::fs::create_dir_all(repo.path.join("link2")).unwrap();
    std::os::unix::fs::symlink("/etc/passwd", repo.path.join("link2/catalog-info.yaml")).unwrap();
    std::fs::create_dir_all(repo.path.join("circle")).unwrap();
    std::os::unix::fs::symlink("catalog-info.yaml", repo.path.join("circle/catalog-info.yaml")).unwrap();
    let odd = repo.path.join(std::ffi::OsStr::from_bytes(b"odd-\xff\xfe"));
    std::fs::create_dir_all(&odd).unwrap();
    std::fs::write(odd.join("catalog-info.yaml"), component("odd", "x")).unwrap();
    repo.commit();
    repo
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_repositories_give_findings_and_leave_the_rest_alone() {
    let home = Home::new();
    let _repo = hostile_repository(&home);
    let record = home.run(&home.git(&["hostile"])).await;
    assert!(
        matches!(record.status, RunStatus::Succeeded | RunStatus::Partial),
        "{record:?}"
    );
    assert!(home.has("component:good"));
    let codes = home.codes();
    for (code, file) in [
        ("too_many_aliases", "bomb/catalog-info.yaml"),
        ("too_deep", "deep/catalog-info.yaml"),
        ("nul_byte", "nul/catalog-info.yaml"),
        ("invalid_utf8", "latin/catalog-info.yaml"),
        ("descriptor_too_large", "huge/catalog-info.yaml"),
        ("target_outside", "text/catalog-info.yaml"),
        ("target_outside", "absolute/catalog-info.yaml"),
        ("target_not_read", "url/catalog-info.yaml"),
        ("target_outside", "climb/catalog-info.yaml"),
        ("target_not_found", "climb/catalog-info.yaml"),
        ("not_an_object", "scalar/catalog-info.yaml"),
        ("symlink_outside", "link/catalog-info.yaml"),
        ("symlink_outside", "link2/catalog-info.yaml"),
        ("symlink_broken", "circle/catalog-info.yaml"),
        ("duplicate_ref", "case/catalog-info.yaml"),
    ] {
        assert!(home.has_finding(code, file), "{code} at {file}: {codes:#?}");
    }
    for code in ["path_not_utf8", "location_cycle", "bad_ref"] {
        assert!(codes.iter().any(|(one, _)| one == code), "{code}: {codes:#?}");
    }
    assert!(!home.has("component:outside") && !home.has("component:odd"));
    let mut everything = String::new();
    let mut visit = |value: serde_json::Value| {
        everything.push_str(&value.to_string());
        std::ops::ControlFlow::Continue(())
    };
    home.catalog()
        .export(&bailiwick_schema::Viewer::local(), false, &mut visit)
        .unwrap();
    everything.push_str(&format!("{:?}", home.findings()));
    assert!(
        !everything.contains(OUTSIDE) && !everything.contains("root:x:"),
        "something outside was read"
    );
    home.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn every_finding_of_hostile_input_is_documented() {
    let home = Home::new();
    let _repo = hostile_repository(&home);
    home.run(&home.git(&["hostile"])).await;
    let page = bailiwick_tests::Workspace::here().read("docs/findings.md").unwrap();
    for (code, file) in home.codes() {
        assert!(
            page.contains(&format!("| `{code}` |")),
            "docs/findings.md does not explain `{code}` ({file})"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_ref_in_two_repositories_never_mixes() {
    let home = Home::new();
    let mut one = Repo::new(home.path().join("a"));
    one.write("catalog-info.yaml", component("twice", "from a")).commit();
    let mut two = Repo::new(home.path().join("b"));
    two.write(
        "catalog-info.yaml",
        component("Twice", "from b").replace("service", "website"),
    )
    .commit();
    let source = home.git(&["b", "a"]);
    home.run(&source).await;
    let value = home.value("component:twice");
    assert_eq!(
        (&value["metadata"]["description"], &value["spec"]["type"]),
        (&"from a".into(), &"service".into())
    );
    let duplicates: Vec<_> = home
        .codes()
        .into_iter()
        .filter(|(code, _)| code == "duplicate_ref")
        .collect();
    assert_eq!(duplicates.len(), 1, "{:?}", home.codes());
    // The winner goes: the other takes over whole.
    one.remove("catalog-info.yaml").commit();
    home.run(&source).await;
    let value = home.value("component:twice");
    assert_eq!(
        (&value["metadata"]["description"], &value["spec"]["type"]),
        (&"from b".into(), &"website".into())
    );
    assert!(
        !home.codes().iter().any(|(code, _)| code == "duplicate_ref"),
        "{:?}",
        home.codes()
    );
    home.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_files_give_findings_and_leave_the_rest_alone() {
    let home = Home::new();
    let repo = hostile_repository(&home);
    std::fs::remove_dir_all(repo.path.join(".git")).unwrap();
    let source = home.source(
        "org",
        "files",
        &json!({ "paths": ["hostile/**/catalog-info.yaml"], "watch": false }),
    );
    let record = home.run(&source).await;
    assert!(
        matches!(record.status, RunStatus::Succeeded | RunStatus::Partial),
        "{record:?}"
    );
    assert!(home.has("component:good"));
    let codes = home.codes();
    for (code, file) in [
        ("too_many_aliases", "bomb/catalog-info.yaml"),
        ("too_deep", "deep/catalog-info.yaml"),
        ("nul_byte", "nul/catalog-info.yaml"),
        ("invalid_utf8", "latin/catalog-info.yaml"),
        ("document_too_large", "huge/catalog-info.yaml"),
        ("duplicate_ref", "case/catalog-info.yaml"),
    ] {
        assert!(home.has_finding(code, file), "{code} at {file}: {codes:#?}");
    }
    assert!(!format!("{:?}", home.findings()).contains("root:x:"));
    home.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_layouts_are_read_as_far_as_they_go() {
    let home = Home::new();
    let outside = home.path().join("outside");
    std::fs::create_dir_all(&outside).unwrap();
    std::fs::write(outside.join("catalog-info.yaml"), component("outside", OUTSIDE)).unwrap();
    std::fs::write(outside.join("secret.txt"), OUTSIDE).unwrap();
    let mut repo = Repo::new(home.path().join("layout"));
    let deep = "d/".repeat(300);
    let many: String = (0..10_050).map(|number| format!("---\n# {number}\n")).collect();
    repo.write("through/catalog-info.yaml", with_api("through", "../folder/secret.txt"))
        .write(
            "places/catalog-info.yaml",
            location("places", &["../folder/catalog-info.yaml", "../folder/*.yaml"]),
        )
        .write(&format!("{deep}catalog-info.yaml"), component("deep", "far down"))
        .write(
            "with\nnewline\t/catalog-info.yaml",
            component("newline", "in an odd folder"),
        )
        .write("many/catalog-info.yaml", many)
        .write("CODEOWNERS", "* @acme/everybody\n".repeat(250_000))
        .write("Cargo.toml", "[".repeat(100_000))
        .write("package.json", "{\"name\":".repeat(50_000))
        .write("openapi.yaml", format!("openapi: 3.1.0\nx: {}", "[".repeat(100_000)))
        .write("README.md", "#".repeat(1_000_000))
        .write("good/catalog-info.yaml", component("good", "stands beside all that"));
    std::os::unix::fs::symlink("../outside", repo.path.join("folder")).unwrap();
    std::os::unix::fs::symlink("..", repo.path.join("loop")).unwrap();
    repo.commit();

    let record = home.run(&home.git(&["layout"])).await;
    assert!(
        matches!(record.status, RunStatus::Succeeded | RunStatus::Partial),
        "{record:?}"
    );
    let codes = home.codes();
    for name in ["good", "deep", "newline"] {
        assert!(home.has(&format!("component:{name}")), "{name}: {codes:#?}");
    }
    assert!(!home.has("component:outside"));
    let told = |codes: &[&str], file: &str| codes.iter().any(|code| home.has_finding(code, file));
    assert!(
        told(&["target_outside", "symlink_outside"], "through/catalog-info.yaml"),
        "{codes:#?}"
    );
    assert!(
        told(
            &["target_outside", "target_not_found", "symlink_outside"],
            "places/catalog-info.yaml"
        ),
        "{codes:#?}"
    );
    assert!(told(&["too_many_documents"], "many/catalog-info.yaml"), "{codes:#?}");
    assert!(told(&["codeowners_too_large"], "CODEOWNERS"), "{codes:#?}");
    let everything = format!("{:?} {}", home.findings(), home.value("component:good"));
    assert!(!everything.contains(OUTSIDE), "something outside was read");
    let page = bailiwick_tests::Workspace::here().read("docs/findings.md").unwrap();
    for (code, file) in codes {
        assert!(
            page.contains(&format!("| `{code}` |")),
            "docs/findings.md does not explain `{code}` ({file})"
        );
    }
    home.verify();
}
