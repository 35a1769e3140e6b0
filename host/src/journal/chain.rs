//! Writing events into the chain of a host.
//!
//! A chain is named after its host, and belongs to nobody: any number of processes may write to one, also at the same
//! time, since the database takes one event for each position. Names only spread the work, so that hosts on several
//! machines do not wait for each other.
//!
//! The position is given at the moment of writing. An event that could not be written leaves no gap.
//!
//! A host never goes on behind an end that no host has signed: it would vouch for the position of what a stranger planted,
//! and a planted end with the highest position would silence it. It goes on in another chain, and says so in the log.

use std::iter::once;
use std::sync::Arc;

use tokio::sync::Mutex;

use super::ledger::{Ledger, StoredChain, full};
use super::link::{Link, Signatures, Signed, digest, signing_key};
use crate::keys::{DerivedKey, MasterKeys};

/// Longest name of a host, in bytes.
pub const MAX_HOST_BYTES: usize = 64;

/// The name of a host that has none.
const NAMELESS: &str = "host";

/// How many chains with a number behind the name a host looks at when the ends of the others are not as hosts have written
/// them.
const MOST_NUMBERED: u32 = 16;

/// How often an event is tried when others keep writing to its chain with another key.
const ATTEMPTS: u32 = 16;

/// The chain that a host writes, and the keys that sign it.
pub struct Chain {
    host: String,
    keys: Arc<dyn MasterKeys>,
    /// Where this process goes on; none if it has to look.
    place: Mutex<Option<Place>>,
}

/// A chain and its end.
struct Place {
    host: String,
    end: End,
}

/// The end of a chain, behind which the next event goes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct End {
    position: i64,
    digest: Vec<u8>,
}

impl End {
    /// Where a chain ends as the database has it.
    pub(super) fn of(stored: &StoredChain) -> Self {
        let place = |link: &Link| Self { position: link.position, digest: link.digest.clone() };
        stored.head().map(|(_, link)| place(link)).unwrap_or_default()
    }
}

/// An event that has no place in its chain yet.
#[derive(Debug)]
pub struct Draft<'a> {
    /// The chain that it goes to.
    pub host: String,
    /// When it was recorded, in nanoseconds since 1970.
    pub recorded_at: i64,
    /// The event, as JSON.
    pub event: &'a str,
    key: DerivedKey,
}

impl Draft<'_> {
    /// The place behind this end, signed; and the end that the chain then has. None behind the last number there is.
    pub fn behind(&self, end: &End) -> Option<(Link, End)> {
        let position = end.position.checked_add(1)?;
        let digest = digest(&end.digest, &self.host, position, self.recorded_at, self.event);
        let link = Link::sign(Signed::Event, &self.host, position, digest.clone(), &self.key);
        Some((link, End { position, digest }))
    }

    /// The end of the chain as the database has it, if it is signed with the key of this draft, or there is none yet.
    pub(super) fn checked_end(&self, stored: &StoredChain) -> Option<End> {
        let is_ours = stored.head().is_none_or(|(signed, link)| {
            link.is_signed(signed, &self.key) || signed == Signed::Event && link.is_signed(Signed::Vouch, &self.key)
        });
        is_ours.then(|| End::of(stored))
    }
}

impl Chain {
    /// The chain of this host, or of the machine if no name is given. Control characters are dropped, and a name that is
    /// longer than [`MAX_HOST_BYTES`] is cut.
    pub fn new(host: Option<&str>, keys: Arc<dyn MasterKeys>) -> Self {
        let name = host.map(usable).filter(|name| !name.is_empty());
        let host = name.or_else(machine_name).unwrap_or_else(|| NAMELESS.to_owned());
        Self { host, keys, place: Mutex::default() }
    }

    /// The name of the chain. What goes elsewhere goes to one whose name begins with it, followed by `#`.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Writes an event at the end of the chain.
    ///
    /// # Errors
    /// A sentence for the operator, when the event was not or perhaps not written.
    pub async fn append(&self, ledger: &dyn Ledger, recorded_at: i64, event: &str) -> Result<(), String> {
        let mut known = self.place.lock().await;
        // After waiting for one's turn: a key that is about to leave the ring must not sign late.
        let key = signing_key(&*self.keys).await?;
        // Taken out, and put back when it is certain: whoever is dropped in between leaves the next one to look.
        let Place { host, mut end } = match known.take() {
            Some(place) => place,
            None => self.find_place(ledger, recorded_at).await?,
        };
        let mut draft = Draft { host, recorded_at, event, key };
        for _ in 0..ATTEMPTS {
            if let Some(end) = ledger.append(&draft, &end).await? {
                *known = Some(Place { host: draft.host, end });
                return Ok(());
            }
            // Somebody has written there with another key, or without one.
            Place { host: draft.host, end } = self.find_place(ledger, recorded_at).await?;
        }
        Err(full(&self.host))
    }

    /// The chain of this host, if a host has written its end; else the first of those with a number that can be gone on
    /// with; else one whose name, with the time in it, nobody could know beforehand.
    async fn find_place(&self, ledger: &dyn Ledger, recorded_at: i64) -> Result<Place, String> {
        let mut signatures = Signatures::new(&*self.keys);
        let numbered = (2..=MOST_NUMBERED).map(|number| format!("{}#{number}", self.host));
        let unforeseen = format!("{}#{recorded_at}", self.host);
        for host in once(self.host.clone()).chain(numbered).chain(once(unforeseen)) {
            let stored = ledger.chain(&host).await?;
            let Some((signed, link)) = stored.head() else { return Ok(Place { host, end: End::default() }) };
            if signatures.check(signed, link).await?.is_authentic() {
                return Ok(Place { host, end: End::of(&stored) });
            }
            tracing::error!(
                host,
                position = link.position,
                "the end of this chain of the journal is not as a host has written it, or its key is not in the ring; \
                 this host goes on in another chain; `fabric-auth journal verify` tells more"
            );
        }
        Err(full(&self.host))
    }
}

fn usable(name: &str) -> String {
    let mut usable: String = name.trim().chars().filter(|character| !character.is_control()).collect();
    usable.truncate(usable.floor_char_boundary(MAX_HOST_BYTES));
    usable
}

#[cfg(target_os = "linux")]
fn machine_name() -> Option<String> {
    let name = usable(&std::fs::read_to_string("/proc/sys/kernel/hostname").ok()?);
    (!name.is_empty()).then_some(name)
}

#[cfg(not(target_os = "linux"))]
fn machine_name() -> Option<String> {
    // Chains may share a name. Whoever wants to tell hosts apart gives them one.
    None
}
