//! Requests that pass through the component to the workspace of a fabric.

mod bodies;
mod identity;
mod refusals;
mod replies;

use bytes::Bytes;
use fabric_auth::ForwardedBody;
use fabric_auth::contract::callers::Admission;
use fabric_auth::contract::{Activity, Authentication, Caller, FabricSettings};
use fabric_auth_tests::{DEV, Upstream, World, alice, fabric_settings, team_admin};
use http::{Request, Response};
use http_body_util::{BodyExt as _, Empty};
use serde_json::Value;

fn admission(caller: Caller, activity: Activity) -> Admission {
    Admission { caller, fabric: DEV.into(), activity }
}

fn as_person(caller: Caller) -> Admission {
    admission(caller, Activity::PipelineDevelopment)
}

fn get(path: &str) -> Request<Empty<Bytes>> {
    Request::get(path).body(Empty::new()).unwrap()
}

async fn text(reply: Response<ForwardedBody>) -> String {
    String::from_utf8(reply.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap()
}

async fn json(reply: Response<ForwardedBody>) -> Value {
    serde_json::from_str(&text(reply).await).unwrap()
}

/// The user name that the workspace takes a request for.
async fn who(world: &World, admission: Admission) -> String {
    let reply = world.host.forward(admission, get("/api/2.0/preview/scim/v2/Me")).await.unwrap();
    assert_eq!(reply.status(), 200);
    json(reply).await["userName"].as_str().unwrap().to_owned()
}

/// A world in which Alice has a personal access token for a workspace that answers as its path says.
async fn with_upstream() -> (World, Upstream) {
    let (world, upstream) = (World::new().await, Upstream::start().await);
    let settings =
        FabricSettings { authentication: Authentication::PersonalAccessToken, ..fabric_settings("raw", &upstream.url) };
    world.host.put_fabric(&team_admin(), settings, None, None).await.unwrap();
    world.host.set_personal_access_token(&alice(), "raw", &"dapi0123456789abcdef".into()).await.unwrap();
    (world, upstream)
}

fn raw() -> Admission {
    Admission { fabric: "raw".into(), ..as_person(alice()) }
}
