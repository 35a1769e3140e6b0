//! A service with a gateway, and a workspace behind it that answers as its path says.

use std::net::SocketAddr;

use fabric_auth::contract::{Authentication, FabricSettings};
use fabric_auth::service::{GatewaySettings, ServiceSettings};
use fabric_auth_tests::{
    HttpAnswer, HttpClient, ServiceWorld, Setup, Upstream, alice, bob, fabric_settings, team_admin,
};
use secrecy::SecretString;

use crate::raw::exchange_at;

/// The fabric of the workspace that answers as its path says.
pub(super) const RAW: &str = "raw";

/// Alice's personal access token for it.
pub(super) const ALICES: &str = "dapi0123456789abcdef";

/// Bob's.
pub(super) const BOBS: &str = "dapib0b4567890abcdef";

/// Who am I, in Databricks.
pub(super) const ME: &str = "/api/2.0/preview/scim/v2/Me";

/// The service, the workspace, and an API token of Alice.
pub(super) struct Edge {
    pub(super) service: ServiceWorld,
    pub(super) upstream: Upstream,
    pub(super) token: SecretString,
}

/// The usual gateway: fabrics below `gateway.test`, and the raw workspace for requests that name none.
pub(super) fn settings() -> GatewaySettings {
    GatewaySettings {
        domain: Some("gateway.test".to_owned()),
        default_fabric: Some(RAW.to_owned()),
        forward_auth: true,
        ..GatewaySettings::at(SocketAddr::from(([127, 0, 0, 1], 0)))
    }
}

impl Edge {
    pub(super) async fn new() -> Self {
        Self::with(settings()).await
    }

    pub(super) async fn with(gateway: GatewaySettings) -> Self {
        Self::over(ServiceWorld::with_gateway(Some(gateway)).await).await
    }

    /// The same in a deployment with paths of its own.
    pub(super) async fn with_paths(allowed: &[&str], refused: &[&str]) -> Self {
        let mut setup = Setup::default();
        let owned = |paths: &[&str]| paths.iter().map(|path| (*path).to_owned()).collect();
        setup.deployment.description.gateway_allowed_paths = owned(allowed);
        setup.deployment.description.gateway_refused_paths = owned(refused);
        let gateway = Some(settings());
        Self::over(ServiceWorld::of(setup, ServiceSettings { gateway, ..ServiceSettings::default() }).await).await
    }

    /// Alice and Bob have personal access tokens for the raw workspace.
    pub(super) async fn over(service: ServiceWorld) -> Self {
        let upstream = Upstream::start().await;
        let host = &service.world.host;
        let authentication = Authentication::PersonalAccessToken;
        let fabric = FabricSettings { authentication, ..fabric_settings(RAW, &upstream.url) };
        host.put_fabric(&team_admin(), fabric, None, None).await.unwrap();
        for (caller, token) in [(alice(), ALICES), (bob(), BOBS)] {
            host.set_personal_access_token(&caller, RAW, &token.into()).await.unwrap();
        }
        let token = service.api_token(&alice()).await;
        Self { service, upstream, token }
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.service.gateway.unwrap()
    }

    /// Somebody who shows nothing.
    pub(super) fn anybody(&self) -> HttpClient {
        HttpClient::new(&format!("http://{}", self.address()))
    }

    pub(super) fn alice(&self) -> HttpClient {
        self.anybody().with_token(&self.token)
    }

    /// The line by which Alice shows who she is.
    pub(super) fn authorization(&self) -> String {
        format!("Authorization: Bearer {}", secrecy::ExposeSecret::expose_secret(&self.token))
    }

    /// Sends bytes, and gives all that comes back.
    pub(super) async fn exchange(&self, bytes: &[u8]) -> String {
        exchange_at(self.address(), bytes).await
    }

    /// Nothing is broken: the next request is answered, and there was no second one in what came before.
    pub(super) async fn end(self) {
        assert_eq!(self.alice().get("/echo").await.status, 200);
        assert_eq!(self.upstream.count("/smuggled"), 0, "{:?}", self.upstream.heads());
        self.service.end().await;
    }
}

/// The head of the request that the workspace got, in lower case.
#[track_caller]
pub(super) fn echoed(answer: &HttpAnswer) -> String {
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json().as_str().unwrap().to_lowercase()
}

/// Status and case of a problem detail, of the gateway's or of the component's making.
#[track_caller]
pub(super) fn problem(answer: &HttpAnswer) -> (u16, String) {
    assert_eq!(answer.header("content-type"), "application/problem+json", "{}", answer.text());
    let body = answer.json();
    assert_eq!(body["status"], answer.status.as_u16(), "{body}");
    (answer.status.as_u16(), body["case"].as_str().unwrap().to_owned())
}

/// The header that a refusal names.
#[track_caller]
pub(super) fn blamed(answer: &HttpAnswer) -> (u16, String) {
    let (status, case) = problem(answer);
    assert_eq!(case, "invalid-input", "{}", answer.text());
    (status, answer.json()["field"].as_str().unwrap().to_owned())
}
