//! `fabric-auth keys`: the key ring that guards the stored secrets.
//!
//! JSON of `list`: `{"keys": [{"key_id", "status", "age"}]}`, never a key itself. `rotate`: `{"key_id"}`, the new
//! primary key. `reseal`: `{"resealed", "current", "skipped"}`, counts of records.

use std::fmt;
use std::process::ExitCode;

use clap::Subcommand;
use fabric_auth::contract::Error;
use serde::Serialize;

use super::context::{Context, Session};
use super::failure::Failure;
use super::output::write_columns;
use super::span::Span;

#[derive(Subcommand)]
pub(super) enum Keys {
    /// List the keys, their status and age
    List,
    /// Make a new primary key and retire the present one
    Rotate,
    /// Seal everything under the primary key that is sealed under an older one
    Reseal,
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

#[derive(Serialize)]
struct RotatedView {
    key_id: String,
}

#[derive(Default, Serialize)]
struct ResealedView {
    resealed: u64,
    current: u64,
    skipped: u64,
}

impl Keys {
    pub(super) async fn run(self, context: &Context) -> Result<ExitCode, Failure> {
        match self {
            Self::List => list(context),
            Self::Rotate => rotate(context),
            Self::Reseal => context.with_host(async |session| reseal(context, session).await).await,
        }
    }
}

fn list(context: &Context) -> Result<ExitCode, Failure> {
    let ring = context.key_ring(&context.config()?)?;
    let keys = ring.list().into_iter().map(|key| KeyView {
        key_id: key.key_id,
        status: key.status.to_string(),
        age: Span::from(key.age),
    });
    context.output.show(&ListView { keys: keys.collect() })?;
    Ok(ExitCode::SUCCESS)
}

fn rotate(context: &Context) -> Result<ExitCode, Failure> {
    let ring = context.key_ring(&context.config()?)?;
    let key_id = ring.rotate()?;
    context.output.show(&RotatedView { key_id })?;
    context.output.note(
        "Back up the key ring now. What is stored is still sealed under older keys, which stay in the ring; \
         seal it anew with `fabric-auth keys reseal`.",
    );
    Ok(ExitCode::SUCCESS)
}

async fn reseal(context: &Context, session: &Session) -> Result<ExitCode, Failure> {
    let mut counts = ResealedView::default();
    let mut after = None;
    loop {
        let before = counts.looked_at();
        let progress = session.host.reseal(&session.caller, after.as_deref()).await?;
        counts.resealed = counts.resealed.saturating_add(progress.resealed.into());
        counts.current = counts.current.saturating_add(progress.current.into());
        counts.skipped = counts.skipped.saturating_add(progress.skipped.into());
        match progress.next {
            Some(next) => after = Some(next),
            None => break,
        }
        if counts.looked_at() > before {
            context.output.note(format_args!("{} records looked at", counts.looked_at()));
        }
    }
    context.output.show(&counts)?;
    if counts.skipped == 0 {
        return Ok(ExitCode::SUCCESS);
    }
    Err(Error::Conflict(format!(
        "{} records were being renewed or changed and are left for another pass. Run \
         `fabric-auth keys reseal` again before you take an old key out.",
        counts.skipped
    ))
    .into())
}

impl ResealedView {
    fn looked_at(&self) -> u64 {
        self.resealed.saturating_add(self.current).saturating_add(self.skipped)
    }
}

impl fmt::Display for ListView {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rows = vec![["KEY", "STATUS", "AGE"].map(str::to_owned)];
        rows.extend(self.keys.iter().map(|key| [key.key_id.clone(), key.status.clone(), key.age.to_string()]));
        write_columns(formatter, &rows)
    }
}

impl fmt::Display for RotatedView {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} is the primary key now.", self.key_id)
    }
}

impl fmt::Display for ResealedView {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "{} records sealed under the primary key, {} were already, {} left for another pass.",
            self.resealed, self.current, self.skipped
        )
    }
}
