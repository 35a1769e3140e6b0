//! Counting what there is at once: in all, and of one kind. What one holds, others lack.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};

/// Places that are taken, by what they are taken for.
pub(super) struct Crowd<K>(Arc<Mutex<HashMap<K, usize>>>);

/// A place that is taken. It is free again when this is dropped.
pub(super) struct Place<K: Eq + Hash> {
    crowd: Crowd<K>,
    key: K,
}

impl<K> Clone for Crowd<K> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<K> Default for Crowd<K> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<K: Clone + Eq + Hash> Crowd<K> {
    /// Takes a place; none when there is none left, of this kind or in all.
    pub(super) fn enter(&self, key: K, most_of_one: usize, most: usize) -> Option<Place<K>> {
        let mut taken = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let total: usize = taken.values().sum();
        let of_one = taken.get(&key).copied().unwrap_or_default();
        if total >= most || of_one >= most_of_one {
            return None;
        }
        taken.insert(key.clone(), of_one.saturating_add(1));
        drop(taken);
        Some(Place { crowd: self.clone(), key })
    }
}

impl<K: Eq + Hash> Drop for Place<K> {
    fn drop(&mut self) {
        let mut taken = self.crowd.0.lock().unwrap_or_else(PoisonError::into_inner);
        match taken.get_mut(&self.key) {
            Some(count) if *count > 1 => *count = count.saturating_sub(1),
            _ => drop(taken.remove(&self.key)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_kind_cannot_take_the_places_of_all() {
        let crowd = Crowd::default();
        let greedy: Vec<_> = (0..10).map_while(|_| crowd.enter("one", 3, 5)).collect();
        assert_eq!(greedy.len(), 3);
        let others: Vec<_> = (0..10).map_while(|_| crowd.enter("other", 5, 5)).collect();
        assert_eq!(others.len(), 2);
        drop(greedy);
        assert!(crowd.enter("one", 3, 5).is_some());
    }
}
