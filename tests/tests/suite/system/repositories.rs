//! Identity of repositories: moves, copies, remotes.

use bailiwick_schema::EntityRef;

use crate::support::{Home, Repo, component};

fn repository(home: &Home, path: &str, name: &str) -> Repo {
    let mut repo = Repo::new(home.path().join(path));
    repo.write("catalog-info.yaml", component(name, "lives in a repository"));
    repo.write("README.md", format!("# {name}\n\nThe first paragraph of {name}.\n"));
    repo.commit();
    repo
}

#[tokio::test(flavor = "multi_thread")]
async fn a_moved_repository_keeps_its_uid() {
    let home = Home::new();
    let mut repo = repository(&home, "code/shop", "shop");
    repository(&home, "code/other", "other");
    let source = home.git(&["code/*", "elsewhere/*"]);
    std::fs::create_dir_all(home.path().join("elsewhere")).unwrap();
    home.run(&source).await;
    let before = shops(&home);
    let uid = home.uid(&before[0]);
    let component_uid = home.uid(&EntityRef::parse("component:shop").unwrap());

    repo = repo.moved(home.path().join("elsewhere/store"));
    repo.write("more.txt", "a commit after the move").commit();
    home.run(&source).await;
    let repositories = home.refs("repository");
    assert_eq!(repositories.len(), 2, "{repositories:?} {:?}", home.codes());
    let moved = repositories
        .iter()
        .find(|entity| !entity.name().starts_with("other"))
        .unwrap();
    assert_ne!(*moved, before[0], "its name follows its path");
    assert_eq!(home.uid(moved), uid, "what it is stays");
    assert_eq!(home.uid(&EntityRef::parse("component:shop").unwrap()), component_uid);
    home.verify();
}

fn shops(home: &Home) -> Vec<EntityRef> {
    home.refs("repository")
        .into_iter()
        .filter(|entity| entity.name().starts_with("shop"))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn two_live_copies_are_two_repositories() {
    let home = Home::new();
    let repo = repository(&home, "code/shop", "shop");
    let source = home.git(&["code/*"]);
    home.run(&source).await;
    let first = home.refs("repository");
    let uid = home.uid(&first[0]);
    repo.clone_to(&home.path().join("code/shop-copy"));
    home.run(&source).await;
    let repositories = home.refs("repository");
    assert_eq!(repositories.len(), 2, "{repositories:?}");
    assert_eq!(home.uid(&first[0]), uid, "the first stays what it is");
    let copy = repositories.iter().find(|entity| **entity != first[0]).unwrap();
    assert_ne!(home.uid(copy), uid);
    assert!(
        home.has_finding("duplicate_ref", "catalog-info.yaml"),
        "both declare the same: {:?}",
        home.codes()
    );
    home.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn ssh_and_https_forms_of_a_remote_are_one_name() {
    let home = Home::new();
    let one = repository(&home, "one", "one");
    one.git(&["remote", "add", "origin", "git@example.test:Acme/Pay.git"]);
    home.run(&home.git(&["one"])).await;
    let found = home.catalog().find(
        &bailiwick_schema::Viewer::local(),
        "https://example.test/acme/pay/tree/main/x",
    );
    let bailiwick_catalog::api::Found::Entity { node, .. } = found else {
        panic!("{found:?}")
    };
    assert_eq!(node.entity.kind(), "repository");
    assert_eq!(node.entity.name(), "pay");
}
