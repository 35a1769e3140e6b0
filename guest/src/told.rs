//! What this instance has told the journal already, where it tells each thing once.

use std::collections::{BTreeSet, VecDeque};

use crate::storage_key;

/// How many things are remembered; the contract names this number. Some 700 KiB.
const MOST: usize = 4_096;

/// Remembers things. The oldest are forgotten first.
#[derive(Default)]
pub struct Told {
    known: BTreeSet<String>,
    arrivals: VecDeque<String>,
}

impl Told {
    /// Whether a thing, named by these parts, is not remembered yet. It is from now on.
    pub fn is_first(&mut self, thing: &[&str]) -> bool {
        let name = storage_key::digest(thing);
        if !self.known.insert(name.clone()) {
            return false;
        }
        self.arrivals.push_back(name);
        if self.arrivals.len() > MOST
            && let Some(oldest) = self.arrivals.pop_front()
        {
            self.known.remove(&oldest);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_latest_things_are_remembered() {
        let mut told = Told::default();
        for number in 0..=MOST {
            assert!(told.is_first(&["thing", &number.to_string()]));
        }
        assert_eq!((told.known.len(), told.arrivals.len()), (MOST, MOST));
        assert!(!told.is_first(&["thing", "1"]));
        assert!(told.is_first(&["thing", "0"]), "the oldest was forgotten");
    }
}
