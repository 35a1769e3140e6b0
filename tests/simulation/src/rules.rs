//! The rules of the protocol, each with what it means to be without it.

use std::time::Duration;

use fabric_auth_guest::policy::Policy;

/// A rule that can be switched off.
pub struct Rule {
    /// Its name, as the policy has it.
    pub name: &'static str,
    /// Switches it off.
    pub switch_off: fn(&mut Policy),
}

/// Every rule.
pub const RULES: &[Rule] = &[
    Rule { name: "claims", switch_off: |policy| policy.claims = false },
    Rule { name: "looks_before_sending", switch_off: |policy| policy.looks_before_sending = false },
    Rule { name: "until_sent", switch_off: |policy| policy.until_sent = Duration::MAX },
    Rule { name: "claims_again", switch_off: |policy| policy.claims_again = false },
    Rule { name: "write_budget", switch_off: |policy| policy.write_budget = Duration::ZERO },
    Rule { name: "holds", switch_off: |policy| policy.holds = Duration::ZERO },
    Rule { name: "takeover_after", switch_off: |policy| policy.takeover_after = Duration::ZERO },
    Rule { name: "second_look_after", switch_off: |policy| policy.second_look_after = Duration::ZERO },
    Rule { name: "takes_over_only_when_needed", switch_off: |policy| policy.takes_over_only_when_needed = false },
    Rule { name: "most_unresolved", switch_off: |policy| policy.most_unresolved = u32::MAX },
    Rule { name: "distrusts_unknown_outcomes", switch_off: |policy| policy.distrusts_unknown_outcomes = false },
    Rule { name: "takes_back_unsent_claims", switch_off: |policy| policy.takes_back_unsent_claims = false },
    Rule { name: "failures_yield", switch_off: |policy| policy.failures_yield = false },
    Rule { name: "late_success_wins", switch_off: |policy| policy.late_success_wins = false },
    Rule { name: "late_success_yields_to_lineage", switch_off: |policy| policy.late_success_yields_to_lineage = false },
    Rule { name: "renews_in_window_only", switch_off: |policy| policy.renews_in_window_only = false },
];

/// The shipped policy without one rule. None for a name that no rule has.
pub fn without(name: &str) -> Option<Policy> {
    let rule = RULES.iter().find(|rule| rule.name == name)?;
    let mut policy = Policy::SHIPPED;
    (rule.switch_off)(&mut policy);
    Some(policy)
}
