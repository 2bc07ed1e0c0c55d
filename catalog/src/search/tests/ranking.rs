//! What lifts one match above another.

use bailiwick_schema::Viewer;
use serde_json::json;

use super::world::{World, component, put};
use crate::graph::Snapshot;
use crate::search::rank::{FACTOR_MAX, Importance, weight};
use crate::store::EntityNo;

fn number(snapshot: &Snapshot, entity: &str) -> EntityNo {
    snapshot.get(&Viewer::local(), &entity.parse().unwrap()).unwrap().no
}

#[test]
fn incoming_relations_are_counted_as_they_are() {
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
    for node in snapshot.nodes_unchecked() {
        let counted = snapshot.incoming_unchecked(node.no).count();
        assert_eq!(snapshot.degrees().get(node.no) as usize, counted, "{}", node.entity);
    }
    assert_eq!(snapshot.degrees().get(number(&snapshot, "component:a/b")), 2);
    let names: Vec<&str> = {
        let mut names = Vec::new();
        snapshot.orders().by_name.walk(false, None, |no| {
            names.extend(snapshot.node_unchecked(no).map(|node| node.entity.as_str()));
            true
        });
        names
    };
    assert_eq!(
        names,
        ["component:default/a", "api:default/b", "component:a/b", "component:z/b"]
    );
}

#[test]
fn what_much_depends_on_is_more_important_and_what_is_deprecated_less() {
    let world = World::with([
        component("a"),
        component("b"),
        component("d")
            .with("spec/lifecycle", json!("Deprecated"))
            .depends_on("component:b"),
    ]);
    let snapshot = world.snapshot();
    let mut importance = Importance::of(&snapshot);
    let mut factor = |name: &str| importance.factor(number(&snapshot, name));
    assert_eq!(factor("component:default/a"), weight(0));
    assert_eq!(factor("component:default/b"), weight(1));
    assert_eq!(factor("component:default/d"), 0.6);
    assert!(weight(0) < weight(1));
    assert!(weight(9_999) < weight(10_000));
    assert_eq!(weight(10_000), weight(u32::MAX), "bounded");
    assert!(weight(u32::MAX) <= FACTOR_MAX);
    assert!(weight(255) < weight(256));
    assert!(weight(10) * 0.6 < weight(0));
}
