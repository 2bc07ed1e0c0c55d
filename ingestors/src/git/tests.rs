//! The whole source against real repositories, through the recording sink.

use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use bailiwick_schema::{Closing, Proof, RunRecord, RunStatus, SourceId};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use super::testing::TestRepo;
use super::testing_servers::HttpServer;
use super::*;
use crate::kit::Environment;
use crate::kit::testing::{Fixture, RecordedRun, RecordingSink, run_once};

struct Bench {
    folder: TempDir,
    options: Value,
    sink: Arc<RecordingSink>,
    environment: Vec<(String, String)>,
}

impl Bench {
    fn new(options: Value) -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            options,
            sink: Arc::default(),
            environment: Vec::new(),
        }
    }

    fn repo(&self, name: &str) -> TestRepo {
        TestRepo::new(self.folder.path().canonicalize().unwrap().join(name))
    }

    fn scope(&self, name: &str) -> String {
        format!(
            "repository:{}/{name}",
            self.folder.path().canonicalize().unwrap().display()
        )
    }

    fn built(&self) -> BuiltSource {
        let cx = BuildContext {
            source: SourceId::parse("code").unwrap(),
            base_dir: self.folder.path().to_owned(),
            kinds: Arc::new(KindSet::builtin()),
        };
        GitFactory.build(self.options.clone(), &cx).unwrap()
    }

    async fn run_with(&self, options: &str) -> (RunRecord, RecordedRun) {
        let row = run_once(self, &self.sink, options, CancellationToken::new()).await;
        (row, self.sink.last_run())
    }

    async fn run(&self) -> (RunRecord, RecordedRun) {
        self.run_with("options").await
    }

    async fn codes(&self) -> Vec<String> {
        let mut codes = self.run().await.1.finding_codes();
        codes.sort();
        codes
    }

    /// What a source that had never read anything would hold now.
    async fn held_by_a_fresh_source(&self) -> Vec<String> {
        let cache = self.folder.path().join("cache");
        if cache.exists() {
            std::fs::remove_dir_all(cache).unwrap();
        }
        let sink = Arc::new(RecordingSink::new());
        run_once(self, &sink, "options", CancellationToken::new()).await;
        sink.held()
    }

    fn subjects_of(&self, scope: &str) -> Vec<String> {
        let held = self.sink.held();
        let mut subjects: Vec<String> = held
            .iter()
            .filter_map(|line| line.strip_prefix(&format!("{scope} ")))
            .map(|line| line.split(' ').take(2).collect::<Vec<_>>().join(" "))
            .collect();
        subjects.sort();
        subjects
    }

    /// The body of one claim that is held.
    fn body(&self, origin_and_subject: &str) -> Value {
        let needle = format!(" {origin_and_subject} ");
        let held = self.sink.held();
        let line = held
            .iter()
            .find(|line| line.contains(&needle))
            .unwrap_or_else(|| panic!("{needle} in {held:#?}"));
        serde_json::from_str(&line[line.find(&needle).unwrap() + needle.len()..]).unwrap()
    }
}

#[async_trait]
impl Fixture for Bench {
    fn source_type(&self) -> &'static str {
        "git"
    }

    fn ingestor(&self) -> Arc<dyn Ingestor> {
        self.built().ingestor
    }

    fn cache_dir(&self) -> PathBuf {
        self.folder.path().join("cache")
    }

    async fn break_a_part(&self) {
        for name in ["pay", "ship"] {
            let path = self.folder.path().join(name).join(".git/HEAD");
            std::fs::write(path, "nonsense").unwrap();
        }
    }

    fn canary(&self) -> Option<String> {
        self.environment.first().map(|(_, value)| value.clone())
    }

    fn environment(&self) -> Environment {
        Environment::new(self.environment.iter().cloned().collect())
    }
}

fn component(name: &str) -> String {
    format!(
        "apiVersion: backstage.io/v1alpha1\nkind: Component\nmetadata:\n  name: {name}\nspec:\n  type: service\n  \
         lifecycle: production\n  owner: pay\n"
    )
}

fn location(targets: &str) -> String {
    format!("apiVersion: backstage.io/v1alpha1\nkind: Location\nmetadata:\n  name: all\nspec:\n  targets: {targets}\n")
}

fn two_repositories() -> Bench {
    let bench = Bench::new(json!({"repositories": ["pay", "ship"]}));
    for name in ["pay", "ship"] {
        let mut repo = bench.repo(name);
        repo.write("catalog-info.yaml", component(name))
            .write("CODEOWNERS", "* @acme/pay\n");
        repo.commit("first");
    }
    bench
}

crate::compliance!(compliance, two_repositories());

/// Whether a scope was seen in part only.
fn in_part(run: &RecordedRun, scope: &str) -> bool {
    run.closing_of(scope) == Some(&Closing::Partial)
}

fn counter(row: &RunRecord, name: &str) -> u64 {
    row.telemetry.get(name).copied().unwrap_or(0)
}

#[tokio::test]
async fn a_repository_becomes_claims() {
    let bench = Bench::new(json!({"repositories": ["pay"]}));
    let mut repo = bench.repo("pay");
    repo.git(["remote", "add", "origin", "git@github.com:Acme/Pay.git"]);
    repo.write("README.md", "# Payments\n\nTakes money from *customers*.\n\n## More\n")
        .write("LICENSE", include_str!("../../../LICENSE"))
        .write("Cargo.toml", "[package]\nname = \"pay\"\nversion = \"1.2.3\"\n")
        .write("src/main.rs", "fn main() {}\n")
        .write(
            ".github/workflows/ci.yml",
            "name: CI\non: [push]\njobs:\n  test:\n    runs-on: ubuntu-latest\n    steps: []\n",
        )
        .write(".github/CODEOWNERS", "* @acme/pay\n/api/ @acme/api bob@acme.test\n")
        .write("catalog-info.yaml", component("pay"))
        .write(
            "api/catalog-info.yaml",
            format!("{}---\n{}", component("api"), component("gateway")),
        );
    repo.commit("first");
    repo.author = ("Bob".into(), "bob@acme.test".into());
    repo.write("src/lib.rs", "pub fn pay() {}\n");
    repo.commit("second");
    repo.git(["tag", "-a", "-m", "v1", "v1.0.0"]);
    let (row, run) = bench.run().await;
    assert_eq!(row.status, RunStatus::Succeeded, "{:?}", run.finding_codes());
    let root = bench.folder.path().canonicalize().unwrap();
    let mut printed = String::new();
    for claim in run.claims() {
        let origin = &claim.origin;
        let body = serde_json::to_string_pretty(&claim.body).unwrap();
        printed.push_str(&format!(
            "{:?} {} from {}:{} {}\n{body}\n\n",
            claim.assertion,
            claim.subject,
            origin.path,
            origin.line.unwrap_or(0),
            origin.url.as_deref().unwrap_or("-"),
        ));
    }
    let printed = printed.replace(&root.display().to_string(), "ROOT");
    // The ids are fixed by authors, dates and content.
    insta::assert_snapshot!(printed);
}

#[tokio::test]
async fn an_unchanged_repository_costs_its_refs_only() {
    let bench = two_repositories();
    bench.run().await;
    let (row, run) = bench.run().await;
    assert_eq!(
        (counter(&row, "git.trees_read"), counter(&row, "git.blobs_read")),
        (0, 0)
    );
    assert_eq!(counter(&row, "git.commits_walked"), 0);
    assert!(counter(&row, "git.refs_read") > 0);
    assert!(
        run.closed.iter().all(|closed| closed.closing == Closing::Unchanged),
        "{:?}",
        run.closed
    );
}

#[tokio::test]
async fn one_changed_descriptor_is_the_only_one_that_is_read() {
    let bench = Bench::new(json!({"repositories": ["pay"]}));
    let mut repo = bench.repo("pay");
    for number in 0..30 {
        repo.write(
            &format!("c{number}/catalog-info.yaml"),
            component(&format!("c{number}")),
        );
    }
    repo.commit("first");
    bench.run().await;
    repo.write("c7/catalog-info.yaml", component("c7").replace("service", "website"));
    std::fs::remove_file(repo.path.join("c8/catalog-info.yaml")).unwrap();
    repo.write("new/catalog-info.yml", component("new"));
    repo.commit("second");
    let (row, run) = bench.run().await;
    assert_eq!(row.status, RunStatus::Succeeded);
    let mut subjects: Vec<String> = run.claims().map(|claim| claim.subject.to_string()).collect();
    subjects.retain(|subject| subject.starts_with("component"));
    assert_eq!(subjects, ["component:default/c7", "component:default/new"]);
    assert!(matches!(
        run.closing_of(&bench.scope("pay")),
        Some(Closing::Delta { .. })
    ));
    assert!(
        counter(&row, "git.blobs_read") <= 6,
        "{}",
        counter(&row, "git.blobs_read")
    );
    assert_eq!(counter(&row, "git.commits_walked"), 1);
    assert_eq!(run.claims_removed, 1);
    assert_eq!(bench.sink.held(), bench.held_by_a_fresh_source().await);
}

#[tokio::test]
async fn what_a_descriptor_includes_is_followed() {
    let bench = Bench::new(json!({"repositories": ["pay"]}));
    let mut repo = bench.repo("pay");
    let api = "apiVersion: backstage.io/v1alpha1\nkind: API\nmetadata:\n  name: api\nspec:\n  type: openapi\n  \
               lifecycle: production\n  owner: pay\n  definition:\n    $text: ./openapi.yaml\n";
    repo.write("catalog-info.yaml", api)
        .write("openapi.yaml", "openapi: 3.0.0\n");
    repo.commit("first");
    bench.run().await;
    let definition =
        |bench: &Bench| bench.body("catalog-info.yaml api:default/api")["entity"]["spec"]["definition"].clone();
    assert_eq!(definition(&bench), "openapi: 3.0.0\n");
    repo.write("openapi.yaml", "openapi: 3.1.0\n");
    repo.commit("second");
    bench.run().await;
    assert_eq!(definition(&bench), "openapi: 3.1.0\n");
    std::fs::remove_file(repo.path.join("openapi.yaml")).unwrap();
    repo.commit("third");
    assert_eq!(bench.codes().await, ["target_not_found"]);
    assert_eq!(definition(&bench), json!({"$text": "./openapi.yaml"}));
    assert_eq!(bench.sink.held(), bench.held_by_a_fresh_source().await);
}

#[tokio::test]
async fn targets_of_locations_are_found_and_lost() {
    let bench = Bench::new(json!({"repositories": ["pay"]}));
    let mut repo = bench.repo("pay");
    repo.write("catalog-info.yaml", location("[./entities/*.yaml]"))
        .write("entities/a.yaml", component("a"));
    repo.commit("first");
    bench.run().await;
    let scope = bench.scope("pay");
    let described = |bench: &Bench| {
        let mut subjects = bench.subjects_of(&scope);
        subjects.retain(|subject| !subject.starts_with(':'));
        subjects
    };
    assert_eq!(
        described(&bench),
        [
            "catalog-info.yaml location:default/all",
            "entities/a.yaml component:default/a"
        ]
    );
    repo.write("entities/b.yaml", component("b"));
    repo.commit("another target");
    bench.run().await;
    assert_eq!(described(&bench).len(), 3, "{:?}", described(&bench));
    repo.write(
        "entities/b.yaml",
        location("[../catalog-info.yaml]").replace("all", "back"),
    );
    repo.commit("a circle");
    let codes = bench.codes().await;
    assert_eq!(codes, ["location_cycle"]);
    repo.write("catalog-info.yaml", location("[./nowhere.yaml, ../../outside.yaml]"));
    repo.commit("wrong targets");
    let (_, run) = bench.run().await;
    let mut codes = run.finding_codes();
    codes.sort();
    assert_eq!(codes, ["target_not_found", "target_outside"]);
    assert_eq!(described(&bench), ["catalog-info.yaml location:default/all"]);
    assert_eq!(bench.sink.held(), bench.held_by_a_fresh_source().await);
}

#[tokio::test]
async fn a_skeleton_is_no_descriptor_whenever_its_template_comes() {
    let bench = Bench::new(json!({"repositories": ["pay"]}));
    let mut repo = bench.repo("pay");
    repo.write("a/skeleton/catalog-info.yaml", component("made"));
    repo.commit("first");
    bench.run().await;
    let scope = bench.scope("pay");
    assert!(
        bench
            .subjects_of(&scope)
            .iter()
            .any(|subject| subject.ends_with("/made"))
    );
    let template = "apiVersion: scaffolder.backstage.io/v1beta3\nkind: Template\nmetadata:\n  name: service\nspec:\n  \
                    type: service\n  steps:\n    - id: fetch\n      action: fetch:template\n      input:\n        url: ../a/skeleton\n";
    repo.write("templates/catalog-info.yaml", template);
    repo.commit("a template");
    assert_eq!(bench.codes().await, ["template_skeleton"]);
    assert!(
        !bench
            .subjects_of(&scope)
            .iter()
            .any(|subject| subject.ends_with("/made"))
    );
    assert_eq!(bench.sink.held(), bench.held_by_a_fresh_source().await);
}

#[tokio::test]
async fn other_owners_are_told_of_every_entity() {
    let bench = two_repositories();
    bench.run().await;
    let mut repo = TestRepo::at(bench.folder.path().join("pay"));
    repo.now += 86_400;
    repo.write("CODEOWNERS", "# new\n* @acme/ship\nbroken[ @x\n");
    repo.commit("owners");
    bench.run().await;
    let owners = bench.body("catalog-info.yaml component:default/pay")["owners"].clone();
    assert_eq!(owners[0]["who"], json!(["handle:@acme/ship"]));
    assert_eq!(owners[0]["detail"], "CODEOWNERS line 2: * @acme/ship");
    assert_eq!(bench.sink.held(), bench.held_by_a_fresh_source().await);
}

#[tokio::test]
async fn a_forced_push_is_read_by_difference_and_after_gc_in_full() {
    let bench = two_repositories();
    bench.run().await;
    let repo = TestRepo::at(bench.folder.path().join("pay"));
    repo.write("catalog-info.yaml", component("other"));
    repo.git(["add", "--all"]);
    repo.git(["commit", "--quiet", "--amend", "--message", "rewritten"]);
    let (_, run) = bench.run().await;
    assert!(matches!(
        run.closing_of(&bench.scope("pay")),
        Some(Closing::Delta { .. })
    ));
    repo.write("catalog-info.yaml", component("third"));
    repo.git(["add", "--all"]);
    repo.git(["commit", "--quiet", "--amend", "--message", "again"]);
    repo.git(["reflog", "expire", "--expire=now", "--all"]);
    repo.git(["gc", "--quiet", "--prune=now"]);
    let (row, run) = bench.run().await;
    assert_eq!(row.status, RunStatus::Succeeded);
    assert!(matches!(
        run.closing_of(&bench.scope("pay")),
        Some(Closing::Complete { .. })
    ));
    assert_eq!(bench.sink.held(), bench.held_by_a_fresh_source().await);
}

#[tokio::test]
async fn a_missing_blob_leaves_its_descriptor_stale_and_mending_is_seen() {
    let bench = two_repositories();
    bench.run().await;
    let held = bench.sink.held();
    let repo = TestRepo::at(bench.folder.path().join("pay"));
    let blob = repo.git(["rev-parse", "HEAD:catalog-info.yaml"]);
    let file = repo.path.join(".git/objects").join(&blob[..2]).join(&blob[2..]);
    let content = std::fs::read(&file).unwrap();
    std::fs::remove_file(&file).unwrap();
    let (_, run) = bench.run_with("other options").await;
    assert_eq!(run.finding_codes(), ["object_missing"]);
    let finding = run.findings().next().unwrap();
    assert_eq!(finding.file.as_deref(), Some("catalog-info.yaml"));
    assert!(finding.message.contains(&blob), "{}", finding.message);
    assert_eq!(bench.sink.held(), held, "what it said stays");
    std::fs::write(&file, content).unwrap();
    let (row, run) = bench.run_with("other options").await;
    assert_eq!((row.status, run.finding_codes().len()), (RunStatus::Succeeded, 0));
    assert_eq!(bench.sink.stale_origins(), Vec::<String>::new());
}

#[tokio::test]
async fn a_missing_tree_proves_nothing_and_hinders_nobody() {
    let bench = Bench::new(json!({"repositories": ["pay", "ship"]}));
    for name in ["pay", "ship"] {
        let mut repo = bench.repo(name);
        repo.write("a/catalog-info.yaml", component(name))
            .write("b/catalog-info.yaml", component(&format!("{name}-b")));
        repo.commit("first");
    }
    bench.run().await;
    let held = bench.sink.held();
    let repo = TestRepo::at(bench.folder.path().join("pay"));
    let tree = repo.git(["rev-parse", "HEAD:a"]);
    std::fs::remove_file(repo.path.join(".git/objects").join(&tree[..2]).join(&tree[2..])).unwrap();
    let (_, run) = bench.run_with("other options").await;
    assert!(run.finding_codes().contains(&"object_missing".to_owned()));
    assert!(in_part(&run, &bench.scope("pay")));
    assert!(matches!(
        run.closing_of(&bench.scope("ship")),
        Some(Closing::Complete { .. })
    ));
    assert_eq!(bench.subjects_of(&bench.scope("pay")).len(), 5);
    assert_eq!(bench.sink.held().len(), held.len());
}

#[tokio::test]
async fn a_repository_that_moved_continues_the_old_one() {
    let bench = Bench::new(json!({"repositories": ["code/*"]}));
    let mut repo = bench.repo("code/pay");
    repo.write("catalog-info.yaml", component("pay"));
    repo.commit("first");
    bench.repo("code/other").commit("unrelated");
    bench.run().await;
    let old = bench.subjects_of(&bench.scope("code/pay"));
    let old_ref = old[0].split(' ').nth(1).unwrap().to_owned();
    std::fs::rename(&repo.path, bench.folder.path().join("code/payments")).unwrap();
    let mut moved = TestRepo::at(bench.folder.path().join("code/payments"));
    moved.now += 86_400;
    moved.commit("after the move");
    let (row, run) = bench.run().await;
    assert_eq!(row.status, RunStatus::Succeeded, "{:?}", run.finding_codes());
    let continues: Vec<_> = run.claims().filter_map(|claim| claim.body.continues.as_ref()).collect();
    assert_eq!(continues.len(), 1);
    assert_eq!(continues[0].as_str(), old_ref);
    assert!(
        bench.subjects_of(&bench.scope("code/pay")).is_empty(),
        "the old one is retired"
    );
    // The same history twice, both alive: nobody continues anybody.
    moved.clone_to(&bench.folder.path().join("code/copy"), &[]);
    let (_, run) = bench.run().await;
    assert!(run.claims().all(|claim| claim.body.continues.is_none()));
}

#[tokio::test]
async fn of_two_copies_of_a_remote_one_stands_for_it_and_stays() {
    let bench = Bench::new(json!({"repositories": ["b", "*"]}));
    for name in ["b", "c"] {
        let mut repo = bench.repo(name);
        repo.git(["remote", "add", "origin", "https://github.com/acme/pay.git"]);
        repo.commit("first");
    }
    bench.run().await;
    let holder = |bench: &Bench, name: &str| {
        bench
            .subjects_of(&bench.scope(name))
            .iter()
            .any(|subject| subject.ends_with("repository:github-com-acme/pay"))
    };
    assert!(holder(&bench, "b") && !holder(&bench, "c"));
    let copy = bench.subjects_of(&bench.scope("c"));
    assert!(copy[0].contains("repository:local/c-"), "{copy:?}");
    let mut first = bench.repo("a");
    first.git(["remote", "add", "origin", "git@github.com:acme/pay"]);
    first.commit("first");
    let bench = Bench {
        options: json!({"repositories": ["*"]}),
        ..bench
    };
    bench.run().await;
    assert!(
        holder(&bench, "b") && !holder(&bench, "a"),
        "a newcomer takes no name away"
    );
}

#[tokio::test]
async fn a_missing_path_retires_nothing_and_a_removed_entry_does() {
    let bench = two_repositories();
    bench.run().await;
    let held = bench.sink.held();
    std::fs::rename(bench.folder.path().join("pay"), bench.folder.path().join("away")).unwrap();
    let (_, run) = bench.run().await;
    assert_eq!(
        (in_part(&run, "repositories"), run.finding_codes()),
        (true, vec!["repository_not_found".to_owned()])
    );
    assert_eq!(bench.sink.held(), held);
    let bench = Bench {
        options: json!({"repositories": ["ship"]}),
        ..bench
    };
    let (row, run) = bench.run().await;
    assert_eq!(row.status, RunStatus::Succeeded);
    let proved = |closing: &Closing| {
        matches!(
            closing,
            Closing::Complete {
                proof: Proof::Version(_),
                ..
            }
        )
    };
    assert!(run.closing_of("repositories").is_some_and(proved));
    assert!(bench.subjects_of(&bench.scope("pay")).is_empty());
}

#[tokio::test]
async fn an_archive_without_history_is_a_finding_and_the_run_goes_on() {
    let bench = Bench::new(json!({"repositories": [".", "pay"]}));
    bench.repo("pay").commit("first");
    std::fs::write(bench.folder.path().join("README.md"), "# Unpacked").unwrap();
    let (row, run) = bench.run().await;
    assert_eq!(
        (row.status, run.finding_codes()),
        (RunStatus::Succeeded, vec!["not_a_repository".to_owned()])
    );
    assert!(!bench.sink.held().is_empty());
    bench.run().await;
    assert_eq!(bench.run().await.1.claims().count(), 0);
}

#[tokio::test]
async fn an_empty_repository_is_one_and_an_emptied_one_keeps_what_it_held() {
    let bench = Bench::new(json!({"repositories": ["*"]}));
    bench.repo("empty");
    let mut filled = bench.repo("filled");
    filled.write("catalog-info.yaml", component("pay"));
    filled.commit("first");
    let (row, _) = bench.run().await;
    assert_eq!(row.status, RunStatus::Succeeded);
    assert_eq!(bench.subjects_of(&bench.scope("empty")).len(), 1);
    let held = bench.sink.held();
    std::fs::remove_dir_all(&filled.path).unwrap();
    bench.repo("filled");
    let (_, run) = bench.run().await;
    let scope = bench.scope("filled");
    assert_eq!(
        (in_part(&run, &scope), run.finding_codes()),
        (true, vec!["repository_emptied".to_owned()])
    );
    assert_eq!(bench.sink.held(), held);
    for _ in 0..3 {
        let (_, run) = bench.run_with("other options").await;
        assert_eq!(
            (run.finding_codes(), run.claims_removed),
            (vec!["repository_emptied".to_owned()], 0)
        );
    }
}

#[tokio::test]
async fn branches_that_are_not_there_and_detached_heads_are_told() {
    let bench = Bench::new(json!({"repositories": [{"path": "pay", "branch": "release"}]}));
    let mut repo = bench.repo("pay");
    repo.write("catalog-info.yaml", component("pay"));
    repo.commit("first");
    assert_eq!(bench.codes().await, ["branch_missing"]);
    repo.git(["branch", "release"]);
    assert_eq!(bench.codes().await, Vec::<String>::new());
    let bench = Bench {
        options: json!({"repositories": ["pay"]}),
        ..bench
    };
    repo.git(["checkout", "--quiet", "--detach"]);
    assert_eq!(bench.codes().await, ["head_detached"]);
    std::fs::write(repo.path.join(".git/HEAD"), "ref: refs/heads/gone").unwrap();
    assert_eq!(bench.codes().await, ["head_missing"]);
    std::fs::write(repo.path.join(".git/HEAD"), "ref: refs/heads/../../x").unwrap();
    assert!(in_part(&bench.run().await.1, &bench.scope("pay")));
}

#[tokio::test]
async fn hostile_descriptors_are_a_finding_each() {
    use std::os::unix::ffi::OsStrExt as _;
    let bench = Bench::new(json!({"repositories": ["pay"]}));
    let mut repo = bench.repo("pay");
    repo.write("good/catalog-info.yaml", component("good"))
        .write("binary/catalog-info.yaml", b"kind: \x00\xff\xfe")
        .write("big/catalog-info.yaml", vec![b'#'; 11 * 1024 * 1024])
        .write("deep/catalog-info.yaml", "[".repeat(100_000))
        .write(
            "twice/catalog-info.yaml",
            format!("{}---\n{}", component("twice"), component("Twice")),
        )
        .write(
            "lfs/catalog-info.yaml",
            "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n",
        )
        .write(
            "text/catalog-info.yaml",
            component("text").replace("service", "{$text: ../../secret}"),
        )
        .write("links/.keep", "");
    std::fs::write(bench.folder.path().join("secret"), "canary").unwrap();
    let link = |target: &str, at: &str| std::os::unix::fs::symlink(target, repo.path.join(at)).unwrap();
    std::fs::create_dir_all(repo.path.join("out")).unwrap();
    std::fs::create_dir_all(repo.path.join("in")).unwrap();
    link("../../secret", "out/catalog-info.yaml");
    link("../good/catalog-info.yaml", "in/catalog-info.yml");
    link("nowhere", "links/catalog-info.yaml");
    let odd = std::ffi::OsStr::from_bytes(b"odd-\xff");
    std::fs::create_dir_all(repo.path.join(odd)).unwrap();
    std::fs::write(repo.path.join(odd).join("catalog-info.yaml"), component("odd")).unwrap();
    repo.commit("hostile");
    let (_, run) = bench.run().await;
    let codes = run.finding_codes();
    for code in [
        "descriptor_too_large",
        "duplicate_ref",
        "lfs_pointer",
        "symlink_outside",
        "symlink_broken",
        "path_not_utf8",
    ] {
        assert_eq!(
            codes.iter().filter(|held| *held == code).count(),
            1,
            "{code} in {codes:?}"
        );
    }
    for file in [
        "binary/catalog-info.yaml",
        "deep/catalog-info.yaml",
        "text/catalog-info.yaml",
    ] {
        assert!(
            run.findings().any(|finding| finding.file.as_deref() == Some(file)),
            "{file}"
        );
    }
    assert!(
        run.claims()
            .any(|claim| claim.subject.to_string() == "component:default/good")
    );
    let all = format!("{:?}", bench.sink.held());
    assert!(!all.contains("canary"), "nothing outside of the repository is read");
    assert!(
        bench
            .subjects_of(&bench.scope("pay"))
            .iter()
            .any(|subject| subject.starts_with("in/catalog-info.yml"))
    );
    let (row, _) = bench.run().await;
    assert_eq!(counter(&row, "git.blobs_read"), 0);
}

#[tokio::test]
async fn a_shallow_clone_and_a_bare_one_are_read() {
    let bench = Bench::new(json!({"repositories": ["clones/*"]}));
    let mut repo = bench.repo("pay");
    repo.write("catalog-info.yaml", component("pay"));
    repo.commit("first");
    repo.commit("second");
    repo.clone_to(&bench.folder.path().join("clones/shallow"), &["--depth=1"]);
    repo.clone_to(&bench.folder.path().join("clones/bare.git"), &["--bare"]);
    assert_eq!(bench.codes().await, ["shallow_clone"]);
    assert_eq!(bench.subjects_of(&bench.scope("clones/bare.git")).len(), 4);
    assert_eq!(bench.subjects_of(&bench.scope("clones/shallow")).len(), 4);
}

#[tokio::test]
async fn a_remote_is_mirrored_and_an_unreachable_one_keeps_what_it_held() {
    let folder = tempfile::tempdir().unwrap();
    let mut repo = TestRepo::new(folder.path().join("acme/pay"));
    repo.write("catalog-info.yaml", component("pay"));
    repo.commit("first");
    let server = HttpServer::start(folder.path(), Some("Basic eC1hY2Nlc3MtdG9rZW46Y2FuYXJ5LTdmM2E="));
    let item = json!({"url": server.url("acme/pay"), "token_env": "TOKEN"});
    let mut bench = Bench::new(json!({"repositories": [item]}));
    bench.environment = vec![("TOKEN".to_owned(), "canary-7f3a".to_owned())];
    let (row, run) = bench.run().await;
    assert_eq!(
        row.status,
        RunStatus::Succeeded,
        "{:?}",
        run.findings().collect::<Vec<_>>()
    );
    let scope = format!("repository:127.0.0.1:{}/acme/pay", server.port);
    assert_eq!(bench.subjects_of(&scope).len(), 4, "{:?}", bench.sink.held());
    server.take_requests();
    let (row, _) = bench.run().await;
    assert_eq!((counter(&row, "git.fetches"), counter(&row, "git.trees_read")), (0, 0));
    assert!(server.take_requests().iter().all(|request| !request.ends_with("fetch")));
    repo.write("catalog-info.yaml", component("payments"));
    repo.commit("second");
    let (_, run) = bench.run().await;
    assert!(matches!(run.closing_of(&scope), Some(Closing::Delta { .. })));
    let held = bench.sink.held();
    bench.environment.clear();
    let (_, run) = bench.run().await;
    assert_eq!(
        (in_part(&run, &scope), run.finding_codes()),
        (true, vec!["remote_unauthorised".to_owned()])
    );
    drop(server);
    bench.environment = vec![("TOKEN".to_owned(), "canary-7f3a".to_owned())];
    assert_eq!(bench.codes().await, ["remote_failed"]);
    assert_eq!(bench.sink.held(), held);
    assert!(!format!("{:?}{:?}", bench.sink.held(), bench.sink.runs().len()).contains("canary"));
}

#[tokio::test]
async fn differences_lead_to_the_same_as_reading_everything() {
    let bench = Bench::new(json!({"repositories": ["pay"]}));
    let mut repo = bench.repo("pay");
    repo.write("catalog-info.yaml", component("root"));
    repo.commit("first");
    bench.run().await;
    // A small generator with a fixed seed: each round changes, adds and removes some files.
    let mut seed: u64 = 7;
    let mut next = |below: u64| {
        seed = seed
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) % below
    };
    for round in 0..12 {
        for _ in 0..4 {
            let folder = format!("f{}", next(6));
            match next(9) {
                0 | 1 => {
                    _ = repo.write(
                        &format!("{folder}/catalog-info.yaml"),
                        component(&format!("c{}", next(8))),
                    )
                }
                2 => _ = std::fs::remove_dir_all(repo.path.join(&folder)),
                3 => _ = repo.write("CODEOWNERS", format!("* @t{}\n/{folder}/ @u\n", next(3))),
                4 => _ = repo.write(&format!("{folder}/package.json"), format!("{{\"name\": \"n{round}\"}}")),
                5 => {
                    _ = repo.write(
                        &format!("{folder}/catalog-info.yaml"),
                        location(&format!("[../f{}/*.yaml]", next(6))),
                    )
                }
                6 => {
                    _ = repo.write(
                        &format!("{folder}/main.rs"),
                        "x".repeat(usize::try_from(next(900)).unwrap()),
                    )
                }
                7 => _ = repo.write("README.md", format!("# R\n\nRound {round}.\n")),
                _ => {
                    let api = component("with-text").replace("service", "{$text: ./note.txt}");
                    repo.write(&format!("{folder}/catalog-info.yaml"), api);
                    repo.write(&format!("{folder}/note.txt"), format!("note-{}", next(4)));
                }
            }
        }
        repo.now += 3 * 86_400;
        repo.commit(&format!("round {round}"));
        let (row, _) = bench.run().await;
        assert_eq!(row.error, None);
        let stale = bench.sink.stale_origins();
        let fresh = bench.held_by_a_fresh_source().await;
        let mine: Vec<String> = bench
            .sink
            .held()
            .into_iter()
            .filter(|line| !is_of(line, &stale))
            .collect();
        let theirs: Vec<String> = fresh.into_iter().filter(|line| !is_of(line, &stale)).collect();
        assert_eq!(mine, theirs, "round {round}");
        // The fresh source took the cache: the next round begins from a lost one every other time.
        if round % 2 == 0 {
            bench.run_with("options").await;
        }
    }
}

fn is_of(line: &str, origins: &[String]) -> bool {
    origins
        .iter()
        .any(|origin| line.contains(origin.rsplit(' ').next().unwrap_or(origin)))
}

#[tokio::test]
async fn damaged_packs_indexes_and_graphs_are_findings_and_no_crash() {
    let bench = Bench::new(json!({"repositories": ["pay", "ship"]}));
    let mut repo = bench.repo("pay");
    for number in 0..20 {
        repo.write(
            &format!("c{number}/catalog-info.yaml"),
            component(&format!("c{number}")),
        );
        repo.commit("more");
    }
    repo.git(["gc", "--quiet"]);
    repo.git(["commit-graph", "write", "--reachable"]);
    let mut other = bench.repo("ship");
    other.write("catalog-info.yaml", component("ship"));
    other.commit("first");
    let mut files: Vec<PathBuf> = vec![repo.path.join(".git/packed-refs"), repo.path.join(".git/config")];
    files.push(repo.path.join(".git/objects/info/commit-graph"));
    for entry in std::fs::read_dir(repo.path.join(".git/objects/pack")).unwrap() {
        files.push(entry.unwrap().path());
    }
    for file in files {
        let Ok(sound) = std::fs::read(&file) else { continue };
        let permissions: std::fs::Permissions = std::os::unix::fs::PermissionsExt::from_mode(0o644);
        std::fs::set_permissions(&file, permissions).unwrap();
        for damage in 0..6 {
            let mut broken = sound.clone();
            match damage {
                0 => broken.truncate(sound.len() / 2),
                1 => broken.clear(),
                2 => broken.fill(0),
                3 => broken.fill(0xff),
                _ => {
                    let step = 13 + damage;
                    broken
                        .iter_mut()
                        .step_by(step)
                        .for_each(|byte| *byte = byte.wrapping_add(1));
                }
            }
            std::fs::write(&file, broken).unwrap();
            let (row, run) = bench.run_with(&format!("{} {damage}", file.display())).await;
            assert_eq!(row.error, None, "{} {damage}", file.display());
            assert!(!in_part(&run, &bench.scope("ship")));
        }
        std::fs::write(&file, sound).unwrap();
    }
    let (row, run) = bench.run_with("mended").await;
    assert_eq!((row.error, run.finding_codes()), (None, vec![]));
}

#[tokio::test]
async fn a_repository_of_another_user_is_read() {
    let bench = two_repositories();
    let path = bench.folder.path().join("pay");
    if std::os::unix::fs::chown(&path, Some(65_534), None).is_err() {
        println!("skipped: only root can give a folder away");
        return;
    }
    std::os::unix::fs::chown(path.join(".git"), Some(65_534), None).unwrap();
    let (row, run) = bench.run().await;
    assert_eq!((row.error, run.finding_codes()), (None, vec![]));
    assert_eq!(bench.subjects_of(&bench.scope("pay")).len(), 4);
}

#[tokio::test]
async fn a_narrowed_run_reads_one_repository_and_proves_no_listing() {
    let bench = two_repositories();
    bench.run().await;
    let mut repo = TestRepo::at(bench.folder.path().join("pay"));
    repo.write("catalog-info.yaml", component("other"));
    repo.commit("second");
    let source = SourceId::parse("fixture").unwrap();
    let clock = Arc::new(bailiwick_schema::time::ManualClock::at(
        bailiwick_schema::Timestamp::from_secs(1_900_000_000),
    ));
    let run = bailiwick_schema::RunId::new("narrow");
    let options = bailiwick_schema::ContentHash::of(b"options");
    let mut cx = RunContext::new(source.clone(), "git", run.clone(), clock, bench.cache_dir(), options);
    cx.wanted = Some(bailiwick_schema::ScopeId::new(bench.scope("pay")));
    let sink: Arc<dyn bailiwick_schema::Sink> = bench.sink.clone();
    let begin = bailiwick_schema::RunBegin {
        id: run.clone(),
        source,
        source_type: "git".to_owned(),
        cause: bailiwick_schema::RunCause::Event,
        full: false,
        allow: bailiwick_schema::AllowPolicy::all(),
        rank: 0,
        started_at: bailiwick_schema::Timestamp::from_secs(1_900_000_000),
    };
    sink.run_begin(begin).await.unwrap();
    let out = Emitter::new(sink, &cx);
    bench.ingestor().ingest(&cx, &out).await.unwrap();
    let run = bench.sink.last_run();
    assert!(in_part(&run, "repositories"));
    assert!(matches!(
        run.closing_of(&bench.scope("pay")),
        Some(Closing::Delta { .. })
    ));
    assert_eq!(run.closing_of(&bench.scope("ship")), None);
}

#[tokio::test]
async fn formats_that_cannot_be_read_are_findings_and_not_empty() {
    let bench = Bench::new(json!({"repositories": ["*"]}));
    for (name, option) in [
        ("reftable", "--ref-format=reftable"),
        ("sha256", "--object-format=sha256"),
    ] {
        let path = bench.folder.path().join(name);
        std::fs::create_dir(&path).unwrap();
        let mut repo = TestRepo::at(path);
        if !repo.output(["init", "--quiet", option]).status.success() {
            println!("skipped: this git knows no {option}");
            continue;
        }
        repo.commit("first");
        let (_, run) = bench.run().await;
        assert!(
            in_part(&run, &bench.scope(name)),
            "{name}: {:?}",
            run.closing_of(&bench.scope(name))
        );
        assert_eq!(run.claims().count(), 0, "{name}");
        assert!(!run.finding_codes().is_empty(), "{name}");
        std::fs::remove_dir_all(&repo.path).unwrap();
    }
}
