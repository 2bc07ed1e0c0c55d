//! Cost follows change: what a second run reads, and what a small change touches.

use std::sync::Arc;
use std::time::Duration;

use bailiwick_ingestors::scheduler::Scheduler;
use bailiwick_schema::RunStatus;
use serde_json::json;

use crate::support::{Api, Home, Repo, component};

/// Two repositories with a few descriptors each.
fn two_repositories(home: &Home) -> (Repo, Repo) {
    let mut shop = Repo::new(home.path().join("shop"));
    for name in ["cart", "checkout", "ledger"] {
        shop.write(&format!("{name}/catalog-info.yaml"), component(name, "sells things"));
    }
    shop.write("CODEOWNERS", "* @acme/shop\n")
        .write("Cargo.toml", "[package]\nname = \"shop\"\nversion = \"1.0.0\"\n");
    shop.commit();
    let mut platform = Repo::new(home.path().join("platform"));
    platform
        .write("catalog-info.yml", component("gateway", "lets requests in"))
        .commit();
    (shop, platform)
}

#[tokio::test(flavor = "multi_thread")]
async fn law_7_a_second_run_reads_only_refs_and_writes_only_its_row() {
    let home = Home::new();
    let _repositories = two_repositories(&home);
    let source = home.git(&["shop", "platform"]);
    let first = home.run(&source).await;
    assert_eq!(first.status, RunStatus::Succeeded, "{:?}", home.findings());
    assert!(first.counts.commits > 0 && first.telemetry["git.trees_read"] > 0 && first.telemetry["git.blobs_read"] > 0);
    let (head, indexed) = (home.catalog().head(), home.catalog().status().index.commits);

    let second = home.run(&source).await;
    assert_eq!(second.status, RunStatus::Succeeded);
    assert_eq!((second.counts.commits, second.position), (0, None));
    assert_eq!(second.counts.scopes_unchanged, second.counts.scopes_opened);
    assert_eq!(
        (home.catalog().head(), home.catalog().status().index.commits),
        (head, indexed)
    );
    let read = |what: &str| second.telemetry.get(what).copied().unwrap_or_default();
    assert!(read("git.refs_read") > 0, "{:?}", second.telemetry);
    assert_eq!(
        (
            read("git.trees_read"),
            read("git.blobs_read"),
            read("git.commits_walked")
        ),
        (0, 0, 0)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn one_changed_descriptor_changes_what_it_describes_and_is_found_at_once() {
    let home = Home::new();
    let (mut shop, _platform) = two_repositories(&home);
    let source = home.git(&["shop", "platform"]);
    home.run(&source).await;
    let before = home.catalog().head();
    shop.write("ledger/catalog-info.yaml", component("ledger", "keeps doubloons"))
        .commit();

    let record = home.run_only(&source).await;
    // Nobody asks the index to hurry. The promise is a second; machines that build beside the tests get more.
    let mut indexed = home.catalog().search().positions();
    let head = home.catalog().head();
    tokio::time::timeout(Duration::from_secs(10), indexed.wait_for(|position| *position >= head))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(record.status, RunStatus::Succeeded);
    let repositories: Vec<String> = home
        .refs("repository")
        .iter()
        .map(ToString::to_string)
        .filter(|entity| entity.contains("shop"))
        .collect();
    let mut wanted = vec!["component:default/ledger".to_owned()];
    wanted.extend(repositories);
    assert_eq!(home.changed_since(before), wanted);
    // The descriptor that changed, once to see whether it refers to others and once to be read; nothing else.
    assert_eq!(
        record.telemetry["git.blobs_read"], 2,
        "the cost of a new head is the difference"
    );
    let scheduler = Arc::new(Scheduler::start(home.surroundings(), Vec::new()));
    let api = Api::open(home.catalog(), scheduler);
    let found = api
        .data(r#"{ search(query: "doubloon", first: 5) { totalCount nodes { entity { ref } } } }"#)
        .await;
    assert_eq!(
        found["search"],
        json!({ "totalCount": 1, "nodes": [{ "entity": { "ref": "component:default/ledger" } }] })
    );
    home.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn another_glob_reads_everything_again() {
    let home = Home::new();
    let (mut shop, _platform) = two_repositories(&home);
    shop.write("extra/service.yaml", component("extra", "was out of sight"))
        .commit();
    let source = home.git(&["shop", "platform"]);
    home.run(&source).await;
    assert!(!home.has("component:extra"));

    let include = ["**/catalog-info.{yaml,yml}", "extra/*.yaml"];
    let options = json!({ "repositories": ["shop", "platform"], "descriptors": { "include": include } });
    let wider = home.source("code", "git", &options);
    let record = home.run(&wider).await;
    assert!(record.telemetry["git.trees_read"] > 0, "{:?}", record.telemetry);
    assert_eq!(record.counts.scopes_unchanged, 0);
    assert!(home.has("component:extra") && home.has("component:ledger"));
    let again = home.run(&wider).await;
    assert_eq!(
        (
            again.counts.commits,
            again.telemetry.get("git.trees_read").copied().unwrap_or(0)
        ),
        (0, 0)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_api_starts_a_source_and_says_how_its_run_ended() {
    let home = Home::new();
    let _repositories = two_repositories(&home);
    let scheduler = Arc::new(Scheduler::start(
        home.surroundings(),
        vec![home.git(&["shop", "platform"])],
    ));
    let api = Api::open(home.catalog(), Arc::clone(&scheduler) as _);
    let run = api.data(r#"mutation { triggerRun(source: "code") { id } }"#).await;
    let id = run["triggerRun"]["id"].as_str().unwrap().to_owned();
    let question = format!(r#"{{ run(id: "{id}") {{ status position }} }}"#);
    let ended = tokio::time::timeout(Duration::from_secs(60), async {
        loop {
            let answer = api.data(&question).await;
            let status = answer["run"]["status"].as_str().unwrap_or_default().to_owned();
            if status != "QUEUED" && status != "RUNNING" {
                return answer;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    let ended = ended.await.unwrap();
    assert_eq!(ended["run"]["status"], "SUCCEEDED", "{ended}");
    home.settle().await;
    let answer = api
        .data(
            r#"{ entity(ref: "component:cart") { ref owner { ref } relations(first: 9) { nodes { type target { ref } } } }
                 entities(first: 10, filter: {kind: {eq: "Component"}}) { totalCount }
                 aggregate(groupBy: "kind") { buckets { value count } } }"#,
        )
        .await;
    assert_eq!(answer["entities"]["totalCount"], 4, "{answer:#}");
    assert_eq!(answer["entity"]["owner"]["ref"], "group:default/team-a");
    scheduler.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn law_5_what_was_acknowledged_is_there_after_a_restart_and_nothing_is_read_again() {
    let mut home = Home::new();
    let _repositories = two_repositories(&home);
    let source = home.git(&["shop", "platform"]);
    home.run(&source).await;
    let (head, refs) = (home.catalog().head(), home.refs("component"));
    home.close();
    home.open();
    assert_eq!((home.catalog().head(), home.refs("component")), (head, refs));
    home.settle().await;
    home.verify();
    let record = home.run(&source).await;
    assert_eq!(
        (
            record.counts.commits,
            record.telemetry.get("git.trees_read").copied().unwrap_or(0)
        ),
        (0, 0)
    );
}
