//! `fabric-auth journal`: the audit journal.
//!
//! JSON of `tail` and `export`: an event on each line, as in `fabric_auth::journal::EventView`. `heads` always writes JSON:
//! `{"chains": [{"host", "position", "digest", "mac", "key_id", "events"}], "unchained"}`. `verify`: `{"whole", "chains":
//! [{"host", "events", "pruned", "last", "covered"?, "outdated_head"?}], "unchained", "problems": [{"host"?, "first",
//! "last", "finding", "message"}], "more_problems"}`; the exit code is 1 when there is a problem.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Subcommand};
use fabric_auth::journal::{Action, EventView, Heads, Ledger, PAGE_LIMIT, Page, Since, verify};
use fabric_auth::keys::KeyRing;

use super::context::Context;
use super::failure::Failure;
use super::journal_report::ReportView;
use super::words::{self, Word};

/// What verification can find, and where that ends.
pub(super) const BOUND: &str = "\
Run heads from time to time and keep what it prints where nobody who can write the database can write. verify finds what \
was changed, removed, inserted or moved, and with --heads also what was cut off at the end up to then, unless retention \
has passed them. What was cut off after the last heads cannot be seen. Events from before there were chains are not \
covered.";

/// The option that names exported heads.
const HEADS: &str = "--heads";

/// No heads are this large. Bounds what a wrong path can make the program read.
const MAX_HEADS_BYTES: u64 = 64 * 1024 * 1024;

/// How often new events are looked for.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// How many numbers back an event may become visible after one with a higher number: several hosts write at once.
const OVERLAP: i64 = 256;

#[derive(Subcommand)]
pub(super) enum Journal {
    /// The last events, the oldest of them first
    Tail(Tail),
    /// All events, as JSON: one on each line, the oldest first
    Export {
        /// Only what was recorded since then: 7d, 12h or 30min ago, or 2026-11-24, or 2026-11-24T18:00:00Z
        #[arg(long, value_name = "TIME")]
        since: Option<Since>,
    },
    /// Where the journal ends now, as JSON, to be kept elsewhere for a later verify. Exit code 1 if a chain is left out
    /// because its end is not as a host has written it
    Heads,
    /// Find out whether the journal is as the hosts have written it: exit code 1 if not
    Verify {
        /// What `journal heads` printed before
        #[arg(long, value_name = "FILE")]
        heads: Option<PathBuf>,
    },
}

#[derive(Args)]
pub(super) struct Tail {
    /// How many events
    #[arg(long, value_name = "NUMBER", default_value = "20")]
    count: u32,
    /// Go on with what is recorded from now on, until interrupted
    #[arg(long)]
    follow: bool,
    /// Only events of this fabric
    #[arg(long, value_name = "FABRIC")]
    fabric: Option<String>,
    /// Only what this user did; `host` for what happens by itself
    #[arg(long, value_name = "USER")]
    actor: Option<String>,
    /// Only events of this kind, such as sign-in-completed or service-principal-used
    #[arg(long, value_name = "ACTION", value_parser = words::parser::<Action>())]
    action: Option<Action>,
}

impl Journal {
    pub(super) async fn run(self, context: &Context) -> Result<ExitCode, Failure> {
        context.require_operator("The journal")?;
        let result = context
            .with_database(async |database, keys| {
                let ledger = database.ledger();
                match &self {
                    Self::Tail(tail) => tail.show(context, ledger.as_ref()).await,
                    Self::Export { since } => export(context, ledger.as_ref(), *since).await,
                    Self::Heads => heads(context, ledger.as_ref(), keys).await,
                    Self::Verify { heads } => verify_and_show(context, ledger.as_ref(), keys, heads.as_deref()).await,
                }
            })
            .await;
        match (result, self) {
            // There is no other way to end it.
            (Err(Failure::Interrupted), Self::Tail(Tail { follow: true, .. })) | (Ok(()), _) => Ok(ExitCode::SUCCESS),
            (Err(failure), _) => Err(failure),
        }
    }
}

impl Tail {
    async fn show(&self, context: &Context, ledger: &dyn Ledger) -> Result<(), Failure> {
        // The end is taken down before it is read, so that nothing is missed in between.
        let newest = ledger.entries(Page::Before(None), 1).await.map_err(not_read)?;
        let end = newest.first().map_or(i64::MIN, |newest| newest.sequence);
        for event in self.last(ledger, end).await?.iter().rev() {
            if !context.output.stream(event)? {
                return Ok(());
            }
        }
        if self.follow { self.keep_showing(context, ledger, end).await } else { Ok(()) }
    }

    /// The last events up to this number that are asked for, the newest first.
    async fn last(&self, ledger: &dyn Ledger, end: i64) -> Result<Vec<EventView>, Failure> {
        let count = usize::try_from(self.count).unwrap_or(usize::MAX);
        let (mut events, mut before) = (Vec::new(), end.checked_add(1));
        while events.len() < count {
            let page = ledger.entries(Page::Before(before), PAGE_LIMIT).await.map_err(not_read)?;
            let Some(oldest) = page.last() else { break };
            before = Some(oldest.sequence);
            events.extend(page.into_iter().map(EventView::from).filter(|event| self.asks_for(event)));
        }
        events.truncate(count);
        Ok(events)
    }

    /// Shows what is recorded behind this number, until nobody reads any more.
    async fn keep_showing(&self, context: &Context, ledger: &dyn Ledger, mut end: i64) -> Result<(), Failure> {
        let begin = end;
        let mut shown = BTreeSet::new();
        loop {
            let after = end.saturating_sub(OVERLAP).max(begin);
            let page = ledger.entries(Page::After(after), PAGE_LIMIT).await.map_err(not_read)?;
            let is_full = page.len() >= usize::try_from(PAGE_LIMIT).unwrap_or(usize::MAX);
            for event in page.into_iter().map(EventView::from) {
                end = end.max(event.sequence());
                if shown.insert(event.sequence()) && self.asks_for(&event) && !context.output.stream(&event)? {
                    return Ok(());
                }
            }
            shown = shown.split_off(&end.saturating_sub(OVERLAP));
            if !is_full {
                tokio::time::sleep(LOOK_EVERY).await;
            }
        }
    }

    fn asks_for(&self, event: &EventView) -> bool {
        let action = self.action.map(Word::word);
        [("fabric", self.fabric.as_deref()), ("actor", self.actor.as_deref()), ("action", action)]
            .iter()
            .all(|(member, asked)| asked.is_none() || event.text(member) == *asked)
    }
}

async fn export(context: &Context, ledger: &dyn Ledger, since: Option<Since>) -> Result<(), Failure> {
    let clock = context.clock();
    let since = since.map_or(i64::MIN, |since| since.nanoseconds(&*clock));
    let mut after = i64::MIN;
    loop {
        let page = ledger.entries(Page::After(after), PAGE_LIMIT).await.map_err(not_read)?;
        let Some(last) = page.last() else { return Ok(()) };
        after = last.sequence;
        for event in page.into_iter().map(EventView::from).filter(|event| event.recorded_at() >= since) {
            if !context.output.export(&event)? {
                return Ok(());
            }
        }
    }
}

async fn heads(context: &Context, ledger: &dyn Ledger, keys: &KeyRing) -> Result<(), Failure> {
    let heads = Heads::of(ledger, keys).await.map_err(not_read)?;
    context.output.export(&heads)?;
    context
        .output
        .note("Keep this where nobody who can write the database can write, for `journal verify --heads FILE`.");
    if let Some(problem) = heads.left_out.first() {
        let others = match heads.left_out.len().saturating_sub(1) {
            0 => String::new(),
            others => format!(", and {others} others"),
        };
        return Err(Failure::operator(format!(
            "A chain has no head here: {problem}{others}; `fabric-auth journal verify` tells more."
        )));
    }
    Ok(())
}

async fn verify_and_show(
    context: &Context,
    ledger: &dyn Ledger,
    keys: &KeyRing,
    heads: Option<&Path>,
) -> Result<(), Failure> {
    let heads = heads.map(read_heads).transpose()?;
    let report = verify(ledger, keys, heads.as_ref()).await.map_err(not_read)?;
    context.output.show(&ReportView::of(&report, heads.is_some()))?;
    if report.is_whole() {
        return Ok(());
    }
    Err(Failure::operator("The journal is not as the hosts have written it."))
}

fn read_heads(path: &Path) -> Result<Heads, Failure> {
    let refuse = |right: String| Failure::caller(HEADS, format!("The file {} {right}.", path.display()));
    let file = File::open(path).map_err(|error| refuse(format!("cannot be opened ({error})")))?;
    let mut text = Vec::new();
    file.take(MAX_HEADS_BYTES).read_to_end(&mut text).map_err(|error| refuse(format!("cannot be read ({error})")))?;
    // The error would quote the file, and the wrong one may hold a secret.
    serde_json::from_slice(&text).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        refuse(format!("is not what `journal heads` printed (line {line}, column {column})"))
    })
}

fn not_read(problem: String) -> Failure {
    Failure::operator(format!("The journal cannot be used: {problem}."))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whoever mistypes the path may name a file of secrets.
    #[test]
    fn a_file_that_holds_no_heads_is_refused_without_a_word_of_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("heads.json");
        std::fs::write(&path, "{\"chains\":\n \"dapi-not-for-logs\", \"unchained\": 0}").unwrap();
        let refused = format!("{:?}", read_heads(&path).unwrap_err());
        assert!(refused.contains("line 2, column") && !refused.contains("dapi"), "{refused}");
    }
}
