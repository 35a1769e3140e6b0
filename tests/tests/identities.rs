//! Whose identity a call carries follows from its activity and its fabric, and from nothing else.

use fabric_auth::contract::databricks_oauth::{AdvisoryKind, FabricSelection};
use fabric_auth::contract::{Activity, Caller, Error, IdentityKind, SignInReason};
use fabric_auth::journal::{Action, Outcome};
use fabric_auth_tests::{
    DEV, World, alice, bob, fabric_settings, team_admin, test_steps, with_principal, workload, workload_for_admin,
};
use simulated_workspace::ServicePrincipal;

use crate::support::{case_of, journaled, reason_of};

const PERSONAL: [Activity; 4] = [
    Activity::PipelineDevelopment,
    Activity::JobConfiguration,
    Activity::OnDemandRun,
    // As the fabrics of these tests say.
    Activity::MetadataCrawl,
];

/// PB-029, PB-043, PB-044, PB-116.
#[tokio::test]
async fn a_fabric_without_a_service_principal_serves_everything_that_a_person_does() {
    let world = World::new().await;
    let plain = fabric_settings(DEV, world.workspace.url());
    let stored = world.host.put_fabric(&team_admin(), plain, None, None).await.unwrap();
    assert!(!stored.has_service_principal_secret);
    world.sign_in(&alice()).await;
    for activity in PERSONAL {
        let (_, description) = world.token_for(&alice(), activity).await.unwrap();
        assert_eq!(
            (description.identity, description.databricks_user.as_str()),
            (IdentityKind::Person, "alice@example.com")
        );
    }
    let fabric = FabricSelection::Stored(DEV.into());
    let steps = test_steps(&world, &alice(), fabric, None, IdentityKind::Person).await;
    assert!(steps.len() == 4 && steps.iter().all(|(_, problem)| problem.is_none()), "{steps:?}");
    assert!(world.host.sign_out(&alice(), DEV).await.unwrap().grant_ended);
    assert_eq!(world.client_credentials(), 0);
}

/// PB-046, PB-106, PB-107, PB-108: the runtime is told so before Databricks is asked for anything.
#[tokio::test]
async fn every_interactive_activity_asks_who_is_not_signed_in_also_with_a_service_principal() {
    let world = World::new().await;
    world.sign_in(&bob()).await;
    let asked = world.books().api_calls.len();
    for activity in PERSONAL {
        assert_eq!(reason_of(world.token_for(&alice(), activity).await), SignInReason::NeverSignedIn, "{activity:?}");
    }
    assert_eq!((world.books().api_calls.len(), world.client_credentials()), (asked, 0));
}

/// A fabric with a service principal of its own.
async fn put_with_principal(world: &World, name: &str) -> ServicePrincipal {
    let principal = ServicePrincipal::new(name);
    world.workspace.register_service_principal(principal.clone());
    let settings = with_principal(fabric_settings(name, world.workspace.url()), &principal);
    let secret = principal.secret().unwrap().expose().into();
    world.host.put_fabric(&team_admin(), settings, Some(&secret), None).await.unwrap();
    principal
}

/// PB-070, PB-075, PB-132, PB-133: of three fabrics, two with a service principal, on one workspace.
#[tokio::test]
async fn each_fabric_has_an_identity_and_a_warning_of_its_own() {
    let world = World::new().await;
    let other = put_with_principal(&world, "other").await;
    let plain = fabric_settings("plain", world.workspace.url());
    world.host.put_fabric(&team_admin(), plain, None, None).await.unwrap();
    for activity in [Activity::ProjectRelease, Activity::ProjectDeployment, Activity::ScheduledRun] {
        let caller = workload_for_admin();
        for (fabric, principal) in [(DEV, &world.principal), ("other", &other)] {
            let (_, description) = world.host.access_token(&caller, fabric, activity).await.unwrap();
            assert_eq!(description.databricks_user, principal.application_id, "{fabric}, {activity:?}");
        }
        let refused = world.host.access_token(&caller, "plain", activity).await.unwrap_err();
        assert!(matches!(&refused, Error::ServicePrincipalMissing(text) if text.contains("`plain`")), "{refused:?}");
    }
    for (fabric, expected) in [(DEV, vec![]), ("other", vec![]), ("plain", vec![AdvisoryKind::MissingServicePrincipal])]
    {
        let advisories = world.host.advisories(&alice(), fabric).await.unwrap();
        assert_eq!(advisories.iter().map(|advisory| advisory.kind).collect::<Vec<_>>(), expected, "{fabric}");
    }
}

/// PB-074, PB-151: who worked, for whom, as whom, on which fabric, and how it ended.
#[tokio::test]
async fn a_release_is_recorded_with_the_service_principal_and_the_admin_who_started_it() {
    let world = World::new().await;
    world.token_for(&workload_for_admin(), Activity::ProjectRelease).await.unwrap();
    let used = journaled(&world, Action::ServicePrincipalUsed).await;
    assert_eq!(used.len(), 1);
    assert_eq!((used[0].actor.as_str(), used[0].on_behalf_of.as_deref()), ("deployer", Some("tina")));
    assert_eq!(used[0].databricks_user.as_ref(), Some(&world.principal.application_id));
    assert_eq!((used[0].fabric.as_deref(), &used[0].outcome), (Some(DEV), &Outcome::Succeeded));

    let for_nobody = Caller { on_behalf_of: None, ..workload_for_admin() };
    assert_eq!(case_of(world.token_for(&for_nobody, Activity::ProjectRelease).await), "forbidden");
    world.token_for(&workload(), Activity::ScheduledRun).await.unwrap();
    let used = journaled(&world, Action::ServicePrincipalUsed).await;
    assert_eq!(used.iter().map(|event| event.actor.as_str()).collect::<Vec<_>>(), ["deployer", "scheduler"]);
}
