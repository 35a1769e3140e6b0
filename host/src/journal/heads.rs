//! Where the chains of a journal end, to be kept elsewhere: what a later verification compares with.

use serde::{Deserialize, Serialize};

use super::ledger::Ledger;
use super::link::{Signatures, Verdict};
use crate::keys::MasterKeys;

/// Where every chain of a journal ended at a moment. Not a secret; whoever keeps it where the writers of the database
/// cannot reach it can tell later what was cut off.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Heads {
    /// One for each chain, in the order of the names.
    pub chains: Vec<Head>,
    /// How many events belonged to no chain.
    pub unchained: u64,
    /// Why chains have no head here, a sentence's part for each.
    #[serde(skip)]
    pub left_out: Vec<String>,
}

/// Where a chain ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// The chain.
    pub host: String,
    /// The position of its last event, which counts all that were ever written.
    pub position: i64,
    /// The digest over all of them, in hexadecimal digits.
    pub digest: String,
    /// The MAC over that, in hexadecimal digits.
    pub mac: String,
    /// The key that the MAC was made with.
    pub key_id: String,
    /// How many events there were; retention had let the others go.
    pub events: u64,
}

impl Heads {
    /// Reads where the chains end now. A chain whose end is not as a host has written it is left out: what is exported
    /// would pass for what was.
    ///
    /// # Errors
    /// A sentence for the operator, when the journal cannot be read or the key store does not answer.
    pub async fn of(ledger: &dyn Ledger, keys: &dyn MasterKeys) -> Result<Self, String> {
        let mut signatures = Signatures::new(keys);
        let mut heads = Self { unchained: ledger.unchained(i64::MIN).await?, ..Self::default() };
        let mut host = ledger.next_host(None).await?;
        while let Some(name) = host {
            let stored = ledger.chain(&name).await?;
            if let Some((signed, link)) = stored.head() {
                let problem = match signatures.check(signed, link).await? {
                    Verdict::Authentic | Verdict::Vouching => None,
                    Verdict::Forged => Some("is not as a host has written it".to_owned()),
                    Verdict::UnknownKey => Some(format!("is signed with {:?}, no key of the ring", link.key_id)),
                };
                if let Some(problem) = problem {
                    let position = link.position;
                    heads.left_out.push(format!("event {position} of the chain {name:?}, the last one, {problem}"));
                } else {
                    heads.chains.push(Head {
                        host: name.clone(),
                        position: link.position,
                        digest: hexadecimal(&link.digest),
                        mac: hexadecimal(&link.mac),
                        key_id: link.key_id.clone(),
                        events: u64::try_from(link.position.saturating_sub(stored.marked())).unwrap_or_default(),
                    });
                }
            }
            host = ledger.next_host(Some(&name)).await?;
        }
        Ok(heads)
    }

    /// The head of a chain.
    pub(super) fn of_chain(&self, host: &str) -> Option<&Head> {
        self.chains.iter().find(|head| head.host == host)
    }
}

impl Head {
    /// Whether this is the digest that stood there.
    pub(super) fn has_digest(&self, digest: &[u8]) -> bool {
        self.digest.eq_ignore_ascii_case(&hexadecimal(digest))
    }
}

/// Bytes as hexadecimal digits.
pub(super) fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
