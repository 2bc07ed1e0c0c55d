//! Cost follows change, shown by counting rows: the same counts over a thousand entities and over ten thousand.
//!
//! Only comparing a scope that was delivered whole grows with the scope: its claims' heads are read once, in order. Of
//! a difference the heads that it names are looked up.

use bailiwick_schema::{Closing, Delivery, Proof};
use serde_json::json;

use super::home::{Home, component, cursor, declares, whole};
use crate::api::CatalogCounters;

const SMALL: usize = 1_000;
const LARGE: usize = 10_000;

fn group(title: &str) -> Delivery {
    declares(
        "pay.yaml",
        "group:default/pay",
        json!({"title": title}),
        json!({"type": "team", "children": []}),
    )
}

/// A group and so many components that it owns, each in a file of its own.
fn world(entities: usize) -> Vec<Delivery> {
    let mut items = vec![group("Pay")];
    items.extend((1..entities).map(|n| component(&format!("{n}.yaml"), &format!("c{n}"))));
    items
}

/// The descriptor of `world` at the given place, with other words.
fn changed(place: usize, title: &str) -> Delivery {
    declares(
        &format!("{place}.yaml"),
        &format!("component:default/c{place}"),
        json!({"title": title}),
        json!({"type": "service", "lifecycle": "production", "owner": "pay"}),
    )
}

/// A catalog under measurement.
struct Measured {
    home: Home,
    /// Of the content that was read last.
    version: u32,
}

impl Measured {
    async fn new(entities: usize) -> Self {
        let home = Home::memory();
        home.run("code", "repo", world(entities), whole("1")).await;
        Self { home, version: 1 }
    }

    /// What has been counted once the index has caught up.
    async fn counters(&self) -> CatalogCounters {
        let head = self.home.catalog.head();
        self.home
            .catalog
            .wait_for(head, std::time::Duration::from_secs(60))
            .await
            .unwrap();
        self.home.catalog.counters()
    }

    /// What one more run costs, the index included: a line a table with its rows.
    async fn cost(&self, items: Vec<Delivery>, closing: Closing) -> String {
        let before = self.counters().await;
        self.home.run("code", "repo", items, closing).await;
        let after = self.counters().await;
        format!(
            "{}stitched: {}\nversions written: {}\n",
            after.store.since(&before.store),
            after.entities_stitched - before.entities_stitched,
            after.versions_written - before.versions_written
        )
    }

    /// Names only what differs from the last reading.
    async fn delta(&mut self, items: Vec<Delivery>) -> String {
        let base = cursor(&self.version.to_string());
        self.version += 1;
        let version = self.version.to_string();
        let closing = Closing::Delta {
            base,
            cursor: cursor(&version),
            proof: Proof::Version(version),
        };
        self.cost(items, closing).await
    }

    /// Names everything.
    async fn full(&mut self, items: Vec<Delivery>) -> String {
        self.version += 1;
        self.cost(items, whole(&self.version.to_string())).await
    }
}

/// The run's row, written when it begins and when it ends, and its two places in the order of runs (of all, of its
/// source), each written once. Before each write of the row it is looked up, since a run that moves has one place.
const LEDGER: &str = "runs: get 2 put 2
run_order: put 2
";

/// Nothing but the ledger.
fn quiet() -> String {
    format!("{LEDGER}batches: 2\nledger rows: 2\nstitched: 0\nversions written: 0\n")
}

/// One new version of an entity that one claim describes.
///
/// The index reads the commit and the body. `values` says up to where links were looked at, `scopes` moves with its
/// cursor, `meta` holds the head of the log.
fn one_version(heads_compared: &str) -> String {
    format!(
        "meta: put 1
log: scan 1 put 1
current: put 1
versions: put 1
bodies: get 1 put 1
claim_heads: {heads_compared} put 1
claim_bodies: put 1
entity_claims: scan 1 put 1
scopes: put 1
{LEDGER}values: put 1
batches: 3
ledger rows: 2
stitched: 1
versions written: 1
"
    )
}

#[tokio::test]
async fn law_7_cost_is_counted_and_does_not_grow_with_the_catalog() {
    for entities in [SMALL, LARGE] {
        let mut measured = Measured::new(entities).await;
        let cost = measured.cost(Vec::new(), Closing::Unchanged).await;
        assert_eq!(cost, quiet(), "an unchanged source of {entities} entities");

        let cost = measured.cost(world(entities), whole("1")).await;
        let compared = format!("claim_heads: scan {entities}\n{}", quiet());
        assert_eq!(cost, compared, "{entities} entities read again, all the same");

        let cost = measured.delta(vec![changed(500, "one")]).await;
        assert_eq!(cost, one_version("get 1"), "one descriptor of {entities} changed");

        let mut items = world(entities);
        items[500] = changed(500, "two");
        let cost = measured.full(items).await;
        assert_eq!(
            cost,
            one_version(&format!("scan {entities}")),
            "{entities} entities read again, one changed"
        );

        let cost = measured.delta(vec![group("Payments")]).await;
        assert_eq!(
            cost,
            one_version("get 1"),
            "the owner of {entities} entities got a title"
        );
    }
}
