//! Which repositories there are: moved, copied, missing, emptied, behind a URL.

use super::*;

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
async fn a_stuck_server_does_not_hold_a_cancelled_run() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://127.0.0.1:{}/acme/pay", listener.local_addr().unwrap().port());
    let bench = Bench::new(json!({"repositories": [url]}));
    let cancel = CancellationToken::new();
    let asked = cancel.clone();
    // Takes the connection, says nothing, and keeps it open until the run has ended.
    let held = tokio::task::spawn_blocking(move || {
        let connection = listener.accept();
        asked.cancel();
        connection
    });
    let row = run_once(&bench, &bench.sink, "options", cancel).await;
    assert_eq!(row.status, RunStatus::Cancelled);
    drop(held.await);
}
