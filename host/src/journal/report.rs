//! What a verification finds, in words for the operator.

use std::fmt;

/// How many problems are told one by one. A database can hold a million.
const MOST_PROBLEMS: usize = 1_000;

/// What a verification has found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Every chain, also one that is gone, in the order of the names.
    pub chains: Vec<ChainReport>,
    /// How many events belong to no chain: they were written by a version before there were chains, and nothing vouches
    /// for them.
    pub unchained: u64,
    /// What is wrong, chain by chain.
    pub problems: Vec<Problem>,
    /// How many problems more there are.
    pub more_problems: u64,
}

/// What a verification has found of one chain.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ChainReport {
    /// The chain.
    pub host: String,
    /// How many events are there.
    pub events: u64,
    /// How many events retention has let go, by its mark.
    pub pruned: u64,
    /// The position of the last event.
    pub last: i64,
    /// Up to this position it is certain that nothing was cut off at the end: that of the exported head. None without
    /// one that could be compared.
    pub covered: Option<i64>,
    /// The position of an exported head that retention has passed, so that it could not be compared.
    pub outdated_head: Option<i64>,
}

/// Something that is not as a host has written it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The chain; none for what belongs to no chain.
    pub host: Option<String>,
    /// The first event concerned, by its position.
    pub first: i64,
    /// The last one.
    pub last: i64,
    /// What is the matter.
    pub finding: Finding,
}

/// What can be the matter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finding {
    /// The event, its time or its signature is not what was written, or a stranger has written it.
    Changed,
    /// The events are gone, and retention did not let them go.
    Missing,
    /// The events that were last when the head was exported are gone.
    CutOff,
    /// It stands before an event that was written earlier.
    Moved,
    /// It was written after the chain was put back to an earlier state: another event stood here when the head was
    /// exported.
    Replaced,
    /// It is signed with a key that is not in the ring, and nothing later was signed to vouch for it.
    UnknownKey,
    /// The mark of retention is not as a host has written it, or signed with a key that is not in the ring. What was
    /// before it may have been removed by anybody.
    MarkForged,
    /// Rows that name the chain without a position in it, or with one that retention has let go. `last` counts them.
    Stray,
    /// More than one row at a position. `last` counts those that are too many.
    Duplicate,
    /// Events without a chain that were not there when the heads were exported, or that stand after chained ones. `last`
    /// counts them.
    Inserted,
}

impl Finding {
    /// One word, for programs.
    pub fn word(self) -> &'static str {
        match self {
            Self::Changed => "changed",
            Self::Missing => "missing",
            Self::CutOff => "cut-off",
            Self::Moved => "moved",
            Self::Replaced => "replaced",
            Self::UnknownKey => "unknown-key",
            Self::MarkForged => "mark-forged",
            Self::Stray => "stray",
            Self::Duplicate => "duplicate",
            Self::Inserted => "inserted",
        }
    }
}

impl Report {
    /// Whether everything is as hosts have written it.
    pub fn is_whole(&self) -> bool {
        self.problems.is_empty()
    }

    /// Adds a problem. Neighbours with the same finding are told together.
    pub(super) fn add(&mut self, host: Option<&str>, first: i64, last: i64, finding: Finding) {
        if let Some(former) = self.problems.last_mut()
            && former.finding == finding
            && former.host.as_deref() == host
            && former.last.saturating_add(1) == first
        {
            former.last = last;
        } else if self.problems.len() >= MOST_PROBLEMS {
            self.more_problems = self.more_problems.saturating_add(1);
        } else {
            self.problems.push(Problem { host: host.map(str::to_owned), first, last, finding });
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, first, last, finding } = self;
        if let Some(host) = host {
            write!(formatter, "chain {host:?}, ")?;
        }
        match finding {
            Finding::Stray => {
                return write!(
                    formatter,
                    "{last} rows without a position in it, or with one that retention has let go: inserted by a stranger"
                );
            }
            Finding::Duplicate => {
                return write!(formatter, "{last} rows at positions that another one has: inserted by a stranger");
            }
            Finding::Inserted => {
                return write!(
                    formatter,
                    "{last} events without a chain were added: by a host of an older version, or by a stranger"
                );
            }
            _ if first == last => write!(formatter, "event {first}: ")?,
            _ => write!(formatter, "events {first} to {last}: ")?,
        }
        formatter.write_str(match finding {
            Finding::Changed => "not as a host has written it: changed, or inserted by a stranger",
            Finding::Missing => {
                "missing, and not let go by retention. What the event behind them says cannot be checked"
            }
            Finding::CutOff => "missing at the end: they were there when the head was exported",
            Finding::Moved => "moved: an event that was written earlier stands behind it",
            Finding::Replaced => "another one than when the head was exported: the journal was put back and went on",
            Finding::UnknownKey => {
                "signed with a key that is not in the ring, or inserted by a stranger. Restore the key to check"
            }
            Finding::MarkForged => {
                "the mark of retention is not as a host has written it; what it stands for may have been removed by \
                 anybody"
            }
            Finding::Stray | Finding::Duplicate | Finding::Inserted => "",
        })
    }
}
