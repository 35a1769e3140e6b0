//! Letting old events go, in small pieces, and leaving a signed mark in their place.
//!
//! Only what is as a host has written it goes: else whoever can write the database could date an event back and have the
//! host remove the trace, with a mark over it. What was tampered with stays, and what follows it in its chain.

use std::ops::RangeInclusive;

use super::ledger::{Ledger, StoredChain};
use super::link::{Link, Signatures, Signed, Verdict, digest, signing_key};
use super::since_epoch;
use crate::clock::Clock;
use crate::keys::MasterKeys;

/// For how many days events may be kept.
pub const KEEP_DAYS: RangeInclusive<u32> = 1..=36_500;

/// How many events of each host may be kept.
pub const KEEP_EVENTS: RangeInclusive<u32> = 1_000..=1_000_000_000;

/// How many events go at once. No write of a token waits for long.
const PIECE: u32 = 512;

/// A day, in nanoseconds.
const DAY: i64 = 86_400_000_000_000;

/// Every such position keeps a MAC under a key of the ring when a key is taken out of it, so that a piece can always be
/// vouched for.
pub(super) const WAYPOINTS_EVERY: i64 = 128;

/// How long events are kept. One rule for every database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// An event goes when it is older than this many days,
    pub keep_days: u32,
    /// or when its host has written this many after it. A disk that the journal has filled could not take tokens either.
    pub keep_events: u32,
}

impl Default for Retention {
    fn default() -> Self {
        Self { keep_days: 365, keep_events: 1_000_000 }
    }
}

impl Retention {
    /// Events that were recorded before this moment may go.
    fn recorded_before(self, clock: &dyn Clock) -> i64 {
        since_epoch(clock).saturating_sub(i64::from(self.keep_days).saturating_mul(DAY))
    }

    /// Lets a piece of every chain go, and one of what belongs to none. Gives how many events went.
    ///
    /// # Errors
    /// A sentence for the operator, when the journal cannot be read or written.
    pub(crate) async fn let_go(
        self,
        ledger: &dyn Ledger,
        keys: &dyn MasterKeys,
        clock: &dyn Clock,
    ) -> Result<u64, String> {
        let before = self.recorded_before(clock);
        let mut gone = ledger.prune_unchained(before, PIECE).await?;
        let mut signatures = Signatures::new(keys);
        let mut host = ledger.next_host(None).await?;
        let mut failed = None;
        while let Some(name) = host {
            // A chain with which this fails keeps none of the others.
            match self.let_go_of_chain(ledger, keys, &mut signatures, &name, before).await {
                Ok(count) => gone = gone.saturating_add(count),
                Err(error) => _ = failed.get_or_insert(error),
            }
            host = ledger.next_host(Some(&name)).await?;
        }
        failed.map_or(Ok(gone), Err)
    }

    async fn let_go_of_chain(
        self,
        ledger: &dyn Ledger,
        keys: &dyn MasterKeys,
        signatures: &mut Signatures<'_>,
        host: &str,
        before: i64,
    ) -> Result<u64, String> {
        let stored = ledger.chain(host).await?;
        let last_to_go = self.last_to_go_by_number(ledger, host, &stored, signatures).await?;
        let may_go = |position: i64, recorded_at: i64| recorded_at < before || position <= last_to_go;
        // The usual case: nothing is old enough.
        let oldest = ledger.links(host, stored.marked(), 1).await?;
        if !oldest.first().is_some_and(|oldest| may_go(stored.marked().saturating_add(1), oldest.recorded_at)) {
            return Ok(0);
        }
        if let Some(mark) = &stored.mark
            && signatures.check(Signed::Mark, mark).await? != Verdict::Authentic
        {
            tell_of_damage(host, mark.position);
            return Ok(0);
        }
        let Some((position, digest)) = vouched(ledger, signatures, host, &stored, may_go).await? else { return Ok(0) };
        let mark = Link::sign(Signed::Mark, host, position, digest, &signing_key(keys).await?);
        let is_done = ledger.prune(stored.mark.as_ref().map(|mark| mark.position), &mark).await?;
        let count = if is_done { position.saturating_sub(stored.marked()) } else { 0 };
        Ok(u64::try_from(count).unwrap_or_default())
    }

    /// Up to which position there are enough events behind. Only if a host has signed the last one, and by the number of
    /// events that there are: a stranger's with a high position would otherwise make all others go.
    async fn last_to_go_by_number(
        self,
        ledger: &dyn Ledger,
        host: &str,
        stored: &StoredChain,
        signatures: &mut Signatures<'_>,
    ) -> Result<i64, String> {
        let Some((signed, last)) = stored.head() else { return Ok(0) };
        let by_position = last.position.saturating_sub(i64::from(self.keep_events));
        if by_position <= stored.marked() || !signatures.check(signed, last).await?.is_authentic() {
            return Ok(0);
        }
        let count = ledger.count(host, stored.marked(), last.position).await?;
        let spare = i64::try_from(count).unwrap_or(i64::MAX).saturating_sub(i64::from(self.keep_events));
        Ok(by_position.min(stored.marked().saturating_add(spare)))
    }
}

/// The last of the oldest events that may go and that a MAC under a key of the ring vouches for, its own or a later one
/// that was made for that: position and digest. None when nothing may go.
async fn vouched(
    ledger: &dyn Ledger,
    signatures: &mut Signatures<'_>,
    host: &str,
    stored: &StoredChain,
    may_go: impl Fn(i64, i64) -> bool,
) -> Result<Option<(i64, Vec<u8>)>, String> {
    let (mut end, mut going) = (stored.marked(), true);
    let mut before = stored.mark.as_ref().map(|mark| mark.digest.clone()).unwrap_or_default();
    let (mut last, mut vouched, mut has_unvouched) = (None, None, false);
    for entry in ledger.links(host, end, PIECE).await? {
        let Some(link) = entry.link else { break };
        let expected = digest(&before, host, end.saturating_add(1), entry.recorded_at, &entry.event);
        let verdict = signatures.check(Signed::Event, &link).await?;
        if link.position != end.saturating_add(1) || link.digest != expected || verdict == Verdict::Forged {
            tell_of_damage(host, end.saturating_add(1));
            break;
        }
        going = going && may_go(link.position, entry.recorded_at);
        if going {
            last = Some((link.position, expected.clone()));
        }
        has_unvouched = match verdict {
            Verdict::Vouching => false,
            Verdict::UnknownKey => true,
            Verdict::Authentic | Verdict::Forged => has_unvouched,
        };
        if !has_unvouched {
            vouched.clone_from(&last);
        }
        (end, before) = (link.position, expected);
    }
    Ok(vouched)
}

fn tell_of_damage(host: &str, position: i64) {
    tracing::error!(
        host,
        position,
        "an event of the journal is missing or not as it was written; it and what follows it in its chain is kept, \
         however old; `fabric-auth journal verify` tells more"
    );
}
