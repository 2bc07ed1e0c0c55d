//! Lists and facets over the snapshot: filter, order, page, count.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::sync::Arc;

use bailiwick_schema::{EntityRef, Viewer};

use super::filter::Filter;
use super::orders::{TextOrder, compare_folded, folded};
use super::postings::values_of_node;
use super::sets::Narrowed;
use super::{Field, Node, Numbers, Snapshot};
use crate::store::EntityNo;

/// How much longer a walk along an order may take than it should, before the candidates are sorted instead.
const WALK_PATIENCE: usize = 8;
/// Up to this many entities are asked for their values one by one; for more the values are asked for their entities.
const COUNTED_SINGLY_MAX: usize = 512;

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
    ///
    /// A page by name or by title costs what it shows, a page by anything else a look at every candidate; the count
    /// comes from the indexes wherever they know the whole filter.
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
        let order = or_by_name(order);
        let candidates = Candidates::new(self, viewer, filter);
        let walked = match order {
            [order] => self.walk(&candidates, *order, after, first),
            _ => None,
        };
        let mut nodes = walked.unwrap_or_else(|| self.sorted(&candidates, order, after, first + 1));
        let has_next = nodes.len() > first;
        nodes.truncate(first);
        Page {
            nodes: nodes.into_iter().map(Arc::clone).collect(),
            total: candidates.count(),
            has_next,
        }
    }

    /// The first ones along an index of the order, one more than the page; nothing where there is none or where it
    /// would not be the quicker way.
    fn walk<'a>(
        &'a self,
        candidates: &Candidates<'a>,
        order: Order,
        after: Option<&PageCursor>,
        first: usize,
    ) -> Option<Vec<&'a Arc<Node>>> {
        let index: &TextOrder = match order.field {
            OrderField::Name => &self.orders().by_name,
            OrderField::Title => &self.orders().by_title,
            _ => return None,
        };
        let wanted = first + 1;
        let expected = match candidates.set() {
            Some(set) if set.len() <= wanted => return None,
            Some(set) => {
                let expected = wanted * self.len().div_ceil(set.len());
                if expected > set.len() {
                    return None;
                }
                expected
            }
            None => wanted,
        };
        // What precedes by name may be of another kind altogether; a step costs less than a candidate that is sorted.
        let sorting = candidates.set().map_or(0, Numbers::len);
        let mut patience = expected
            .saturating_mul(WALK_PATIENCE)
            .saturating_add(1_024)
            .max(sorting);
        let mut nodes = Vec::with_capacity(wanted);
        let after = after.map(|after| (after.keys.first().and_then(Option::as_deref), &after.entity));
        index.walk(order.descending, after, |no| {
            patience -= 1;
            nodes.extend(candidates.node(no));
            nodes.len() < wanted && patience > 0
        });
        (patience > 0 || nodes.len() == wanted).then_some(nodes)
    }

    /// The first `wanted` candidates in an order.
    fn sorted<'a>(
        &'a self,
        candidates: &Candidates<'a>,
        order: &[Order],
        after: Option<&PageCursor>,
        wanted: usize,
    ) -> Vec<&'a Arc<Node>> {
        let mut nodes: Vec<&Arc<Node>> = Vec::new();
        candidates.each(|node| {
            let behind = after.is_none_or(|after| {
                let keys = self.sort_keys(node, order);
                compare(order, (&keys, &node.entity), (&after.keys, &after.entity)) == Ordering::Greater
            });
            if behind {
                nodes.push(node);
            }
        });
        let compare = |one: &&Arc<Node>, two: &&Arc<Node>| self.compare_nodes(order, one, two);
        if nodes.len() > wanted && wanted > 0 {
            nodes.select_nth_unstable_by(wanted - 1, compare);
            nodes.truncate(wanted);
        }
        nodes.sort_unstable_by(compare);
        nodes
    }

    /// The cursor of a node under an order.
    pub fn cursor_of(&self, node: &Node, order: &[Order]) -> PageCursor {
        PageCursor {
            keys: self.sort_keys(node, or_by_name(order)),
            entity: node.entity.clone(),
        }
    }

    /// How many entities pass.
    pub fn count(&self, viewer: &Viewer, filter: &Filter) -> usize {
        Candidates::new(self, viewer, filter).count()
    }

    /// Values of an indexed field among the entities that pass, most frequent first, then by value.
    pub fn aggregate(&self, viewer: &Viewer, field: Field, filter: &Filter) -> Vec<Bucket> {
        if !viewer.reads_anything() {
            return Vec::new();
        }
        let candidates = Candidates::new(self, viewer, filter);
        let mut buckets: Vec<Bucket> = match candidates.numbers() {
            None => self
                .values_of(field)
                .map(|(_, posting)| bucket(&posting.display, posting.len()))
                .collect(),
            Some(set) if set.len() <= COUNTED_SINGLY_MAX => self.counted_singly(field, &set),
            Some(set) => self
                .values_of(field)
                .map(|(_, posting)| bucket(&posting.display, posting.entities.common_len(&set)))
                .filter(|bucket| bucket.count > 0)
                .collect(),
        };
        buckets.sort_unstable_by(|one, two| two.count.cmp(&one.count).then_with(|| one.value.cmp(&two.value)));
        buckets
    }

    fn counted_singly(&self, field: Field, set: &Numbers) -> Vec<Bucket> {
        let mut counts: HashMap<String, usize> = HashMap::new();
        let mut values: Vec<String> = Vec::new();
        for node in set.iter().filter_map(|no| self.node_unchecked(EntityNo(no))) {
            let name_of = |no: EntityNo| self.name(no).map(bailiwick_schema::EntityRef::as_str);
            values.clear();
            values_of_node(node, name_of, |at, value| {
                let lower = || value.to_lowercase();
                if at == field && !values.iter().any(|known| *known == lower()) {
                    values.push(lower());
                }
            });
            for value in values.drain(..) {
                *counts.entry(value).or_default() += 1;
            }
        }
        let spelled = |value: String| match self.posting(field, &value) {
            Some(posting) => posting.display.to_string(),
            None => value,
        };
        counts
            .into_iter()
            .map(|(value, count)| Bucket {
                value: spelled(value),
                count,
            })
            .collect()
    }

    /// All matching nodes by number, without order or page.
    pub fn matching(&self, viewer: &Viewer, filter: &Filter) -> Vec<Arc<Node>> {
        let mut nodes = Vec::new();
        Candidates::new(self, viewer, filter).each(|node| nodes.push(Arc::clone(node)));
        nodes
    }

    /// Compares by name without case, then by ref.
    pub(crate) fn compare_names(one: &Node, two: &Node) -> Ordering {
        compare_folded(&one.name, &two.name).then_with(|| one.entity.cmp(&two.entity))
    }

    /// As [`compare`] compares the keys of both.
    fn compare_nodes(&self, order: &[Order], one: &Node, two: &Node) -> Ordering {
        for order in order {
            let ordering = match order.field {
                OrderField::Name => directed(order, Some(&*one.name), Some(&*two.name), compare_text),
                OrderField::Title => directed(order, one.title.as_deref(), two.title.as_deref(), compare_text),
                OrderField::Kind => directed(order, Some(&*one.kind), Some(&*two.kind), compare_text),
                OrderField::Namespace => directed(order, Some(&*one.namespace), Some(&*two.namespace), compare_text),
                OrderField::Lifecycle => {
                    directed(order, one.lifecycle.as_deref(), two.lifecycle.as_deref(), compare_text)
                }
                OrderField::Type => directed(
                    order,
                    one.entity_type.as_deref(),
                    two.entity_type.as_deref(),
                    compare_text,
                ),
                OrderField::Owner => directed(order, self.leading_owner(one), self.leading_owner(two), Ord::cmp),
                OrderField::UpdatedAt => {
                    let micros = |node: &Node| Some(node.updated_at.micros().max(0));
                    directed(order, micros(one), micros(two), Ord::cmp)
                }
            };
            if ordering.is_ne() {
                return ordering;
            }
        }
        one.entity.cmp(&two.entity)
    }

    fn leading_owner(&self, node: &Node) -> Option<&EntityRef> {
        node.owners.first().and_then(|no| self.name(*no))
    }

    fn sort_keys(&self, node: &Node, order: &[Order]) -> Vec<Option<String>> {
        let text = |text: &Arc<str>| folded(text);
        order
            .iter()
            .map(|order| match order.field {
                OrderField::Name => Some(text(&node.name)),
                OrderField::Title => node.title.as_ref().map(text),
                OrderField::Kind => Some(text(&node.kind)),
                OrderField::Namespace => Some(text(&node.namespace)),
                OrderField::Lifecycle => node.lifecycle.as_ref().map(text),
                OrderField::Type => node.entity_type.as_ref().map(text),
                OrderField::Owner => self.leading_owner(node).map(|name| name.as_str().to_owned()),
                // Fixed width, so that text order is time order.
                OrderField::UpdatedAt => Some(format!("{:020}", node.updated_at.micros().max(0))),
            })
            .collect()
    }
}

/// The entities that a filter lets pass and a viewer may see.
struct Candidates<'a> {
    snapshot: &'a Snapshot,
    viewer: &'a Viewer,
    narrowed: Narrowed<'a>,
    /// The set alone decides.
    is_exact: bool,
}

impl<'a> Candidates<'a> {
    fn new(snapshot: &'a Snapshot, viewer: &'a Viewer, filter: &'a Filter) -> Self {
        let narrowed = snapshot.narrowed(filter);
        Self {
            is_exact: narrowed.residual.is_empty() && viewer.reads_everything(),
            snapshot,
            viewer,
            narrowed,
        }
    }

    fn set(&self) -> Option<&Numbers> {
        self.narrowed.set.as_deref()
    }

    /// A live entity, if it is one of them.
    fn node(&self, no: EntityNo) -> Option<&'a Arc<Node>> {
        if self.set().is_some_and(|set| !set.contains(no.0)) {
            return None;
        }
        self.snapshot.node_unchecked(no).filter(|node| self.passes(node))
    }

    fn passes(&self, node: &Node) -> bool {
        let residual = &self.narrowed.residual;
        self.is_exact
            || (node.seen_by(self.viewer) && residual.iter().all(|filter| filter.matches(self.snapshot, node)))
    }

    fn each(&self, visit: impl FnMut(&'a Arc<Node>)) {
        match self.set() {
            Some(set) => set
                .iter()
                .filter_map(|no| self.snapshot.node_unchecked(EntityNo(no)))
                .filter(|node| self.passes(node))
                .for_each(visit),
            None => self
                .snapshot
                .nodes_unchecked()
                .filter(|node| self.passes(node))
                .for_each(visit),
        }
    }

    fn count(&self) -> usize {
        if self.is_exact {
            return self.set().map_or(self.snapshot.len(), Numbers::len);
        }
        let mut count = 0;
        self.each(|_| count += 1);
        count
    }

    /// Their numbers; nothing if they are all live entities.
    fn numbers(&self) -> Option<std::borrow::Cow<'_, Numbers>> {
        if self.is_exact {
            return self.set().map(std::borrow::Cow::Borrowed);
        }
        let mut numbers = Vec::new();
        self.each(|node| numbers.push(node.no.0));
        Some(std::borrow::Cow::Owned(numbers.into_iter().collect()))
    }
}

fn bucket(value: &str, count: usize) -> Bucket {
    Bucket {
        value: value.to_owned(),
        count,
    }
}

fn or_by_name(order: &[Order]) -> &[Order] {
    const BY_NAME: &[Order] = &[Order {
        field: OrderField::Name,
        descending: false,
    }];
    if order.is_empty() { BY_NAME } else { order }
}

fn compare_text(one: &&str, two: &&str) -> Ordering {
    compare_folded(one, two)
}

/// What has no value comes last in both directions.
fn directed<T>(order: &Order, one: Option<T>, two: Option<T>, compare: impl Fn(&T, &T) -> Ordering) -> Ordering {
    match (one, two) {
        (Some(one), Some(two)) if order.descending => compare(&two, &one),
        (Some(one), Some(two)) => compare(&one, &two),
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (None, None) => Ordering::Equal,
    }
}

fn compare(order: &[Order], one: (&[Option<String>], &EntityRef), two: (&[Option<String>], &EntityRef)) -> Ordering {
    for (index, order) in order.iter().enumerate() {
        let (one, two) = (one.0.get(index), two.0.get(index));
        let ordering = directed(
            order,
            one.and_then(Option::as_ref),
            two.and_then(Option::as_ref),
            Ord::cmp,
        );
        if ordering.is_ne() {
            return ordering;
        }
    }
    one.1.cmp(two.1)
}
