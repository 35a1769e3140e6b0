//! Making the call of a step, and what came of it as JSON.

use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;

use super::case::{Call, Step};
use super::comparison::Mismatch;
use super::known_values::KnownValues;
use super::played_host::{FABRIC, PlayedHost};
use super::shown;
use crate::contract::databricks_oauth::{FabricSelection, Rejection};
use crate::contract::{Error, TokenReference};

/// What one step leaves to the next.
pub(super) struct Memory {
    /// Values by name; calls add those that come up.
    pub(super) known: KnownValues,
    /// What must never stand in clear: the list of `standard.json`, and what came up.
    pub(super) secrets: Vec<String>,
    /// The token that was handed out last.
    last_token: Option<TokenReference>,
    /// The lineages that were seen; cases call them 1, 2, …
    lineages: Vec<String>,
}

impl Memory {
    pub(super) fn new(known: KnownValues, secrets: Vec<String>) -> Self {
        Self { known, secrets, last_token: None, lineages: Vec::new() }
    }

    /// Makes the call of a step. The outer error is for a case that cannot be played.
    pub(super) async fn make(&mut self, host: &PlayedHost, step: &Step) -> Result<Result<Value, Value>, Mismatch> {
        let caller = host.caller(step.caller, &self.known)?;
        let host = &host.host;
        let outcome = match &step.call {
            Call::BeginSignIn { redirect_url } => {
                let redirect_url = redirect_url.as_deref().map(|url| self.fill(url)).transpose()?;
                let begun = host.begin_sign_in(&caller, FABRIC, redirect_url.as_deref()).await;
                begun.map(|(url, binding, pending)| {
                    self.remember_sign_in(url.expose_secret(), &binding);
                    shown::pending_sign_in(url.expose_secret(), &pending)
                })
            }
            Call::CompleteSignIn { query, binding } => {
                let query = self.fill(query)?.into();
                let binding = self.fill(binding.as_deref().unwrap_or("${binding}"))?.into();
                let completed = host.complete_sign_in(&caller, &query, &binding).await;
                completed.map(|completed| shown::completed_sign_in(&completed))
            }
            Call::AccessToken { activity } => {
                let served = host.access_token(&caller, FABRIC, *activity).await;
                served.map(|(token, description)| {
                    let lineage = self.remember_token(&description.reference);
                    shown::token(token.expose_secret(), &description, &lineage)
                })
            }
            Call::ReportRejection { activity, status, body, location } => {
                let token = self.last_token.clone().ok_or_else(|| Mismatch::of_case("no token was handed out yet"))?;
                let body = body.bytes(|value| self.known.fill_json(value)).map_err(Mismatch::of_case)?;
                let location = location.as_deref().map(|location| self.fill(location)).transpose()?;
                let rejection = Rejection { status: *status, body, location };
                let verdict = host.report_rejection(&caller, FABRIC, *activity, &token, rejection).await;
                verdict.map(shown::verdict)
            }
            Call::TestConnection { identity, step } => {
                let stored = FabricSelection::Stored(FABRIC.to_owned());
                let result = host.test_connection(&caller, stored, None, *identity, Some(*step)).await;
                result.map(|result| shown::test_result(&result))
            }
            Call::SignInStatus {} => {
                let state = host.sign_in_status(&caller, FABRIC).await;
                state.map(|state| shown::sign_in_state(&state))
            }
            Call::SignOut {} => {
                let completed = host.sign_out(&caller, FABRIC).await;
                completed.map(|completed| shown::completed_sign_out(&completed))
            }
        };
        Ok(outcome.map_err(|error: Error| shown::error(&error)))
    }

    fn fill(&self, text: &str) -> Result<String, Mismatch> {
        self.known.fill(text).map_err(Mismatch::of_case)
    }

    /// Makes what came up in a sign-in known to what follows: `${state}`, `${binding}`, `${code_challenge}`.
    fn remember_sign_in(&mut self, authorization_url: &str, binding: &SecretString) {
        let (_, query) = authorization_url.split_once('?').unwrap_or_default();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            if name == "state" || name == "code_challenge" {
                self.known.set(&name, &*value);
            }
            if name == "state" {
                self.secrets.push(value.into_owned());
            }
        }
        self.known.set("binding", binding.expose_secret());
        self.secrets.push(binding.expose_secret().to_owned());
    }

    /// Remembers the token, and gives the name of its lineage.
    fn remember_token(&mut self, reference: &TokenReference) -> String {
        self.last_token = Some(reference.clone());
        let known = self.lineages.iter().position(|lineage| *lineage == reference.lineage);
        let index = known.unwrap_or_else(|| {
            self.lineages.push(reference.lineage.clone());
            self.lineages.len() - 1
        });
        (index + 1).to_string()
    }
}
