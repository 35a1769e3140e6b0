//! Playing cases: each on a workspace and a host of its own.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;
use tokio::time::Instant;

use super::ConformanceError;
use super::call::Memory;
use super::case::{Call, CallerName, Case, Discovery, Network, Outcome, Person, Step};
use super::clear_text;
use super::comparison::{Mismatch, compare};
use super::exchange::Exchange;
use super::played_host::PlayedHost;
use super::scripted_workspace::ScriptedWorkspace;
use super::standard::Standard;
use super::suite::Suite;
use crate::clock::SystemClock;
use crate::keys::KeyRing;
use crate::runtime::{Artifact, CompileCache};

/// Purpose of the keys that guard the compiled component.
const COMPILE_CACHE_LABEL: &str = "conformance/1";

/// How long a call may take in real time. Generous: a call that takes it has failed.
const PATIENCE: Duration = Duration::from_secs(60);

/// While time passes, a second of it passes in so much real time. What must be done within seconds then has some hundred
/// milliseconds for it.
const TICK: Duration = Duration::from_millis(100);

/// A person's access token ends after this many seconds.
const TOKEN_LIFE: u64 = 3_600;

/// What all cases share: the component, compiled once, and a key ring.
pub struct Stage {
    component: Artifact,
    keys: KeyRing,
    standard: Arc<Standard>,
    folder: TempDir,
}

impl Stage {
    /// A stage for a component and the cases of a suite.
    ///
    /// # Errors
    /// [`ConformanceError`], when there is no room for a key ring.
    pub fn new(component: Artifact, suite: &Suite) -> Result<Self, ConformanceError> {
        let folder = tempfile::tempdir()?;
        let keys = KeyRing::create(folder.path().join("keyring.json"), Arc::new(SystemClock::new()))?;
        Ok(Self { component, keys, standard: suite.standard.clone(), folder })
    }

    /// Plays a case.
    ///
    /// # Errors
    /// The first [`Mismatch`].
    pub async fn play(&self, case: &Case) -> Result<(), Mismatch> {
        let mut workspace =
            ScriptedWorkspace::open().await.map_err(|error| Mismatch::of_case(format!("no workspace: {error}")))?;
        let mut known = self.standard.known_values();
        known.set("workspace", workspace.url());
        let secrets = self.standard.secrets.iter().map(|secret| known.fill(secret)).collect::<Result<_, _>>();
        let mut memory = Memory::new(known, secrets.map_err(Mismatch::of_case)?);
        let mut host = PlayedHost::new(self, &case.script.setup, &memory.known).await?;
        let result = self.play_on(&mut host, &mut workspace, &mut memory, case).await;
        host.host.clone().finish().await;
        result
    }

    async fn play_on(
        &self,
        host: &mut PlayedHost,
        workspace: &mut ScriptedWorkspace,
        memory: &mut Memory,
        case: &Case,
    ) -> Result<(), Mismatch> {
        let setup = &case.script.setup;
        workspace.stand(self.standard.script(&self.standard.discovery).map_err(Mismatch::of_case)?);
        host.administer(setup, &memory.known).await?;
        self.sign_in(host, workspace, memory, setup.person).await?;
        if setup.discovery == Discovery::Scripted {
            workspace.stand(Vec::new());
        }
        host.new_entries().await?;
        for (index, step) in case.script.steps.iter().enumerate() {
            let played = self.play_step(host, workspace, memory, step).await;
            played.map_err(|mismatch| mismatch.in_step(index + 1))?;
        }
        Ok(())
    }

    /// Signs the person in, as far as a case begins with it.
    async fn sign_in(
        &self,
        host: &PlayedHost,
        workspace: &ScriptedWorkspace,
        memory: &mut Memory,
        person: Person,
    ) -> Result<(), Mismatch> {
        let sign_in = &self.standard.sign_in;
        let begin = Call::BeginSignIn { redirect_url: None };
        let complete = Call::CompleteSignIn { query: sign_in.query.clone(), binding: None };
        let calls = match person {
            Person::NeverSignedIn => vec![],
            Person::SigningIn => vec![(begin, &[][..])],
            Person::SignedIn | Person::Expired => vec![(begin, &[][..]), (complete, &sign_in.exchanges)],
        };
        for (call, exchanges) in calls {
            self.expect(workspace, memory, exchanges)?;
            let outcome = memory.make(host, &plain(call)).await?;
            workspace.verdict()?;
            outcome.map_err(|error| Mismatch::new("outcome", "a sign-in", error.to_string()))?;
        }
        if person == Person::Expired {
            host.advance(TOKEN_LIFE);
        }
        Ok(())
    }

    async fn play_step(
        &self,
        host: &mut PlayedHost,
        workspace: &mut ScriptedWorkspace,
        memory: &mut Memory,
        step: &Step,
    ) -> Result<(), Mismatch> {
        host.advance(step.advance);
        match step.network {
            Network::Closed => workspace.close().await,
            Network::Open => {
                workspace.reopen().await.map_err(|error| Mismatch::of_case(format!("no workspace: {error}")))?;
            }
        }
        self.expect(workspace, memory, &step.exchanges)?;
        let found = while_time_passes(host, workspace, step.time_passes, memory.make(host, step)).await?;
        let outcome = compare_outcome(&step.outcome, found, memory);
        // What was asked explains what came of it, so it is told first.
        workspace.verdict()?;
        outcome?;
        let entries = host.new_entries().await?;
        if let Some(expected) = step.journal.as_ref().filter(|expected| **expected != entries) {
            return Err(Mismatch::new("journal", format!("{expected:?}"), format!("{entries:?}")));
        }
        host.check_secrecy(&memory.secrets).await
    }

    fn expect(&self, workspace: &ScriptedWorkspace, memory: &Memory, exchanges: &[Exchange]) -> Result<(), Mismatch> {
        workspace.expect(self.standard.script(exchanges).map_err(Mismatch::of_case)?, memory.known.clone());
        Ok(())
    }

    pub(super) fn component(&self) -> Artifact {
        self.component.clone()
    }

    pub(super) fn keys(&self) -> KeyRing {
        self.keys.clone()
    }

    pub(super) fn compile_cache(&self) -> CompileCache {
        let folder = self.folder.path().join("compiled");
        CompileCache { folder, keys: self.keys.derive_each(COMPILE_CACHE_LABEL) }
    }
}

/// A step of nothing but a call.
fn plain(call: Call) -> Step {
    Step {
        call,
        caller: CallerName::Person,
        advance: 0,
        time_passes: false,
        network: Network::Open,
        exchanges: Vec::new(),
        outcome: Outcome::Ok(Value::Null),
        journal: None,
    }
}

/// Waits for a call. Time stands still meanwhile, but for two things: a request that is never answered waits for its
/// deadline; and where the case says so, time passes until the first expected request has arrived.
async fn while_time_passes<T>(
    host: &PlayedHost,
    workspace: &ScriptedWorkspace,
    passes: bool,
    call: impl Future<Output = Result<T, Mismatch>>,
) -> Result<T, Mismatch> {
    let mut call = std::pin::pin!(call);
    let until = Instant::now() + PATIENCE;
    while Instant::now() < until {
        if let Ok(outcome) = tokio::time::timeout(TICK, &mut call).await {
            return outcome;
        }
        if workspace.leaves_unanswered() || (passes && workspace.arrived() == 0) {
            host.advance(1);
        }
    }
    Err(Mismatch::new("outcome", "an answer", format!("none in {} seconds", PATIENCE.as_secs())))
}

fn compare_outcome(expected: &Outcome, found: Result<Value, Value>, memory: &Memory) -> Result<(), Mismatch> {
    let shown = match &found {
        Ok(found) => serde_json::json!({ "ok": found }),
        Err(found) => serde_json::json!({ "error": found }),
    };
    clear_text::check_messages(&shown, &memory.secrets)?;
    let (is_kind, expected, found) = match (expected, &found) {
        (Outcome::Ok(expected), Ok(found)) => (true, expected, found),
        (Outcome::Error(expected), Err(found)) => (true, expected, found),
        (Outcome::Ok(expected) | Outcome::Error(expected), Ok(found) | Err(found)) => (false, expected, found),
    };
    let filled = memory.known.fill_json(expected).map_err(Mismatch::of_case)?;
    if is_kind && compare(&filled, found) {
        Ok(())
    } else {
        Err(Mismatch::new("outcome", filled.to_string(), shown.to_string()))
    }
}
