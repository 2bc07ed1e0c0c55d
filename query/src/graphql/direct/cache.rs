//! The plans of documents that were answered before.
//!
//! Two generations: what is asked for stays in the young one; when that is full it becomes the old one, and what was
//! old and not asked for since is gone. So memory is bounded, and what is asked often is never thrown away.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use super::plan::Plan;
use crate::limits::{PLAN_TEXT_BYTES_MAX, PLANS_MAX};

/// What is known of a template.
#[derive(Debug, Clone)]
pub(super) enum Known {
    /// The plan, and the name of its operation.
    Plan(Arc<(Option<String>, Plan)>),
    /// There is none; looking for one again would be in vain.
    LongWay,
}

type Generation = HashMap<Box<str>, Known>;

#[derive(Default)]
struct Generations {
    young: Generation,
    old: Generation,
}

#[derive(Default)]
pub(super) struct Cache(RwLock<Generations>);

impl Cache {
    pub(super) fn get(&self, template: &str) -> Option<Known> {
        {
            let generations = self.0.read().unwrap_or_else(PoisonError::into_inner);
            if let Some(known) = generations.young.get(template) {
                return Some(known.clone());
            }
            if !generations.old.contains_key(template) {
                return None;
            }
        }
        let mut generations = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let (text, known) = generations.old.remove_entry(template)?;
        generations.put(text, known.clone());
        Some(known)
    }

    /// Longer texts than `PLAN_TEXT_BYTES_MAX` are not kept.
    pub(super) fn put(&self, template: &str, known: Known) {
        if template.len() <= PLAN_TEXT_BYTES_MAX {
            let mut generations = self.0.write().unwrap_or_else(PoisonError::into_inner);
            generations.put(template.into(), known);
        }
    }
}

impl Generations {
    fn put(&mut self, template: Box<str>, known: Known) {
        if self.young.len() >= PLANS_MAX / 2 {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(template, known);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_for_stays_and_the_rest_is_bounded() {
        let cache = Cache::default();
        cache.put("often", Known::LongWay);
        for at in 0..PLANS_MAX * 3 {
            cache.put(&format!("once {at}"), Known::LongWay);
            assert!(cache.get("often").is_some(), "{at}");
        }
        assert!(cache.get("once 0").is_none());
        let generations = cache.0.read().unwrap();
        assert!(generations.young.len() + generations.old.len() <= PLANS_MAX);
    }

    #[test]
    fn long_texts_are_not_kept() {
        let cache = Cache::default();
        let long = "x".repeat(PLAN_TEXT_BYTES_MAX + 1);
        cache.put(&long, Known::LongWay);
        assert!(cache.get(&long).is_none());
    }
}
