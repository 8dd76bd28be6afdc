//! Remembering which event a source's id belongs to.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;

/// How many ids are remembered.
const CAPACITY: usize = 1 << 16;

/// The most recent ids and what belongs to them. Bounded, so that a long input needs no more memory
/// than a short one: an answer to something more than 65,536 ids back finds nothing.
#[derive(Debug)]
pub(crate) struct Recent<K, V> {
    values: HashMap<K, V>,
    order: VecDeque<K>,
}

impl<K: Hash + Eq + Clone, V> Recent<K, V> {
    pub(crate) fn new() -> Self {
        Self {
            values: HashMap::new(),
            order: VecDeque::new(),
        }
    }

    /// Remembers an id; a known one gets the new value.
    pub(crate) fn put(&mut self, id: K, value: V) {
        if let Some(known) = self.values.get_mut(&id) {
            *known = value;
            return;
        }
        if self.order.len() == CAPACITY
            && let Some(oldest) = self.order.pop_front()
        {
            self.values.remove(&oldest);
        }
        self.order.push_back(id.clone());
        self.values.insert(id, value);
    }

    /// What belongs to an id.
    pub(crate) fn get<Q>(&self, id: &Q) -> Option<&V>
    where
        K: std::borrow::Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        self.values.get(id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_id_is_forgotten_and_the_newest_value_wins() {
        let mut recent = Recent::new();
        for id in 0..=CAPACITY as u32 {
            recent.put(id, id);
        }
        recent.put(1, 7);
        assert_eq!(recent.get(&0), None);
        assert_eq!(recent.get(&1), Some(&7));
        assert_eq!(recent.values.len(), CAPACITY);
        assert_eq!(recent.order.len(), CAPACITY);
    }
}
