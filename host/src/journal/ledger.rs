//! The events as a database holds them: what chaining, verification, export and retention stand on.

use futures::future::BoxFuture;

use super::chain::{Draft, End};
use super::link::{Link, Signed};

/// How many events one page gives at most.
pub const PAGE_LIMIT: u32 = 1000;

/// The rows of a journal in a database. Nothing that it gives has been checked.
pub trait Ledger: Send + Sync + 'static {
    /// Writes an event down behind this end of its chain; or, when another process has been quicker, behind the end that
    /// the chain has then, if that is signed with the key of the draft. Nobody who writes all the time with the same key
    /// keeps others from it. Gives the new end; none, and nothing was written, when the chain ends with something else.
    ///
    /// # Errors
    /// A sentence for the operator, when the event was not or perhaps not written. So of every function here.
    fn append<'a>(&'a self, draft: &'a Draft<'a>, end: &'a End) -> BoxFuture<'a, Result<Option<End>, String>>;

    /// The name of the chain that comes after this one, in the order of their bytes; the first one for `None`.
    fn next_host<'a>(&'a self, after: Option<&'a str>) -> BoxFuture<'a, Result<Option<String>, String>>;

    /// Where a chain begins and ends now.
    fn chain<'a>(&'a self, host: &'a str) -> BoxFuture<'a, Result<StoredChain, String>>;

    /// Events of a chain behind a position, in the order of their positions, at most `limit` and [`PAGE_LIMIT`] of them.
    fn links<'a>(&'a self, host: &'a str, after: i64, limit: u32) -> BoxFuture<'a, Result<Vec<Entry>, String>>;

    /// How many rows name this chain and no position that an event behind its mark could have.
    fn strays<'a>(&'a self, host: &'a str, marked: i64) -> BoxFuture<'a, Result<u64, String>>;

    /// How many rows there are of a chain behind a position, up to another one.
    fn count<'a>(&'a self, host: &'a str, after: i64, through: i64) -> BoxFuture<'a, Result<u64, String>>;

    /// Events of all chains and of none, at most `limit` and [`PAGE_LIMIT`] of them, in the order in which they were
    /// written, as well as numbers given by the database can tell.
    fn entries(&self, page: Page, limit: u32) -> BoxFuture<'_, Result<Vec<Entry>, String>>;

    /// How many events behind this number belong to no chain.
    fn unchained(&self, after: i64) -> BoxFuture<'_, Result<u64, String>>;

    /// Lets the events of a chain go between its present mark and this one, and keeps the mark in their place. `false`, and nothing has changed,
    /// when the present mark is at another position than `marked`.
    fn prune<'a>(&'a self, marked: Option<i64>, mark: &'a Link) -> BoxFuture<'a, Result<bool, String>>;

    /// Lets the oldest events that belong to no chain go if they were recorded before this moment, at most `limit` of
    /// them. Gives how many.
    fn prune_unchained(&self, recorded_before: i64, limit: u32) -> BoxFuture<'_, Result<u64, String>>;

    /// Puts another key id and MAC to a place of a chain. `false`, and nothing has changed, unless it has this digest.
    fn sign_anew<'a>(&'a self, signed: Signed, link: &'a Link) -> BoxFuture<'a, Result<bool, String>>;
}

/// An event as a database holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Counts the events of the database. Given by the database: nothing vouches for it but that it grows in a chain.
    pub sequence: i64,
    /// When it was recorded by the clock of its host, in nanoseconds since 1970.
    pub recorded_at: i64,
    /// The event, as JSON.
    pub event: String,
    /// Its place in a chain; none for events from before there were chains.
    pub link: Option<Link>,
}

/// Where a chain begins and ends.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StoredChain {
    /// Up to where retention has let events go.
    pub mark: Option<Link>,
    /// The event with the highest position.
    pub last: Option<Entry>,
}

impl StoredChain {
    /// The place behind which the next event goes; none for an empty chain.
    pub(super) fn head(&self) -> Option<(Signed, &Link)> {
        let last = self.last.as_ref().and_then(|last| last.link.as_ref());
        match (last, &self.mark) {
            (Some(last), Some(mark)) if mark.position > last.position => Some((Signed::Mark, mark)),
            (Some(last), _) => Some((Signed::Event, last)),
            (None, mark) => mark.as_ref().map(|mark| (Signed::Mark, mark)),
        }
    }

    /// The position of the mark; zero without one.
    pub(super) fn marked(&self) -> i64 {
        self.mark.as_ref().map_or(0, |mark| mark.position)
    }
}

/// What is said of a chain that cannot go on.
pub(super) fn full(host: &str) -> String {
    format!("the chain {host:?} of the journal cannot go on; `fabric-auth journal verify` tells more")
}

/// Which events a page has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Page {
    /// Those behind this number, the oldest first.
    After(i64),
    /// Those before this number, or up to the newest one, the newest first.
    Before(Option<i64>),
}
