//! Filters as sets: what the indexes of a snapshot say about a filter without looking at a node.

use std::borrow::Cow;

use super::filter::{Filter, Matcher};
use super::{Field, Numbers, Snapshot};
use crate::store::EntityNo;

/// What a filter lets pass: a set that is exact, but for the conditions that are left for each node of it.
pub(super) struct Narrowed<'a> {
    /// Nothing if every live entity may pass.
    pub(super) set: Option<Cow<'a, Numbers>>,
    pub(super) residual: Vec<&'a Filter>,
}

impl Snapshot {
    pub(super) fn narrowed<'a>(&'a self, filter: &'a Filter) -> Narrowed<'a> {
        let mut narrowed = Narrowed {
            set: None,
            residual: Vec::new(),
        };
        self.narrow(filter, &mut narrowed);
        narrowed
    }

    fn narrow<'a>(&'a self, filter: &'a Filter, narrowed: &mut Narrowed<'a>) {
        if let Filter::All(all) = filter {
            all.iter().for_each(|filter| self.narrow(filter, narrowed));
            return;
        }
        let Some(set) = self.exact(filter) else {
            narrowed.residual.push(filter);
            return;
        };
        narrowed.set = Some(match narrowed.set.take() {
            None => set,
            Some(known) => Cow::Owned(known.common(&set)),
        });
    }

    /// Just the live entities that pass; nothing where the indexes cannot tell.
    fn exact<'a>(&'a self, filter: &Filter) -> Option<Cow<'a, Numbers>> {
        Some(match filter {
            Filter::All(all) => match all.split_first() {
                None => Cow::Owned(self.live()),
                Some((first, others)) => {
                    let mut set = self.exact(first)?;
                    for filter in others {
                        set = Cow::Owned(set.common(&*self.exact(filter)?));
                    }
                    set
                }
            },
            Filter::Any(any) => {
                let mut set = Numbers::default();
                for filter in any {
                    set.extend(&*self.exact(filter)?);
                }
                Cow::Owned(set)
            }
            Filter::Not(not) => Cow::Owned(self.live().without(&*self.exact(not)?)),
            Filter::Field(field, matcher) => self.with_value(*field, matcher),
            Filter::Name(Matcher::Exists(true)) => Cow::Owned(self.live()),
            Filter::Name(matcher) => Cow::Owned(self.orders().by_name.matching(matcher)?),
            Filter::Title(matcher) => Cow::Owned(self.orders().by_title.matching(matcher)?),
            Filter::Related { relation, target } => Cow::Owned(self.related(relation, *target)),
            Filter::OneOf(set) => {
                let live = set.iter().filter(|no| self.node_unchecked(**no).is_some());
                Cow::Owned(live.map(|no| no.0).collect())
            }
        })
    }

    fn with_value<'a>(&'a self, field: Field, matcher: &Matcher) -> Cow<'a, Numbers> {
        let mut union = Numbers::default();
        match matcher {
            Matcher::Eq(value) => {
                return match self.posting(field, value) {
                    Some(posting) => Cow::Borrowed(&posting.entities),
                    None => Cow::Owned(union),
                };
            }
            Matcher::In(values) => {
                let postings = values.iter().filter_map(|value| self.posting(field, value));
                postings.for_each(|posting| union.extend(&posting.entities));
            }
            Matcher::Prefix(prefix) => {
                let prefix = prefix.to_lowercase();
                let postings = self.values_from(field, &prefix);
                postings
                    .take_while(|(value, _)| value.starts_with(&prefix))
                    .for_each(|(_, posting)| union.extend(&posting.entities));
            }
            Matcher::Exists(wanted) => {
                self.values_of(field)
                    .for_each(|(_, posting)| union.extend(&posting.entities));
                if !wanted {
                    union = self.live().without(&union);
                }
            }
        }
        Cow::Owned(union)
    }

    /// Those that have the relation to the target, by either half's name.
    fn related(&self, relation: &str, target: EntityNo) -> Numbers {
        let types = self.relation_types();
        let mut numbers: Vec<u32> = Vec::new();
        if let Some(no) = types.find(relation) {
            let edges = self.incoming.range((target.0, no.0, 0)..=(target.0, no.0, u32::MAX));
            numbers.extend(edges.map(|(_, _, from)| from));
        }
        if let Some(no) = types.find_inverse(relation)
            && let Some(target) = self.node_unchecked(target)
        {
            let edges = target.relations.iter().filter(|edge| edge.relation == no);
            let live = edges.filter(|edge| self.node_unchecked(edge.target).is_some());
            numbers.extend(live.map(|edge| edge.target.0));
        }
        numbers.into_iter().collect()
    }

    /// Every live entity: each has exactly one kind.
    pub(crate) fn live(&self) -> Numbers {
        let mut live = Numbers::default();
        self.values_of(Field::Kind)
            .for_each(|(_, posting)| live.extend(&posting.entities));
        live
    }
}
