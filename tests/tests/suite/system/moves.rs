//! Whole repositories and files that move, leave and come back; and sources that come in any order.

use std::sync::Arc;

use bailiwick_ingestors::scheduler::Scheduler;
use bailiwick_schema::{EntityRef, Viewer};
use serde_json::{Value, json};

use crate::support::{Api, Home, Repo, component};

fn repository(home: &Home, path: &str, name: &str, count: usize) -> Repo {
    let mut repo = Repo::new(home.path().join(path));
    for number in 0..count {
        repo.write(
            &format!("{number}/catalog-info.yaml"),
            component(&format!("{name}-{number}"), "one of many"),
        );
    }
    repo.commit();
    repo
}

fn waiting(home: &Home) -> usize {
    let pending = home.catalog().pending_sweeps(&Viewer::local(), false).unwrap();
    pending.iter().map(|sweep| sweep.claims).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_moves_with_its_repository_is_no_removal() {
    let home = Home::new();
    let repo = repository(&home, "code/shop", "shop", 20);
    repository(&home, "code/other", "other", 2);
    let source = home.git(&["code/*", "attic/**"]);
    std::fs::create_dir_all(home.path().join("attic")).unwrap();
    home.run(&source).await;
    let uid = home.uid(&EntityRef::parse("component:shop-7").unwrap());
    let _repo = repo.moved(home.path().join("attic/deep/store"));
    home.run(&source).await;
    assert_eq!(home.refs("component").len(), 22);
    assert_eq!(home.refs("repository").len(), 2, "{:?}", home.codes());
    assert_eq!(waiting(&home), 0, "{:?}", home.codes());
    assert_eq!(home.uid(&EntityRef::parse("component:shop-7").unwrap()), uid);
    home.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_repository_that_leaves_waits_and_comes_back_unharmed() {
    let home = Home::new();
    let repo = repository(&home, "code/shop", "shop", 20);
    repository(&home, "code/other", "other", 2);
    let source = home.git(&["code/*"]);
    home.run(&source).await;
    let uid = home.uid(&EntityRef::parse("component:shop-7").unwrap());
    let away = repo.moved(home.path().join("away/shop"));
    home.run(&source).await;
    assert_eq!(home.refs("component").len(), 22, "nothing is gone yet");
    assert!(waiting(&home) >= 20, "{:?}", home.codes());
    let back = away.moved(home.path().join("code/shop"));
    home.run(&source).await;
    assert_eq!(
        (home.refs("component").len(), waiting(&home)),
        (22, 0),
        "{:?}",
        home.codes()
    );
    assert!(
        !home.codes().iter().any(|(code, _)| code == "sweep_pending"),
        "{:?}",
        home.codes()
    );

    let gone = back.moved(home.path().join("away/shop"));
    home.run(&source).await;
    let api = Api::open(
        home.catalog(),
        Arc::new(Scheduler::start(home.surroundings(), Vec::new())),
    );
    let pending = api.data("{ pendingSweeps { id } }").await;
    let sweeps = pending["pendingSweeps"].as_array().unwrap();
    assert_eq!(sweeps.len(), 1, "one decision for the whole repository: {pending}");
    let id = sweeps[0]["id"].as_str().unwrap();
    api.data(&format!(
        r#"mutation {{ decideSweep(id: "{id}", approve: true) {{ __typename }} }}"#
    ))
    .await;
    home.settle().await;
    assert_eq!((home.refs("component").len(), home.refs("repository").len()), (2, 1));
    home.verify();

    // What returns is what it was.
    let _back = gone.moved(home.path().join("code/shop"));
    home.run(&source).await;
    assert_eq!(home.uid(&EntityRef::parse("component:shop-7").unwrap()), uid);
    home.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_small_repository_that_leaves_is_gone_after_one_run() {
    let home = Home::new();
    repository(&home, "code/shop", "shop", 12);
    let small = repository(&home, "code/small", "small", 1);
    let source = home.git(&["code/*"]);
    home.run(&source).await;
    std::fs::remove_dir_all(&small.path).unwrap();
    home.run(&source).await;
    assert!(!home.has("component:small-0"), "{:?}", home.codes());
    assert_eq!(home.refs("repository").len(), 1);
    home.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn half_of_the_files_deleted_at_once_wait_for_a_decision() {
    let home = Home::new();
    let file = |number: usize| home.path().join(format!("org/{number}.yaml"));
    std::fs::create_dir_all(home.path().join("org")).unwrap();
    for number in 0..20 {
        std::fs::write(file(number), component(&format!("c-{number}"), "in a file")).unwrap();
    }
    let source = home.source("org", "files", &json!({ "paths": ["org"], "watch": false }));
    home.run(&source).await;
    let head = home.catalog().head();
    let again = home.run(&source).await;
    assert_eq!((again.counts.commits, home.catalog().head()), (0, head));
    for number in 0..10 {
        std::fs::remove_file(file(number)).unwrap();
    }
    home.run(&source).await;
    assert_eq!(
        (home.refs("component").len(), waiting(&home)),
        (20, 10),
        "{:?}",
        home.codes()
    );
    for number in 0..10 {
        std::fs::write(file(number), component(&format!("c-{number}"), "in a file")).unwrap();
    }
    home.run(&source).await;
    assert_eq!(
        (home.refs("component").len(), waiting(&home)),
        (20, 0),
        "{:?}",
        home.codes()
    );
    std::fs::remove_file(file(3)).unwrap();
    home.run(&source).await;
    assert!(!home.has("component:c-3"), "{:?}", home.codes());
    home.verify();
}

fn content(home: &Home) -> Vec<Value> {
    let mut entities = Vec::new();
    let mut visit = |value: Value| {
        entities.push(value);
        std::ops::ControlFlow::Continue(())
    };
    home.catalog().export(&Viewer::local(), true, &mut visit).unwrap();
    entities
}

#[tokio::test(flavor = "multi_thread")]
async fn law_3_sources_may_come_in_any_order() {
    let files = tempfile::tempdir().unwrap();
    let mut one = Repo::new(files.path().join("one"));
    one.write("CODEOWNERS", "* @acme/team-x\n/a/ ada@acme.test\n");
    one.write(
        "a/catalog-info.yaml",
        component("a", "from git").replace("  owner: team-a\n", "  owner: unknown\n"),
    );
    one.write("b/catalog-info.yaml", component("shared", "from git"))
        .commit();
    std::fs::create_dir_all(files.path().join("org")).unwrap();
    let people = "apiVersion: backstage.io/v1alpha1\nkind: User\nmetadata: {name: ada}\n\
                  spec: {profile: {email: ada@acme.test}, memberOf: [team-a]}\n---\n\
                  apiVersion: backstage.io/v1alpha1\nkind: Group\nmetadata: {name: team-a}\n\
                  spec: {type: team, children: []}\n---\n";
    let text = format!("{people}{}", component("shared", "from a file"));
    std::fs::write(files.path().join("org/all.yaml"), text).unwrap();
    let path = |name: &str| files.path().join(name).to_str().unwrap().to_owned();

    let mut contents = Vec::new();
    for git_first in [true, false] {
        let home = Home::new();
        let git = home.git(&[&path("one")]);
        let org = home.source("org", "files", &json!({ "paths": [path("org")], "watch": false }));
        let order = if git_first { [&git, &org] } else { [&org, &git] };
        for source in order {
            home.run(source).await;
        }
        home.verify();
        contents.push((content(&home), home.codes()));
    }
    assert_eq!(contents[0], contents[1], "git first, left, and files first, right");
    assert!(contents[0].0.len() >= 5);
}
