use std::sync::Arc;
use std::time::Duration;

use bailiwick_schema::Position;
use proptest::prelude::*;
use serde_json::json;

use super::world::{Put, World, component, found, put, refs, search};
use crate::fail_point::FailPoints;
use crate::follow::Projection;
use crate::graph::Field;
use crate::search::{Checksum, Follower, FollowerStatus, IndexLocation, SearchIndex, SearchPage, SearchQuery};

fn follow(world: &World, index: SearchIndex) -> Follower {
    let snapshot = Arc::clone(&world.snapshot);
    Follower::start(
        index,
        Arc::clone(&world.store),
        Arc::new(move || snapshot.load_full()),
        world.positions.subscribe(),
        FailPoints::default(),
    )
    .unwrap()
}

fn wait_for(follower: &Follower, position: Position) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    let mut positions = follower.handle().reader().positions();
    let waited = runtime.block_on(async {
        tokio::time::timeout(Duration::from_secs(60), positions.wait_for(|at| *at >= position))
            .await
            .is_ok()
    });
    assert!(waited, "still at {:?}", follower.handle().status());
}

/// What is the same in a followed and in a rebuilt index: total, hits with scores, facets, and how it was found.
type Shape = (usize, Vec<(String, u32)>, Vec<(Field, Vec<(String, usize)>)>, bool);

fn shape(page: &SearchPage) -> Shape {
    let hits = refs(page)
        .into_iter()
        .zip(page.hits.iter().map(|hit| hit.score.to_bits()))
        .collect();
    let facets = page
        .facets
        .iter()
        .map(|(field, buckets)| {
            (
                *field,
                buckets
                    .iter()
                    .map(|bucket| (bucket.value.clone(), bucket.count))
                    .collect(),
            )
        })
        .collect();
    (page.total, hits, facets, page.fuzzy)
}

#[derive(Debug, Clone)]
enum Step {
    Put(usize, usize),
    Delete(usize),
    Commit,
    Again,
}

const NAMES: [&str; 6] = ["ledger", "ledger-api", "payments", "PaymentAPI", "pay-v2", "x"];

fn variant(name: usize, variant: usize) -> Put {
    let name = NAMES[name];
    match variant {
        0 => component(name),
        1 => component(name)
            .with("metadata/description", json!("pays the ledger daily"))
            .owned_by("group:default/a"),
        2 => component(name)
            .with("metadata/tags", json!(["java", "core"]))
            .with("spec/lifecycle", json!("deprecated")),
        3 => component(name)
            .with("metadata/title", json!("Ledger payments"))
            .depends_on("component:default/ledger"),
        _ => component(name)
            .with("metadata/annotations", json!({"a.b/c": "Ledger"}))
            .depends_on("component:default/x"),
    }
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => (0..NAMES.len(), 0..5_usize).prop_map(|(name, variant)| Step::Put(name, variant)),
        2 => (0..NAMES.len()).prop_map(Step::Delete),
        3 => Just(Step::Commit),
        1 => Just(Step::Again),
    ];
    proptest::collection::vec(step, 1..30)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]
    #[test]
    fn what_was_followed_equals_what_is_rebuilt(steps in steps()) {
        let mut world = World::new();
        let index = world.index(IndexLocation::Memory).unwrap();
        let mut writer = index.writer().unwrap();
        for step in steps.into_iter().chain([Step::Commit]) {
            match step {
                Step::Put(name, kind) => {
                    world.commit([variant(name, kind)], []);
                }
                Step::Delete(name) => {
                    let entity = format!("component:default/{}", NAMES[name]);
                    world.commit([], [entity.as_str()]);
                }
                Step::Commit => {
                    let after = writer.mark().map_or(Position::ZERO, |mark| mark.position);
                    world.stage_after(&mut writer, after);
                    writer.commit().unwrap();
                }
                Step::Again => {
                    world.stage_after(&mut writer, Position::ZERO);
                    world.stage_after(&mut writer, Position::ZERO);
                }
            }
        }
        let (followed, rebuilt) = (index.reader(), world.rebuilt());
        prop_assert_eq!(followed.checksum().unwrap(), Checksum::expected(&world.snapshot()));
        prop_assert_eq!(followed.checksum().unwrap(), rebuilt.checksum().unwrap());
        for text in ["", "ledger", "ledg", "pay", "paymnts", "api java", "owner:a", "\"ledger daily\""] {
            let query = SearchQuery {
                text: text.to_owned(),
                facets: vec![Field::Tag, Field::Lifecycle, Field::Owner],
                ..SearchQuery::default()
            };
            prop_assert_eq!(shape(&search(&followed, &world, &query)), shape(&search(&rebuilt, &world, &query)), "{}", text);
        }
        let path = "metadata.annotations.a.b/c";
        prop_assert_eq!(followed.entities_with(path, "ledger").unwrap(), rebuilt.entities_with(path, "ledger").unwrap());
    }
}

#[test]
fn the_follower_builds_follows_and_stops() {
    let mut world = World::with([component("a")]);
    let follower = follow(&world, world.index(IndexLocation::Memory).unwrap());
    wait_for(&follower, Position(1));
    let reader = follower.handle().reader().clone();
    assert_eq!(found(&reader, &world, ""), ["component:default/a"]);
    let position = world.commit([component("b")], ["component:default/a"]);
    wait_for(&follower, position);
    assert_eq!(found(&reader, &world, ""), ["component:default/b"]);
    assert_eq!(follower.handle().status().failed, None);
    follower.stop();
}

#[test]
fn an_empty_store_is_ready_at_once() {
    let world = World::new();
    let follower = follow(&world, world.index(IndexLocation::Memory).unwrap());
    let handle = follower.handle();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    let mut positions = handle.reader().positions();
    runtime.block_on(async {
        while !handle.reader().is_ready() {
            positions.changed().await.unwrap();
        }
    });
    assert!(found(handle.reader(), &world, "").is_empty());
}

#[test]
fn many_commits_of_the_store_make_few_of_the_index() {
    let mut world = World::new();
    let follower = follow(&world, world.index(IndexLocation::Memory).unwrap());
    for no in 0..400 {
        world.commit([component(&format!("c{no}"))], []);
    }
    follower.handle().flush(Position(400));
    wait_for(&follower, Position(400));
    let commits = follower.handle().status().commits;
    assert!(commits < 100, "{commits} commits of the index for 400 of the store");
    assert_eq!(
        follower.handle().reader().checksum().unwrap(),
        Checksum::expected(&world.snapshot())
    );
}

#[test]
fn a_restart_goes_on_where_the_index_stands_and_commits_nothing_without_news() {
    let mut world = World::with([component("a")]);
    let home = tempfile::tempdir().unwrap();
    let open = |world: &World| world.index(IndexLocation::Folder(home.path().to_owned())).unwrap();
    let follower = follow(&world, open(&world));
    wait_for(&follower, Position(1));
    follower.stop();
    let before = std::fs::read(home.path().join("meta.json")).unwrap();
    let follower = follow(&world, open(&world));
    wait_for(&follower, Position(1));
    follower.stop();
    assert_eq!(
        std::fs::read(home.path().join("meta.json")).unwrap(),
        before,
        "no news, no commit"
    );
    world.commit([component("b")], []);
    let follower = follow(&world, open(&world));
    wait_for(&follower, Position(2));
    assert_eq!(found(follower.handle().reader(), &world, "").len(), 2);
}

#[test]
fn an_index_ahead_of_its_store_is_built_anew() {
    let mut world = World::with([component("a")]);
    let index = world.index(IndexLocation::Memory).unwrap();
    {
        let mut writer = index.writer().unwrap();
        let mark = crate::follow::Mark {
            lineage: world.store.lineage(),
            position: Position(9),
            format: writer.format_version(),
        };
        writer.apply(&mut std::iter::empty(), mark).unwrap();
        writer.commit().unwrap();
        writer.close().unwrap();
    }
    let follower = follow(&world, index);
    let position = world.commit([put(json!({"kind": "System", "metadata": {"name": "s"}}))], []);
    follower.handle().flush(position);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    let mut positions = follower.handle().reader().positions();
    runtime.block_on(positions.wait_for(|at| *at == position)).unwrap();
    assert_eq!(found(follower.handle().reader(), &world, "").len(), 2);
}

#[test]
fn stopping_brings_the_index_up_to_the_store() {
    let mut world = World::with([component("a")]);
    let home = tempfile::tempdir().unwrap();
    let open = |world: &World| world.index(IndexLocation::Folder(home.path().to_owned())).unwrap();
    let follower = follow(&world, open(&world));
    wait_for(&follower, Position(1));
    for no in 0..20 {
        world.commit([component(&format!("c{no}"))], []);
    }
    follower.stop();
    assert_eq!(open(&world).reader().position(), Position(21));
}

/// Waits until the status is as wanted.
fn wait_for_status(follower: &Follower, wanted: impl FnMut(&FollowerStatus) -> bool) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    let mut statuses = follower.handle().statuses();
    let waited = runtime.block_on(async {
        tokio::time::timeout(Duration::from_secs(60), statuses.wait_for(wanted))
            .await
            .is_ok()
    });
    assert!(waited, "still {:?}", follower.handle().status());
}

#[test]
fn a_failure_is_shown_and_tried_again() {
    let world = World::with([component("a")]);
    let home = tempfile::tempdir().unwrap();
    let open = || world.index(IndexLocation::Folder(home.path().to_owned())).unwrap();
    let other = open();
    let busy = other.writer().unwrap();
    let follower = follow(&world, open());
    wait_for_status(&follower, |status| {
        status
            .failed
            .as_ref()
            .is_some_and(|why| why.contains("another process"))
    });
    drop(busy);
    wait_for_status(&follower, |status| {
        status.failed.is_none() && status.position == Position(1)
    });
    assert_eq!(found(follower.handle().reader(), &world, "").len(), 1);
}

#[test]
fn an_index_whose_folder_vanishes_is_built_again() {
    let mut world = World::with([component("a")]);
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("index");
    let follower = follow(&world, world.index(IndexLocation::Folder(folder.clone())).unwrap());
    wait_for(&follower, Position(1));
    std::fs::remove_dir_all(&folder).unwrap();
    let position = world.commit([component("b")], []);
    wait_for_status(&follower, |status| {
        status.position == position && status.failed.is_none()
    });
    follower.stop();
    let again = world.index(IndexLocation::Folder(folder)).unwrap();
    assert_eq!(found(&again.reader(), &world, "").len(), 2);
}

#[test]
fn a_follower_whose_engine_is_gone_ends() {
    let world = World::with([component("a")]);
    let follower = follow(&world, world.index(IndexLocation::Memory).unwrap());
    wait_for(&follower, Position(1));
    drop(world);
    follower.stop();
}
