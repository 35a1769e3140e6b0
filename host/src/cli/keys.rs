//! `fabric-auth keys`: the key ring that guards the stored secrets.
//!
//! JSON of `list`: `{"keys": [{"key_id", "status", "age"}]}`, never a key itself. `add`, `promote`, `remove`:
//! `{"key_id"}`. `reseal`: `{"resealed", "current", "skipped", "unreadable"}`, counts of records. `rotate`: both.

use std::fmt;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Subcommand;
use fabric_auth::Span;
use fabric_auth::contract::Error;
use fabric_auth::journal::release_key;
use fabric_auth::keys::{KeyStatus, SealedUnder};
use fabric_auth::service::sign_records_anew;
use serde::Serialize;

use super::context::{Context, Session};
use super::failure::Failure;
use super::output::write_columns;
use super::sealed_records;

/// The order in which the commands make sense.
pub(super) const ORDER: &str = "\
On one host: rotate, then remove the retired key. Where several hosts have a copy of the key ring: add, give the ring \
to every host, promote, give it to every host again, reseal, remove.";

/// The option that takes a key out though that costs the proof of what it has signed.
const GIVE_UP_JOURNAL: &str = "--give-up-journal";

#[derive(Subcommand)]
pub(super) enum Keys {
    /// List the keys, their status and age
    List,
    /// Add a standby key: it opens and does not seal, until every host has the key ring and it is promoted
    Add,
    /// Make a standby key the primary, which seals, and retire the present primary
    Promote {
        /// Id of the standby key
        #[arg(value_name = "KEY_ID")]
        key_id: String,
    },
    /// Seal everything under the primary key that is sealed under an older one
    ///
    /// Works on the records of one tenant (deployment.tenant).
    Reseal,
    /// Add a key, promote it and seal everything under it, in one step; for a deployment on one host
    Rotate,
    /// Take a standby or retired key out of the ring, unless something is still sealed under it
    ///
    /// What it has signed in the journal is checked first, and stays verifiable without it.
    Remove {
        /// Id of the key
        #[arg(value_name = "KEY_ID")]
        key_id: String,
        /// Take it out though the journal is not whole: what only this key vouches for can then never be verified
        #[arg(long)]
        give_up_journal: bool,
    },
}

#[derive(Serialize)]
struct ListView {
    keys: Vec<KeyView>,
}

#[derive(Serialize)]
struct KeyView {
    key_id: String,
    status: String,
    age: Span,
}

/// What was done to one key.
#[derive(Serialize)]
struct ChangedView {
    key_id: String,
    #[serde(skip)]
    now: &'static str,
}

#[derive(Default, Serialize)]
struct ResealedView {
    resealed: u64,
    current: u64,
    skipped: u64,
    unreadable: u64,
}

#[derive(Serialize)]
struct RotatedView {
    key_id: String,
    #[serde(flatten)]
    resealed: ResealedView,
}

impl Keys {
    pub(super) async fn run(self, context: &Context) -> Result<ExitCode, Failure> {
        context.require_operator("The key ring")?;
        match self {
            Self::List => list(context)?,
            Self::Add => add(context)?,
            Self::Promote { key_id } => promote(context, key_id)?,
            Self::Reseal => {
                context.with_host(async |session| reseal_and_show(context, session).await).await?;
            }
            Self::Rotate => {
                context.with_host(async |session| rotate(context, session).await).await?;
            }
            Self::Remove { key_id, give_up_journal } => {
                context.with_host(async |session| remove(context, session, &key_id, give_up_journal).await).await?;
                context.output.show(&ChangedView { key_id, now: "is taken out of the key ring" })?;
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn list(context: &Context) -> Result<(), Failure> {
    let ring = context.key_ring(&context.config()?)?;
    let keys = ring.list().into_iter().map(|key| KeyView {
        key_id: key.key_id,
        status: key.status.to_string(),
        age: Span::from(key.age),
    });
    context.output.show(&ListView { keys: keys.collect() })
}

fn add(context: &Context) -> Result<(), Failure> {
    let key_id = context.key_ring(&context.config()?)?.add_standby()?;
    context.output.note(format_args!(
        "Back up the key ring now, and give it to every host of the deployment; then run `fabric-auth keys promote \
         {key_id}`."
    ));
    context.output.show(&ChangedView { key_id, now: "is a standby key now" })
}

fn promote(context: &Context, key_id: String) -> Result<(), Failure> {
    context.key_ring(&context.config()?)?.promote(&key_id)?;
    context.output.note(
        "Give the key ring to every host again. What is stored is still sealed under older keys, which stay in the \
         ring; seal it anew with `fabric-auth keys reseal`.",
    );
    context.output.show(&ChangedView { key_id, now: "is the primary key now" })
}

async fn rotate(context: &Context, session: &Session) -> Result<(), Failure> {
    let key_id = session.keys.rotate()?;
    context.output.note("Back up the key ring now: it has a new primary key.");
    let resealed = reseal(context, session).await?;
    let complete = resealed.complete();
    context.output.show(&RotatedView { key_id, resealed })?;
    complete
}

async fn reseal_and_show(context: &Context, session: &Session) -> Result<(), Failure> {
    let resealed = reseal(context, session).await?;
    context.output.show(&resealed)?;
    resealed.complete()
}

async fn reseal(context: &Context, session: &Session) -> Result<ResealedView, Failure> {
    let mut counts = ResealedView::default();
    let mut after = None;
    loop {
        let before = counts.looked_at();
        let progress = session.host.reseal(&session.caller, after.as_deref()).await?;
        counts.resealed = counts.resealed.saturating_add(progress.resealed.into());
        counts.current = counts.current.saturating_add(progress.current.into());
        counts.skipped = counts.skipped.saturating_add(progress.skipped.into());
        counts.unreadable = counts.unreadable.saturating_add(progress.unreadable.into());
        match progress.next {
            Some(next) => after = Some(next),
            None => break,
        }
        if counts.looked_at() > before {
            context.output.note(format_args!("{} records looked at", counts.looked_at()));
        }
    }
    sign_anew(context, session).await?;
    Ok(counts)
}

/// The records of the service are signed and not sealed.
async fn sign_anew(context: &Context, session: &Session) -> Result<(), Failure> {
    let keys = Arc::new(session.keys.clone());
    Ok(sign_records_anew(session.database.storage(), keys, context.clock()).await.map(drop)?)
}

/// Takes a key out, if nothing is sealed under it, in whichever tenant. The ring itself refuses the primary and an id
/// that is not there.
async fn remove(context: &Context, session: &Session, key_id: &str, give_up_journal: bool) -> Result<(), Failure> {
    let is_retired = session.keys.list().iter().any(|key| key.key_id == key_id && key.status == KeyStatus::Retired);
    if !is_retired {
        return Ok(session.keys.remove(key_id, SealedUnder::NotKnown)?);
    }
    forget_sign_ins_that_are_over(session).await?;
    sign_anew(context, session).await?;
    match sealed_records::by_key(session.database.storage().as_ref()).await?.get(key_id) {
        None => {
            if !give_up_journal {
                release_from_journal(session, key_id).await?;
            }
            Ok(session.keys.remove(key_id, SealedUnder::Nothing)?)
        }
        Some(count) => Err(Error::Conflict(format!(
            "Under the key {key_id} are still sealed {count} records, which could never be opened again without it. Run \
             `fabric-auth keys reseal` first, for each tenant where there are several. Sign-ins that wait for a browser \
             are not resealed; they are over after ten minutes."
        ))
        .into()),
    }
}

/// Sees to it that what the key has signed in the journal can be verified without it.
async fn release_from_journal(session: &Session, key_id: &str) -> Result<(), Failure> {
    release_key(session.database.ledger().as_ref(), &session.keys, key_id).await.map(drop).map_err(|problem| {
        Failure::operator(format!(
            "The key {key_id} has signed events of the journal, and the journal cannot be made to do without it: {problem}. \
             {GIVE_UP_JOURNAL} takes the key out all the same."
        ))
    })
}

/// Sign-ins that nobody completed are not resealed, and would hold a key for ever.
async fn forget_sign_ins_that_are_over(session: &Session) -> Result<(), Failure> {
    let mut after = None;
    loop {
        match session.host.expire(after.as_deref()).await?.next {
            Some(next) => after = Some(next),
            None => return Ok(()),
        }
    }
}

impl ResealedView {
    fn looked_at(&self) -> u64 {
        self.resealed.saturating_add(self.current).saturating_add(self.skipped).saturating_add(self.unreadable)
    }

    /// Fails when records are still sealed under older keys.
    fn complete(&self) -> Result<(), Failure> {
        if self.skipped > 0 {
            return Err(Error::Conflict(format!(
                "{} records were being renewed or changed and are left for another pass. Run \
                 `fabric-auth keys reseal` again before you take an old key out.",
                self.skipped
            ))
            .into());
        }
        if self.unreadable > 0 {
            return Err(Failure::operator(format!(
                "{} records cannot be read or opened: they are damaged, or of a newer version. The journal names them. \
                 They stay as they are.",
                self.unreadable
            )));
        }
        Ok(())
    }
}

impl fmt::Display for ListView {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rows = vec![["KEY", "STATUS", "AGE"].map(str::to_owned)];
        rows.extend(self.keys.iter().map(|key| [key.key_id.clone(), key.status.clone(), key.age.to_string()]));
        write_columns(formatter, &rows)
    }
}

impl fmt::Display for ChangedView {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {}.", self.key_id, self.now)
    }
}

impl fmt::Display for ResealedView {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "{} records sealed under the primary key, {} were already, {} left for another pass, {} unreadable.",
            self.resealed, self.current, self.skipped, self.unreadable
        )
    }
}

impl fmt::Display for RotatedView {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} is the primary key now.\n{}", self.key_id, self.resealed)
    }
}
