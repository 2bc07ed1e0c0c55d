//! Loss: what was deleted goes, what only cannot be read stays, and too much at once waits for somebody.

use std::sync::Arc;

use bailiwick_ingestors::scheduler::Scheduler;
use bailiwick_schema::RunStatus;

use crate::support::{Api, Home, Repo, component};

/// A repository with `count` descriptors in files of their own.
fn repository(home: &Home, name: &str, count: usize) -> Repo {
    let mut repo = Repo::new(home.path().join(name));
    for number in 0..count {
        let name = format!("{name}-{number}");
        repo.write(&format!("{number}/catalog-info.yaml"), component(&name, "one of many"));
    }
    repo.commit();
    repo
}

#[tokio::test(flavor = "multi_thread")]
async fn a_descriptor_turned_into_garbage_keeps_its_entity_and_says_where_it_is_broken() {
    let home = Home::new();
    let mut shop = repository(&home, "shop", 3);
    let source = home.git(&["shop"]);
    home.run(&source).await;
    let garbage = "apiVersion: backstage.io/v1alpha1\nkind: Component\nmetadata:\n  name: [shop-1\nspec: }{\n";
    shop.write("1/catalog-info.yaml", garbage).commit();

    let record = home.run(&source).await;
    assert!(home.has("component:shop-1"), "a typo never deletes");
    assert_eq!(record.counts.claims_removed, 0);
    let findings = home.findings();
    let finding = findings
        .iter()
        .find(|row| row.finding.file.as_deref() == Some("1/catalog-info.yaml"))
        .unwrap();
    assert_eq!(finding.finding.code, "yaml_syntax");
    assert!(
        finding.finding.line.is_some() && finding.finding.column.is_some(),
        "{finding:?}"
    );

    shop.write("1/catalog-info.yaml", component("shop-1", "mended"))
        .commit();
    home.run(&source).await;
    assert!(
        !home.has_finding("yaml_syntax", "1/catalog-info.yaml"),
        "{:?}",
        home.codes()
    );
    assert_eq!(home.value("component:shop-1")["metadata"]["description"], "mended");
    home.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_descriptor_is_gone_after_one_run() {
    let home = Home::new();
    let mut shop = repository(&home, "shop", 12);
    let source = home.git(&["shop"]);
    home.run(&source).await;
    shop.remove("3/catalog-info.yaml").commit();
    home.run(&source).await;
    assert!(!home.has("component:shop-3") && home.has("component:shop-4"));
    home.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn half_the_descriptors_deleted_at_once_wait_for_a_decision() {
    let home = Home::new();
    let mut shop = repository(&home, "shop", 20);
    let source = home.git(&["shop"]);
    home.run(&source).await;
    for number in 0..10 {
        shop.remove(&format!("{number}/catalog-info.yaml"));
    }
    shop.commit();
    let record = home.run(&source).await;
    assert_eq!(
        (record.counts.claims_removed, record.counts.claims_pending),
        (0, 10),
        "{record:?}"
    );
    assert_eq!(home.refs("component").len(), 20, "nothing is gone yet");
    assert!(
        home.codes().iter().any(|(code, _)| code == "sweep_pending"),
        "{:?}",
        home.codes()
    );

    let scheduler = Arc::new(Scheduler::start(home.surroundings(), Vec::new()));
    let api = Api::open(home.catalog(), scheduler);
    let pending = api.data("{ pendingSweeps { id source scope claims } }").await;
    let sweeps = pending["pendingSweeps"].as_array().unwrap();
    assert_eq!(sweeps.len(), 1, "{pending:#}");
    assert_eq!(
        (&sweeps[0]["source"], &sweeps[0]["claims"]),
        (&"code".into(), &10.into()),
        "{pending:#}"
    );
    // The same again changes nothing while it waits.
    let head = home.catalog().head();
    home.run(&source).await;
    assert_eq!((home.catalog().head(), home.refs("component").len()), (head, 20));

    let id = sweeps[0]["id"].as_str().unwrap();
    api.data(&format!(
        r#"mutation {{ decideSweep(id: "{id}", approve: true) {{ __typename }} }}"#
    ))
    .await;
    home.settle().await;
    assert_eq!(home.refs("component").len(), 10);
    assert!(!home.has("component:shop-0") && home.has("component:shop-10"));
    assert_eq!(
        api.data("{ pendingSweeps { id } }").await["pendingSweeps"],
        serde_json::json!([])
    );
    home.run(&source).await;
    assert!(
        !home.codes().iter().any(|(code, _)| code == "sweep_pending"),
        "{:?}",
        home.codes()
    );
    home.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_object_in_one_repository_leaves_the_others() {
    let home = Home::new();
    let mut shop = repository(&home, "shop", 3);
    let mut platform = repository(&home, "platform", 3);
    let source = home.git(&["shop", "platform"]);
    home.run(&source).await;
    shop.write("1/catalog-info.yaml", component("shop-1", "never seen"))
        .commit();
    let blob = shop.git(&["rev-parse", "HEAD:1/catalog-info.yaml"]);
    shop.lose_object(&blob);
    platform
        .write("1/catalog-info.yaml", component("platform-1", "seen"))
        .commit();

    home.run(&source).await;
    assert_eq!(home.value("component:platform-1")["metadata"]["description"], "seen");
    assert_eq!(
        home.value("component:shop-1")["metadata"]["description"],
        "one of many",
        "what it said stays"
    );
    assert!(
        home.codes().iter().any(|(code, _)| code == "object_missing"),
        "{:?}",
        home.codes()
    );
    assert_eq!(home.refs("component").len(), 6);
    home.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repository_that_cannot_be_found_is_not_retired() {
    let home = Home::new();
    let shop = repository(&home, "shop", 3);
    repository(&home, "platform", 3);
    let source = home.git(&["shop", "platform"]);
    home.run(&source).await;
    std::fs::remove_dir_all(&shop.path).unwrap();
    let record = home.run(&source).await;
    assert_eq!(record.status, RunStatus::Partial, "{record:?}");
    assert_eq!(
        home.refs("component").len(),
        6,
        "a configured path that is not there proves nothing"
    );
    assert!(
        home.codes().iter().any(|(code, _)| code == "repository_not_found"),
        "{:?}",
        home.codes()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_force_pushed_branch_gives_what_its_new_head_holds() {
    let home = Home::new();
    let mut shop = repository(&home, "shop", 8);
    let source = home.git(&["shop"]);
    shop.write("late/catalog-info.yaml", component("late", "is rewritten away"))
        .commit();
    home.run(&source).await;
    assert!(home.has("component:late"));
    shop.git(&["reset", "--quiet", "--hard", "HEAD~1"]);
    shop.write("other/catalog-info.yaml", component("other", "came by force"))
        .commit();
    let record = home.run(&source).await;
    assert_eq!(record.status, RunStatus::Succeeded, "{record:?}");
    assert!(
        !home.has("component:late") && home.has("component:other"),
        "{:?}",
        home.codes()
    );

    // A history that shares nothing with the one before.
    shop.git(&["checkout", "--quiet", "--orphan", "fresh"]);
    shop.write("0/catalog-info.yaml", component("shop-0", "of another root"))
        .commit();
    shop.git(&["branch", "--quiet", "--force", "main", "fresh"]);
    shop.git(&["checkout", "--quiet", "main"]);
    home.run(&source).await;
    assert_eq!(
        home.value("component:shop-0")["metadata"]["description"],
        "of another root"
    );
    home.verify();
}
