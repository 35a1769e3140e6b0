//! A workload that acts for a person.

use fabric_auth::contract::{Caller, TeamMembership, TeamRole};
use fabric_auth::journal::{Action, Journal as _};
use fabric_auth_tests::{HttpClient, ServiceWorld, TEAM, alice, cluster_admin, team_admin, workload};

use super::support::{blamed, client_of, problem, token};

const HEADER: &str = "prophecy-on-behalf-of";

async fn for_person(service: &ServiceWorld, workload: &Caller, person: &str) -> HttpClient {
    client_of(service, workload).await.with_header(HEADER, person)
}

#[tokio::test(flavor = "multi_thread")]
async fn only_workloads_act_for_somebody() {
    let service = ServiceWorld::new().await;
    service.api_token(&team_admin()).await;
    for person in [alice(), cluster_admin()] {
        let client = for_person(&service, &person, "tina").await;
        assert_eq!(problem(&client.get("/api/v1/fabrics").await), (403, "forbidden".to_owned()), "{}", person.user);
    }
    service.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_workload_acts_for_a_person_whom_the_service_knows() {
    let service = ServiceWorld::new().await;
    let client = client_of(&service, &workload()).await;
    for nobody in ["nobody", "scheduler", "", "\u{fc}", "a\"b"] {
        let answer = client.with_header(HEADER, nobody).get("/api/v1/fabrics").await;
        assert_eq!(blamed(&answer), (400, HEADER.to_owned()), "{nobody}");
    }
    let uschi = Caller { user: "\u{fc}schi".into(), ..alice() };
    service.api_token(&uschi).await;
    assert_eq!(client.with_header(HEADER, "\u{fc}schi").get("/api/v1/fabrics").await.status, 200);
    let twice = client.with_header(HEADER, "\u{fc}schi").with_header(HEADER, "\u{fc}schi");
    assert_eq!(blamed(&twice.get("/api/v1/fabrics").await), (400, HEADER.to_owned()));
    service.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_workload_gains_no_team_by_whom_it_acts_for() {
    let service = ServiceWorld::new().await;
    let membership = |team: &str, role| TeamMembership { team: team.into(), role };
    let of_another_team =
        Caller { user: "books".into(), teams: vec![membership("finance", TeamRole::Admin)], ..workload() };
    service.api_token(&team_admin()).await;
    let client = for_person(&service, &of_another_team, "tina").await;
    assert_eq!(problem(&token(&client, "scheduled-run").await), (404, "not-found".to_owned()));
    assert_eq!(client.get("/api/v1/fabrics").await.json()["fabrics"].as_array().map(Vec::len), Some(0));

    // Nor does it keep one that the person is not in.
    let outsider = Caller { user: "otto".into(), teams: vec![membership("finance", TeamRole::Admin)], ..alice() };
    service.api_token(&outsider).await;
    let scheduler = client_of(&service, &workload()).await;
    assert_eq!(token(&scheduler, "scheduled-run").await.status, 200);
    assert_eq!(problem(&token(&scheduler.with_header(HEADER, "otto"), "scheduled-run").await).0, 404);

    // And a cluster admin's rights go to nobody.
    service.api_token(&cluster_admin()).await;
    assert_eq!(problem(&scheduler.with_header(HEADER, "clara").get("/api/v1/grants").await).0, 403);
    service.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_release_is_started_by_an_admin_of_the_team() {
    let service = ServiceWorld::new().await;
    for person in [alice(), team_admin()] {
        service.api_token(&person).await;
    }
    let deployer = Caller { user: "deployer".into(), teams: vec![member_of(TEAM)], ..workload() };
    let client = client_of(&service, &deployer).await;
    assert_eq!(problem(&token(&client, "project-release").await).1, "forbidden");
    assert_eq!(problem(&token(&client.with_header(HEADER, "alice"), "project-release").await).1, "forbidden");
    assert_eq!(token(&client.with_header(HEADER, "tina"), "project-release").await.status, 200);
    let events = service.world.database.journal().tail(100).await.unwrap();
    let used = events.iter().map(|recorded| &recorded.event).find(|event| event.action == Action::ServicePrincipalUsed);
    let used = used.expect("an event");
    assert_eq!((used.actor.as_str(), used.on_behalf_of.as_deref()), ("deployer", Some("tina")));
    service.end().await;
}

fn member_of(team: &str) -> TeamMembership {
    TeamMembership { team: team.into(), role: TeamRole::Member }
}
