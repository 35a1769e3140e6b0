//! Which records were said to be changed, and since when: what was read before that must not be remembered after it.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

/// Records share this many places by a hash of their keys. Two records in one place cost a look at the store now and
/// then; nothing is ever taken for unchanged because of it.
const PLACES: usize = 256;

/// Counts invalidations, and holds for each place when it was last concerned.
pub struct Invalidations {
    count: u64,
    last: Vec<u64>,
}

/// A moment, as a number of invalidations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment(u64);

impl Default for Invalidations {
    fn default() -> Self {
        Self { count: 0, last: vec![0; PLACES] }
    }
}

impl Invalidations {
    /// This moment.
    pub fn now(&self) -> Moment {
        Moment(self.count)
    }

    /// Notes that a record was changed.
    pub fn note(&mut self, key: &str) {
        self.count += 1;
        if let Some(last) = self.last.get_mut(place(key)) {
            *last = self.count;
        }
    }

    /// Whether a record may have been changed since a moment.
    pub fn concerned(&self, key: &str, since: Moment) -> bool {
        self.last.get(place(key)).is_none_or(|last| *last > since.0)
    }
}

fn place(key: &str) -> usize {
    let mut hash = DefaultHasher::new();
    key.hash(&mut hash);
    usize::try_from(hash.finish() % PLACES as u64).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_concerned_from_its_invalidation_on_and_not_before() {
        let mut invalidations = Invalidations::default();
        let before = invalidations.now();
        assert!(!invalidations.concerned("grant/a", before));
        invalidations.note("grant/a");
        assert!(invalidations.concerned("grant/a", before));
        assert!(!invalidations.concerned("grant/a", invalidations.now()));
    }

    #[test]
    fn an_invalidation_concerns_few_other_records() {
        let mut invalidations = Invalidations::default();
        let before = invalidations.now();
        invalidations.note("grant/a");
        let concerned = (0..10_000).filter(|n| invalidations.concerned(&format!("grant/{n}"), before)).count();
        assert!(concerned < 100, "{concerned} of 10000");
    }
}
