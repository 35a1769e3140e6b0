//! Who is let through, and what the others are told.

use super::*;
use crate::access_token::tests::ports::World;

fn problem(answer: &Answer) -> serde_json::Value {
    serde_json::from_str(&answer.body).unwrap()
}

#[test]
fn a_request_without_exactly_one_known_ticket_is_nobodys() {
    let world = World::default();
    let core = Core::new(&world);
    let unknown: [&[&[u8]]; 4] = [&[], &[b"unknown"], &[b"\xff"], &[b"one", b"two"]];
    for tickets in unknown {
        let answer = core.admit(tickets).unwrap_err();
        assert_eq!((answer.status, problem(&answer)["case"].as_str()), (401, Some("unauthenticated")));
    }
}

#[test]
fn a_path_that_is_not_let_through_is_told_apart_from_one_that_cannot_be_read() {
    let world = World::default();
    let core = Core::new(&world);
    assert_eq!(core.check_path("/api/2.0/sql/warehouses"), Ok(()));
    assert_eq!(core.check_path("/oidc/v1/token").unwrap_err().status, 403);
    assert_eq!(core.check_path("/api/../oidc/v1/token").unwrap_err().status, 400);
}

#[test]
fn only_statuses_with_which_tokens_are_refused_are_looked_into() {
    let looked_into: Vec<u16> = (100..600).filter(|status| may_refuse_token(*status)).collect();
    assert_eq!(looked_into, [400, 401, 403]);
}
