//! What memory may stand in for, how long a caller waits, and what the journal is told.

mod in_use;
pub(crate) mod ports;

use std::pin::pin;
use std::time::Duration;

use serde_json::{Value, json};

use self::ports::{Renewal, World};
use super::waiting::PATIENCE;
use super::*;
use crate::contract::{CallerKind, SignInReason, TeamMembership, TeamRole};
use crate::ports::Clock as _;
use crate::sealing::Binding;

const FABRIC: &str = "fabric/acme/dev";
const GRANT: &str = "grant/service-principal/acme/dev";

fn scheduler() -> Caller {
    Caller {
        tenant: "acme".into(),
        kind: CallerKind::Workload,
        user: "scheduler".into(),
        email: None,
        cluster_admin: false,
        teams: vec![TeamMembership { team: "data".into(), role: TeamRole::Member }],
        on_behalf_of: None,
    }
}

fn fabric(team: &str, lineage: &str) -> Vec<u8> {
    fabric_named("dev", team, lineage)
}

fn fabric_named(name: &str, team: &str, lineage: &str) -> Vec<u8> {
    let record = json!({
        "version": 1, "name": name, "kind": "spark", "workspace": "https://x", "team": team, "scopes": [],
        "service_principal_scopes": [], "metadata_crawl_identity": "person", "service_principal_client_id": "jobs",
        "service_principal_secret": "sealed", "lineage": lineage,
    });
    record.to_string().into_bytes()
}

/// A grant whose sealed token is `token-<generation>`.
async fn grant(core: &Core<&World>, lineage: &str, generation: u64) -> Vec<u8> {
    grant_at(core, GRANT, lineage, generation).await
}

/// The same for another fabric, by the key of its grant.
async fn grant_at(core: &Core<&World>, key: &str, lineage: &str, generation: u64) -> Vec<u8> {
    let binding = Binding { tenant: "acme", key, lineage, generation, field: crate::grants::ACCESS_TOKEN };
    let sealed = core.seal(&binding, format!("token-{generation}").as_bytes()).await.unwrap();
    let record = json!({
        "version": 1, "workspace": "https://x", "issuer": "https://x/oidc", "client_id": "jobs", "lineage": lineage,
        "generation": generation, "scopes": ["all-apis"], "access_token": sealed, "life": 3_600_000,
        "remaining": 3_600_000, "session_remaining": 0, "writer": "",
    });
    record.to_string().into_bytes()
}

/// The record without its token, as a rejection leaves it.
fn rejected(record: &[u8]) -> Vec<u8> {
    let mut record: Value = serde_json::from_slice(record).unwrap();
    record.as_object_mut().unwrap().remove("access_token");
    record.to_string().into_bytes()
}

/// A fabric with a token in its first generation.
fn furnished(world: &World) -> Core<&World> {
    let core = Core::new(world);
    world.place(FABRIC, fabric("data", "l"));
    let first = world.run(grant(&core, "l", 1));
    world.place(GRANT, first);
    core
}

fn ask(core: &Core<&World>) -> Result<String> {
    let world = core.ports;
    let served = world.run(core.access_token(&scheduler(), "dev", Activity::ScheduledRun));
    served.map(|(token, _)| token.to_string())
}

/// An answer that says that something else than the store is away.
fn peer_is_away() -> Error {
    Error::unavailable("Databricks does not answer.", None)
}

#[track_caller]
fn message_of(answer: Result<String>) -> String {
    match answer {
        Err(Error::Unavailable(retry)) => retry.message,
        other => panic!("{other:?}"),
    }
}

#[test]
fn memory_stands_in_for_a_store_that_does_not_answer_for_a_minute() {
    let world = World::default();
    let core = furnished(&world);
    ask(&core).unwrap();
    world.away.set(true);
    world.advance(Duration::from_secs(64));
    assert_eq!(ask(&core).unwrap(), "token-1");
    world.advance(Duration::from_secs(1));
    assert!(message_of(ask(&core)).contains("store"));
    world.away.set(false);
    assert_eq!(ask(&core).unwrap(), "token-1");
}

/// The store has answered: the token was rejected. That no renewal succeeds is no reason to serve it.
#[test]
fn memory_does_not_stand_in_for_a_renewal_that_failed() {
    let world = World::default();
    let core = furnished(&world);
    ask(&core).unwrap();
    world.place(GRANT, rejected(&world.value(GRANT)));
    world.advance(Duration::from_secs(6));
    world.renewals.borrow_mut().push_back(Renewal::Ends(Err(peer_is_away())));
    assert!(message_of(ask(&core)).contains("Databricks"));
    world.away.set(true);
    assert!(message_of(ask(&core)).contains("store"), "it was forgotten");
}

#[test]
fn memory_does_not_stand_in_once_the_store_has_said_otherwise_though_it_goes_away_then() {
    let world = World::default();
    let core = furnished(&world);
    ask(&core).unwrap();
    world.place(GRANT, rejected(&world.value(GRANT)));
    world.advance(Duration::from_secs(6));
    world.renewals.borrow_mut().push_back(Renewal::Hangs);
    {
        let caller = scheduler();
        let mut waiting = pin!(core.access_token(&caller, "dev", Activity::ScheduledRun));
        assert!(world.step(waiting.as_mut()).is_none(), "it waits for the renewal");
    }
    world.away.set(true);
    assert!(message_of(ask(&core)).contains("store"));
}

#[test]
fn what_the_store_no_longer_confirms_is_forgotten_at_once() {
    type Change = fn(&World);
    let changes: [(&str, Change); 4] = [
        ("the fabric is gone", |world| world.displace(FABRIC)),
        ("the caller's team lost the fabric", |world| world.place(FABRIC, fabric("finance", "l"))),
        ("the fabric has other credentials", |world| world.place(FABRIC, fabric("data", "m"))),
        ("the grant is gone", |world| world.displace(GRANT)),
    ];
    for (what, change) in changes {
        let world = World::default();
        let core = furnished(&world);
        ask(&core).unwrap();
        world.advance(Duration::from_secs(6));
        change(&world);
        world.renewals.borrow_mut().push_back(Renewal::Ends(Err(peer_is_away())));
        ask(&core).unwrap_err();
        world.away.set(true);
        assert!(message_of(ask(&core)).contains("store"), "{what}");
    }
}

#[test]
fn another_generation_replaces_what_is_in_memory_even_if_it_cannot_be_opened() {
    let world = World::default();
    let core = furnished(&world);
    ask(&core).unwrap();
    let second = world.run(grant(&core, "l", 2));
    world.place(GRANT, second);
    world.advance(Duration::from_secs(6));
    world.keys_away.set(true);
    assert!(message_of(ask(&core)).contains("key store"));
    world.keys_away.set(false);
    assert_eq!(ask(&core).unwrap(), "token-2");
}

/// Asks for a token that is invalidated between the reading of the store and its answer. It is served all the same.
fn ask_while_it_is_invalidated(world: &World, core: &Core<&World>) {
    world.held.set(true);
    let caller = scheduler();
    let mut asking = pin!(core.access_token(&caller, "dev", Activity::ScheduledRun));
    assert!(world.step(asking.as_mut()).is_none());
    core.invalidate(&[GRANT.to_owned()]);
    world.held.set(false);
    world.step(asking.as_mut()).unwrap().unwrap();
}

#[test]
fn a_token_that_is_invalidated_while_the_store_is_read_is_served_once_and_not_remembered() {
    let world = World::default();
    let core = furnished(&world);
    ask_while_it_is_invalidated(&world, &core);
    let reads = world.reads.get();
    ask(&core).unwrap();
    assert!(world.reads.get() > reads, "it was not remembered");
    let reads = world.reads.get();
    ask(&core).unwrap();
    assert_eq!(world.reads.get(), reads, "now it is");
}

#[test]
fn a_caller_waits_for_a_renewal_no_longer_than_its_patience() {
    let world = World::default();
    let core = furnished(&world);
    world.place(GRANT, rejected(&world.value(GRANT)));
    for renewals in [vec![Renewal::Hangs], vec![Renewal::Ends(Ok(())), Renewal::Ends(Ok(())), Renewal::Hangs]] {
        *world.renewals.borrow_mut() = renewals.into();
        let began = core.ports.monotonic();
        assert!(message_of(ask(&core)).contains("try again"));
        assert_eq!(core.ports.monotonic() - began, PATIENCE);
    }
}

#[test]
fn a_caller_of_renewals_that_change_nothing_gives_up_as_well() {
    let world = World::default();
    let core = furnished(&world);
    world.place(GRANT, rejected(&world.value(GRANT)));
    world.renewals.borrow_mut().extend((0..200).map(|_| Renewal::Ends(Ok(()))));
    let began = core.ports.monotonic();
    assert!(message_of(ask(&core)).contains("try again"));
    assert_eq!(core.ports.monotonic() - began, PATIENCE);
}

#[test]
fn a_usable_token_in_the_store_counts_more_than_any_error_of_the_renewal_that_was_joined() {
    for error in [peer_is_away(), Error::sign_in(SignInReason::SessionEnded)] {
        let world = World::default();
        let core = furnished(&world);
        world.place(GRANT, rejected(&world.value(GRANT)));
        let second = world.run(grant(&core, "l", 2));
        world.renewals.borrow_mut().push_back(Renewal::Puts(second, Err(error)));
        assert_eq!(ask(&core).unwrap(), "token-2");
    }
}

#[test]
fn the_error_of_the_renewal_is_told_where_the_store_has_no_usable_token() {
    let world = World::default();
    let core = furnished(&world);
    world.place(GRANT, rejected(&world.value(GRANT)));
    world.renewals.borrow_mut().push_back(Renewal::Ends(Err(peer_is_away())));
    assert!(message_of(ask(&core)).contains("Databricks"));
}

/// What the store says is newer: that a sign-in is needed would be wrong.
#[test]
fn a_renewal_that_asks_for_a_sign_in_is_not_believed_while_the_grant_in_the_store_can_be_renewed() {
    let world = World::default();
    let core = furnished(&world);
    world.place(GRANT, rejected(&world.value(GRANT)));
    let second = world.run(grant(&core, "l", 2));
    let former = Renewal::Ends(Err(Error::sign_in(SignInReason::SessionEnded)));
    world.renewals.borrow_mut().extend([former, Renewal::Puts(second, Ok(()))]);
    assert_eq!(ask(&core).unwrap(), "token-2");
}

#[test]
fn the_journal_is_told_once_of_each_token_that_a_caller_is_handed() {
    let world = World::default();
    let core = furnished(&world);
    for activity in [Activity::ScheduledRun, Activity::ScheduledRun, Activity::ProjectRelease] {
        let admin = TeamMembership { team: "data".into(), role: TeamRole::Admin };
        let caller = Caller { teams: vec![admin], on_behalf_of: Some("tina".into()), ..scheduler() };
        world.run(core.access_token(&caller, "dev", activity)).unwrap();
        core.invalidate(&[GRANT.to_owned()]);
    }
    assert_eq!(world.events.borrow().len(), 1);
    ask(&core).unwrap();
    assert_eq!(world.events.borrow().len(), 2, "another caller");
    let second = world.run(grant(&core, "l", 2));
    world.place(GRANT, second);
    core.invalidate(&[GRANT.to_owned()]);
    ask(&core).unwrap();
    let events = world.events.borrow();
    assert_eq!(events.len(), 3, "another token");
    assert!(events.iter().all(|event| event.action == Action::ServicePrincipalUsed));
}
