//! Which service principals' tokens this instance has handed to whom, so that the journal tells each of them once.

use std::collections::{BTreeSet, VecDeque};

use crate::contract::journal::Event;
use crate::storage_key;

/// How many hand-outs are remembered; the contract names this number. Some 700 KiB.
const MOST: usize = 4_096;

/// Remembers hand-outs. The oldest are forgotten first.
#[derive(Default)]
pub struct HandOuts {
    known: BTreeSet<String>,
    arrivals: VecDeque<String>,
}

impl HandOuts {
    /// Whether an event tells of a hand-out that is not remembered yet: of its token, on its fabric, to its caller. It is
    /// from now on.
    pub fn is_first(&mut self, event: &Event) -> bool {
        let identity = identity(event);
        if !self.known.insert(identity.clone()) {
            return false;
        }
        self.arrivals.push_back(identity);
        if self.arrivals.len() > MOST
            && let Some(oldest) = self.arrivals.pop_front()
        {
            self.known.remove(&oldest);
        }
        true
    }
}

fn identity(event: &Event) -> String {
    let on_behalf_of = event.on_behalf_of.as_deref();
    let (lineage, generation) =
        event.token.as_ref().map_or(("", 0), |token| (token.lineage.as_str(), token.generation));
    storage_key::digest(&[
        &event.tenant,
        &event.actor,
        if on_behalf_of.is_some() { "on behalf of" } else { "" },
        on_behalf_of.unwrap_or_default(),
        event.fabric.as_deref().unwrap_or_default(),
        lineage,
        &generation.to_string(),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::TokenReference;
    use crate::contract::journal::Action;
    use crate::core::event_of_host;

    fn hand_out(generation: u64) -> Event {
        let token = TokenReference { lineage: "l".into(), generation };
        Event { fabric: Some("dev".into()), ..event_of_host("acme", Action::ServicePrincipalUsed, Some(token)) }
    }

    #[test]
    fn a_hand_out_is_first_once_for_each_caller_fabric_and_token() {
        let mut hand_outs = HandOuts::default();
        for event in [
            hand_out(1),
            hand_out(2),
            Event { tenant: "globex".into(), ..hand_out(1) },
            Event { actor: "scheduler".into(), ..hand_out(1) },
            Event { on_behalf_of: Some(String::new()), ..hand_out(1) },
            Event { on_behalf_of: Some("tina".into()), ..hand_out(1) },
            Event { fabric: Some("prod".into()), ..hand_out(1) },
        ] {
            assert!(hand_outs.is_first(&event), "{event:?}");
            assert!(!hand_outs.is_first(&event), "{event:?}");
        }
    }

    #[test]
    fn only_the_latest_hand_outs_are_remembered() {
        let mut hand_outs = HandOuts::default();
        for generation in 0..=MOST as u64 {
            assert!(hand_outs.is_first(&hand_out(generation)));
        }
        assert_eq!((hand_outs.known.len(), hand_outs.arrivals.len()), (MOST, MOST));
        assert!(!hand_outs.is_first(&hand_out(1)));
        assert!(hand_outs.is_first(&hand_out(0)), "the oldest was forgotten");
    }
}
