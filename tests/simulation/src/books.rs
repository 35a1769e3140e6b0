//! What Databricks knows: sessions, which refresh token of each is live, access tokens, codes, client secrets.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::Duration;

use fabric_auth_guest::pkce;
use fabric_auth_guest::secret::CodeVerifier;

use crate::clock::Instant;
use crate::rng::Rng;
use crate::settings::{Rotation, Settings};

pub(crate) const CLIENT_ID: &str = "app-1";

/// Stands in every secret, so that one that is stored in clear is found.
pub(crate) const CANARY: &str = "CANARY";

/// A person's session.
pub(crate) struct Session {
    pub(crate) user: String,
    /// The refresh token that gives tokens.
    pub(crate) live: String,
    pub(crate) ended: Option<SessionEnd>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SessionEnd {
    /// By Databricks' own decision.
    Decided,
    /// Because a spent refresh token was shown.
    Reuse,
}

pub(crate) struct RefreshToken {
    pub(crate) session: usize,
    pub(crate) spent: bool,
}

#[derive(Clone)]
pub(crate) struct AccessToken {
    pub(crate) user: String,
    pub(crate) expires: Instant,
    pub(crate) life: Duration,
    pub(crate) revoked: bool,
}

struct Code {
    user: String,
    challenge: String,
    issued: Instant,
}

/// What a success gives.
#[derive(Clone)]
pub(crate) struct Issue {
    pub(crate) access_token: String,
    /// As the reply says it; none when the reply leaves it out.
    pub(crate) refresh_token: Option<String>,
    pub(crate) session: usize,
}

/// Why nothing is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    InvalidClient,
    DeadRefreshToken,
    Code,
}

#[derive(Default)]
pub(crate) struct Books {
    pub(crate) sessions: RefCell<Vec<Session>>,
    pub(crate) refresh_tokens: RefCell<BTreeMap<String, RefreshToken>>,
    pub(crate) access_tokens: RefCell<BTreeMap<String, AccessToken>>,
    codes: RefCell<BTreeMap<String, Code>>,
    /// The client secrets that are taken.
    pub(crate) client_secrets: RefCell<Vec<String>>,
}

impl Books {
    /// A new secret text.
    pub(crate) fn secret(rng: &Rng, prefix: &str) -> String {
        format!("{prefix}{CANARY}{:016x}{:016x}", rng.next(), rng.next())
    }

    /// A person agrees in the browser: a code.
    pub(crate) fn authorize(&self, rng: &Rng, user: &str, challenge: &str, now: Instant) -> String {
        let code = Self::secret(rng, "dcod");
        let entry = Code { user: user.to_owned(), challenge: challenge.to_owned(), issued: now };
        self.codes.borrow_mut().insert(code.clone(), entry);
        code
    }

    fn check_client(&self, form: &BTreeMap<String, String>) -> Result<(), Refusal> {
        let known = form.get("client_id").is_some_and(|id| id == CLIENT_ID);
        let secret = form.get("client_secret").is_some_and(|secret| self.client_secrets.borrow().contains(secret));
        if known && secret { Ok(()) } else { Err(Refusal::InvalidClient) }
    }

    /// The grant `authorization_code`.
    pub(crate) fn exchange_code(
        &self,
        form: &BTreeMap<String, String>,
        settings: &Settings,
        rng: &Rng,
        now: Instant,
    ) -> Result<Issue, Refusal> {
        self.check_client(form)?;
        let code = form.get("code").and_then(|code| self.codes.borrow_mut().remove(code)).ok_or(Refusal::Code)?;
        let verifier = CodeVerifier::from(form.get("code_verifier").cloned().unwrap_or_default());
        if pkce::code_challenge(&verifier) != code.challenge || now > code.issued + Duration::from_secs(300) {
            return Err(Refusal::Code);
        }
        let live = Self::secret(rng, "doau");
        let session = self.sessions.borrow().len();
        self.sessions.borrow_mut().push(Session { user: code.user, live: live.clone(), ended: None });
        self.refresh_tokens.borrow_mut().insert(live.clone(), RefreshToken { session, spent: false });
        Ok(Issue { refresh_token: Some(live), ..self.issue(session, settings, rng, now) })
    }

    /// The grant `refresh_token`.
    pub(crate) fn refresh(
        &self,
        form: &BTreeMap<String, String>,
        settings: &Settings,
        rng: &Rng,
        now: Instant,
    ) -> Result<Issue, Refusal> {
        self.check_client(form)?;
        let shown = form.get("refresh_token").ok_or(Refusal::DeadRefreshToken)?;
        let (session, spent) = {
            let tokens = self.refresh_tokens.borrow();
            let token = tokens.get(shown).ok_or(Refusal::DeadRefreshToken)?;
            (token.session, token.spent)
        };
        if self.sessions.borrow()[session].ended.is_some() {
            return Err(Refusal::DeadRefreshToken);
        }
        if spent {
            if settings.rotation == (Rotation::SingleUse { reuse_ends_session: true }) {
                self.sessions.borrow_mut()[session].ended = Some(SessionEnd::Reuse);
            }
            return Err(Refusal::DeadRefreshToken);
        }
        let issue = self.issue(session, settings, rng, now);
        match settings.rotation {
            Rotation::Reusable { repeats } => Ok(Issue { refresh_token: repeats.then(|| shown.clone()), ..issue }),
            Rotation::SingleUse { .. } => {
                let next = Self::secret(rng, "doau");
                let mut tokens = self.refresh_tokens.borrow_mut();
                if let Some(token) = tokens.get_mut(shown) {
                    token.spent = true;
                }
                tokens.insert(next.clone(), RefreshToken { session, spent: false });
                self.sessions.borrow_mut()[session].live = next.clone();
                Ok(Issue { refresh_token: Some(next), ..issue })
            }
        }
    }

    fn issue(&self, session: usize, settings: &Settings, rng: &Rng, now: Instant) -> Issue {
        let text = Self::secret(rng, "eyJ");
        let user = self.sessions.borrow()[session].user.clone();
        let life = settings.life;
        let token = AccessToken { user, expires: now + life, life, revoked: false };
        self.access_tokens.borrow_mut().insert(text.clone(), token);
        Issue { access_token: text, refresh_token: None, session }
    }

    /// Ends the newest session of a person.
    pub(crate) fn end_session(&self, user: &str) -> bool {
        let mut sessions = self.sessions.borrow_mut();
        let Some(session) = sessions.iter_mut().rev().find(|session| session.user == user) else { return false };
        let lived = session.ended.is_none();
        session.ended = session.ended.or(Some(SessionEnd::Decided));
        lived
    }

    /// Stops taking an access token.
    pub(crate) fn revoke_access_token(&self, text: &str) {
        if let Some(token) = self.access_tokens.borrow_mut().get_mut(text) {
            token.revoked = true;
        }
    }

    /// Whose an access token is, if it is taken.
    pub(crate) fn bearer(&self, text: &str, now: Instant) -> Option<String> {
        let tokens = self.access_tokens.borrow();
        tokens.get(text).filter(|token| !token.revoked && now < token.expires).map(|token| token.user.clone())
    }

    /// Whether a refresh token is the live one of a session that has not ended.
    pub(crate) fn is_live(&self, refresh_token: &str) -> bool {
        let tokens = self.refresh_tokens.borrow();
        let sessions = self.sessions.borrow();
        tokens.get(refresh_token).is_some_and(|token| {
            !token.spent && sessions[token.session].ended.is_none() && sessions[token.session].live == refresh_token
        })
    }
}
