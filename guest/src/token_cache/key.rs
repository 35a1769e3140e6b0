//! What an entry is found by.

use crate::contract::{Activity, Caller, TeamRole};

/// Everything that decided about a token.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct CacheKey(Vec<u8>);

impl CacheKey {
    /// A key. Every part is preceded by its length, so that parts cannot run together.
    pub fn new(caller: &Caller, fabric: &str, activity: Activity) -> Self {
        let mut key = CacheKey(Vec::with_capacity(128));
        key.0.push(activity as u8);
        key.0.push(caller.kind as u8);
        key.0.push(u8::from(caller.cluster_admin));
        for part in [&caller.tenant, &caller.user, fabric] {
            key.text(part);
        }
        for part in [&caller.email, &caller.on_behalf_of] {
            key.0.push(u8::from(part.is_some()));
            key.text(part.as_deref().unwrap_or_default());
        }
        for membership in &caller.teams {
            key.0.push(u8::from(membership.role == TeamRole::Admin));
            key.text(&membership.team);
        }
        key
    }

    /// How many bytes it takes.
    pub(super) fn bytes(&self) -> usize {
        self.0.len()
    }

    fn text(&mut self, text: &str) {
        self.0.extend_from_slice(&(text.len() as u64).to_be_bytes());
        self.0.extend_from_slice(text.as_bytes());
    }
}
