//! How a fabric stands for somebody: are they signed in, until when, and what will stand in the way.

use std::time::Duration;

use maud::{Markup, html};

use super::elements::{Standing, badge, in_span};
use super::local_path::{fabric_path, with_query};
use crate::contract::administration::FabricDescription;
use crate::contract::databricks_oauth::{Advisory, SignInState};
use crate::contract::{Authentication, Caller, Error, SignInReason};
use crate::fabric_auth::FabricAuth;
use crate::span::Span;

/// A fabric as it stands for one caller.
pub(super) struct FabricState {
    pub(super) fabric: FabricDescription,
    pub(super) sign_in: Result<SignInState, Error>,
    pub(super) advisories: Vec<Advisory>,
}

/// Something that somebody should do, and by when.
pub(super) struct Attention {
    /// How long until then, in nanoseconds; zero for now.
    pub(super) due_in: u64,
    pub(super) fabric: String,
    pub(super) message: String,
    /// Where it is done, and what the link says.
    pub(super) action: (String, &'static str),
}

impl FabricState {
    /// Asks the component; the store is read, and Databricks is not asked.
    pub(super) async fn of(host: &FabricAuth, caller: &Caller, fabric: FabricDescription) -> Result<Self, Error> {
        let name = &fabric.settings.name;
        let (sign_in, advisories) = tokio::join!(host.sign_in_status(caller, name), host.advisories(caller, name));
        Ok(Self { sign_in, advisories: advisories?, fabric })
    }

    /// The same for every fabric that the caller may see.
    pub(super) async fn of_all(host: &FabricAuth, caller: &Caller) -> Result<(Vec<Self>, Vec<String>), Error> {
        let all = host.all_fabrics(caller).await?;
        let mut states = Vec::new();
        for fabric in all.fabrics {
            match Self::of(host, caller, fabric).await {
                Ok(state) => states.push(state),
                // Somebody has just removed it.
                Err(Error::NotFound(_)) => {}
                Err(error) => return Err(error),
            }
        }
        Ok((states, all.unreadable))
    }

    pub(super) fn name(&self) -> &str {
        &self.fabric.settings.name
    }

    /// Whether people enter tokens of their own in place of signing in.
    pub(super) fn takes_tokens(&self) -> bool {
        self.fabric.settings.authentication == Authentication::PersonalAccessToken
    }

    /// Why the person has to do something; none when a token can be had.
    pub(super) fn required(&self) -> Option<SignInReason> {
        self.sign_in.as_ref().ok().and_then(|state| state.required)
    }

    /// How long the session lasts if it is not used, where there is one.
    pub(super) fn session_ends_in(&self) -> Option<u64> {
        self.sign_in.as_ref().ok().and_then(|state| state.session_expires_in)
    }

    /// How long the service principal's secret lives, where somebody has recorded it.
    pub(super) fn secret_ends_in(&self) -> Option<u64> {
        self.fabric.settings.service_principal_secret_expires_in
    }

    /// The sign-in in a word.
    pub(super) fn badge(&self) -> Markup {
        match &self.sign_in {
            Err(Error::AppConnectionMissing(_)) => badge(Standing::Warn, "not possible yet"),
            // Whoever administers fabrics need not be in their teams.
            Err(Error::NotFound(_) | Error::Forbidden(_)) => badge(Standing::Plain, "not in the team"),
            Err(_) => badge(Standing::Bad, "not known"),
            Ok(SignInState { required: Some(_), .. }) if self.takes_tokens() => badge(Standing::Warn, "token required"),
            Ok(SignInState { required: Some(_), .. }) => badge(Standing::Warn, "sign-in required"),
            Ok(_) if self.takes_tokens() => badge(Standing::Good, "token entered"),
            Ok(_) => badge(Standing::Good, "signed in"),
        }
    }

    /// What the person and others should do.
    pub(super) fn attention(&self) -> Vec<Attention> {
        let fabric = self.name().to_owned();
        let mut all: Vec<Attention> = self.of_the_sign_in().into_iter().collect();
        all.extend(self.advisories.iter().map(|advisory| Attention {
            due_in: advisory.ends_in.unwrap_or_default(),
            fabric: fabric.clone(),
            message: advisory.message.clone(),
            action: (fabric_path(&fabric), "Look at the fabric"),
        }));
        all
    }

    fn of_the_sign_in(&self) -> Option<Attention> {
        let state = self.sign_in.as_ref().ok()?;
        let fabric = self.name().to_owned();
        if self.takes_tokens() {
            return state.required.map(|_| Attention {
                due_in: 0,
                message: "A personal access token of yours is needed.".to_owned(),
                action: (fabric_path(&fabric), "Enter it"),
                fabric,
            });
        }
        let connect = (with_query("/connect", &[("fabric", &fabric), ("next", "/")]), "Connect to Databricks");
        if let Some(reason) = state.required {
            let message = why(reason).to_owned();
            return Some(Attention { due_in: 0, fabric, message, action: connect });
        }
        (!state.renewable).then(|| Attention {
            due_in: state.access_token_expires_in.unwrap_or_default(),
            fabric,
            message: "Databricks gave no refresh token; sign in again when the access token ends.".to_owned(),
            action: connect,
        })
    }

    /// The state of the sign-in as a list of facts.
    pub(super) fn facts(&self) -> Markup {
        let Ok(state) = &self.sign_in else { return html! {} };
        let left = |nanoseconds: u64| Span::from(Duration::from_nanos(nanoseconds)).to_string();
        html! {
            dl .facts {
                @if let Some(user) = &state.databricks_user { dt { "Databricks user" } dd { (user) } }
                @if !state.scopes.is_empty() { dt { "Scopes" } dd { code { (state.scopes.join(" ")) } } }
                @if let Some(ends) = state.access_token_expires_in {
                    dt { "Access token" } dd { "usable for " (left(ends)) @if state.renewable { "; renewed by itself" } }
                }
                @if let Some(ends) = state.session_expires_in {
                    dt { "Session" } dd { "ends " (in_span(ends)) " if it is not used (an estimate)" }
                }
            }
        }
    }
}

/// Why somebody has to sign in.
pub(super) fn why(reason: SignInReason) -> &'static str {
    match reason {
        SignInReason::NeverSignedIn => "You have not signed in to this workspace yet.",
        SignInReason::SignedOut => "You have signed out, or an administrator has ended your sign-in.",
        SignInReason::SessionEnded => "Your session at Databricks has ended.",
        SignInReason::OutcomeUnknown => "A renewal was interrupted, so your session may have ended.",
        SignInReason::NoRefreshToken => "Your access token has ended, and Databricks gave no refresh token.",
        SignInReason::ScopeNotCovered => "You are signed in, but without all scopes that this fabric asks for.",
    }
}
