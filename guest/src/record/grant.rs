//! A grant as it is stored: what is held for one person, or for one fabric's service principal.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Record, Stored, Unknown, milliseconds};
use crate::contract::{SignInReason, TokenReference};
use crate::timing;

/// A grant. Durations are as of the moment of writing; what remains now is that less the record's age.
#[derive(Clone, Serialize, Deserialize)]
pub struct GrantRecord {
    /// Record version.
    pub version: u32,
    /// Root URL of the workspace.
    pub workspace: String,
    /// The workspace id, for unified hosts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub workspace_id: Option<String>,
    /// Who issued it.
    pub issuer: String,
    /// To which client: the app connection's, or the service principal's.
    pub client_id: String,
    /// A person's grant: the app connection by name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub app_connection: Option<String>,
    /// All generations that come from one sign-in, or one set of credentials, share this.
    pub lineage: String,
    /// Counts the tokens of the lineage from 1; 0 while there has been none.
    pub generation: u64,
    /// Why the grant gives no more tokens. A record with this is a tombstone: it keeps its lineage, so that a late
    /// reply finds that its grant is gone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended: Option<Ended>,
    /// The granted scopes, sorted.
    pub scopes: Vec<String>,
    /// Digest of the Databricks subject.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// [`Identity`] as JSON, sealed; a person's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub identity: Option<String>,
    /// The access token, sealed. None once it was rejected.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub access_token: Option<String>,
    /// The refresh token, sealed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refresh_token: Option<String>,
    /// The life that the access token was given.
    #[serde(with = "milliseconds")]
    pub life: Duration,
    /// What remained of it at the time of writing.
    #[serde(with = "milliseconds")]
    pub remaining: Duration,
    /// What remained of the refresh token's assumed life at the time of writing.
    #[serde(with = "milliseconds")]
    pub session_remaining: Duration,
    /// How much longer it may be assumed that a refresh token of this client can be sent again: a reply has proved it
    /// within the last day, or an admin has recorded it. Zero for single-use ones.
    #[serde(default, with = "milliseconds", skip_serializing_if = "Duration::is_zero")]
    pub reusable_for: Duration,
    /// How many requests with this refresh token may have been acted on without anybody knowing, those of the present
    /// claim aside.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub unresolved: u32,
    /// A renewal that is under way, or was interrupted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub claim: Option<Claim>,
    /// No renewal before this long after writing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cool_down: Option<CoolDown>,
    /// Marks this very write, so that whoever is unsure whether their write happened can tell.
    pub writer: String,
    /// Members of newer versions.
    #[serde(flatten)]
    pub unknown: Unknown,
}

/// A renewal that was begun.
#[derive(Clone, Serialize, Deserialize)]
pub struct Claim {
    /// Random; also the record's tag in the store.
    pub id: String,
}

/// A pause after a failed renewal.
#[derive(Clone, Serialize, Deserialize)]
pub struct CoolDown {
    /// What remained of it at the time of writing.
    #[serde(with = "milliseconds")]
    pub remaining: Duration,
    /// How many failures in a row led to it.
    pub failures: u32,
    /// What the last of them was, so that whoever asks meanwhile is told the same.
    pub cause: Cause,
}

/// A failure, as it can be told again. It stands in clear and whoever can write the store can change it, so it holds no
/// text: what a person is shown is made from it anew.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cause {
    /// Name of the error's case.
    pub case: String,
    /// The peer's error code, or the scopes that it names, where the case has them.
    #[serde(default)]
    pub code: String,
    /// Status of the peer's answer, where the case has one.
    #[serde(default)]
    pub status: u16,
}

/// Why a grant gives no more tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ended {
    /// By the person, or an administrator.
    SignedOut,
    /// By Databricks.
    SessionEnded,
    /// Twice a renewal was interrupted, or a backup was put back; the refresh token may be spent.
    OutcomeUnknown,
}

impl From<Ended> for SignInReason {
    fn from(ended: Ended) -> Self {
        match ended {
            Ended::SignedOut => Self::SignedOut,
            Ended::SessionEnded => Self::SessionEnded,
            Ended::OutcomeUnknown => Self::OutcomeUnknown,
        }
    }
}

/// Who a person's grant belongs to. Sealed in the record, since names are nobody's business who reads the database.
#[derive(Clone, Serialize, Deserialize)]
pub struct Identity {
    /// The Prophecy user.
    pub user: String,
    /// The Databricks user name.
    pub databricks_user: String,
}

impl Record for GrantRecord {
    const NAME: &'static str = "grant";

    fn version(&self) -> u32 {
        self.version
    }
}

impl GrantRecord {
    /// A record of a lineage without a token, for nobody and of nowhere yet.
    pub fn blank(lineage: String) -> Self {
        Self {
            version: Self::VERSION,
            workspace: String::new(),
            workspace_id: None,
            issuer: String::new(),
            client_id: String::new(),
            app_connection: None,
            lineage,
            generation: 0,
            ended: None,
            scopes: Vec::new(),
            subject: None,
            identity: None,
            access_token: None,
            refresh_token: None,
            life: Duration::ZERO,
            remaining: Duration::ZERO,
            session_remaining: Duration::ZERO,
            reusable_for: Duration::ZERO,
            unresolved: 0,
            claim: None,
            cool_down: None,
            writer: String::new(),
            unknown: Unknown::new(),
        }
    }

    /// Names the token in hand.
    pub fn reference(&self) -> TokenReference {
        TokenReference { lineage: self.lineage.clone(), generation: self.generation }
    }

    /// Ends it: it gives no more tokens. The access token stays, and may be served as long as it lives.
    pub fn end(&mut self, why: Ended) {
        self.ended = Some(why);
        self.refresh_token = None;
        self.claim = None;
        self.cool_down = None;
    }
}

fn is_zero(count: &u32) -> bool {
    *count == 0
}

impl Stored<GrantRecord> {
    /// How long the access token may still be served; zero when there is none or it has expired. A grant that Databricks
    /// has ended may still have a token that lives.
    pub fn usable_for(&self) -> Duration {
        if self.record.access_token.is_none() {
            return Duration::ZERO;
        }
        timing::usable_for(self.record.remaining.saturating_sub(self.age), self.record.life)
    }

    /// How long until its renewal may begin; zero when the window is open or there is no token to serve.
    pub fn until_window(&self) -> Duration {
        if self.record.access_token.is_none() {
            return Duration::ZERO;
        }
        timing::until_window(self.record.remaining.saturating_sub(self.age), self.record.life, &self.key)
    }

    /// What is left of a pause after a failure, and what it was.
    pub fn cool_down(&self) -> Option<(Duration, &CoolDown)> {
        let pause = self.record.cool_down.as_ref()?;
        let left = pause.remaining.saturating_sub(self.age);
        (!left.is_zero()).then_some((left, pause))
    }

    /// Whether the refresh token may be assumed to be reusable.
    pub fn is_reusable(&self) -> bool {
        self.record.reusable_for > self.age
    }

    /// What is left of the session if it is not used; none when it has ended, or cannot be renewed.
    pub fn session(&self) -> Option<Duration> {
        let renewable = self.record.ended.is_none() && self.record.refresh_token.is_some();
        renewable.then(|| self.session_remaining())
    }

    /// What is left of the refresh token's assumed life.
    pub fn session_remaining(&self) -> Duration {
        self.record.session_remaining.saturating_sub(self.age)
    }

    /// The record with its durations counted down to now, as it must be before it is written again. `since_read` is
    /// the time since it was read.
    pub fn counted_down(&self, since_read: Duration) -> GrantRecord {
        self.record.counted_down(self.age.saturating_add(since_read))
    }
}

impl GrantRecord {
    /// The record as it is to be written when so much time has passed since its durations were right.
    pub fn counted_down(&self, passed: Duration) -> Self {
        let mut record = self.clone();
        record.remaining = record.remaining.saturating_sub(passed);
        record.session_remaining = record.session_remaining.saturating_sub(passed);
        record.reusable_for = record.reusable_for.saturating_sub(passed);
        if let Some(cool_down) = &mut record.cool_down {
            cool_down.remaining = cool_down.remaining.saturating_sub(passed);
        }
        record
    }
}
