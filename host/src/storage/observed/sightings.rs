//! Since when which tag has been seen on which key, for a bounded number of keys.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::Duration,
};

/// Tags by key. When it is full, the key that has not been looked at for longest is forgotten. That makes a takeover
/// later and never earlier, because a tag that is seen anew counts from then.
pub(super) struct Sightings {
    capacity: usize,
    by_key: HashMap<Arc<str>, Sighting>,
    /// The keys by the turn in which they were last looked at.
    by_turn: BTreeMap<u64, Arc<str>>,
    next_turn: u64,
}

struct Sighting {
    tag: String,
    first_seen: Duration,
    turn: u64,
}

impl Sightings {
    /// Remembers at most `capacity` keys.
    pub(super) fn new(capacity: usize) -> Self {
        Self { capacity, by_key: HashMap::new(), by_turn: BTreeMap::new(), next_turn: 0 }
    }

    /// Notes that `tag` stands on `key` and gives the time since when it has been seen there: `now`, if something
    /// else or nothing was seen there before.
    pub(super) fn see(&mut self, key: &str, tag: &str, now: Duration) -> Duration {
        let (key, first_seen) = match self.take(key) {
            Some((key, before)) if before.tag == tag => (key, before.first_seen),
            Some((key, _)) => (key, now),
            None => (Arc::from(key), now),
        };
        if self.by_key.len() >= self.capacity
            && let Some((_, longest_ago)) = self.by_turn.pop_first()
        {
            self.by_key.remove(&longest_ago);
        }
        let turn = self.next_turn;
        self.next_turn = turn.wrapping_add(1);
        self.by_turn.insert(turn, Arc::clone(&key));
        self.by_key.insert(key, Sighting { tag: tag.to_owned(), first_seen, turn });
        first_seen
    }

    /// Notes that no tag stands on `key`.
    pub(super) fn forget(&mut self, key: &str) {
        self.take(key);
    }

    fn take(&mut self, key: &str) -> Option<(Arc<str>, Sighting)> {
        let (key, sighting) = self.by_key.remove_entry(key)?;
        self.by_turn.remove(&sighting.turn);
        Some((key, sighting))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn a_tag_counts_from_its_first_sighting_until_another_is_seen() {
        let mut sightings = Sightings::new(8);
        assert_eq!(sightings.see("key", "one", at(1)), at(1));
        assert_eq!(sightings.see("key", "one", at(5)), at(1));
        assert_eq!(sightings.see("key", "two", at(6)), at(6));
        assert_eq!(sightings.see("key", "one", at(7)), at(7));
        sightings.forget("key");
        assert_eq!(sightings.see("key", "one", at(8)), at(8));
    }

    #[test]
    fn the_key_that_was_looked_at_longest_ago_is_forgotten_first() {
        let mut sightings = Sightings::new(2);
        sightings.see("watched", "tag", at(1));
        sightings.see("left alone", "tag", at(2));
        sightings.see("watched", "tag", at(3));
        sightings.see("new", "tag", at(4));
        assert_eq!(sightings.see("watched", "tag", at(5)), at(1));
        assert_eq!(sightings.see("left alone", "tag", at(6)), at(6));
        assert_eq!((sightings.by_key.len(), sightings.by_turn.len()), (2, 2));
    }
}
