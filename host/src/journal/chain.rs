//! Writing events into the chain of a host.
//!
//! A chain is named after its host, and belongs to nobody: any number of processes may write to one, also at the same
//! time, since the database takes one event for each position. Names only spread the work, so that hosts on several
//! machines do not wait for each other.
//!
//! The position is given at the moment of writing. An event that could not be written leaves no gap.

use std::sync::Arc;

use tokio::sync::Mutex;

use super::ledger::{Ledger, StoredChain};
use super::link::{Link, Signatures, Signed, Verdict, digest, signing_key};
use crate::keys::{DerivedKey, MasterKeys};

/// Longest name of a host, in bytes.
pub const MAX_HOST_BYTES: usize = 64;

/// The name of a host that has none.
const NAMELESS: &str = "host";

/// The chain that a host writes, and the keys that sign it.
pub struct Chain {
    host: String,
    keys: Arc<dyn MasterKeys>,
    /// Where this process believes the chain to end; none if it has to look.
    end: Mutex<Option<End>>,
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
    pub host: &'a str,
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
        let digest = digest(&end.digest, self.host, position, self.recorded_at, self.event);
        let link = Link::sign(Signed::Event, self.host, position, digest.clone(), &self.key);
        Some((link, End { position, digest }))
    }
}

impl Chain {
    /// The chain of this host, or of the machine if no name is given. Control characters are dropped, and a name that is
    /// longer than [`MAX_HOST_BYTES`] is cut.
    pub fn new(host: Option<&str>, keys: Arc<dyn MasterKeys>) -> Self {
        let name = host.map(usable).filter(|name| !name.is_empty());
        let host = name.or_else(machine_name).unwrap_or_else(|| NAMELESS.to_owned());
        Self { host, keys, end: Mutex::default() }
    }

    /// The name of the chain.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Writes an event at the end of the chain.
    ///
    /// # Errors
    /// A sentence for the operator, when the event was not or perhaps not written.
    pub async fn append(&self, ledger: &dyn Ledger, recorded_at: i64, event: &str) -> Result<(), String> {
        let draft = Draft { host: &self.host, recorded_at, event, key: signing_key(&*self.keys).await? };
        let mut known = self.end.lock().await;
        // Taken out, and put back when it is certain: whoever is dropped in between leaves the next one to look.
        let end = match known.take() {
            Some(end) => end,
            None => self.find_end(ledger).await?,
        };
        *known = Some(ledger.append(&draft, &end).await?);
        Ok(())
    }

    /// Where the chain ends. The journal goes on also behind an end that is not as a host has written it: what is wrong
    /// there stays visible.
    async fn find_end(&self, ledger: &dyn Ledger) -> Result<End, String> {
        let stored = ledger.chain(&self.host).await?;
        let Some((signed, link)) = stored.head() else { return Ok(End::default()) };
        if Signatures::new(&*self.keys).check(signed, link).await? == Verdict::Forged {
            tracing::error!(
                host = self.host,
                position = link.position,
                "the last event of the journal is not as it was written; `fabric-auth journal verify` tells more"
            );
        }
        Ok(End::of(&stored))
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
