//! Verification: what is whole agrees, and whatever is damaged is named with its part.

use std::collections::BTreeMap;
use std::time::Duration;

use bailiwick_schema::kind::KindSet;
use bailiwick_schema::time::ManualClock;
use bailiwick_schema::{
    AllowPolicy, Claim, ClaimBody, Closing, Delivery, Identifier, IdentifierClaim, Origin, OwnerEvidence, Position,
    Proof, RunBegin, RunCause, RunId, RunOutcome, Scope, Sink, SourceId, Timestamp,
};
use serde_json::json;

use super::*;
use crate::engine::EngineSettings;
use crate::running::Running;
use crate::search::IndexLocation;
use crate::store::keyvalue::{Batch, KeyRange, KeyValue, Order, Table, View};
use crate::store::layout::KeyValueStore;
use crate::store::layout::codec::{Decoder, Encoder};
use crate::store::memory::MemoryEngine;
use crate::store::{EntityVersion, StoreResult};
use std::sync::Arc;

type Memory = KeyValueStore<MemoryEngine>;

struct Catalogue {
    store: Arc<Memory>,
    running: Option<Running>,
}

impl Drop for Catalogue {
    fn drop(&mut self) {
        if let Some(running) = self.running.take() {
            std::thread::spawn(move || running.stop()).join().unwrap();
        }
    }
}

fn settings() -> EngineSettings {
    let clock = Arc::new(ManualClock::at(Timestamp::from_secs(1_800_000_000)));
    EngineSettings::new(Arc::new(KindSet::builtin()), clock)
}

fn declares(kind: &str, name: &str, spec: serde_json::Value) -> Claim {
    let body = json!({
        "apiVersion": "backstage.io/v1alpha1", "kind": kind, "spec": spec,
        "metadata": {"name": name, "namespace": "default", "tags": ["java"], "labels": {"tier": "gold"}},
    });
    let mut body = ClaimBody {
        entity: body.as_object().cloned().unwrap(),
        ..ClaimBody::default()
    };
    if kind == "Component" {
        body.identifiers = vec![IdentifierClaim {
            identifier: Identifier::parse(&format!("repo:github.com/acme/{name}")).unwrap(),
            exclusive: true,
        }];
        body.owners = vec![OwnerEvidence {
            method: OwnerMethod::Codeowners,
            who: vec!["group:default/shop".to_owned()],
            detail: "CODEOWNERS:1".to_owned(),
        }];
    }
    let entity = bailiwick_schema::EntityRef::new(kind, "default", name).unwrap();
    Claim::declares(entity, Origin::path(format!("{kind}-{name}.yaml")), body)
}

/// Two teams, a system and `components` components in a chain.
fn catalogue(components: usize) -> Catalogue {
    let store = Arc::new(KeyValueStore::open(MemoryEngine::new(), "memory").unwrap());
    let running = Running::over(Arc::clone(&store) as _, IndexLocation::Memory, settings()).unwrap();
    let mut claims = vec![
        declares("Group", "pay", json!({"type": "team", "children": []})),
        declares("Group", "shop", json!({"type": "team", "children": []})),
        declares("System", "market", json!({"owner": "pay"})),
    ];
    claims.extend((0..components).map(|no| {
        let next = format!("component:c{}", no + 1);
        let spec = json!({
            "type": "service", "lifecycle": "production", "owner": "pay", "system": "market", "dependsOn": [next],
        });
        declares("Component", &format!("c{no}"), spec)
    }));
    tokio::runtime::Runtime::new()
        .unwrap()
        .block_on(deliver(&running, claims));
    Catalogue {
        store,
        running: Some(running),
    }
}

async fn deliver(running: &Running, claims: Vec<Claim>) {
    let (sink, source) = (running.sink(), SourceId::parse("code").unwrap());
    let at = Timestamp::from_secs(1_800_000_000);
    let run = RunId::at(&source, at);
    let begin = RunBegin {
        id: run.clone(),
        source,
        source_type: "git".to_owned(),
        cause: RunCause::Startup,
        full: true,
        allow: AllowPolicy::all(),
        rank: 0,
        started_at: at,
    };
    sink.run_begin(begin).await.unwrap();
    let opened = sink.scope_open(&run, Scope::root("all"), at).await.unwrap();
    let items = claims.into_iter().map(|claim| Delivery::Claim(Box::new(claim)));
    sink.deliver(opened.ticket, items.collect()).await.unwrap();
    let closing = Closing::Complete {
        proof: Proof::Version("1".to_owned()),
        cursor: None,
    };
    sink.scope_close(opened.ticket, closing).await.unwrap();
    sink.run_end(&run, RunOutcome::Finished, at, BTreeMap::new())
        .await
        .unwrap();
    let catalog = running.catalog();
    catalog.wait_for(catalog.head(), Duration::from_secs(30)).await.unwrap();
}

impl Catalogue {
    fn catalog(&self) -> Catalog {
        self.running.as_ref().unwrap().catalog()
    }

    fn verify(&self) -> VerifyReport {
        self.catalog().verify(&OwnerMethod::ALL, &|_, _| {}).unwrap()
    }

    /// The rows of a table.
    fn rows(&self, table: Table) -> Vec<(Vec<u8>, Vec<u8>)> {
        let view = self.store.engine_for_test().view();
        view.scan(table, KeyRange::all(), Order::Ascending)
            .map(|row| row.map(|(key, value)| (key.to_vec(), value.to_vec())))
            .collect::<StoreResult<_>>()
            .unwrap()
    }

    /// The first row of a table whose value speaks of something.
    fn row_of(&self, table: Table, word: &str) -> (Vec<u8>, Vec<u8>) {
        let found = |value: &[u8]| value.windows(word.len()).any(|at| at == word.as_bytes());
        let mut rows = self.rows(table).into_iter();
        rows.find(|(key, value)| found(value) || found(key)).unwrap()
    }

    /// Writes past the store, as damage does.
    fn put(&self, table: Table, key: &[u8], value: Option<&[u8]>) {
        let mut batch = Batch::new();
        match value {
            Some(value) => batch.put(table, key, value.into()),
            None => batch.remove(table, key),
        }
        self.store.engine_for_test().apply(batch).unwrap();
    }

    /// Changes the newest version of `c0` in both of its tables.
    fn change_version(&self, change: impl Fn(&mut EntityVersion)) {
        for table in [Table::Current, Table::Versions] {
            let (key, value) = self.row_of(table, "component:default/c0");
            let mut version: EntityVersion = Decoder::new(&value, || "it".to_owned()).unwrap().record().unwrap();
            change(&mut version);
            let value: Arc<[u8]> = Encoder::default().record(&version);
            self.put(table, &key, Some(&value));
        }
    }
}

#[test]
fn a_whole_catalog_agrees_in_every_part() {
    let report = catalogue(5).verify();
    assert_eq!(report.differences, Vec::<String>::new());
    let parts: Vec<Part> = report.parts.iter().map(|part| part.part).collect();
    assert_eq!(parts, Part::ALL);
    for part in &report.parts {
        assert!(
            part.checked > 0 && part.differing == 0 && part.rebuilt == part.held,
            "{part:?}"
        );
    }
    assert_eq!((report.entities, report.documents, report.claims), (8, 8, 8));
    assert_eq!(report.index_sum.len(), 16);
}

/// A damage, the part that names it, and words of what is said.
type Damage = (&'static str, fn(&Catalogue), Part, &'static [&'static str]);

const DAMAGES: &[Damage] = &[
    (
        "a body says something else",
        |it| {
            let (key, value) = it.row_of(Table::Bodies, "\"name\":\"c0\"");
            let other = String::from_utf8(value).unwrap().replace("production", "experimental");
            it.put(Table::Bodies, &key, Some(other.as_bytes()));
        },
        Part::Entities,
        &[
            "`component:default/c0`",
            "`spec.lifecycle` is \"experimental\"",
            "\"production\"",
        ],
    ),
    (
        "a body is gone",
        |it| it.put(Table::Bodies, &it.row_of(Table::Bodies, "\"name\":\"c1\"").0, None),
        Part::Entities,
        &["`component:default/c1`", "not there"],
    ),
    (
        "a version is gone",
        |it| {
            it.put(
                Table::Versions,
                &it.row_of(Table::Versions, "component:default/c0").0,
                None,
            )
        },
        Part::Entities,
        &["`component:default/c0`", "its version of position"],
    ),
    (
        "an owner is another",
        |it| {
            it.change_version(|version| {
                version.ownership.owners = vec![bailiwick_schema::EntityRef::parse("group:shop").unwrap()];
            });
        },
        Part::Ownership,
        &[
            "`component:default/c0` is owned by `group:default/shop`",
            "says `group:default/pay`",
        ],
    ),
    (
        "evidence is another",
        |it| it.change_version(|version| version.ownership.evidence[1].detail = "because".to_owned()),
        Part::Ownership,
        &["`component:default/c0`", "evidence 2 (`codeowners`)"],
    ),
    (
        "a relation is gone",
        |it| it.change_version(|version| version.relations.truncate(1)),
        Part::Relations,
        &["`component:default/c0`", "lacks `", "and 1 more"],
    ),
    (
        "a title was made up",
        |it| it.change_version(|version| version.summary.title = Some("Boo".to_owned())),
        Part::Entities,
        &["`component:default/c0`", "the fields that lists use"],
    ),
    (
        "an identifier is gone",
        |it| it.put(Table::Identifiers, &it.row_of(Table::Identifiers, "acme/c0").0, None),
        Part::Identifiers,
        &["`component:default/c0` has rows of other identifiers"],
    ),
    (
        "a list of claims is short",
        |it| it.put(Table::EntityClaims, &it.rows(Table::EntityClaims)[0].0, None),
        Part::Claims,
        &["lists other claims than count for it"],
    ),
    (
        "a claim says something else",
        |it| {
            let (key, value) = it.row_of(Table::ClaimBodies, "\"name\":\"c0\"");
            let at = value.windows(10).position(|word| word == b"production").unwrap();
            let mut value = value;
            value[at..at + 10].copy_from_slice(b"deprecated");
            it.put(Table::ClaimBodies, &key, Some(&value));
        },
        Part::Entities,
        &["`component:default/c0`", "its claims say \"deprecated\""],
    ),
    (
        "a claim was rewritten",
        |it| {
            let (key, value) = it.row_of(Table::ClaimBodies, "\"name\":\"c0\"");
            let at = value.windows(10).position(|word| word == b"production").unwrap();
            let mut value = value;
            value[at..at + 10].copy_from_slice(b"deprecated");
            it.put(Table::ClaimBodies, &key, Some(&value));
        },
        Part::Claims,
        &["`component:default/c0`: what `code` said in Component-c0.yaml"],
    ),
    (
        "a claim has no body",
        |it| {
            it.put(
                Table::ClaimBodies,
                &it.row_of(Table::ClaimBodies, "\"name\":\"c0\"").0,
                None,
            )
        },
        Part::Entities,
        &["`component:default/c0` cannot be rebuilt", "the body of claim"],
    ),
    (
        "a ref leads nowhere",
        |it| it.put(Table::Refs, &it.row_of(Table::Refs, "component:default/c0").0, None),
        Part::Rows,
        &["`component:default/c0` is not found by its ref"],
    ),
    (
        "a row lies under another's key",
        |it| {
            let rows = it.rows(Table::Identities);
            it.put(Table::Identities, &rows[0].0, Some(&rows[1].1));
        },
        Part::Rows,
        &["table `identities`", "under the key of another"],
    ),
    (
        "a commit is missing from the log",
        |it| it.put(Table::Log, &it.rows(Table::Log).pop().unwrap().0, None),
        Part::Rows,
        &["log"],
    ),
    (
        "a run cannot be read",
        |it| it.put(Table::Runs, &it.rows(Table::Runs)[0].0, Some(b"\x01{")),
        Part::Rows,
        &["table `runs`"],
    ),
    (
        "a value is of an unknown format",
        |it| it.put(Table::Scopes, &it.rows(Table::Scopes)[0].0, Some(&[9, 9, 9])),
        Part::Rows,
        &["scopes", "unknown value format 9"],
    ),
];

#[test]
fn every_damage_is_named_with_its_part_and_ends_nothing() {
    for (what, damage, part, words) in DAMAGES {
        let it = catalogue(3);
        damage(&it);
        let report = it.verify();
        assert!(!report.agrees(), "{what}");
        let said = report
            .differences
            .iter()
            .any(|said| said.starts_with(part.as_str()) && words.iter().all(|word| said.contains(word)));
        assert!(said, "{what}: {:#?}", report.differences);
        let tally = report.parts.iter().find(|tally| tally.part == *part).unwrap();
        assert!(tally.differing > 0, "{what}");
        assert_eq!(report.documents, 6, "{what}: the rest was verified too");
    }
}

#[test]
fn several_damages_are_all_named() {
    let it = catalogue(4);
    for (_, damage, _, _) in &DAMAGES[..2] {
        damage(&it);
    }
    for table in [Table::Runs, Table::RunOrder, Table::ClaimHeads] {
        it.put(table, &it.rows(table)[0].0, Some(b""));
    }
    let said = it.verify().differences.join("\n");
    for word in [
        "`component:default/c0`",
        "`component:default/c1`",
        "`runs`",
        "`run_order`",
        "the head of claim",
    ] {
        assert!(said.contains(word), "{word}: {said}");
    }
}

#[test]
fn differences_beyond_the_limit_are_counted() {
    let it = catalogue(DIFFERENCES_MAX + 30);
    for (key, _) in it.rows(Table::Bodies) {
        it.put(Table::Bodies, &key, Some(b"\x01{}"));
    }
    let report = it.verify();
    assert_eq!(report.differences.len(), DIFFERENCES_MAX);
    assert_eq!(report.further_differences as usize, 33);
    let entities = report.parts.iter().find(|part| part.part == Part::Entities).unwrap();
    assert_eq!((entities.checked, entities.differing), (133, 133));
}

#[test]
fn an_index_of_another_catalog_differs_document_by_document() {
    let (it, other) = (catalogue(3), catalogue(4));
    let mut report = VerifyReport::at(Position(1));
    index::compare(it.catalog().search(), &other.catalog().snapshot(), &mut report).unwrap();
    assert!(
        report
            .differences
            .iter()
            .any(|said| said == "index: `component:default/c3` has no document"),
        "{:#?}",
        report.differences
    );
    let mut report = VerifyReport::at(Position(1));
    index::compare(other.catalog().search(), &it.catalog().snapshot(), &mut report).unwrap();
    assert!(
        report
            .differences
            .iter()
            .any(|said| said.contains("which is not there")),
        "{:#?}",
        report.differences
    );
}

#[test]
fn both_directions_of_a_relation_are_compared() {
    let it = catalogue(3);
    let mut report = VerifyReport::at(Position(1));
    links::compare(
        &it.catalog().snapshot(),
        &entities::Rebuilt::default(),
        &mut report,
        &|_, _, _| {},
    );
    let said = report.differences.join("\n");
    for pointed_at in ["group:default/pay", "system:default/market", "component:default/c3"] {
        assert!(
            said.contains(&format!("incoming: what points at `{pointed_at}`")),
            "{said}"
        );
    }
    assert!(!said.contains("`component:default/c0`"), "nothing points at it: {said}");
}

#[test]
fn a_store_that_cannot_be_started_is_looked_at_all_the_same() {
    let it = catalogue(3);
    let rows = it.rows(Table::Current);
    for (key, _) in &rows[..2] {
        it.put(Table::Current, key, Some(b"\x01\xff"));
    }
    assert!(Running::over(Arc::clone(&it.store) as _, IndexLocation::Memory, settings()).is_err());
    let report = verify_rows(&*it.store, &|_, _, _| {}).unwrap();
    let damaged = report
        .differences
        .iter()
        .filter(|said| said.contains("a version of an entity"));
    assert_eq!(damaged.count(), 2, "{:#?}", report.differences);
}
