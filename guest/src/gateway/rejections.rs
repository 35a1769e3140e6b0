//! How often answers that pass through the gateway may cost a token.

use std::collections::BTreeMap;
use std::time::Duration;

/// After one such answer, the next of the same lineage is believed only so much later.
const PAUSE: Duration = Duration::from_secs(300);

/// How many lineages are remembered. When there are more, those whose pause is over go, and then all.
const MOST: usize = 4_096;

/// When answers were last believed, by lineage, on the monotonic clock.
#[derive(Default)]
pub(crate) struct Rejections(BTreeMap<String, Duration>);

impl Rejections {
    /// Whether an answer about this lineage may be acted on now.
    pub(super) fn may_act(&self, lineage: &str, now: Duration) -> bool {
        self.0.get(lineage).is_none_or(|last| now.saturating_sub(*last) >= PAUSE)
    }

    /// Whether an answer about this lineage may be acted on now. It counts as acted on.
    pub(super) fn act(&mut self, lineage: &str, now: Duration) -> bool {
        if !self.may_act(lineage, now) {
            return false;
        }
        if self.0.len() >= MOST {
            self.0.retain(|_, last| now.saturating_sub(*last) < PAUSE);
        }
        if self.0.len() >= MOST {
            self.0.clear();
        }
        self.0.insert(lineage.to_owned(), now);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_lineage_is_given_up_once_in_a_while() {
        let mut rejections = Rejections::default();
        let at = |seconds| Duration::from_secs(seconds);
        assert!(rejections.may_act("a", at(10)) && rejections.act("a", at(10)) && rejections.act("b", at(10)));
        assert!(!rejections.may_act("a", at(11)) && !rejections.act("a", at(309)));
        assert!(rejections.act("a", at(310)));
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut rejections = Rejections::default();
        for number in 0..3 * MOST {
            assert!(rejections.act(&number.to_string(), Duration::from_secs(1)));
            assert!(rejections.0.len() <= MOST);
        }
    }
}
