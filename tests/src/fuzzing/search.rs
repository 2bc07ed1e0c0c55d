//! What a user types into the search, asked of a small index.

use std::sync::{Arc, LazyLock};

use bailiwick_catalog::follow::{IndexChange, IndexState, Mark, Projection as _};
use bailiwick_catalog::graph::{Field, RelationTypes, Snapshot, SnapshotBuilder};
use bailiwick_catalog::search::{IndexLocation, SearchError, SearchIndex, SearchQuery, SearchReader};
use bailiwick_catalog::store::{ChangeKind, EntityIdentity, EntityNo, EntityVersion, Ownership, Summary};
use bailiwick_schema::{ContentHash, EntityRef, Position, Timestamp, Viewer};
use uuid::Uuid;

struct World {
    snapshot: Snapshot,
    reader: SearchReader,
}

static WORLD: LazyLock<World> = LazyLock::new(World::new);

/// Name and title of each component.
const ENTITIES: [(&str, &str); 6] = [
    ("ledger", "Ledger of all payments"),
    ("card-payments", "Card payments"),
    ("paymentGateway2", "Payment gateway, the second"),
    ("strasse_ü", "Straße 🦀"),
    ("a.b-c_d", "One letter each"),
    ("x", ""),
];

impl World {
    fn new() -> Self {
        let position = Position(1);
        let mut builder = SnapshotBuilder::new(RelationTypes::default());
        for (at, (name, title)) in ENTITIES.iter().enumerate() {
            let no = EntityNo(u32::try_from(at).expect("there are few"));
            let entity = EntityRef::new("component", "default", name).expect("the name is not empty");
            let uid = Uuid::from_u128(at as u128);
            builder.put_identity(&EntityIdentity {
                no,
                entity: entity.clone(),
                uid,
                live: true,
            });
            builder.put_version(&EntityVersion {
                no,
                position,
                entity,
                uid,
                at: Timestamp::ZERO,
                change: ChangeKind::Created,
                hash: ContentHash::of(name.as_bytes()),
                summary: Summary {
                    kind: "Component".to_owned(),
                    namespace: "default".to_owned(),
                    name: (*name).to_owned(),
                    title: Some((*title).to_owned()),
                    tags: vec!["pay".to_owned()],
                    ..Summary::default()
                },
                relations: Vec::new(),
                ownership: Ownership::default(),
                identifiers: Vec::new(),
                inherits_from: Vec::new(),
                continues: None,
                watches: Vec::new(),
            });
        }
        let snapshot = builder.publish(position, Timestamp::ZERO);
        let lineage = Uuid::from_u128(1);
        let index = SearchIndex::open(IndexLocation::Memory, lineage, Arc::new(|_, _| None)).expect("memory is enough");
        let mut writer = index.writer().expect("it is the only one");
        let mut changes = ENTITIES.iter().map(|(name, _)| {
            let entity = EntityRef::new("component", "default", name).expect("the name is not empty");
            let node = snapshot.get(&Viewer::local(), &entity).expect("it was put there");
            Ok(IndexChange {
                no: node.no,
                entity,
                state: Some(IndexState {
                    node: Arc::clone(node),
                    owners: Vec::new(),
                    body: None,
                }),
            })
        });
        let format = writer.format_version();
        let mark = Mark {
            lineage,
            position,
            format,
        };
        writer.apply(&mut changes, mark).expect("memory takes it");
        writer.commit().expect("memory takes it");
        let reader = index.reader();
        Self { snapshot, reader }
    }
}

/// Nothing is a syntax error; a limit is the only refusal. A page is part of the whole, and marks lie within texts.
pub fn search(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes).into_owned();
    let query = SearchQuery {
        text,
        facets: vec![Field::Kind, Field::Tag],
        first: 3,
        highlight: true,
        ..SearchQuery::default()
    };
    let ask = |query: &SearchQuery| WORLD.reader.search(&Viewer::local(), &WORLD.snapshot, query);
    let page = match ask(&query) {
        Ok(page) => page,
        Err(SearchError::Limit {
            name, limit, actual, ..
        }) => {
            assert!(actual > limit && !name.is_empty(), "{actual} is over {limit}");
            return;
        }
        Err(error) => panic!("only a limit refuses: {error}"),
    };
    assert!(
        page.total <= ENTITIES.len() && page.hits.len() == page.total.min(3),
        "{} hits",
        page.hits.len()
    );
    for pair in page.hits.windows(2) {
        assert!(pair[0].score >= pair[1].score, "best first");
    }
    for (field, buckets) in &page.facets {
        for bucket in buckets {
            assert!(bucket.count <= page.total, "{field:?}: {bucket:?} of {}", page.total);
        }
    }
    for highlight in page.hits.iter().flat_map(|hit| &hit.highlights) {
        let mut end = 0;
        for (from, to) in &highlight.ranges {
            assert!(end <= *from && from < to, "{highlight:?} is in order");
            assert!(
                highlight.fragment.get(*from..*to).is_some(),
                "{highlight:?} lies within"
            );
            end = *to;
        }
    }
    let again = ask(&query).expect("the same text has the same verdict");
    let refs = |page: &bailiwick_catalog::search::SearchPage| -> Vec<String> {
        page.hits.iter().map(|hit| hit.node.entity.to_string()).collect()
    };
    assert_eq!((again.total, refs(&again)), (page.total, refs(&page)));
    let rest = SearchQuery {
        offset: 3,
        ..query.clone()
    };
    let rest = ask(&rest).expect("the second page is like the first");
    assert_eq!(rest.total, page.total, "pages agree on the whole");
    assert!(
        refs(&rest).iter().all(|entity| !refs(&page).contains(entity)),
        "pages do not overlap"
    );
}
