//! Which service principals' tokens this instance has handed to whom, so that the journal tells each of them once.

use crate::contract::journal::Event;
use crate::told::Told;

/// Remembers the latest hand-outs.
#[derive(Default)]
pub struct HandOuts(Told);

impl HandOuts {
    /// Whether an event tells of a hand-out that is not remembered yet: of its token, on its fabric, to its caller. It is
    /// from now on.
    pub fn is_first(&mut self, event: &Event) -> bool {
        let on_behalf_of = event.on_behalf_of.as_deref();
        let (lineage, generation) =
            event.token.as_ref().map_or(("", 0), |token| (token.lineage.as_str(), token.generation));
        self.0.is_first(&[
            &event.tenant,
            &event.actor,
            if on_behalf_of.is_some() { "on behalf of" } else { "" },
            on_behalf_of.unwrap_or_default(),
            event.fabric.as_deref().unwrap_or_default(),
            lineage,
            &generation.to_string(),
        ])
    }
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
}
