//! What the story needs: a workspace, a host, people, and clocks that move together.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use fabric_auth::clock::MovableClock;
use fabric_auth::contract::{Caller, CallerKind, FabricKind, FabricSettings, TeamMembership, TeamRole};
use fabric_auth::database::Database;
use fabric_auth::egress::{EgressSettings, HttpClient, SendOptions};
use fabric_auth::keys::KeyRing;
use fabric_auth::{Deployment, FabricAuth};
use http_body_util::{BodyExt as _, Full};
use secrecy::{ExposeSecret as _, SecretString};
use simulated_workspace::{App, ServicePrincipal, Settings, SimulatedWorkspace, TableGrant, Warehouse};
use tempfile::TempDir;

use super::report::Mismatch;

/// Prophecy's address in this story. Nothing listens there: the browser is a script and stops at the redirect.
const PROPHECY: &str = "http://localhost:8020";

/// The warehouse that statements run on.
const WAREHOUSE: &str = "4f2a9c0d1e5b7a38";

/// Everything on the stage.
pub(super) struct Stage {
    pub(super) workspace: SimulatedWorkspace,
    pub(super) host: FabricAuth,
    pub(super) app: App,
    pub(super) service_principal: ServicePrincipal,
    pub(super) folder: TempDir,
    /// Secrets that only this side knows: binding secrets and states.
    pub(super) secrets: std::sync::Mutex<Vec<SecretString>>,
    clock: MovableClock,
    database: Database,
    http: HttpClient,
}

impl Stage {
    /// Sets the stage.
    pub(super) async fn set() -> Result<Self, Mismatch> {
        let workspace = SimulatedWorkspace::start(Settings::default()).await?;
        let app = App::confidential(format!("{PROPHECY}/api/databricks/oauthredirect"));
        let service_principal = ServicePrincipal::new("nightly jobs");
        workspace.register_app(app.clone());
        workspace.register_service_principal(service_principal.clone());
        workspace.put_warehouse(Warehouse::new(WAREHOUSE, "demonstration"));
        workspace.grant_table("alice@example.com", TableGrant::AllRows);
        workspace.grant_table(&service_principal.application_id, TableGrant::RowsOfRegion("EMEA".to_owned()));

        let folder = tempfile::tempdir()?;
        let clock = MovableClock::new();
        let shared = Arc::new(clock.clone());
        let database = Database::open(folder.path().join("fabric-auth.db"), shared.clone()).await?;
        let keys = KeyRing::create(folder.path().join("keyring.json"), shared.clone())?;
        let egress = EgressSettings { allow_loopback_http: true, ..EgressSettings::default() };
        let http = HttpClient::new(&egress, shared.clone())?;
        let host = FabricAuth::builder(Deployment::self_hosted("4.2.1", PROPHECY))
            .database(&database)
            .keys(Arc::new(keys))
            .clock(shared)
            .egress(egress)
            .expire_every(None)
            .renew_ahead_every(None)
            .forecast_every(None)
            .build()
            .await?;
        let secrets = std::sync::Mutex::default();
        Ok(Self { workspace, host, app, service_principal, folder, secrets, clock, database, http })
    }

    /// Takes everything down.
    pub(super) async fn clear(self) {
        self.host.finish().await;
        self.database.close().await;
        self.workspace.stop().await;
    }

    /// Lets time pass, on both sides.
    pub(super) fn pass(&self, time: Duration) {
        self.clock.advance(time);
        self.workspace.clock().advance(time);
    }

    /// Remembers a secret for the search at the end.
    pub(super) fn remember(&self, secret: &SecretString) {
        let secret = SecretString::from(secret.expose_secret());
        self.secrets.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(secret);
    }

    /// Who operates this deployment.
    pub(super) fn operator(&self) -> Caller {
        Caller { kind: CallerKind::Operator, cluster_admin: true, ..alice() }.named("operator")
    }

    /// The scheduler, for the team.
    pub(super) fn scheduler(&self) -> Caller {
        Caller { kind: CallerKind::Workload, ..alice() }.named("scheduler")
    }

    /// A fabric on the simulated workspace.
    pub(super) fn fabric(&self, name: &str, service_principal: bool) -> FabricSettings {
        FabricSettings {
            kind: FabricKind::Sql,
            service_principal_client_id: service_principal.then(|| self.service_principal.application_id.clone()),
            compute: Some(WAREHOUSE.to_owned()),
            ..FabricSettings::oauth(name, self.workspace.url(), "analytics")
        }
    }

    /// The warehouse that the workspace has.
    pub(super) fn warehouse_id(&self) -> &'static str {
        WAREHOUSE
    }

    /// Calls the workspace as a data engineer's tool would, with a token.
    pub(super) async fn call(
        &self,
        token: &SecretString,
        path: &str,
        body: Option<serde_json::Value>,
    ) -> Result<(u16, serde_json::Value), Mismatch> {
        let method = if body.is_some() { "POST" } else { "GET" };
        let bytes = body.map(|body| Bytes::from(body.to_string())).unwrap_or_default();
        let request = http::Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.workspace.url()))
            .header("authorization", format!("Bearer {}", token.expose_secret()))
            .header("content-type", "application/json")
            .body(Full::new(bytes))?;
        let reply = self.http.send(request, SendOptions::default()).await?;
        let status = reply.status().as_u16();
        let bytes = reply.into_body().collect().await?.to_bytes();
        Ok((status, serde_json::from_slice(&bytes).unwrap_or_default()))
    }
}

/// A data engineer, member of the team.
pub(super) fn alice() -> Caller {
    Caller {
        tenant: "default".to_owned(),
        kind: CallerKind::Person,
        user: "alice".to_owned(),
        email: Some("alice@example.com".to_owned()),
        cluster_admin: false,
        teams: vec![TeamMembership { team: "analytics".to_owned(), role: TeamRole::Member }],
        on_behalf_of: None,
    }
}

trait Named {
    fn named(self, name: &str) -> Self;
}

impl Named for Caller {
    fn named(self, name: &str) -> Self {
        Self { user: name.to_owned(), email: None, ..self }
    }
}
