//! Which grants are listed to be renewed ahead: those that were used, for as long as that counts.

use super::*;

const HOUR: Duration = Duration::from_secs(3_600);
const MINUTE: Duration = Duration::from_secs(60);

/// The grants that may be renewed within a time, and in how many whole minutes.
#[track_caller]
fn due(core: &Core<&World>, horizon: Duration) -> Vec<(String, u64)> {
    let page = core.ports.run(core.renewals_due(horizon, None)).unwrap();
    assert_eq!(page.next, None);
    page.due.into_iter().map(|due| (due.grant, Duration::from_nanos(due.due_in).as_secs() / 60)).collect()
}

/// Minutes from a token's beginning until the window of [`GRANT`] opens.
fn until_window() -> u64 {
    crate::timing::until_window(HOUR, HOUR, GRANT).as_secs() / 60
}

#[test]
fn a_grant_that_was_used_is_listed_with_the_time_until_its_window() {
    let world = World::default();
    let core = furnished(&world);
    assert_eq!(due(&core, HOUR), [], "it was not used");
    ask(&core).unwrap();
    assert_eq!(due(&core, HOUR), [(GRANT.to_owned(), until_window())]);
    assert_eq!(due(&core, 30 * MINUTE), [], "its window opens later");
    world.advance(30 * MINUTE);
    assert_eq!(due(&core, 30 * MINUTE), [(GRANT.to_owned(), until_window() - 30)]);
    world.advance(16 * MINUTE);
    assert_eq!(due(&core, Duration::ZERO), [(GRANT.to_owned(), 0)]);
}

#[test]
fn a_grant_that_nobody_used_for_an_hour_is_left_alone() {
    let world = World::default();
    let core = furnished(&world);
    ask(&core).unwrap();
    world.advance(20 * MINUTE);
    // Confirmed by the store, then from memory alone.
    ask(&core).unwrap();
    world.advance(Duration::from_secs(2));
    let reads = world.reads.get();
    ask(&core).unwrap();
    assert_eq!(world.reads.get(), reads);
    world.advance(HOUR);
    assert_eq!(due(&core, HOUR), [(GRANT.to_owned(), 0)], "its token has expired meanwhile");
    world.advance(Duration::from_nanos(1));
    assert_eq!(due(&core, HOUR), []);
}

/// Whoever writes a claim, a pause or a new token makes instances forget the former one.
#[test]
fn a_use_is_not_forgotten_with_the_token() {
    let world = World::default();
    let core = furnished(&world);
    ask(&core).unwrap();
    world.advance(50 * MINUTE);
    core.invalidate(&[GRANT.to_owned()]);
    assert_eq!(due(&core, Duration::ZERO), [(GRANT.to_owned(), 0)]);
    world.advance(11 * MINUTE);
    assert_eq!(due(&core, HOUR), [], "being renewed is no use");
}

#[test]
fn a_token_that_was_served_and_could_not_be_remembered_was_used() {
    let world = World::default();
    let core = furnished(&world);
    ask_while_it_is_invalidated(&world, &core);
    assert_eq!(due(&core, HOUR).len(), 1);
}

/// Writes the grant anew with some members changed.
fn change(world: &World, members: Value) {
    let mut record: Value = serde_json::from_slice(&world.value(GRANT)).unwrap();
    record.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    world.place(GRANT, record.to_string().into_bytes());
}

#[test]
fn a_grant_that_has_ended_or_cannot_be_read_is_not_listed_and_one_that_pauses_is_when_it_may_go_on() {
    let world = World::default();
    let core = furnished(&world);
    ask(&core).unwrap();
    let pause = json!({ "remaining": 300_000, "failures": 1, "cause": { "case": "throttled" } });
    change(&world, json!({ "remaining": 600_000, "cool_down": pause }));
    assert_eq!(due(&core, MINUTE), []);
    assert_eq!(due(&core, 5 * MINUTE), [(GRANT.to_owned(), 5)]);
    change(&world, json!({ "ended": "signed-out" }));
    assert_eq!(due(&core, HOUR), []);
    world.place(GRANT, b"{".to_vec());
    assert_eq!(due(&core, HOUR), []);
    world.displace(GRANT);
    assert_eq!(due(&core, HOUR), []);
}

#[test]
fn the_list_goes_on_after_the_last_one_that_was_looked_at() {
    let world = World::default();
    let core = Core::new(&world);
    let lineage = "l";
    for number in 0..150 {
        let fabric = format!("f{number:03}");
        world.place(&format!("fabric/acme/{fabric}"), fabric_named(&fabric, "data", lineage));
        let key = format!("grant/service-principal/acme/{fabric}");
        let grant = world.run(grant_at(&core, &key, lineage, 1));
        world.place(&key, grant);
        world.run(core.access_token(&scheduler(), &fabric, Activity::ScheduledRun)).unwrap();
    }
    let first = world.run(core.renewals_due(HOUR, None)).unwrap();
    let after = first.next.as_deref().unwrap();
    assert_eq!((first.due.len(), after), (100, first.due[99].grant.as_str()));
    let second = world.run(core.renewals_due(HOUR, Some(after))).unwrap();
    assert_eq!((second.due.len(), second.next), (50, None));
    assert!(second.due[0].grant.as_str() > after);
}

#[test]
fn a_made_up_cursor_and_a_store_that_is_away_are_told() {
    let world = World::default();
    let core = furnished(&world);
    ask(&core).unwrap();
    for after in ["", "x", "fabric/acme/dev", "grant/\0"] {
        let error = world.run(core.renewals_due(HOUR, Some(after))).unwrap_err();
        assert!(matches!(&error, Error::InvalidInput(input) if input.field == "after"), "{after:?}: {error:?}");
    }
    let after = "grant/service-principal/acme/dev";
    assert_eq!(world.run(core.renewals_due(HOUR, Some(after))).unwrap().due.len(), 0, "it is after itself");
    world.away.set(true);
    let error = world.run(core.renewals_due(HOUR, None)).unwrap_err();
    assert_eq!(error.case(), "unavailable");
}
