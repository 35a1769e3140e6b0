//! Records as they land: generations grow, lineages never come back, sign-outs are not undone, nothing stands in clear,
//! and nobody is asked to sign in without a cause.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::bounds;
use fabric_auth_guest::grants::{ACCESS_TOKEN, REFRESH_TOKEN};
use fabric_auth_guest::record::{Ended, GrantRecord};
use fabric_auth_guest::sealing::Binding;

use super::Monitor;
use super::exchange::short;
use crate::actors::TENANT;
use crate::books::CANARY;
use crate::clock::Instant;
use crate::ports::SimulatedPorts;
use crate::world::World;

/// A claim may be taken over after 55 seconds without a sign of life, of which its owner may spend some at work.
const LONG_STANDSTILL: Duration = Duration::from_secs(20);

/// A grant's record as it stands.
#[derive(Clone)]
pub(crate) struct Grant {
    pub(crate) lineage: String,
    pub(crate) generation: u64,
    pub(crate) ended: Option<Ended>,
    pub(crate) access_token: Option<String>,
    pub(crate) refresh_token: Option<String>,
    /// How many times a sign-out has landed.
    pub(crate) sign_outs: u32,
    seen: Vec<String>,
}

/// What has become of an access token.
pub(crate) struct Standing {
    pub(crate) lineage: String,
    /// When its rejection was stored.
    pub(crate) rejected: Option<Instant>,
}

/// A claim, and whose.
pub(crate) struct Claimed {
    renewal: Option<u64>,
    host: usize,
    lineage: String,
    generation: u64,
    /// How long its host had stood still in all when it landed.
    frozen_before: Duration,
}

impl Monitor {
    /// Notes whether the host of a renewal stood still under one of its claims for so long that another may have taken
    /// it over. Such a renewal finds that out, and sends nothing.
    pub(super) fn note_standstill(&self, world: &World, renewal: u64) {
        let claims = self.claims.borrow();
        let stood_still = claims.values().filter(|claim| claim.renewal == Some(renewal)).any(|claim| {
            let frozen = world.hosts[claim.host].frozen_for(world.now());
            frozen.saturating_sub(claim.frozen_before) >= LONG_STANDSTILL
        });
        if stood_still {
            self.overtaken.borrow_mut().insert(renewal);
        }
    }

    /// A write has just happened.
    pub(crate) fn landed(&self, world: &World, ports: &SimulatedPorts, key: &str, value: Option<&[u8]>) {
        let Some(value) = value else { return };
        if contains(value, CANARY.as_bytes()) || contains(key.as_bytes(), CANARY.as_bytes()) {
            self.broken(world, "no secret in clear", format!("{key} holds a secret in clear"));
        }
        if !key.starts_with("grant/person/") {
            return;
        }
        match serde_json::from_slice::<GrantRecord>(value) {
            Ok(record) => self.grant_landed(world, ports, key, &record),
            Err(error) => self.broken(world, "records are whole", format!("{key}: {error}")),
        }
    }

    fn grant_landed(&self, world: &World, ports: &SimulatedPorts, key: &str, record: &GrantRecord) {
        let before = self.grants.borrow().get(key).cloned();
        let mut seen = before.as_ref().map(|grant| grant.seen.clone()).unwrap_or_default();
        let is_new_lineage = !seen.contains(&record.lineage);
        if is_new_lineage {
            seen.push(record.lineage.clone());
        }
        let open = |field, sealed: &Option<String>| {
            sealed.as_deref().map(|sealed| self.open(world, key, record, field, sealed))
        };
        let grant = Grant {
            lineage: record.lineage.clone(),
            generation: record.generation,
            ended: record.ended,
            access_token: open(ACCESS_TOKEN, &record.access_token),
            refresh_token: open(REFRESH_TOKEN, &record.refresh_token),
            sign_outs: before.as_ref().map_or(0, |grant| grant.sign_outs)
                + u32::from(record.ended == Some(Ended::SignedOut)),
            seen,
        };
        world.trace.note(world.now(), Some(ports.host), || {
            let claim = record.claim.as_ref().map(|claim| short(&claim.id).to_owned());
            format!(
                "stands: lineage {} generation {} left {:?} ended {:?} claim {claim:?} pause {:?} access {:?} refresh {:?}",
                short(&record.lineage),
                record.generation,
                record.remaining,
                record.ended,
                record.cool_down.as_ref().map(|pause| pause.remaining),
                grant.access_token.as_deref().map(short),
                grant.refresh_token.as_deref().map(short),
            )
        });
        if let Some(claim) = &record.claim {
            let claimed = Claimed {
                renewal: ports.renewal,
                host: ports.host,
                lineage: record.lineage.clone(),
                generation: record.generation,
                frozen_before: world.hosts[ports.host].frozen_for(world.now()),
            };
            self.claims.borrow_mut().entry(claim.id.clone()).or_insert(claimed);
        }
        if let Some(before) = &before {
            self.check_succession(world, before, &grant, is_new_lineage);
            self.check_cause(world, before, &grant);
            self.retire(world, before, &grant);
        }
        self.note_stored(world, &grant);
        self.grants.borrow_mut().insert(key.to_owned(), grant);
    }

    fn open(&self, world: &World, key: &str, record: &GrantRecord, field: &str, sealed: &str) -> String {
        if let Some(opened) = self.opened.borrow().get(sealed) {
            return opened.clone();
        }
        let binding = Binding { tenant: TENANT, key, lineage: &record.lineage, generation: record.generation, field };
        let opened = world.keys.open(&binding, sealed).unwrap_or_else(|| {
            self.broken(world, "records are whole", format!("{field} of {key} does not open in its place"));
            String::new()
        });
        self.opened.borrow_mut().insert(sealed.to_owned(), opened.clone());
        opened
    }

    /// What may follow what.
    fn check_succession(&self, world: &World, before: &Grant, now: &Grant, is_new_lineage: bool) {
        let broken = |what: String| self.broken(world, "records follow each other", what);
        if before.lineage != now.lineage {
            if !is_new_lineage {
                broken(format!("lineage {} came back", short(&now.lineage)));
            }
            return;
        }
        if now.generation < before.generation {
            broken(format!("generation {} after {}", now.generation, before.generation));
        }
        if before.ended == Some(Ended::SignedOut) && now.ended != Some(Ended::SignedOut) {
            broken("a sign-out was undone".to_owned());
        }
        if now.generation == before.generation {
            for (before, now) in
                [(&before.access_token, &now.access_token), (&before.refresh_token, &now.refresh_token)]
            {
                if now.is_some() && now != before {
                    broken("a token changed and its generation did not".to_owned());
                }
            }
        } else if now.generation != before.generation + 1 {
            broken(format!("generation {} after {}", now.generation, before.generation));
        }
    }

    /// A person is asked to sign in only for a cause.
    fn check_cause(&self, world: &World, before: &Grant, now: &Grant) {
        if before.ended.is_some() || before.lineage != now.lineage {
            return;
        }
        let Some(refresh_token) = &before.refresh_token else { return };
        let broken = |what: String| self.broken(world, "nobody signs in needlessly", what);
        if !matches!(now.ended, Some(Ended::SessionEnded | Ended::OutcomeUnknown)) {
            return;
        }
        if world.books.is_live(refresh_token) {
            let causes = self.interrupted_claims(world, before);
            if now.ended == Some(Ended::SessionEnded) {
                broken("a grant was ended whose session lives".to_owned());
            } else if causes < bounds::MOST_UNRESOLVED {
                broken(format!(
                    "a grant was given up after {causes} interrupted renewals, and its refresh token lives"
                ));
            }
            return;
        }
        let session = world.books.refresh_tokens.borrow().get(refresh_token).map(|token| token.session);
        let decided = session.is_some_and(|session| world.books.sessions.borrow()[session].ended.is_some());
        if !decided && !session.is_some_and(|session| self.lost_something(session)) {
            broken("a session ended, though nothing that Databricks gave was lost".to_owned());
        }
    }

    /// How many renewals of this generation were interrupted, or ended with nobody knowing their outcome.
    fn interrupted_claims(&self, world: &World, grant: &Grant) -> u32 {
        let claims = self.claims.borrow();
        let of_this =
            claims.values().filter(|claim| claim.lineage == grant.lineage && claim.generation == grant.generation);
        let interrupted = self.interrupted.borrow();
        let overtaken = self.overtaken.borrow();
        let causes = of_this.filter(|claim| {
            let frozen = world.hosts[claim.host].frozen_until.get() + Duration::from_secs(20) > world.now();
            let unresolved = |renewal| {
                interrupted.contains(&renewal) || overtaken.contains(&renewal) || self.unresolved_requests(renewal)
            };
            frozen || claim.renewal.is_some_and(unresolved)
        });
        // A renewal that claims a second time has been interrupted once at most.
        let renewals: BTreeSet<Option<u64>> = causes.map(|claim| claim.renewal).collect();
        u32::try_from(renewals.len()).unwrap_or(u32::MAX)
    }

    /// Tokens that may not be served any more.
    fn retire(&self, world: &World, before: &Grant, now: &Grant) {
        let gone = before.lineage != now.lineage || now.ended == Some(Ended::SignedOut);
        if gone {
            self.retired_lineages.borrow_mut().entry(before.lineage.clone()).or_insert(world.now());
        } else if now.access_token.is_none()
            && let Some(token) = &before.access_token
            && let Some(standing) = self.standings.borrow_mut().get_mut(token)
        {
            standing.rejected.get_or_insert(world.now());
        }
    }

    fn note_stored(&self, world: &World, grant: &Grant) {
        let tokens = world.books.refresh_tokens.borrow();
        if let Some(token) = grant.refresh_token.as_ref().and_then(|token| tokens.get(token)) {
            self.lineages.borrow_mut().insert(token.session, grant.lineage.clone());
        }
        if let Some(token) = &grant.access_token {
            let standing = || Standing { lineage: grant.lineage.clone(), rejected: None };
            self.standings.borrow_mut().entry(token.clone()).or_insert_with(standing);
        }
    }

    /// A person's record as it stands.
    pub(crate) fn grant(&self, key: &str) -> Option<Grant> {
        self.grants.borrow().get(key).cloned()
    }

    /// Whether tokens of a session would still be welcome: nobody has signed out or in since, and nothing newer is there.
    pub(crate) fn is_current(&self, session: usize, generation: Option<u64>) -> bool {
        let lineages = self.lineages.borrow();
        let Some(lineage) = lineages.get(&session) else { return false };
        self.grants.borrow().values().any(|grant| {
            grant.lineage == *lineage && grant.ended != Some(Ended::SignedOut) && Some(grant.generation) == generation
        })
    }

    /// The generation of a session's record.
    pub(crate) fn generation(&self, world: &World, session: usize) -> Option<u64> {
        let tokens = world.books.refresh_tokens.borrow();
        let grants = self.grants.borrow();
        let of_session = |grant: &&Grant| {
            grant
                .refresh_token
                .as_ref()
                .and_then(|token| tokens.get(token))
                .is_some_and(|token| token.session == session)
        };
        grants.values().find(of_session).map(|grant| grant.generation)
    }

    /// How long the access token that a session's record holds may still be used, if noticeably.
    pub(crate) fn still_usable(&self, world: &World, session: usize) -> Option<Duration> {
        let access_tokens = world.books.access_tokens.borrow();
        let tokens = world.books.refresh_tokens.borrow();
        let grants = self.grants.borrow();
        let grant = grants.values().find(|grant| {
            let refresh_token = grant.refresh_token.as_ref().and_then(|token| tokens.get(token));
            refresh_token.is_some_and(|token| token.session == session)
        })?;
        let token = grant.access_token.as_ref()?;
        let life = world.settings.believed_life();
        let issued = access_tokens.get(token).map(|token| token.expires.saturating_sub(token.life))?;
        let end = (issued + life).saturating_sub(crate::invariants::serving::margin(life));
        // The core counts from before its request and by the store's clock, so it may take it to end earlier.
        let jumped = world.store.jumped_forward_since(issued);
        let early = Duration::from_secs(40) + jumped + life.mul_f64(0.01);
        let left = end.saturating_sub(world.now()).saturating_sub(early);
        (!left.is_zero()).then_some(left)
    }
}

fn contains(text: &[u8], wanted: &[u8]) -> bool {
    text.windows(wanted.len()).any(|window| window == wanted)
}
