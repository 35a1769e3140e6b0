//! Sign-ins that a browser has begun here: what for, where to go on, and what became of them. The component keeps what
//! matters; this is for the pages.

use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};

use crate::contract::Error;
use crate::service::records::{Record, name_of};
use crate::service::state::Service;

/// How long a sign-in may take, and then its outcome be looked at.
const KEPT_FOR: Duration = Duration::from_secs(1_200);

/// How often an outcome that somebody else is writing, too, is looked at again.
const ATTEMPTS: usize = 3;

/// How much of the digest stands in the name of a cookie: 64 bits, to tell a browser's sign-ins apart.
const SHORT: usize = 16;

/// A sign-in that was begun here.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Pending {
    /// Who began it.
    pub(super) user: String,
    /// For which fabric.
    pub(super) fabric: String,
    /// Where to go on; a path of this service.
    pub(super) next: String,
    /// Whether it goes on in the tab that asked.
    pub(super) same_tab: bool,
    /// What became of it; none as long as the browser has not come back.
    pub(super) outcome: Option<Outcome>,
}

/// What became of a sign-in.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) enum Outcome {
    /// The person is signed in, as this Databricks user.
    SignedIn { databricks_user: String },
    /// It failed; `message` and `actor` are for people.
    Failed { message: String, actor: String },
}

/// Names a sign-in: the digest of its `state`, which is not a secret any more once the browser has come back, but need not
/// stand anywhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SignInName(String);

impl SignInName {
    /// The sign-in that a `state` belongs to.
    pub(super) fn of_state(state: &str) -> Self {
        Self(name_of(state))
    }

    /// The sign-in that a query of a callback or an authorization URL is about; none without exactly one `state`.
    pub(super) fn of_query(query: &str) -> Option<Self> {
        let mut states = form_urlencoded::parse(query.as_bytes()).filter(|(name, _)| name == "state");
        match (states.next(), states.next()) {
            (Some((_, state)), None) => Some(Self::of_state(&state)),
            _ => None,
        }
    }

    /// One that was given out by [`as_str`](Self::as_str); none for any other text.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let is_one = text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'a'..=b'f'));
        is_one.then(|| Self(text.to_owned()))
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    /// For the name of a cookie.
    pub(super) fn short(&self) -> String {
        self.0.chars().take(SHORT).collect()
    }
}

impl Pending {
    /// Remembers a sign-in, by its authorization URL.
    pub(super) async fn begin(&self, service: &Service, url: &SecretString) -> Result<SignInName, Error> {
        let query = url.expose_secret().split_once('?').map_or("", |(_, query)| query);
        let name = SignInName::of_query(query)
            .ok_or_else(|| Error::Internal("The authorization URL has no state.".to_owned()))?;
        service.sign_ins.put(name.as_str(), self, None).await?;
        Ok(name)
    }

    /// The sign-in of this name, if this user has begun it, with the revision of its record.
    pub(super) async fn of(service: &Service, name: &SignInName, user: &str) -> Result<Option<(Self, u64)>, Error> {
        let record: Option<Record<Self>> = service.sign_ins.get(name.as_str()).await?;
        Ok(record.filter(|record| record.value.user == user).map(|record| (record.value, record.revision)))
    }

    /// Remembers what became of the sign-in of this name and user. That it succeeded replaces anything else; that it failed
    /// replaces nothing, for a browser that comes back twice fails the second time.
    pub(super) async fn end(service: &Service, name: &SignInName, user: &str, outcome: Outcome) -> Result<Self, Error> {
        for _ in 0..ATTEMPTS {
            let pending = Self::of(service, name, user).await?;
            let (pending, revision) = pending.ok_or_else(|| Error::NotFound("There is no such sign-in.".to_owned()))?;
            if pending.outcome.is_some() && matches!(outcome, Outcome::Failed { .. }) {
                return Ok(pending);
            }
            let ended = Self { outcome: Some(outcome.clone()), ..pending };
            if service.sign_ins.put(name.as_str(), &ended, Some(revision)).await? {
                return Ok(ended);
            }
        }
        Err(Error::Conflict("The sign-in keeps being changed.".to_owned()))
    }

    /// Whether it has succeeded.
    pub(super) fn has_succeeded(&self) -> bool {
        matches!(self.outcome, Some(Outcome::SignedIn { .. }))
    }
}

/// Forgets sign-ins whose time is over.
pub(super) async fn clear_out(service: &Service) -> Result<(), Error> {
    let all: Vec<(String, Record<Pending>)> = service.sign_ins.all().await?;
    for (name, record) in all.iter().filter(|(_, record)| record.age >= KEPT_FOR) {
        service.sign_ins.delete(name, record.revision).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sign_in_is_found_by_its_one_state() {
        let name = SignInName::of_state("a b");
        assert_eq!(SignInName::of_query("code=1&state=a+b"), Some(name.clone()));
        assert_eq!(SignInName::of_query("state=a%20b&iss=x"), Some(name.clone()));
        for query in ["", "code=1", "state=a&state=a", "State=a"] {
            assert_eq!(SignInName::of_query(query), None, "{query}");
        }
        assert_eq!(SignInName::parse(name.as_str()), Some(name));
    }

    #[test]
    fn a_name_is_64_hexadecimal_digits_and_nothing_else() {
        for text in ["", "abc", &"A".repeat(64), &"../".repeat(22), &"a".repeat(65)] {
            assert_eq!(SignInName::parse(text), None, "{text}");
        }
    }
}
