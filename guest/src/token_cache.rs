//! Opened access tokens that this instance remembers.
//!
//! One cache for the instance, keyed by everything that decided about the token: the whole caller, the fabric, the
//! activity. Two callers never share an entry, even where they share a grant.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use crate::contract::{Activity, Caller, TeamRole, TokenDescription, TokenReference};
use crate::secret::AccessToken;

/// An entry is served this long without asking the store again. Another host's sign-out takes effect within it.
const CONFIRMED_FOR: Duration = Duration::from_secs(5);

/// When the store cannot be asked, an entry may be served this much longer: long enough for a database to fail over.
const UNCONFIRMED_FOR: Duration = Duration::from_secs(60);

/// Half of the instance's memory budget (16 MiB).
const CAPACITY: usize = 8 * 1024 * 1024;

/// The cache. Oldest entries go first when it is full.
#[derive(Default)]
pub struct TokenCache {
    entries: BTreeMap<CacheKey, CachedToken>,
    arrivals: VecDeque<CacheKey>,
    bytes: usize,
}

/// Everything that decided about a token.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct CacheKey(Vec<u8>);

/// An opened token and how long it is good.
pub struct CachedToken {
    /// The token.
    pub token: AccessToken,
    /// Its description; `expires-in` is filled in when it is served.
    pub description: TokenDescription,
    /// Key of its grant in the store.
    pub grant: String,
    /// Key of its fabric in the store.
    pub fabric: String,
    /// Until when it may be served, on the monotonic clock.
    pub usable_until: Duration,
    /// When its renewal begins, on the monotonic clock.
    pub window_at: Duration,
    /// When the store was last asked, on the monotonic clock.
    pub confirmed_at: Duration,
}

/// What may be done with an entry now.
#[derive(Debug, PartialEq, Eq)]
pub enum Standing {
    /// Serve it.
    Confirmed,
    /// Ask the store first; if it does not answer, serve it.
    MayServeUnconfirmed,
    /// Forget it.
    Over,
}

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

    fn text(&mut self, text: &str) {
        self.0.extend_from_slice(&(text.len() as u64).to_be_bytes());
        self.0.extend_from_slice(text.as_bytes());
    }
}

impl CachedToken {
    /// What may be done with it at this time.
    pub fn standing(&self, now: Duration) -> Standing {
        let unasked = now.saturating_sub(self.confirmed_at);
        if now >= self.usable_until || unasked >= CONFIRMED_FOR + UNCONFIRMED_FOR {
            Standing::Over
        } else if unasked < CONFIRMED_FOR {
            Standing::Confirmed
        } else {
            Standing::MayServeUnconfirmed
        }
    }

    fn bytes(&self, key: &CacheKey) -> usize {
        const FIXED: usize = 512;
        FIXED + 2 * key.0.len() + self.token.expose().len() + self.grant.len() + self.fabric.len()
    }
}

impl TokenCache {
    /// The entry for a key.
    pub fn get(&self, key: &CacheKey) -> Option<&CachedToken> {
        self.entries.get(key)
    }

    /// Remembers a token.
    pub fn insert(&mut self, key: CacheKey, token: CachedToken) {
        self.remove(&key);
        let bytes = token.bytes(&key);
        while self.bytes + bytes > CAPACITY {
            match self.arrivals.pop_front() {
                Some(oldest) => self.forget(&oldest),
                None => return,
            }
        }
        self.bytes += bytes;
        self.arrivals.push_back(key.clone());
        self.entries.insert(key, token);
    }

    /// Notes that the store still has this very token, as of a time. Any other one is forgotten.
    pub fn confirm(&mut self, key: &CacheKey, reference: &TokenReference, asked_at: Duration) {
        let Some(cached) = self.entries.get_mut(key) else { return };
        let in_hand = &cached.description.reference;
        if in_hand.generation == reference.generation && in_hand.lineage == reference.lineage {
            cached.confirmed_at = asked_at;
        } else {
            self.remove(key);
        }
    }

    /// Forgets a token.
    pub fn remove(&mut self, key: &CacheKey) {
        if self.entries.contains_key(key) {
            self.arrivals.retain(|arrival| arrival != key);
            self.forget(key);
        }
    }

    /// Forgets every token whose fabric or grant stands under one of these keys.
    pub fn invalidate(&mut self, changed: &[String]) {
        let concerned: Vec<CacheKey> = self
            .entries
            .iter()
            .filter(|(_, token)| changed.iter().any(|key| *key == token.grant || *key == token.fabric))
            .map(|(key, _)| key.clone())
            .collect();
        for key in concerned {
            self.remove(&key);
        }
    }

    fn forget(&mut self, key: &CacheKey) {
        if let Some(token) = self.entries.remove(key) {
            self.bytes = self.bytes.saturating_sub(token.bytes(key));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::{CallerKind, IdentityKind};

    fn caller(user: &str) -> Caller {
        Caller {
            tenant: "acme".into(),
            kind: CallerKind::Person,
            user: user.into(),
            email: None,
            cluster_admin: false,
            teams: Vec::new(),
            on_behalf_of: None,
        }
    }

    fn token(size: usize, grant: &str) -> CachedToken {
        CachedToken {
            token: AccessToken::from("t".repeat(size)),
            description: TokenDescription {
                reference: TokenReference { lineage: "l".into(), generation: 1 },
                identity: IdentityKind::Person,
                databricks_user: "alice".into(),
                workspace_url: "https://x".into(),
                scopes: Vec::new(),
                expires_in: 0,
            },
            grant: grant.into(),
            fabric: "fabric/acme/dev".into(),
            usable_until: Duration::from_secs(100),
            window_at: Duration::from_secs(50),
            confirmed_at: Duration::ZERO,
        }
    }

    fn key(user: &str) -> CacheKey {
        CacheKey::new(&caller(user), "dev", Activity::PipelineDevelopment)
    }

    /// PB-032.
    #[test]
    fn one_persons_token_is_not_found_for_another() {
        let mut cache = TokenCache::default();
        cache.insert(key("alice"), token(10, "g"));
        assert!(cache.get(&key("alice")).is_some());
        assert!(cache.get(&key("bob")).is_none());
        let mut other_tenant = caller("alice");
        other_tenant.tenant = "other".into();
        assert!(cache.get(&CacheKey::new(&other_tenant, "dev", Activity::PipelineDevelopment)).is_none());
        assert!(cache.get(&CacheKey::new(&caller("alice"), "dev", Activity::JobConfiguration)).is_none());
    }

    #[test]
    fn it_stays_within_its_bounds_and_forgets_the_oldest_first() {
        let mut cache = TokenCache::default();
        for number in 0..1_000 {
            cache.insert(key(&format!("user-{number}")), token(16 * 1024, "g"));
        }
        assert!(cache.bytes <= CAPACITY);
        assert!(cache.get(&key("user-0")).is_none());
        assert!(cache.get(&key("user-999")).is_some());
        assert_eq!(cache.arrivals.len(), cache.entries.len());
    }

    #[test]
    fn a_changed_grant_is_forgotten_and_others_are_not() {
        let mut cache = TokenCache::default();
        cache.insert(key("alice"), token(10, "grant/a"));
        cache.insert(key("bob"), token(10, "grant/b"));
        cache.invalidate(&["grant/a".to_owned()]);
        assert!(cache.get(&key("alice")).is_none());
        assert!(cache.get(&key("bob")).is_some());
    }

    #[test]
    fn an_entry_is_confirmed_for_five_seconds_then_only_in_need_then_over() {
        let token = token(10, "g");
        assert_eq!(token.standing(Duration::from_secs(4)), Standing::Confirmed);
        assert_eq!(token.standing(Duration::from_secs(5)), Standing::MayServeUnconfirmed);
        assert_eq!(token.standing(Duration::from_secs(64)), Standing::MayServeUnconfirmed);
        assert_eq!(token.standing(Duration::from_secs(65)), Standing::Over);
    }

    #[test]
    fn nothing_is_served_after_its_end() {
        let mut token = token(10, "g");
        token.confirmed_at = Duration::from_secs(99);
        assert_eq!(token.standing(Duration::from_secs(100)), Standing::Over);
    }
}
