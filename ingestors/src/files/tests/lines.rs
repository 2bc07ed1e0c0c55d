//! Reading an NDJSON file by its changed lines: the same as reading it in full, at the cost of what changed.

use super::*;

/// A source that lives through several runs, as in a server.
struct Lasting {
    bench: Bench,
    ingestor: Arc<dyn Ingestor>,
}

impl Lasting {
    fn new(lines: &[String]) -> Self {
        let bench = Bench::new(json!({"paths": ["all.ndjson"]}));
        write(&bench, lines);
        let ingestor = bench.built().ingestor;
        Self { bench, ingestor }
    }

    async fn run(&self) -> (RunRecord, RecordedRun) {
        let row = run_once(self, &self.bench.sink, "options", CancellationToken::new()).await;
        (row, self.bench.sink.last_run())
    }

    /// Runs, and compares what is then held with what reading in full by another process would hold.
    async fn run_and_compare(&self) -> (Option<u64>, RecordedRun) {
        let (row, run) = self.run().await;
        let fresh = Arc::new(RecordingSink::default());
        run_once(&self.bench, &fresh, "options", CancellationToken::new()).await;
        assert_eq!(self.bench.sink.held(), fresh.held());
        (row.telemetry.get("files.documents").copied(), run)
    }
}

#[async_trait]
impl Fixture for Lasting {
    fn source_type(&self) -> &'static str {
        "files"
    }

    fn ingestor(&self) -> Arc<dyn Ingestor> {
        Arc::clone(&self.ingestor)
    }

    fn cache_dir(&self) -> PathBuf {
        self.bench.cache_dir()
    }

    async fn break_a_part(&self) {}
}

fn write(bench: &Bench, lines: &[String]) {
    bench.write("all.ndjson", lines.join("\n") + "\n");
}

/// Lines of more than 64 KiB together.
fn many() -> Vec<String> {
    (0..600).map(|n| described(&format!("n{n}"), "as it was")).collect()
}

fn described(name: &str, text: &str) -> String {
    let mut value: Value = serde_json::from_str(&json_component(name)).unwrap();
    value["metadata"]["description"] = format!("{text} {}", "x".repeat(60)).into();
    value.to_string()
}

#[tokio::test]
async fn a_changed_line_is_parsed_and_delivered_alone() {
    let mut lines = many();
    let source = Lasting::new(&lines);
    assert_eq!(source.run().await.0.telemetry["files.documents"], 600);
    lines[7] = described("n7", "otherwise");
    write(&source.bench, &lines);
    let (documents, run) = source.run_and_compare().await;
    assert_eq!((documents, run.claims().count(), run.claims_changed), (Some(1), 1, 1));
    assert!(matches!(run.closing_of("file:all.ndjson"), Some(Closing::Delta { .. })));
    let (row, _) = source.run().await;
    assert_eq!(row.telemetry.get("files.unchanged"), Some(&1));
}

#[tokio::test]
async fn whatever_is_edited_comes_to_the_same_as_reading_in_full() {
    let mut lines = many();
    let source = Lasting::new(&lines);
    source.run().await;
    // Removed at the end, added at the end, renamed, blanked, exchanged, moved in the middle.
    lines.truncate(590);
    write(&source.bench, &lines);
    let (documents, run) = source.run_and_compare().await;
    assert_eq!((documents.unwrap_or(0), run.claims_removed), (0, 10));
    lines.push(described("n999", "new"));
    lines[3] = described("renamed", "as it was");
    lines[4] = String::new();
    lines.swap(10, 11);
    write(&source.bench, &lines);
    let (documents, run) = source.run_and_compare().await;
    assert_eq!((documents, run.claims_removed), (Some(4), 2));
    lines.remove(300);
    write(&source.bench, &lines);
    let (documents, _) = source.run_and_compare().await;
    assert_eq!(
        documents,
        Some(589),
        "every line below has another number, so all are read"
    );
    // Without a line end, and the same text once more.
    source.bench.write("all.ndjson", lines.join("\n"));
    source.run_and_compare().await;
    lines[0] = described("n0", "once more");
    write(&source.bench, &lines);
    assert_eq!(source.run_and_compare().await.0, Some(1));
}

#[tokio::test]
async fn what_is_not_plain_is_read_in_full_and_told() {
    let mut lines = many();
    let source = Lasting::new(&lines);
    source.run().await;
    let good = lines.clone();
    let location = json!({
        "apiVersion": "backstage.io/v1alpha1", "kind": "Location", "metadata": {"name": "l"},
        "spec": {"target": "./other.yaml"},
    });
    for (line, code) in [
        ("{\"kind\": 1".to_owned(), Some("yaml_syntax")),
        ("[1, 2]".to_owned(), Some("not_a_descriptor")),
        (described("n20", "twice"), Some("duplicate_ref")),
        (location.to_string(), None),
        ("\u{feff}".to_owned() + &described("marked", "with a mark"), None),
    ] {
        lines.clone_from(&good);
        lines[0] = line.clone();
        write(&source.bench, &lines);
        let (row, run) = source.run().await;
        assert!(row.telemetry["files.documents"] >= 599, "{line}");
        if let Some(code) = code {
            assert!(
                run.finding_codes().iter().any(|found| found == code),
                "{line}: {:?}",
                run.finding_codes()
            );
        }
        write(&source.bench, &good);
        let (documents, _) = source.run_and_compare().await;
        assert_eq!(documents, Some(600), "what was not plain is not compared: {line}");
    }
}

#[tokio::test]
async fn many_changes_are_read_in_full() {
    let mut lines = many();
    let source = Lasting::new(&lines);
    source.run().await;
    for (at, line) in lines.iter_mut().enumerate().filter(|(at, _)| at % 2 == 0) {
        *line = described(&format!("n{at}"), "otherwise");
    }
    write(&source.bench, &lines);
    assert_eq!(
        source.run_and_compare().await.0.map(|documents| documents >= 600),
        Some(true)
    );
}

#[tokio::test]
async fn lines_of_a_state_that_was_not_proved_are_not_used() {
    let mut lines = many();
    let source = Lasting::new(&lines);
    source.run().await;
    lines[1] = described("n1", "seen by another process only");
    write(&source.bench, &lines);
    // Another process of the same catalog proves this state.
    run_once(&source.bench, &source.bench.sink, "options", CancellationToken::new()).await;
    lines[2] = described("n2", "seen by both");
    write(&source.bench, &lines);
    assert_eq!(source.run_and_compare().await.0, Some(600));
}
