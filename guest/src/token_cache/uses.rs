//! Which grants were used whose tokens are not in the cache any more: a renewal drops them from it, and its failure too.

use std::collections::BTreeMap;
use std::time::Duration;

/// How many grants are remembered. Their keys take some 600 KiB.
const MOST: usize = 4_096;

/// When each grant was last used, on the monotonic clock. Those that were not used for longest are forgotten first.
#[derive(Default)]
pub struct Uses {
    last: BTreeMap<String, Duration>,
}

impl Uses {
    /// Notes that a token of a grant was served then.
    pub fn note(&mut self, grant: &str, at: Duration) {
        if let Some(last) = self.last.get_mut(grant) {
            *last = at.max(*last);
            return;
        }
        if self.last.len() >= MOST
            && let Some(oldest) = self.last.iter().min_by_key(|(_, at)| **at).map(|(grant, _)| grant.clone())
        {
            self.last.remove(&oldest);
        }
        self.last.insert(grant.to_owned(), at);
    }

    /// The grants that were used since a moment. The others are forgotten.
    pub fn since(&mut self, moment: Duration) -> impl Iterator<Item = &String> {
        self.last.retain(|_, at| *at >= moment);
        self.last.keys()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn minute(number: u64) -> Duration {
        Duration::from_secs(60 * number)
    }

    #[test]
    fn the_latest_use_of_a_grant_counts_whatever_order_they_are_noted_in() {
        let mut uses = Uses::default();
        for at in [5, 9, 7] {
            uses.note("grant/a", minute(at));
        }
        assert_eq!(uses.since(minute(9)).collect::<Vec<_>>(), ["grant/a"]);
        assert_eq!(uses.since(minute(10)).count(), 0);
        assert_eq!(uses.since(minute(0)).count(), 0, "it was forgotten");
    }

    #[test]
    fn there_are_never_too_many_and_the_one_used_longest_ago_goes_first() {
        let mut uses = Uses::default();
        for number in 0..=MOST as u64 {
            uses.note(&format!("grant/{number}"), minute(number + 1));
        }
        let kept: Vec<_> = uses.since(Duration::ZERO).cloned().collect();
        assert_eq!(kept.len(), MOST);
        assert!(!kept.contains(&"grant/0".to_owned()) && kept.contains(&"grant/1".to_owned()));
    }
}
