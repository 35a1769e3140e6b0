//! What is left of grants and of sign-ins that were being completed, and how a selection is gone through.

use serde_json::{Value, json};

use super::*;
use crate::access_token::tests::ports::World;
use crate::contract::CallerKind;

const ISSUER: &str = "https://x/oidc";

fn operator() -> Caller {
    Caller {
        tenant: "acme".into(),
        kind: CallerKind::Operator,
        user: "root".into(),
        email: None,
        cluster_admin: false,
        teams: Vec::new(),
        on_behalf_of: None,
    }
}

/// Ends a selection to its last piece: how many were ended in each.
fn end(world: &World, selection: &GrantSelection) -> Vec<u32> {
    let core = Core::new(world);
    let (mut counts, mut after) = (Vec::new(), None);
    loop {
        let piece = world.run(core.end_grants(&operator(), selection.clone(), after.as_deref())).unwrap();
        counts.push(piece.ended);
        match piece.next {
            Some(next) => after = Some(next),
            None => return counts,
        }
    }
}

fn grant(writer: &str, ended: Option<&str>) -> Value {
    let mut record = json!({
        "version": 1, "workspace": "https://x", "issuer": ISSUER, "client_id": "app", "lineage": "l", "generation": 3,
        "scopes": ["sql"], "refresh_token": "sealed", "identity": "sealed", "life": 1, "remaining": 1,
        "session_remaining": 1, "writer": writer,
    });
    if let Some(ended) = ended {
        record["ended"] = ended.into();
    }
    record
}

/// A sign-in as it stands while it is being completed, or before.
fn sign_in(workspace: &str, used_up: bool) -> Vec<u8> {
    let mut record = json!({
        "version": 1, "fabric": "dev", "workspace": workspace, "issuer": ISSUER, "token_endpoint": "https://x/t",
        "issuer_required": false, "app_connection": "main", "client_id": "app", "redirect_url": "r", "scopes": [],
        "binding": "b", "lineage": "l", "code_verifier": "sealed",
    });
    if used_up {
        record["used_up"] = true.into();
    }
    record.to_string().into_bytes()
}

fn stands(world: &World, key: &str) -> Value {
    serde_json::from_slice(&world.value(key)).unwrap()
}

/// Whatever stood there when the sign-in began to be completed, it then finds something else, which has ended.
#[test]
fn a_sign_in_that_is_being_completed_finds_a_mark_that_it_has_not_seen() {
    let place = storage_key::person_grant("acme", ISSUER, "app", "alice");
    let pending = storage_key::sign_in("acme", "alice", "state");
    let alive = grant("before", None).to_string();
    let over = grant("before", Some("session-ended")).to_string();
    let signed_out = grant("before", Some("signed-out")).to_string();
    for (before, count) in [(None, 0), (Some(alive), 1), (Some(over), 1), (Some(signed_out), 0), (Some("{".into()), 1)]
    {
        let world = World::default();
        if let Some(before) = &before {
            world.place(&place, before.clone().into_bytes());
        }
        world.place(&pending, sign_in("https://x", true));
        assert_eq!(end(&world, &GrantSelection::OfUser("alice".into())).iter().sum::<u32>(), count, "{before:?}");
        assert_eq!(world.keys(), std::slice::from_ref(&place), "{before:?}");
        let mark = stands(&world, &place);
        assert_eq!((&mark["ended"], &mark["issuer"]), (&"signed-out".into(), &ISSUER.into()), "{before:?}");
        assert!(mark["writer"] != "before" && mark["writer"] != "", "{before:?}");
        for secret in ["refresh_token", "identity", "access_token"] {
            assert_eq!(mark[secret], Value::Null, "{before:?}");
        }
    }
}

#[test]
fn a_sign_in_that_is_only_pending_is_gone_and_leaves_no_mark() {
    for damaged in [false, true] {
        let world = World::default();
        let record = if damaged { b"{".to_vec() } else { sign_in("https://x", false) };
        world.place(&storage_key::sign_in("acme", "alice", "state"), record);
        assert_eq!(end(&world, &GrantSelection::All), [0, 0, 0]);
        assert!(world.keys().is_empty());
    }
}

#[test]
fn of_a_fabric_only_what_is_for_its_workspace_is_ended() {
    let world = World::default();
    let fabric = json!({
        "version": 1, "name": "dev", "kind": "spark", "workspace": "https://x", "team": "data", "scopes": [],
        "service_principal_scopes": [], "metadata_crawl_identity": "person", "lineage": "l",
    });
    world.place("fabric/acme/dev", fabric.to_string().into_bytes());
    let keys = ["alice", "bob", "carol"].map(|user| storage_key::person_grant("acme", ISSUER, "app", user));
    let elsewhere = json!({ "workspace": "https://y" });
    let mut far = grant("w", None);
    far["workspace"] = elsewhere["workspace"].clone();
    for (key, record) in keys.iter().zip([grant("w", None).to_string(), far.to_string(), "{".into()]) {
        world.place(key, record.into_bytes());
    }
    let [near_sign_in, far_sign_in] = ["near", "far"].map(|state| storage_key::sign_in("acme", "dora", state));
    world.place(&near_sign_in, sign_in("https://x", false));
    world.place(&far_sign_in, sign_in("https://y", false));
    let service_principal = storage_key::service_principal_grant("acme", "dev");
    world.place(&service_principal, grant("w", None).to_string().into_bytes());

    assert_eq!(end(&world, &GrantSelection::OfFabric("dev".into())), [0, 1, 0]);
    assert_eq!(stands(&world, &keys[0])["ended"], "signed-out");
    assert_eq!(stands(&world, &keys[1]), far);
    assert_eq!(world.value(&keys[2]), b"{", "nobody can tell for which workspace it was");
    assert_eq!(stands(&world, &service_principal), grant("w", None));
    let left = world.keys();
    assert!(!left.contains(&near_sign_in) && left.contains(&far_sign_in), "{left:?}");
}

#[test]
fn pieces_follow_each_other_and_each_grant_is_counted_and_journaled_once() {
    let world = World::default();
    for number in 0..250 {
        let key = storage_key::person_grant("acme", ISSUER, "app", &format!("user{number}"));
        world.place(&key, grant("w", None).to_string().into_bytes());
    }
    assert_eq!(end(&world, &GrantSelection::All), [0, 100, 100, 50, 0]);
    assert_eq!(end(&world, &GrantSelection::All), [0; 5]);
    let events = world.events.borrow();
    assert_eq!(events.len(), 250);
    for event in events.iter() {
        assert_eq!((event.action, event.actor.as_str()), (Action::GrantEnded, "root"));
        assert_eq!(event.workspace.as_deref(), Some("https://x"));
        assert_eq!(event.token.as_ref().map(|token| token.generation), Some(3));
    }
}

#[test]
fn a_store_that_does_not_answer_ends_nothing_and_says_so() {
    let world = World::default();
    let key = storage_key::person_grant("acme", ISSUER, "app", "alice");
    world.place(&key, grant("w", None).to_string().into_bytes());
    world.away.set(true);
    let core = Core::new(&world);
    for selection in [GrantSelection::All, GrantSelection::One(key.clone())] {
        let refused = world.run(core.end_grants(&operator(), selection, None)).unwrap_err();
        assert_eq!(refused.case(), "unavailable");
    }
    world.away.set(false);
    assert_eq!(stands(&world, &key), grant("w", None));
    assert_eq!(world.events.borrow().len(), 1, "that the one could not be ended");
}
