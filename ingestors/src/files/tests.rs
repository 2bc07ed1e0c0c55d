//! Tests of the source on temporary folders.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bailiwick_schema::{Closing, RunRecord, RunStatus, SourceId};
use serde_json::json;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::kit::testing::{Fixture, RecordedRun, RecordingSink, run_once};
use crate::kit::{Environment, Wake};

mod lines;

struct Bench {
    folder: TempDir,
    options: Value,
    sink: Arc<RecordingSink>,
}

impl Bench {
    fn new(options: Value) -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            options,
            sink: Arc::default(),
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: impl AsRef<[u8]>) -> &Self {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
        self
    }

    fn remove(&self, name: &str) {
        std::fs::remove_file(self.path(name)).unwrap();
    }

    fn built(&self) -> BuiltSource {
        let cx = BuildContext {
            source: SourceId::parse("org").unwrap(),
            base_dir: self.folder.path().to_owned(),
            kinds: Arc::new(KindSet::builtin()),
        };
        FilesFactory.build(self.options.clone(), &cx).unwrap()
    }

    async fn run(&self) -> (RunRecord, RecordedRun) {
        let row = run_once(self, &self.sink, "options", CancellationToken::new()).await;
        (row, self.sink.last_run())
    }

    /// Runs once and returns the codes of the findings, sorted.
    async fn codes(&self) -> Vec<String> {
        let mut codes = self.run().await.1.finding_codes();
        codes.sort();
        codes
    }
}

#[async_trait]
impl Fixture for Bench {
    fn source_type(&self) -> &'static str {
        "files"
    }

    fn ingestor(&self) -> Arc<dyn Ingestor> {
        self.built().ingestor
    }

    fn cache_dir(&self) -> PathBuf {
        self.path(".cache")
    }

    async fn break_a_part(&self) {
        self.write("all/b.yaml", "kind: [broken\n");
        self.remove("all/pay.txt");
        std::fs::create_dir(self.path("all/pay.txt")).unwrap();
    }

    fn canary(&self) -> Option<String> {
        Some("c4n4ry".to_owned())
    }

    fn environment(&self) -> Environment {
        Environment::from([("TOKEN", "c4n4ry")])
    }
}

fn component(name: &str) -> String {
    format!(
        "apiVersion: backstage.io/v1alpha1\nkind: Component\nmetadata:\n  name: {name}\nspec:\n  type: service\n  \
         lifecycle: production\n  owner: team\n"
    )
}

fn json_component(name: &str) -> String {
    json!({
        "apiVersion": "backstage.io/v1alpha1", "kind": "Component", "metadata": {"name": name},
        "spec": {"type": "service", "lifecycle": "production", "owner": "team"},
    })
    .to_string()
}

fn location(name: &str, targets: &[&str]) -> String {
    let spec = json!({"targets": targets});
    format!("apiVersion: backstage.io/v1alpha1\nkind: Location\nmetadata: {{name: {name}}}\nspec: {spec}\n")
}

fn refs(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| format!("component:default/{name}")).collect()
}

fn example() -> Bench {
    let bench = Bench::new(json!({"paths": ["all"]}));
    let api = "apiVersion: backstage.io/v1alpha1\nkind: API\nmetadata: {name: pay}\nspec:\n  type: openapi\n  lifecycle: \
               production\n  owner: team\n  definition:\n    $text: ./pay.txt\n";
    bench
        .write("all/a.yaml", component("a"))
        .write("all/b.yaml", format!("{}---\n{}", component("b"), component("b2")))
        .write("all/deep/c.json", json_component("c"))
        .write(
            "all/d.ndjson",
            format!("{}\n{}\n", json_component("d1"), json_component("d2")),
        )
        .write("all/api.yaml", api)
        .write("all/pay.txt", "openapi: 3.0.0\n")
        .write(
            "all/where.yaml",
            location("where", &["./deep/*.json", "https://example.com/x.yaml"]),
        )
        .write("secret.txt", "c4n4ry")
        .write(
            "all/leak.yaml",
            component("leak") + "  notes:\n    $text: ../secret.txt\n",
        );
    bench
}

crate::compliance!(compliance, example());

#[tokio::test]
async fn every_format_is_read_and_each_file_is_a_scope() {
    let bench = example();
    let (row, run) = bench.run().await;
    assert_eq!(row.status, RunStatus::Succeeded, "{row:?}");
    assert_eq!(run.finding_codes(), ["target_outside", "target_not_read"]);
    let mut expected = refs(&["a", "b", "b2", "c", "d1", "d2", "leak"]);
    expected.extend(["api:default/pay".to_owned(), "location:default/where".to_owned()]);
    expected.sort();
    assert_eq!(bench.sink.subjects(), expected);
    let scopes = bench.sink.scopes();
    assert_eq!(
        scopes,
        [
            "file:all/a.yaml",
            "file:all/api.yaml",
            "file:all/b.yaml",
            "file:all/d.ndjson",
            "file:all/deep/c.json",
            "file:all/leak.yaml",
            "file:all/where.yaml",
            "files"
        ]
    );
    assert!(matches!(
        run.closing_of("file:all/a.yaml"),
        Some(Closing::Complete { .. })
    ));
    let second = run
        .claims()
        .find(|claim| claim.subject.to_string() == "component:default/b2")
        .unwrap();
    assert_eq!(
        (second.origin.path.as_str(), second.origin.line),
        ("all/b.yaml", Some(9))
    );
    let line = run
        .claims()
        .find(|claim| claim.subject.to_string() == "component:default/d2")
        .unwrap();
    assert_eq!((line.origin.path.as_str(), line.origin.line), ("all/d.ndjson", Some(2)));
}

#[tokio::test]
async fn a_quiet_run_closes_every_scope_as_unchanged() {
    let bench = example();
    bench.run().await;
    let (row, run) = bench.run().await;
    assert!(
        run.closed.iter().all(|closed| closed.closing == Closing::Unchanged),
        "{:?}",
        run.closed
    );
    assert_eq!(run.deliveries, []);
    assert_eq!(row.telemetry.get("files.unchanged"), Some(&7));
    assert_eq!(row.telemetry.get("files.documents"), None);
}

#[tokio::test]
async fn only_what_changed_is_parsed_again() {
    let bench = example();
    bench.run().await;
    bench.write("all/a.yaml", component("a9"));
    let (row, run) = bench.run().await;
    assert_eq!(row.telemetry.get("files.documents"), Some(&1));
    assert_eq!((run.claims_changed, run.claims_removed), (1, 1));
    bench.write("all/pay.txt", "openapi: 3.1.0\n");
    let (row, run) = bench.run().await;
    assert_eq!(
        row.telemetry.get("files.documents"),
        Some(&1),
        "the file that the placeholder names is part of it"
    );
    assert_eq!(run.claims_changed, 1);
}

#[tokio::test]
async fn a_file_that_is_gone_is_retired_and_a_missing_folder_is_not() {
    let bench = Bench::new(json!({"paths": ["one", "two/*.yaml"]}));
    bench
        .write("one/a.yaml", component("a"))
        .write("one/b.yaml", component("b"))
        .write("two/c.yaml", component("c"));
    bench.run().await;
    bench.remove("one/a.yaml");
    bench.run().await;
    assert_eq!(bench.sink.subjects(), refs(&["b", "c"]));
    std::fs::rename(bench.path("one"), bench.path("away")).unwrap();
    let (row, run) = bench.run().await;
    assert_eq!(
        (row.status, run.finding_codes()),
        (RunStatus::Succeeded, vec!["path_not_found".to_owned()])
    );
    assert!(
        run.closing_of("files")
            .is_some_and(|closing| *closing == Closing::Partial)
    );
    assert_eq!(bench.sink.subjects(), refs(&["b", "c"]));
}

#[tokio::test]
async fn a_folder_that_came_back_empty_retires_nothing() {
    let bench = Bench::new(json!({"paths": ["one", "two/*.yaml"]}));
    bench
        .write("one/a.yaml", component("a"))
        .write("two/c.yaml", component("c"));
    bench.run().await;
    bench.remove("two/c.yaml");
    assert_eq!(bench.codes().await, ["empty_unproved"]);
    assert_eq!(bench.sink.subjects(), refs(&["a", "c"]));
    bench.write("two/d.yaml", component("d"));
    assert_eq!(bench.codes().await, Vec::<String>::new());
    assert_eq!(bench.sink.subjects(), refs(&["a", "d"]));
}

#[tokio::test]
async fn nothing_at_all_proves_a_listing_only() {
    let bench = Bench::new(json!({"paths": ["*.yaml"]}));
    let (_, run) = bench.run().await;
    assert!(matches!(
        run.closing_of("files"),
        Some(Closing::Complete {
            proof: bailiwick_schema::Proof::Listing,
            ..
        })
    ));
}

#[tokio::test]
async fn a_typo_never_deletes() {
    let bench = Bench::new(json!({"paths": ["all"]}));
    bench.write("all/a.yaml", format!("{}---\n{}", component("a"), component("b")));
    bench.run().await;
    bench.write(
        "all/a.yaml",
        format!("{}---\n{}", component("a"), component("b").replace("kind:", "kind")),
    );
    let (_, run) = bench.run().await;
    assert!(
        run.findings()
            .all(|finding| finding.file.as_deref() == Some("all/a.yaml") && finding.line >= Some(9))
    );
    assert_eq!(bench.sink.subjects(), refs(&["a", "b"]));
    assert_eq!(bench.sink.stale_origins(), ["all/a.yaml"]);
    bench.write("all/a.yaml", [0xff, 0xfe, 0, b'k']);
    assert!(!bench.codes().await.is_empty());
    assert_eq!(bench.sink.subjects(), refs(&["a", "b"]));
    bench.write("all/a.yaml", component("a"));
    assert_eq!(bench.codes().await, Vec::<String>::new());
    assert_eq!(bench.sink.subjects(), refs(&["a"]));
}

#[tokio::test]
async fn a_typo_in_a_location_keeps_what_it_named() {
    let bench = Bench::new(json!({"paths": ["root.yaml"]}));
    bench
        .write("root.yaml", location("root", &["./sub/a.yaml"]))
        .write("sub/a.yaml", component("a"));
    bench.run().await;
    assert_eq!(bench.sink.subjects(), ["component:default/a", "location:default/root"]);
    bench.write("root.yaml", "kind: Location\nspec: [\n");
    bench.run().await;
    assert_eq!(bench.sink.subjects(), ["component:default/a", "location:default/root"]);
    bench.write("root.yaml", location("root", &[]));
    bench.run().await;
    assert_eq!(bench.sink.subjects(), ["location:default/root"]);
}

#[tokio::test]
async fn locations_are_followed_within_the_folders_and_circles_end() {
    let bench = Bench::new(json!({"paths": ["cat/root.yaml"]}));
    bench
        .write(
            "cat/root.yaml",
            location("root", &["./more/*.yaml", "../out.yaml", "./none.yaml"]),
        )
        .write("cat/more/x.yaml", component("x"))
        .write("cat/more/loop.yaml", location("loop", &["../root.yaml"]))
        .write("out.yaml", component("out"));
    assert_eq!(
        bench.codes().await,
        ["location_cycle", "target_not_found", "target_outside"]
    );
    assert_eq!(
        bench.sink.subjects(),
        ["component:default/x", "location:default/loop", "location:default/root"]
    );
    let (_, again) = bench.run().await;
    assert!(again.closed.iter().all(|closed| closed.closing == Closing::Unchanged));
}

#[cfg(unix)]
#[tokio::test]
async fn links_out_of_the_folders_are_not_followed() {
    use std::os::unix::fs::symlink;
    let bench = Bench::new(json!({"paths": ["in", "glob/**/*.yaml"]}));
    bench
        .write("secret/s.yaml", component("secret"))
        .write("secret/text", "c4n4ry")
        .write("in/real.yaml", component("a"));
    bench.write("glob/g.yaml", component("g"));
    symlink(bench.path("secret/s.yaml"), bench.path("in/link.yaml")).unwrap();
    symlink(bench.path("secret/text"), bench.path("in/text")).unwrap();
    symlink(bench.path("secret"), bench.path("in/folder")).unwrap();
    symlink(bench.path("in/real.yaml"), bench.path("in/same.yaml")).unwrap();
    symlink(bench.path("in"), bench.path("in/circle")).unwrap();
    symlink(bench.path("nowhere"), bench.path("in/dangling.yaml")).unwrap();
    let linked = component("linked") + "  x:\n    $text: ./text\n";
    bench
        .write("in/placeholder.yaml", linked)
        .write("in/location.yaml", location("l", &["./folder/s.yaml"]));
    let codes = bench.codes().await;
    assert_eq!(codes, ["symlink_outside", "target_outside", "target_outside"]);
    assert!(!bench.sink.held().join("").contains("c4n4ry"));
    assert!(!bench.sink.subjects().contains(&"component:default/secret".to_owned()));
}

#[tokio::test]
async fn documents_with_the_same_ref_in_one_file_count_once() {
    let bench = Bench::new(json!({"paths": ["a.yaml"]}));
    bench.write("a.yaml", format!("{}---\n{}", component("same"), component("SAME")));
    let (_, run) = bench.run().await;
    assert_eq!(run.claims().count(), 1);
    let finding = run.findings().next().unwrap();
    assert_eq!((finding.code.as_str(), finding.line), ("duplicate_ref", Some(9)));
}

#[tokio::test]
async fn json_that_is_no_descriptor_is_a_finding() {
    let bench = Bench::new(json!({"paths": ["."]}));
    bench
        .write("package.json", r#"{"name": "x", "version": "1.0.0"}"#)
        .write("list.json", "[1, 2]")
        .write("bad.json", "{\"kind\": ")
        .write(
            "lines.ndjson",
            format!(
                "{}\n\n{{\"a\": 1}}\nnull\n{}\n",
                json_component("ok1"),
                json_component("ok2")
            ),
        );
    let (_, run) = bench.run().await;
    let codes = run.finding_codes();
    assert_eq!(
        codes.iter().filter(|code| *code == "not_a_descriptor").count(),
        4,
        "{codes:?}"
    );
    assert_eq!(codes.len(), 5);
    let lines: Vec<_> = run
        .findings()
        .filter(|finding| finding.file.as_deref() == Some("lines.ndjson"))
        .collect();
    assert_eq!(
        lines.iter().map(|finding| finding.line).collect::<Vec<_>>(),
        [Some(3), Some(4)]
    );
    assert_eq!(bench.sink.subjects(), refs(&["ok1", "ok2"]));
}

#[tokio::test]
async fn a_document_that_is_too_long_is_left_out_and_the_others_are_kept() {
    let bench = Bench::new(json!({"paths": ["."], "document_bytes_max": 1_024}));
    let long = component(&"x".repeat(2_000));
    bench.write(
        "a.yaml",
        format!("{}---\n{long}---\n{}", component("a"), component("b")),
    );
    bench.write(
        "b.ndjson",
        format!(
            "{}\n{}\n{}\n",
            json_component("c"),
            "x".repeat(5_000),
            json_component("d")
        ),
    );
    bench.write("c.json", json_component(&"y".repeat(2_000)));
    let (_, run) = bench.run().await;
    let found: Vec<_> = run
        .findings()
        .map(|f| (f.code.as_str(), f.file.as_deref().unwrap(), f.line.unwrap()))
        .collect();
    assert_eq!(
        found,
        [
            ("document_too_large", "a.yaml", 9),
            ("document_too_large", "b.ndjson", 2),
            ("document_too_large", "c.json", 1)
        ]
    );
    assert_eq!(bench.sink.subjects(), refs(&["a", "b", "c", "d"]));
}

#[tokio::test]
async fn a_file_larger_than_memory_allows_is_read_as_a_stream() {
    let bench = Bench::new(json!({"paths": ["big.ndjson", "big.yaml"]}));
    let pad = "p".repeat(1_500);
    let line = |n: usize| {
        let mut value: Value = serde_json::from_str(&json_component(&format!("n{n}"))).unwrap();
        value["metadata"]["description"] = pad.clone().into();
        value.to_string() + "\n"
    };
    let lines: String = (0..7_000).map(line).collect();
    let documents: String = (0..7_000)
        .map(|n| {
            format!(
                "---\n{}",
                component(&format!("y{n}")).replace("  name", &format!("  description: {pad}\n  name"))
            )
        })
        .collect();
    assert!(
        lines.len() as u64 > limits::MEMORY_FILE_BYTES_MAX && documents.len() as u64 > limits::MEMORY_FILE_BYTES_MAX
    );
    bench.write("big.ndjson", &lines).write("big.yaml", &documents);
    let (row, run) = bench.run().await;
    assert_eq!((row.status, run.finding_codes().len()), (RunStatus::Succeeded, 0));
    assert_eq!(run.claims().count(), 14_000);
    let last = run
        .claims()
        .find(|claim| claim.subject.to_string() == "component:default/y6999")
        .unwrap();
    assert_eq!(last.origin.line, Some(6_999 * 10 + 1));
    let (row, _) = bench.run().await;
    assert_eq!(
        row.telemetry.get("files.unchanged"),
        Some(&2),
        "proved unchanged by its hash alone"
    );
}

#[tokio::test]
async fn skeletons_of_templates_are_no_entities() {
    let bench = Bench::new(json!({"paths": ["."]}));
    let template = "apiVersion: scaffolder.backstage.io/v1beta3\nkind: Template\nmetadata: {name: t}\nspec:\n  type: service\n  \
                    steps:\n    - {id: a, name: a, action: 'fetch:template', input: {url: ./skeleton}}\n";
    bench
        .write("z/template.yaml", template)
        .write("z/skeleton/catalog-info.yaml", component("literal"))
        .write("a/filled.yaml", component("${{ values.name }}"));
    assert_eq!(bench.codes().await, ["template_skeleton", "template_skeleton"]);
    assert_eq!(bench.sink.subjects(), ["template:default/t"]);
}

#[tokio::test]
async fn hidden_files_and_other_formats_are_left_out_of_folders() {
    let bench = Bench::new(json!({"paths": [".", "named.conf"]}));
    bench
        .write(".git/x.yaml", component("git"))
        .write(".hidden.yaml", component("hidden"))
        .write("note.txt", component("text"))
        .write("named.conf", component("named"))
        .write("UPPER.YML", component("upper"));
    assert_eq!(bench.codes().await, Vec::<String>::new());
    assert_eq!(bench.sink.subjects(), refs(&["named", "upper"]));
}

#[cfg(unix)]
#[tokio::test]
async fn what_cannot_be_read_keeps_what_it_said() {
    let bench = Bench::new(json!({"paths": ["a.yaml"]}));
    bench.write("a.yaml", component("a"));
    bench.run().await;
    bench.remove("a.yaml");
    std::fs::create_dir(bench.path("a.yaml")).unwrap();
    // A folder where a file was: its emptiness proves nothing.
    assert_eq!(bench.codes().await, ["empty_unproved"]);
    assert_eq!(bench.sink.subjects(), refs(&["a"]));
}

#[tokio::test]
async fn hostile_content_is_a_finding_and_no_crash() {
    let bench = Bench::new(json!({"paths": ["."]}));
    let deep = format!("{}{}", "[".repeat(200_000), "]".repeat(200_000));
    let bomb = "a: &a [x, x, x, x, x, x, x, x, x]\nb: &b [*a, *a, *a, *a, *a, *a, *a, *a]\nc: &c [*b, *b, *b, *b, *b, *b, *b]\n\
                d: &d [*c, *c, *c, *c, *c, *c, *c]\ne: [*d, *d, *d, *d, *d, *d, *d]\n";
    bench
        .write("deep.json", &deep)
        .write("deep.yaml", &deep)
        .write(
            "deep.ndjson",
            format!("{}\n{}\n", r#"{"kind":"#.repeat(100_000), json_component("after")),
        )
        .write("bomb.yaml", bomb)
        .write("nul.yaml", component("a").replace("team", "te\0am"))
        .write("latin.yaml", b"kind: Compon\xe9nt\n")
        .write("empty.yaml", "")
        .write("only-markers.yaml", "---\n---\n---\n...\n")
        .write("bom.json", format!("\u{feff}{}", json_component("bom")))
        .write("crlf.ndjson", format!("{}\r\n", json_component("crlf")));
    let (row, run) = bench.run().await;
    assert_eq!(row.status, RunStatus::Succeeded, "{row:?}");
    let files: std::collections::BTreeSet<_> = run.findings().filter_map(|finding| finding.file.clone()).collect();
    for file in [
        "deep.json",
        "deep.yaml",
        "deep.ndjson",
        "bomb.yaml",
        "nul.yaml",
        "latin.yaml",
    ] {
        assert!(files.contains(file), "{file} has no finding: {files:?}");
    }
    assert_eq!(bench.sink.subjects(), refs(&["after", "bom", "crlf"]));
}

struct Counter(AtomicUsize);

impl Wake for Counter {
    fn wake(&self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

async fn until(what: &str, condition: impl Fn() -> bool) {
    for _ in 0..1_000 {
        if condition() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("never came: {what}");
}

/// Writes until the watcher, which may still be starting, has noticed.
async fn noticed(bench: &Bench, name: &str, counter: &Counter) {
    let before = counter.0.load(Ordering::SeqCst);
    for n in 0..200 {
        bench.write(name, component(&format!("n{n}")));
        for _ in 0..50 {
            if counter.0.load(Ordering::SeqCst) > before {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
    panic!("never noticed: {name}");
}

#[tokio::test]
async fn a_change_on_disk_wakes_the_source() {
    let bench = Bench::new(json!({"paths": ["all", "one.yaml"]}));
    bench
        .write("all/a.yaml", component("a"))
        .write("one.yaml", component("one"));
    let watcher = bench.built().ingestor.watcher().unwrap();
    let counter = Arc::new(Counter(AtomicUsize::new(0)));
    let cancel = CancellationToken::new();
    let watching = {
        let (wake, cancel) = (Arc::clone(&counter), cancel.clone());
        tokio::spawn(async move { watcher.watch(wake, cancel).await })
    };
    noticed(&bench, "all/a.yaml", &counter).await;
    noticed(&bench, "all/new/folder/b.yaml", &counter).await;
    noticed(&bench, "one.yaml", &counter).await;
    cancel.cancel();
    watching.await.unwrap();
}

#[tokio::test]
async fn noise_wakes_nobody() {
    let bench = Bench::new(json!({"paths": ["all"]}));
    bench.write("all/a.yaml", component("a")).write("all/pay.txt", "x");
    let settings = Arc::new(Settings::read(bench.options.clone(), bench.folder.path()).unwrap());
    let seen = Arc::new(Seen::default());
    let read = [bench.path("all/a.yaml"), bench.path("all/pay.txt")];
    seen.replace(
        read.into_iter()
            .map(|path| (path.clone(), seen::stamp_of(&path)))
            .collect(),
    );
    let watcher = watch::FilesWatcher::new(settings, seen);
    let (mut told, counter) = (watch::Told::default(), Counter(AtomicUsize::new(0)));
    let mut wakes = async || {
        watcher.wake_if_changed(&mut told, &counter).await;
        counter.0.load(Ordering::SeqCst)
    };
    assert_eq!(wakes().await, 0);
    bench.write("all/server.log", "line\n").write("all/.git/x.yaml", "x");
    assert_eq!(wakes().await, 0, "neither is read");
    bench.write("all/pay.txt", "other");
    assert_eq!(wakes().await, 1, "a placeholder's file is");
    assert_eq!(wakes().await, 1, "told already");
    bench.remove("all/a.yaml");
    assert_eq!(wakes().await, 2);
    bench.write("all/new/b.yml", component("b"));
    assert_eq!(wakes().await, 3);
}

#[tokio::test]
async fn a_folder_that_cannot_be_watched_is_looked_at_instead() {
    let bench = Bench::new(json!({"paths": ["later"], "poll_interval_secs": 1}));
    let watcher = bench.built().ingestor.watcher().unwrap();
    let counter = Arc::new(Counter(AtomicUsize::new(0)));
    let cancel = CancellationToken::new();
    let watching = {
        let (wake, cancel) = (Arc::clone(&counter), cancel.clone());
        tokio::spawn(async move { watcher.watch(wake, cancel).await })
    };
    tokio::task::yield_now().await;
    noticed(&bench, "later/a.yaml", &counter).await;
    cancel.cancel();
    until("the end of watching", || watching.is_finished()).await;
}

#[test]
fn every_problem_of_the_options_is_told() {
    let cx = BuildContext {
        source: SourceId::parse("org").unwrap(),
        base_dir: PathBuf::from("/base"),
        kinds: Arc::new(KindSet::builtin()),
    };
    let problems = |raw: Value| -> Vec<String> {
        let Err(problems) = FilesFactory.build(raw, &cx) else {
            panic!("refused")
        };
        problems.iter().map(ToString::to_string).collect()
    };
    assert_eq!(
        problems(json!({})),
        ["paths: must name at least one file, folder or glob"]
    );
    let found = problems(json!({"path": "x", "watch": "yes", "document_bytes_max": -1}));
    assert_eq!(found.len(), 3, "{found:?}");
    assert!(
        found[1].starts_with("path: is no option; known are: document_bytes_max, paths, poll_interval_secs, watch")
    );
    let found = problems(json!({"paths": ["", "a[", "ok"], "document_bytes_max": 5, "poll_interval_secs": 0}));
    assert_eq!(found.len(), 4, "{found:?}");
    assert!(problems(json!([1]))[0].contains("must be an object"));
    assert!(FilesFactory.options_schema()["properties"]["paths"]["description"].is_string());
    assert!(!FilesFactory.summary().is_empty() && FilesFactory.denied_kinds().is_empty());
}

#[test]
fn other_options_or_kinds_have_another_hash() {
    let with = |options: Value, kinds: KindSet| {
        let cx = BuildContext {
            source: SourceId::parse("org").unwrap(),
            base_dir: PathBuf::from("/base"),
            kinds: Arc::new(kinds),
        };
        FilesFactory.build(options, &cx).unwrap().options_hash
    };
    let one = with(json!({"paths": ["a"]}), KindSet::builtin());
    assert_eq!(one, with(json!({"paths": ["a"]}), KindSet::builtin()));
    assert_ne!(one, with(json!({"paths": ["b"]}), KindSet::builtin()));
}

#[test]
fn an_unknown_source_type_is_answered_with_the_known_ones() {
    let cx = BuildContext {
        source: SourceId::parse("org").unwrap(),
        base_dir: PathBuf::from("/base"),
        kinds: Arc::new(KindSet::builtin()),
    };
    let Err(problems) = crate::registry::build("file", json!({}), &cx) else {
        panic!("refused")
    };
    assert!(
        problems[0].message.starts_with("`file` is no source type; known are: "),
        "{problems:?}"
    );
    assert!(problems[0].message.contains("files"));
    let names: Vec<&str> = crate::registry::LIMITS
        .iter()
        .flat_map(|limits| limits.iter())
        .map(|limit| limit.name)
        .collect();
    let mut unique = names.clone();
    unique.sort_unstable();
    unique.dedup();
    assert_eq!(unique.len(), names.len(), "limits have names of their own");
}
