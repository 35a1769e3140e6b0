//! What is told of an end that comes, when, and how often.

use serde_json::{Value, json};

use super::*;
use crate::access_token::tests::ports::World;
use crate::contract::journal::Event;
use crate::storage_key::{app_connection, fabric, person_grant};

const TENANT: &str = "acme";
const ISSUER: &str = "https://dbc-1.cloud.databricks.com/oidc";
const HOUR: Duration = Duration::from_secs(3_600);

fn milliseconds(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap()
}

/// A fabric with a service principal whose secret lives so much longer.
fn place_fabric(world: &World, name: &str, remaining: Option<Duration>) {
    let mut record = json!({
        "version": 1, "name": name, "kind": "spark", "workspace": "https://dbc-1.cloud.databricks.com", "team": "data",
        "scopes": [], "service_principal_scopes": [], "metadata_crawl_identity": "person",
        "service_principal_client_id": "jobs", "service_principal_secret": "sealed", "lineage": "l",
    });
    if let Some(remaining) = remaining {
        record["service_principal_secret_remaining"] = milliseconds(remaining).into();
    }
    world.place(&fabric(TENANT, name), record.to_string().into_bytes());
}

fn place_app(world: &World, lifetime: Option<Duration>) {
    let record = json!({
        "version": 1, "name": "main", "client_id": "client", "scopes": [], "lineage": "a", "refresh_token_policy": "unknown",
        "refresh_token_lifetime_seconds": lifetime.map(|lifetime| lifetime.as_secs()),
    });
    world.place(&app_connection(TENANT, "main"), record.to_string().into_bytes());
}

/// A grant of alice's whose session lasts so much longer; with what else is said of it.
fn place_grant(world: &World, session: Duration, more: Value) -> String {
    let key = person_grant(TENANT, ISSUER, "client", "alice");
    let mut record = json!({
        "version": 1, "workspace": "https://dbc-1.cloud.databricks.com", "issuer": ISSUER, "client_id": "client",
        "app_connection": "main", "lineage": "s", "generation": 3, "scopes": [], "refresh_token": "sealed",
        "life": 3_600_000, "remaining": 0, "session_remaining": milliseconds(session), "writer": "",
    });
    record.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    world.place(&key, record.to_string().into_bytes());
    key
}

/// Looks at everything once; the events that were told.
fn look(core: &Core<&World>) -> Vec<Event> {
    core.ports.events.borrow_mut().clear();
    let mut after = None;
    loop {
        match core.ports.run(core.forecast(after.as_deref())).unwrap().next {
            Some(next) => after = Some(next),
            None => return core.ports.events.borrow().clone(),
        }
    }
}

fn stored(world: &World, name: &str) -> Stored<FabricRecord> {
    let core = Core::new(world);
    world.run(core.fabric_of(TENANT, name)).ok().flatten().unwrap()
}

/// PB-166: once in advance, and once when it has come.
#[test]
fn the_end_of_a_secret_is_told_thirty_days_before_and_when_it_has_come_and_each_once() {
    let world = World::default();
    let core = Core::new(&world);
    place_fabric(&world, "dev", Some(40 * DAY));
    place_fabric(&world, "unrecorded", None);
    assert!(look(&core).is_empty(), "there are 40 days left");
    world.advance(10 * DAY);
    let [event] = <[Event; 1]>::try_from(look(&core)).unwrap();
    assert_eq!((event.action, event.actor.as_str()), (Action::ServicePrincipalSecretEnding, "host"));
    assert_eq!((event.fabric.as_deref(), event.databricks_user.as_deref()), (Some("dev"), Some("jobs")));
    assert!(matches!(event.outcome, Outcome::Succeeded));
    world.advance(29 * DAY);
    assert!(look(&core).is_empty(), "it was told before");
    world.advance(2 * DAY);
    let [event] = <[Event; 1]>::try_from(look(&core)).unwrap();
    assert!(matches!(event.outcome, Outcome::Failed(case) if case == "service-principal-rejected"));
    assert!(look(&core).is_empty());
    assert_eq!(look(&Core::new(&world)).len(), 1, "another instance has not told it yet");
}

#[test]
fn a_session_that_nobody_uses_is_told_once_for_each_token_it_ends_with() {
    let world = World::default();
    let core = Core::new(&world);
    place_app(&world, None);
    place_grant(&world, 7 * DAY, json!({}));
    assert!(look(&core).is_empty());
    world.advance(5 * DAY + 7 * HOUR);
    let [event] = <[Event; 1]>::try_from(look(&core)).unwrap();
    assert_eq!((event.action, event.token.unwrap().generation), (Action::SessionEnding, 3));
    assert!(look(&core).is_empty(), "it was told before");
    place_grant(&world, DAY, json!({ "generation": 4 }));
    assert_eq!(look(&core).len(), 1, "it was used meanwhile");
}

#[test]
fn no_session_is_told_that_has_ended_cannot_be_renewed_or_has_lost_its_app_connection() {
    let world = World::default();
    let core = Core::new(&world);
    place_grant(&world, HOUR, json!({}));
    assert!(look(&core).is_empty(), "there is no app connection");
    place_app(&world, None);
    for more in [json!({ "ended": "signed-out" }), json!({ "refresh_token": null }), json!({ "client_id": "former" })] {
        place_grant(&world, HOUR, more.clone());
        assert!(look(&core).is_empty(), "{more}");
    }
    place_grant(&world, HOUR, json!({}));
    assert_eq!(look(&core).len(), 1);
}

#[test]
fn a_record_that_cannot_be_read_keeps_no_other_from_being_told() {
    let world = World::default();
    let core = Core::new(&world);
    world.place(&fabric(TENANT, "broken"), b"{".to_vec());
    world.place(&fabric(TENANT, "moved"), {
        place_fabric(&world, "other", Some(DAY));
        world.value(&fabric(TENANT, "other"))
    });
    world.place("grant/person/acme/x", b"null".to_vec());
    assert_eq!(look(&core).len(), 1, "the one that stands under its own name");
}

#[test]
fn a_cursor_that_was_never_given_is_refused() {
    let world = World::default();
    for after in ["fabric", "grant/service-principal/acme/dev", "fabric/acme/\u{e4}"] {
        let refused = world.run(Core::new(&world).forecast(Some(after)));
        assert!(matches!(refused, Err(Error::InvalidInput(input)) if input.field == "after"), "{after}");
    }
}

/// A record of the version before has no end recorded.
#[test]
fn a_rewrite_counts_the_recorded_end_down_and_invents_none() {
    let world = World::default();
    place_fabric(&world, "dev", Some(10 * DAY));
    place_fabric(&world, "old", None);
    world.advance(3 * DAY);
    let dev = stored(&world, "dev");
    assert_eq!(dev.secret_remaining(), Some(7 * DAY));
    assert_eq!(dev.counted_down(DAY).service_principal_secret_remaining, Some(6 * DAY));
    assert_eq!(dev.counted_down(30 * DAY).service_principal_secret_remaining, Some(Duration::ZERO));
    let old = stored(&world, "old");
    assert_eq!((old.secret_remaining(), old.counted_down(DAY).service_principal_secret_remaining), (None, None));
    assert!(!serde_json::to_string(&old.record).unwrap().contains("secret_remaining"), "as the version before has it");
}

/// PB-129, PB-160: by the lifetime that is recorded, else by Databricks' default.
#[test]
fn a_session_ends_soon_in_its_last_two_days_or_its_last_quarter() {
    let world = World::default();
    let core = Core::new(&world);
    for (lifetime, left, is_soon) in [
        (None, 42 * HOUR, true),
        (None, 43 * HOUR, false),
        (Some(90 * DAY), 48 * HOUR, true),
        (Some(90 * DAY), 49 * HOUR, false),
        (Some(DAY), 6 * HOUR, true),
        (Some(DAY), 7 * HOUR, false),
        (None, Duration::ZERO, true),
    ] {
        place_app(&world, lifetime);
        let key = place_grant(&world, left, json!({}));
        let app = world.run(core.app_connection(&core.deployment().unwrap(), TENANT, Some("main")));
        let grant = world.run(core.read::<GrantRecord>(&key)).ok().flatten().unwrap();
        let ending = session_ending(&grant, &app.ok().unwrap());
        assert_eq!(ending, is_soon.then_some(left), "{lifetime:?}, {left:?}");
    }
}

#[test]
fn a_span_is_said_in_its_largest_unit() {
    for (seconds, words) in [
        (0, "less than a minute"),
        (59, "less than a minute"),
        (60, "1 minute"),
        (7_199, "1 hour"),
        (7_200, "2 hours"),
        (86_399, "23 hours"),
        (86_400, "1 day"),
        (30 * 86_400, "30 days"),
    ] {
        assert_eq!(in_words(Duration::from_secs(seconds)), words);
    }
}
