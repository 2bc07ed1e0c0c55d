//! Pages, counts and facets against what a look at every node says, through a random life of a graph.

use std::collections::BTreeMap;
use std::sync::Arc;

use bailiwick_schema::{ContentHash, EntityRef, Position, Timestamp, Viewer};
use uuid::Uuid;

use super::filter::{Filter, Matcher};
use super::orders::folded;
use super::select::{Bucket, Order, OrderField, PageCursor};
use super::{Field, Node, RelationTypes, Snapshot, SnapshotBuilder};
use crate::store::{ChangeKind, EntityIdentity, EntityNo, EntityVersion, Ownership, Relation, Summary};

/// Numbers from a seed (xorshift64*).
struct Draw(u64);

impl Draw {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        usize::try_from(self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33).unwrap() % end
    }

    fn one<T: Clone>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())].clone()
    }
}

const KINDS: [&str; 4] = ["Component", "component", "API", "Group"];
const NAMES: [&str; 6] = ["pay", "Pay", "ledger", "cart", "Äpfel", "äpfel"];
const TITLES: [Option<&str>; 5] = [None, Some("The Shop"), Some("the shop"), Some("Zebra"), Some("")];
const LIFECYCLES: [Option<&str>; 3] = [None, Some("production"), Some("Production")];
const TAGS: [&str; 4] = ["java", "Java", "go", "pii"];

fn entity(number: usize) -> EntityRef {
    let kind = ["component", "api", "group"][number % 3];
    EntityRef::new(kind, "default", &format!("e{number}")).unwrap()
}

fn version(draw: &mut Draw, number: usize, position: Position) -> EntityVersion {
    let optional = |text: Option<&str>| text.map(str::to_owned);
    let mut tags: Vec<String> = (0..draw.below(3)).map(|_| draw.one(&TAGS).to_owned()).collect();
    tags.sort();
    tags.dedup();
    let mut relations: Vec<Relation> = (0..draw.below(4))
        .map(|_| Relation {
            relation: draw.one(&["dependsOn", "partOf", "hasPart"]).to_owned(),
            target: entity(draw.below(60)),
        })
        .collect();
    relations.sort_by(|one, two| (&one.relation, &one.target).cmp(&(&two.relation, &two.target)));
    relations.dedup();
    let summary = Summary {
        kind: draw.one(&KINDS).to_owned(),
        namespace: "default".to_owned(),
        name: draw.one(&NAMES).to_owned(),
        title: optional(draw.one(&TITLES)),
        entity_type: None,
        lifecycle: optional(draw.one(&LIFECYCLES)),
        tags,
        labels: vec![("tier".to_owned(), draw.one(&["gold", "Gold", "tin"]).to_owned())],
    };
    let owners = (0..draw.below(2)).map(|_| entity(2 + 3 * draw.below(3))).collect();
    EntityVersion {
        no: EntityNo(u32::try_from(number).unwrap()),
        position,
        entity: entity(number),
        uid: Uuid::from_u128(number as u128),
        at: Timestamp::from_secs(i64::try_from(draw.below(5)).unwrap()),
        change: if draw.below(5) == 0 {
            ChangeKind::Deleted
        } else {
            ChangeKind::Updated
        },
        hash: ContentHash::of(b"x"),
        summary,
        relations,
        ownership: Ownership {
            owners,
            ..Ownership::default()
        },
        identifiers: Vec::new(),
        inherits_from: Vec::new(),
        continues: None,
        watches: Vec::new(),
    }
}

fn filter(draw: &mut Draw, depth: usize) -> Filter {
    let matcher = |draw: &mut Draw, of: &[&str]| match draw.below(6) {
        0 => Matcher::In(vec![draw.one(of).to_owned(), draw.one(of).to_owned()]),
        1 => Matcher::Prefix(draw.one(&["", "p", "J", "comp", "tier=g", "the", "Ä"]).to_owned()),
        2 => Matcher::Exists(draw.below(2) == 0),
        _ => Matcher::Eq(draw.one(of).to_owned()),
    };
    match draw.below(if depth == 0 { 8 } else { 12 }) {
        0 | 1 => Filter::Field(Field::Kind, matcher(draw, &KINDS)),
        2 => Filter::Field(Field::Tag, matcher(draw, &TAGS)),
        3 => Filter::Field(Field::Lifecycle, matcher(draw, &["PRODUCTION", "none"])),
        4 => Filter::Field(Field::Label, matcher(draw, &["tier=gold", "tier=tin", "x=y"])),
        5 => Filter::Name(matcher(draw, &NAMES)),
        6 => Filter::Title(matcher(draw, &["the shop", "zebra", "x"])),
        7 => match draw.below(3) {
            0 => Filter::Field(Field::Owner, matcher(draw, &["group:default/e2", "group:default/e5"])),
            1 => Filter::OneOf(Arc::new(
                (0..draw.below(20))
                    .map(|no| EntityNo(u32::try_from(no * 3).unwrap()))
                    .collect(),
            )),
            _ => Filter::Related {
                relation: draw
                    .one(&["dependsOn", "dependencyOf", "partOf", "hasPart", "nothing"])
                    .to_owned(),
                target: EntityNo(u32::try_from(draw.below(60)).unwrap()),
            },
        },
        8 => Filter::Not(Box::new(filter(draw, depth - 1))),
        9 => Filter::Any((0..draw.below(3)).map(|_| filter(draw, depth - 1)).collect()),
        _ => Filter::All((0..draw.below(4)).map(|_| filter(draw, depth - 1)).collect()),
    }
}

/// The keys that a page is ordered by, as text.
fn keys(snapshot: &Snapshot, node: &Node, order: &[Order]) -> PageCursor {
    snapshot.cursor_of(node, order)
}

fn all_sorted<'a>(snapshot: &'a Snapshot, filter: &Filter, order: &[Order]) -> Vec<&'a Arc<Node>> {
    let mut nodes: Vec<&Arc<Node>> = snapshot
        .nodes_unchecked()
        .filter(|node| filter.matches(snapshot, node))
        .collect();
    nodes.sort_by(|one, two| {
        let (one, two) = (keys(snapshot, one, order), keys(snapshot, two, order));
        for (at, (a, b)) in one.keys.iter().zip(&two.keys).enumerate() {
            let descending = order.get(at).is_some_and(|order| order.descending);
            let ordering = match (a, b) {
                (Some(a), Some(b)) if descending => b.cmp(a),
                (Some(a), Some(b)) => a.cmp(b),
                (a, b) => b.is_some().cmp(&a.is_some()),
            };
            if ordering.is_ne() {
                return ordering;
            }
        }
        one.entity.cmp(&two.entity)
    });
    nodes
}

fn counted(snapshot: &Snapshot, filter: &Filter, field: Field) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for node in snapshot.nodes_unchecked().filter(|node| filter.matches(snapshot, node)) {
        let mut values: Vec<String> = match field {
            Field::Kind => vec![node.kind.to_lowercase()],
            Field::Lifecycle => node.lifecycle.iter().map(|text| text.to_lowercase()).collect(),
            Field::Owner => node
                .owners
                .iter()
                .filter_map(|no| Some(snapshot.name(*no)?.to_string()))
                .collect(),
            _ => node.tags.iter().map(|tag| tag.to_lowercase()).collect(),
        };
        values.sort();
        values.dedup();
        for value in values {
            *counts.entry(value).or_default() += 1;
        }
    }
    counts
}

#[test]
fn pages_counts_and_facets_are_what_a_look_at_every_node_says() {
    let mut draw = Draw(0x5eed_0002);
    let mut builder = SnapshotBuilder::new(RelationTypes::new([
        ("dependsOn", "dependencyOf"),
        ("partOf", "hasPart"),
    ]));
    for number in 0..60 {
        builder.put_identity(&EntityIdentity {
            no: EntityNo(u32::try_from(number).unwrap()),
            entity: entity(number),
            uid: Uuid::from_u128(number as u128),
            live: true,
        });
    }
    let viewer = Viewer::local();
    for round in 1..=60_u64 {
        let position = Position(round);
        for _ in 0..=draw.below(20) {
            let number = draw.below(60);
            let version = version(&mut draw, number, position);
            builder.put_version(&version);
        }
        let snapshot = builder.publish(position, Timestamp::ZERO);
        for node in snapshot.nodes_unchecked() {
            assert_eq!(
                snapshot.degrees().get(node.no) as usize,
                snapshot.incoming_unchecked(node.no).count()
            );
        }
        for _ in 0..20 {
            let filter = filter(&mut draw, 2);
            let order: Vec<Order> = (0..draw.below(3))
                .map(|_| Order {
                    field: draw.one(&[
                        OrderField::Name,
                        OrderField::Title,
                        OrderField::Title,
                        OrderField::Owner,
                        OrderField::UpdatedAt,
                        OrderField::Lifecycle,
                    ]),
                    descending: draw.below(2) == 0,
                })
                .collect();
            let right = all_sorted(&snapshot, &filter, &order);
            let first = 1 + draw.below(7);
            let mut seen: Vec<Arc<Node>> = Vec::new();
            let mut after = None;
            loop {
                let page = snapshot.select(&viewer, &filter, &order, after.as_ref(), first);
                assert_eq!(page.total, right.len(), "{filter:?}");
                assert!(page.nodes.len() <= first);
                seen.extend(page.nodes.iter().cloned());
                assert_eq!(
                    page.has_next,
                    seen.len() < right.len(),
                    "{filter:?} {order:?} {after:?}"
                );
                match page.nodes.last() {
                    Some(last) if page.has_next => after = Some(snapshot.cursor_of(last, &order)),
                    _ => break,
                }
            }
            let refs = |nodes: &[&Arc<Node>]| nodes.iter().map(|node| node.entity.clone()).collect::<Vec<_>>();
            assert_eq!(
                refs(&seen.iter().collect::<Vec<_>>()),
                refs(&right),
                "{filter:?} {order:?}"
            );
            assert_eq!(snapshot.count(&viewer, &filter), right.len());
            assert_eq!(snapshot.count(&Viewer::nobody(), &filter), 0);
            assert!(snapshot.aggregate(&Viewer::nobody(), Field::Kind, &filter).is_empty());
            let field = draw.one(&[Field::Kind, Field::Tag, Field::Lifecycle, Field::Owner]);
            let buckets: Vec<Bucket> = snapshot.aggregate(&viewer, field, &filter);
            assert!(buckets.is_sorted_by_key(|bucket| (usize::MAX - bucket.count, bucket.value.clone())));
            let by_value: BTreeMap<String, usize> = buckets
                .into_iter()
                .map(|bucket| (bucket.value.to_lowercase(), bucket.count))
                .collect();
            assert_eq!(by_value, counted(&snapshot, &filter, field), "{filter:?} {field:?}");
        }
        assert_eq!(snapshot.live().len(), snapshot.len());
    }
    assert_eq!(folded("ÄPfel"), "äpfel");
}
