//! Lists and facets over the snapshot: filter, order, page, count.

use std::collections::BTreeMap;
use std::sync::Arc;

use bailiwick_schema::{EntityRef, Viewer};

use super::filter::{Filter, Matcher};
use super::postings::values_of_node;
use super::{Field, Node, Posting, Snapshot};
use crate::store::EntityNo;

/// Above this many candidates an ordered page walks the order instead of sorting the candidates.
const SORT_CANDIDATES_MAX: usize = 8_192;

/// What a list is ordered by. Ties go by ref; what has no value comes last in both directions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OrderField {
    #[default]
    Name,
    Title,
    Kind,
    Namespace,
    Lifecycle,
    Type,
    Owner,
    UpdatedAt,
}

impl OrderField {
    pub const ALL: [Self; 8] = [
        Self::Name,
        Self::Title,
        Self::Kind,
        Self::Namespace,
        Self::Lifecycle,
        Self::Type,
        Self::Owner,
        Self::UpdatedAt,
    ];

    /// The dotted path under which the API knows it.
    pub const fn path(self) -> &'static str {
        match self {
            Self::Name => "metadata.name",
            Self::Title => "metadata.title",
            Self::Kind => "kind",
            Self::Namespace => "metadata.namespace",
            Self::Lifecycle => "spec.lifecycle",
            Self::Type => "spec.type",
            Self::Owner => "owner",
            Self::UpdatedAt => "updatedAt",
        }
    }

    pub fn from_path(path: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|field| field.path() == path)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Order {
    pub field: OrderField,
    pub descending: bool,
}

/// Where a page ended: the sort keys and the ref of its last entity.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct PageCursor {
    pub keys: Vec<Option<String>>,
    pub entity: EntityRef,
}

/// One page.
#[derive(Debug, Clone)]
pub struct Page {
    pub nodes: Vec<Arc<Node>>,
    pub total: usize,
    pub has_next: bool,
}

/// A value and how many entities have it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bucket {
    pub value: String,
    pub count: usize,
}

impl Snapshot {
    /// The page of `first` entities after a cursor. An empty order is by name.
    pub fn select(
        &self,
        viewer: &Viewer,
        filter: &Filter,
        order: &[Order],
        after: Option<&PageCursor>,
        first: usize,
    ) -> Page {
        if !viewer.reads_anything() {
            return Page {
                nodes: Vec::new(),
                total: 0,
                has_next: false,
            };
        }
        let order = if order.is_empty() {
            &[Order {
                field: OrderField::Name,
                descending: false,
            }]
        } else {
            order
        };
        let narrowest = self.narrowest(filter);
        let candidates = narrowest.as_ref().map_or(self.len(), Candidates::len);
        if candidates > SORT_CANDIDATES_MAX && order.len() == 1 && order[0].field == OrderField::Name {
            return self.walk_names(viewer, filter, order[0], after, first, narrowest.as_ref());
        }
        let mut keyed: Vec<(Vec<Option<String>>, &Arc<Node>)> = Vec::new();
        self.for_candidates(narrowest.as_ref(), |node| {
            if node.seen_by(viewer) && filter.matches(self, node) {
                keyed.push((self.sort_keys(node, order), node));
            }
        });
        let total = keyed.len();
        keyed.sort_by(|one, two| compare(order, (&one.0, &one.1.entity), (&two.0, &two.1.entity)));
        let start = after.map_or(0, |after| {
            keyed.partition_point(|(keys, node)| {
                compare(order, (keys, &node.entity), (&after.keys, &after.entity)) != std::cmp::Ordering::Greater
            })
        });
        let nodes: Vec<Arc<Node>> = keyed[start..]
            .iter()
            .take(first)
            .map(|(_, node)| Arc::clone(node))
            .collect();
        let has_next = start + nodes.len() < total;
        Page { nodes, total, has_next }
    }

    /// The cursor of a node under an order.
    pub fn cursor_of(&self, node: &Node, order: &[Order]) -> PageCursor {
        let order = if order.is_empty() {
            &[Order {
                field: OrderField::Name,
                descending: false,
            }]
        } else {
            order
        };
        PageCursor {
            keys: self.sort_keys(node, order),
            entity: node.entity.clone(),
        }
    }

    /// How many entities pass.
    pub fn count(&self, viewer: &Viewer, filter: &Filter) -> usize {
        let mut count = 0;
        self.for_candidates(self.narrowest(filter).as_ref(), |node| {
            count += usize::from(node.seen_by(viewer) && filter.matches(self, node));
        });
        count
    }

    /// Values of an indexed field among the entities that pass, most frequent first, then by value.
    pub fn aggregate(&self, viewer: &Viewer, field: Field, filter: &Filter) -> Vec<Bucket> {
        if !viewer.reads_anything() {
            return Vec::new();
        }
        let mut buckets: Vec<Bucket> = if matches!(filter, Filter::All(all) if all.is_empty()) {
            self.values_of(field)
                .map(|(_, posting)| Bucket {
                    value: posting.display.to_string(),
                    count: posting.len(),
                })
                .collect()
        } else {
            let mut counts: BTreeMap<String, usize> = BTreeMap::new();
            self.for_candidates(self.narrowest(filter).as_ref(), |node| {
                if node.seen_by(viewer) && filter.matches(self, node) {
                    let name_of = |no: EntityNo| self.name(no).map(|name| Arc::from(name.as_str()));
                    values_of_node(node, name_of, |at, value| {
                        if at == field {
                            match counts.get_mut(value) {
                                Some(count) => *count += 1,
                                None => {
                                    counts.insert(value.to_owned(), 1);
                                }
                            }
                        }
                    });
                }
            });
            counts
                .into_iter()
                .map(|(value, count)| Bucket { value, count })
                .collect()
        };
        buckets.sort_by(|one, two| two.count.cmp(&one.count).then_with(|| one.value.cmp(&two.value)));
        buckets
    }

    /// All matching nodes by number, without order or page.
    pub fn matching(&self, viewer: &Viewer, filter: &Filter) -> Vec<Arc<Node>> {
        let mut nodes = Vec::new();
        self.for_candidates(self.narrowest(filter).as_ref(), |node| {
            if node.seen_by(viewer) && filter.matches(self, node) {
                nodes.push(Arc::clone(node));
            }
        });
        nodes
    }

    fn walk_names(
        &self,
        viewer: &Viewer,
        filter: &Filter,
        order: Order,
        after: Option<&PageCursor>,
        first: usize,
        narrowest: Option<&Candidates<'_>>,
    ) -> Page {
        let orders = [order];
        let passes = |no: EntityNo| {
            self.node(viewer, no).filter(|node| {
                filter.matches(self, node)
                    && after.is_none_or(|after| {
                        let keys = self.sort_keys(node, &orders);
                        compare(&orders, (&keys, &node.entity), (&after.keys, &after.entity))
                            == std::cmp::Ordering::Greater
                    })
            })
        };
        // Names are ordered with the number as tie-break; refs break ties for the API. Equal names lie together, so
        // the page is sorted again after it was cut behind a whole group of equal names.
        let mut nodes: Vec<Arc<Node>> = Vec::with_capacity(first + 1);
        let mut take = |no: EntityNo| -> bool {
            if let Some(node) = passes(no) {
                let group_ended =
                    nodes.len() > first && nodes.last().is_some_and(|last| !same_name(&last.name, &node.name));
                if group_ended {
                    return false;
                }
                nodes.push(Arc::clone(node));
            }
            true
        };
        if order.descending {
            for no in self.by_name().rev() {
                if !take(no) {
                    break;
                }
            }
        } else {
            for no in self.by_name() {
                if !take(no) {
                    break;
                }
            }
        }
        nodes.sort_by_cached_key(|node| node.entity.clone());
        nodes.sort_by(|one, two| {
            let (one_keys, two_keys) = (self.sort_keys(one, &orders), self.sort_keys(two, &orders));
            compare(&orders, (&one_keys, &one.entity), (&two_keys, &two.entity))
        });
        let has_next = nodes.len() > first;
        nodes.truncate(first);
        let total = match (filter, narrowest) {
            (Filter::All(all), _) if all.is_empty() => self.len(),
            (Filter::All(all), Some(Candidates::Posting(posting))) if all.len() == 1 && is_eq(&all[0]) => posting.len(),
            (Filter::Field(_, Matcher::Eq(_)), Some(Candidates::Posting(posting))) => posting.len(),
            _ => self.count(viewer, filter),
        };
        Page { nodes, total, has_next }
    }

    fn sort_keys(&self, node: &Node, order: &[Order]) -> Vec<Option<String>> {
        let text = |text: &Arc<str>| text.to_lowercase();
        order
            .iter()
            .map(|order| match order.field {
                OrderField::Name => Some(text(&node.name)),
                OrderField::Title => node.title.as_ref().map(text),
                OrderField::Kind => Some(text(&node.kind)),
                OrderField::Namespace => Some(text(&node.namespace)),
                OrderField::Lifecycle => node.lifecycle.as_ref().map(text),
                OrderField::Type => node.entity_type.as_ref().map(text),
                OrderField::Owner => node
                    .owners
                    .first()
                    .and_then(|no| self.name(*no))
                    .map(|name| name.as_str().to_owned()),
                // Fixed width, so that text order is time order.
                OrderField::UpdatedAt => Some(format!("{:020}", node.updated_at.micros().max(0))),
            })
            .collect()
    }

    /// The smallest indexed set that the filter cannot go beyond.
    fn narrowest<'a>(&'a self, filter: &'a Filter) -> Option<Candidates<'a>> {
        match filter {
            Filter::All(all) => all
                .iter()
                .filter_map(|filter| self.narrowest(filter))
                .min_by_key(Candidates::len),
            Filter::Field(field, Matcher::Eq(value)) => Some(
                self.posting(*field, value)
                    .map_or(Candidates::None, Candidates::Posting),
            ),
            Filter::OneOf(set) => Some(Candidates::Set(set)),
            _ => None,
        }
    }

    fn for_candidates<'a>(&'a self, candidates: Option<&Candidates<'_>>, mut visit: impl FnMut(&'a Arc<Node>)) {
        match candidates {
            Some(Candidates::None) => {}
            Some(Candidates::Posting(posting)) => {
                posting
                    .iter()
                    .filter_map(|no| self.node_unchecked(no))
                    .for_each(&mut visit);
            }
            Some(Candidates::Set(set)) => {
                set.iter()
                    .filter_map(|no| self.node_unchecked(*no))
                    .for_each(&mut visit);
            }
            None => self.nodes_unchecked().for_each(visit),
        }
    }
}

enum Candidates<'a> {
    None,
    Posting(&'a Posting),
    Set(&'a std::collections::HashSet<EntityNo>),
}

impl Candidates<'_> {
    fn len(&self) -> usize {
        match self {
            Self::None => 0,
            Self::Posting(posting) => posting.len(),
            Self::Set(set) => set.len(),
        }
    }
}

fn is_eq(filter: &Filter) -> bool {
    matches!(filter, Filter::Field(_, Matcher::Eq(_)))
}

fn same_name(one: &str, two: &str) -> bool {
    one.to_lowercase() == two.to_lowercase()
}

fn compare(
    order: &[Order],
    one: (&[Option<String>], &EntityRef),
    two: (&[Option<String>], &EntityRef),
) -> std::cmp::Ordering {
    for (index, order) in order.iter().enumerate() {
        let keys = (
            one.0.get(index).and_then(Option::as_ref),
            two.0.get(index).and_then(Option::as_ref),
        );
        let ordering = match keys {
            (Some(one), Some(two)) if order.descending => two.cmp(one),
            (Some(one), Some(two)) => one.cmp(two),
            (Some(_), None) => std::cmp::Ordering::Less,
            (None, Some(_)) => std::cmp::Ordering::Greater,
            (None, None) => std::cmp::Ordering::Equal,
        };
        if ordering.is_ne() {
            return ordering;
        }
    }
    one.1.cmp(two.1)
}
