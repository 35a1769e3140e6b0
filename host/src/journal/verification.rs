//! Finding out whether a journal is as the hosts have written it.
//!
//! Every chain is walked from its beginning, or from the mark that retention has left, to its end. Hosts may go on
//! writing and letting go meanwhile.

use super::heads::{Head, Heads};
use super::ledger::{Entry, Ledger, PAGE_LIMIT};
use super::link::{Link, Signatures, Signed, Verdict, digest};
use super::report::{ChainReport, Finding, Report};
use crate::keys::MasterKeys;

/// Verifies a journal with the keys of the ring, and compares it with the heads that were exported before, if there are
/// any.
///
/// What was cut off at the end of a chain is found up to its exported head. Beyond it, and without heads, a chain that
/// ends early looks like one that was never longer, and one that is gone like one that never was.
///
/// # Errors
/// A sentence for the operator, when the journal cannot be read or the key store does not answer. What is wrong with the
/// journal is in the [`Report`].
pub async fn verify(ledger: &dyn Ledger, keys: &dyn MasterKeys, heads: Option<&Heads>) -> Result<Report, String> {
    let mut report = Report::default();
    let mut signatures = Signatures::new(keys);
    let mut first_chained = None;
    let mut host = ledger.next_host(None).await?;
    while let Some(name) = host {
        let head = heads.and_then(|heads| heads.of_chain(&name));
        let walk = Walk::new(ledger, &mut signatures, &mut report, &name, head);
        let first = walk.finish().await?;
        first_chained = [first_chained, first].into_iter().flatten().min();
        host = ledger.next_host(Some(&name)).await?;
    }
    for head in heads.into_iter().flat_map(|heads| &heads.chains) {
        if !report.chains.iter().any(|chain| chain.host == head.host) && head.position > 0 {
            report.add(Some(&head.host), 1, head.position, Finding::CutOff);
            let gone = ChainReport { host: head.host.clone(), covered: Some(head.position), ..ChainReport::default() };
            report.chains.push(gone);
        }
    }
    report.unchained = ledger.unchained(i64::MIN).await?;
    let inserted = match (heads, first_chained) {
        (Some(heads), _) => report.unchained.saturating_sub(heads.unchained),
        (None, Some(first)) => ledger.unchained(first).await?,
        (None, None) => 0,
    };
    if inserted > 0 {
        report.add(None, 1, i64::try_from(inserted).unwrap_or(i64::MAX), Finding::Inserted);
    }
    Ok(report)
}

/// The walk along one chain.
struct Walk<'a, 'k> {
    ledger: &'a dyn Ledger,
    signatures: &'a mut Signatures<'k>,
    report: &'a mut Report,
    host: &'a str,
    head: Option<&'a Head>,
    /// Whether what stood last when the head was exported was met.
    is_compared: bool,
    /// The event before the next one.
    position: i64,
    /// Its digest; none if that is not known, behind a gap.
    digest: Option<Vec<u8>>,
    /// Its number in the database.
    sequence: i64,
    /// The first event behind the last one that a MAC has vouched for.
    unvouched: i64,
    /// How many behind the mark.
    events: u64,
}

impl<'a, 'k> Walk<'a, 'k> {
    fn new(
        ledger: &'a dyn Ledger,
        signatures: &'a mut Signatures<'k>,
        report: &'a mut Report,
        host: &'a str,
        head: Option<&'a Head>,
    ) -> Self {
        let (digest, sequence) = (Some(Vec::new()), i64::MIN);
        let is_compared = false;
        Self {
            ledger,
            signatures,
            report,
            host,
            head,
            is_compared,
            position: 0,
            digest,
            sequence,
            unvouched: 1,
            events: 0,
        }
    }

    /// Walks. Gives the number of the first event in the database.
    async fn finish(mut self) -> Result<Option<i64>, String> {
        let mut first = None;
        let mut pruned = 0;
        if let Some(mark) = self.ledger.chain(self.host).await?.mark {
            self.check_mark(&mark).await?;
            pruned = mark.position;
            self.go_on_behind(&mark);
        }
        loop {
            let page = self.ledger.links(self.host, self.position, PAGE_LIMIT).await?;
            let goes_on = page.first().and_then(|entry| entry.link.as_ref()).map(|link| link.position);
            if goes_on != self.position.checked_add(1)
                && let Some(mark) = self.ledger.chain(self.host).await?.mark
                && mark.position > self.position
            {
                // Retention has let events go while this was reading.
                self.check_mark(&mark).await?;
                pruned = mark.position;
                self.go_on_behind(&mark);
                continue;
            }
            let Some(entry) = page.first() else { break };
            first.get_or_insert(entry.sequence);
            for entry in &page {
                self.step(entry).await?;
            }
        }
        self.give_up_unvouched();
        self.count_rows(pruned.max(0)).await?;
        if let Some(head) = self.head.filter(|head| head.position > self.position) {
            self.report.add(Some(self.host), self.position.saturating_add(1), head.position, Finding::CutOff);
        }
        self.report.chains.push(ChainReport {
            host: self.host.to_owned(),
            events: self.events,
            pruned: u64::try_from(pruned).unwrap_or_default(),
            last: self.position,
            covered: self.head.map(|head| head.position).filter(|head| self.is_compared || *head > self.position),
            outdated_head: self.head.map(|head| head.position).filter(|head| !self.is_compared && *head < pruned),
        });
        Ok(first)
    }

    /// Looks for rows that the walk has not met.
    async fn count_rows(&mut self, pruned: i64) -> Result<(), String> {
        let strays = self.ledger.strays(self.host, pruned).await?;
        // Retention may have let some of those go that were walked; never may there be more.
        let rows = self.ledger.count(self.host, pruned, self.position).await?;
        for (rows, finding) in [(strays, Finding::Stray), (rows.saturating_sub(self.events), Finding::Duplicate)] {
            if rows > 0 {
                self.report.add(Some(self.host), 1, i64::try_from(rows).unwrap_or(i64::MAX), finding);
            }
        }
        Ok(())
    }

    async fn check_mark(&mut self, mark: &Link) -> Result<(), String> {
        let is_authentic = self.signatures.check(Signed::Mark, mark).await? == Verdict::Authentic;
        if !is_authentic || mark.host != self.host {
            self.report.add(Some(self.host), mark.position, mark.position, Finding::MarkForged);
        }
        self.compare_with_head(mark);
        Ok(())
    }

    fn go_on_behind(&mut self, mark: &Link) {
        (self.position, self.digest) = (mark.position, Some(mark.digest.clone()));
        (self.unvouched, self.events) = (mark.position.saturating_add(1), 0);
    }

    /// Checks the next event that there is.
    async fn step(&mut self, entry: &Entry) -> Result<(), String> {
        let Some(link) = &entry.link else { return Ok(()) };
        let next = self.position.saturating_add(1);
        if link.position < next {
            // Another one at the same position. They are counted in the end.
            return Ok(());
        }
        if link.position != next {
            // Nothing behind the gap vouches for what is before it.
            self.give_up_unvouched();
            self.report.add(Some(self.host), next, link.position.saturating_sub(1), Finding::Missing);
            (self.digest, self.unvouched) = (None, link.position);
        }
        let expected = self
            .digest
            .as_deref()
            .map(|before| digest(before, self.host, link.position, entry.recorded_at, &entry.event));
        let verdict = self.signatures.check(Signed::Event, link).await?;
        if expected.is_some_and(|expected| expected != link.digest) || verdict == Verdict::Forged {
            // It breaks what ties those before it to those behind it.
            self.give_up_unvouched();
            self.report.add(Some(self.host), link.position, link.position, Finding::Changed);
            self.unvouched = link.position.saturating_add(1);
        } else if verdict.is_authentic() {
            if verdict != Verdict::Vouching {
                // It vouches for itself alone: a host does not look at what is before it.
                self.give_up_unvouched();
            }
            self.unvouched = link.position.saturating_add(1);
        }
        if entry.sequence <= self.sequence {
            self.report.add(Some(self.host), link.position, link.position, Finding::Moved);
        }
        self.compare_with_head(link);
        self.events = self.events.saturating_add(1);
        (self.position, self.digest, self.sequence) = (link.position, Some(link.digest.clone()), entry.sequence);
        Ok(())
    }

    /// What stood last when the head was exported must still stand there.
    fn compare_with_head(&mut self, link: &Link) {
        if let Some(head) = self.head.filter(|head| head.position == link.position) {
            self.is_compared = true;
            if !head.has_digest(&link.digest) {
                self.report.add(Some(self.host), link.position, link.position, Finding::Replaced);
            }
        }
    }

    /// Tells of the events that no MAC under a key of the ring has vouched for.
    fn give_up_unvouched(&mut self) {
        if self.unvouched <= self.position {
            self.report.add(Some(self.host), self.unvouched, self.position, Finding::UnknownKey);
        }
    }
}
