//! Opened access tokens that this instance remembers.
//!
//! One cache for the instance, keyed by everything that decided about the token: the whole caller, the fabric, the
//! activity. Two callers never share an entry, even where they share a grant.

mod invalidations;
mod key;
#[cfg(test)]
mod tests;
mod uses;

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use self::invalidations::{Invalidations, Moment};
pub use self::key::CacheKey;
use self::uses::Uses;
use zeroize::Zeroizing;

use crate::contract::{TokenDescription, TokenReference};
use crate::error::nanoseconds;
use crate::secret::AccessToken;

/// An entry is served this long without asking the store again. Another host's sign-out takes effect within it.
const CONFIRMED_FOR: Duration = Duration::from_secs(5);

/// When the store cannot be asked, an entry may be served this much longer: long enough for a database to fail over.
const UNCONFIRMED_FOR: Duration = Duration::from_secs(60);

/// Half of the instance's memory budget (16 MiB).
const CAPACITY: usize = 8 * 1024 * 1024;

/// What an entry takes beside its texts: its fields, its places in the two maps and what the allocator adds.
const FIXED: usize = 512;

/// What one more text in a list takes beside its bytes.
const PER_TEXT: usize = 32;

/// The cache. Oldest entries go first when it is full.
#[derive(Default)]
pub struct TokenCache {
    entries: BTreeMap<CacheKey, Entry>,
    /// The entries by their numbers.
    arrivals: BTreeMap<u64, CacheKey>,
    last_number: u64,
    bytes: usize,
    invalidations: Invalidations,
    /// Of tokens that are not here any more.
    uses: Uses,
}

/// What is kept under a key.
struct Entry {
    token: CachedToken,
    /// Grows with each entry that is added.
    number: u64,
}

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
    /// When the store was last asked, on the monotonic clock.
    pub confirmed_at: Duration,
    /// When it was last served, on the monotonic clock. Serving alone moves it, also while others look at the cache.
    pub served_at: Cell<Duration>,
}

/// The moment before the store was asked. What it says is held to be so as of then.
#[derive(Clone, Copy)]
pub struct Asking {
    /// On the monotonic clock.
    pub at: Duration,
    moment: Moment,
}

/// What may be done with an entry now.
#[derive(Debug, PartialEq, Eq)]
pub enum Standing {
    /// Serve it.
    Confirmed,
    /// Ask the store first; if it does not answer, serve it.
    MayServeUnconfirmed,
    /// Ask the store first; serve it only if it is confirmed.
    Over,
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

    /// The token and its description as of now; nothing when it may not be served any more.
    pub fn served(&self, now: Duration) -> Option<(Zeroizing<String>, TokenDescription)> {
        let left = self.usable_until.saturating_sub(now);
        if left.is_zero() {
            return None;
        }
        self.served_at.set(now);
        let description = TokenDescription { expires_in: nanoseconds(left), ..self.description.clone() };
        Some((Zeroizing::new(self.token.expose().to_owned()), description))
    }

    fn bytes(&self, key: &CacheKey) -> usize {
        let TokenDescription { reference, databricks_user, workspace_url, workspace_id, scopes, .. } =
            &self.description;
        let workspace_id = workspace_id.as_ref().map_or(0, String::len);
        let described = reference.lineage.len() + databricks_user.len() + workspace_url.len() + workspace_id;
        let scopes: usize = scopes.iter().map(|scope| PER_TEXT + scope.len()).sum();
        FIXED + 2 * key.bytes() + self.token.expose().len() + self.grant.len() + self.fabric.len() + described + scopes
    }
}

impl TokenCache {
    /// The entry for a key.
    pub fn get(&self, key: &CacheKey) -> Option<&CachedToken> {
        self.entries.get(key).map(|entry| &entry.token)
    }

    /// To be called right before the store is asked for what may be remembered afterwards.
    pub fn asking(&self, now: Duration) -> Asking {
        Asking { at: now, moment: self.invalidations.now() }
    }

    /// Remembers a token, unless its grant or fabric was invalidated after the store was asked for it.
    pub fn insert(&mut self, key: CacheKey, token: CachedToken, asking: Asking) {
        self.remove(&key);
        let changed = |record: &str| self.invalidations.concerned(record, asking.moment);
        let bytes = token.bytes(&key);
        if changed(&token.grant) || changed(&token.fabric) || bytes > CAPACITY {
            self.uses.note(&token.grant, token.served_at.get());
            return;
        }
        while self.bytes.saturating_add(bytes) > CAPACITY {
            let Some((_, oldest)) = self.arrivals.pop_first() else { return };
            self.remove(&oldest);
        }
        self.bytes = self.bytes.saturating_add(bytes);
        self.last_number += 1;
        self.arrivals.insert(self.last_number, key.clone());
        self.entries.insert(key, Entry { token, number: self.last_number });
    }

    /// Notes that the store still has this very token. Any other one is forgotten. Gives whether it has.
    pub fn confirm(&mut self, key: &CacheKey, reference: &TokenReference, asking: Asking) -> bool {
        let Some(Entry { token, .. }) = self.entries.get_mut(key) else { return false };
        let in_hand = &token.description.reference;
        if in_hand.generation == reference.generation && in_hand.lineage == reference.lineage {
            token.confirmed_at = token.confirmed_at.max(asking.at);
            return true;
        }
        self.remove(key);
        false
    }

    /// Forgets a token.
    pub fn remove(&mut self, key: &CacheKey) {
        if let Some(Entry { token, number }) = self.entries.remove(key) {
            self.arrivals.remove(&number);
            self.bytes = self.bytes.saturating_sub(token.bytes(key));
            self.uses.note(&token.grant, token.served_at.get());
        }
    }

    /// The grants of which a token was served since a moment, whether or not it is still here. Earlier uses of those that
    /// are not are forgotten.
    pub fn grants_served_since(&mut self, moment: Duration) -> BTreeSet<String> {
        let tokens = self.entries.values().map(|entry| &entry.token);
        let here = tokens.filter(|token| token.served_at.get() >= moment).map(|token| &token.grant);
        here.chain(self.uses.since(moment)).cloned().collect()
    }

    /// Forgets every token whose fabric or grant stands under one of these keys, and will not remember one that was
    /// read before.
    pub fn invalidate(&mut self, changed: &[String]) {
        changed.iter().for_each(|key| self.invalidations.note(key));
        let is_concerned = |token: &CachedToken| changed.iter().any(|key| *key == token.grant || *key == token.fabric);
        let concerned: Vec<CacheKey> =
            self.entries.iter().filter(|(_, entry)| is_concerned(&entry.token)).map(|(key, _)| key.clone()).collect();
        for key in concerned {
            self.remove(&key);
        }
    }
}
