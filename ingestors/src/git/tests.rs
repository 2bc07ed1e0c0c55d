//! The whole source against real repositories, through the recording sink.

mod delta;
mod hostile;
mod listing;

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
