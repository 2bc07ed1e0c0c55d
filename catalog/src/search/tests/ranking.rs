//! The two ways to rank, for few matches and for many, agree.

use bailiwick_schema::Viewer;
use serde_json::json;

use super::world::{World, component, put};
use crate::search::rank::{Ranks, importance, in_degree};

#[test]
fn ranks_of_a_whole_snapshot_are_those_of_each_entity() {
    let world = World::with([
        component("b")
            .with("metadata/namespace", json!("z"))
            .with("spec/lifecycle", json!("Deprecated")),
        component("B").with("metadata/namespace", json!("a")),
        put(json!({"kind": "API", "metadata": {"name": "b"}}))
            .depends_on("component:a/b")
            .depends_on("component:z/b"),
        component("a").depends_on("component:a/b"),
    ]);
    let snapshot = world.snapshot();
    let ranks = Ranks::of(&snapshot);
    let visible = ranks.visible(&Viewer::local());
    let mut ordered = Vec::new();
    for node in snapshot.nodes_unchecked() {
        let rank = ranks.rank(node.no, &visible).unwrap();
        assert_eq!(
            rank.importance,
            importance(node, in_degree(&snapshot, node.no)),
            "{}",
            node.entity
        );
        ordered.push((rank.order, node.entity.as_str().to_owned()));
    }
    ordered.sort();
    let ordered: Vec<&str> = ordered.iter().map(|(_, entity)| entity.as_str()).collect();
    assert_eq!(
        ordered,
        ["component:default/a", "api:default/b", "component:a/b", "component:z/b"]
    );
    assert!(
        snapshot
            .nodes_unchecked()
            .all(|node| ranks.rank(node.no, &ranks.visible(&Viewer::nobody())).is_none())
    );
}

#[test]
fn what_much_depends_on_is_more_important_and_what_is_deprecated_less() {
    let world = World::with([
        component("a"),
        component("d").with("spec/lifecycle", json!("deprecated")),
    ]);
    let snapshot = world.snapshot();
    let node = |name: &str| snapshot.get(&Viewer::local(), &name.parse().unwrap()).unwrap().clone();
    let (plain, deprecated) = (node("component:default/a"), node("component:default/d"));
    assert!(importance(&plain, 0) < importance(&plain, 1));
    assert!(importance(&plain, 9_999) < importance(&plain, 10_000));
    assert_eq!(importance(&plain, 10_000), importance(&plain, usize::MAX), "bounded");
    assert!(importance(&deprecated, 10) < importance(&plain, 0));
}
