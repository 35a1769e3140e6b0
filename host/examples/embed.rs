//! Embedding fabric-auth in a Rust program: a token for unattended work, and a call to the workspace with it.
//!
//! ```console
//! $ cargo run -p fabric-auth --example embed
//! ```
//!
//! It needs no Databricks account: a simulated workspace runs beside it, on loopback.

use std::error::Error;
use std::sync::Arc;

use bytes::Bytes;
use fabric_auth::clock::SystemClock;
use fabric_auth::contract::{
    Activity, Authentication, Caller, CallerKind, FabricKind, FabricSettings, IdentityKind, TeamMembership, TeamRole,
};
use fabric_auth::database::Database;
use fabric_auth::egress::EgressSettings;
use fabric_auth::keys::KeyRing;
use fabric_auth::{Deployment, FabricAuth};
use http::{Request, header::AUTHORIZATION};
use http_body_util::{BodyExt as _, Empty};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use secrecy::{ExposeSecret as _, SecretString};
use simulated_workspace::{ServicePrincipal, Settings, SimulatedWorkspace};

#[tokio::main]
#[allow(clippy::print_stdout, reason = "this is what the example is for")]
async fn main() -> Result<(), Box<dyn Error>> {
    println!("{}", run().await?);
    Ok(())
}

/// Does everything and gives what the workspace says about the identity behind the token.
///
/// # Errors
/// Whatever went wrong, in a sentence for people.
pub async fn run() -> Result<String, Box<dyn Error>> {
    // A workspace with a service principal. In earnest an admin makes one in Databricks and copies id and secret.
    let workspace = SimulatedWorkspace::start(Settings::default()).await?;
    let principal = ServicePrincipal::new("nightly jobs");
    workspace.register_service_principal(principal.clone());
    let secret = principal.secret().ok_or("the service principal has no secret")?;
    let secret = SecretString::from(secret.expose());

    // The host: one database file and one key ring are all that it keeps.
    let folder = tempfile::tempdir()?;
    let clock = Arc::new(SystemClock::new());
    let database = Database::open(folder.path().join("fabric-auth.db"), clock.clone()).await?;
    let keys = KeyRing::create(folder.path().join("keyring.json"), clock.clone())?;
    let host = FabricAuth::builder(Deployment::self_hosted("4.2.1", "https://prophecy.example.com"))
        .database(&database)
        .keys(Arc::new(keys))
        .clock(clock)
        // Only for the simulated workspace: by default nothing but https to Databricks is let out.
        .egress(EgressSettings { allow_loopback_http: true, ..EgressSettings::default() })
        .build()
        .await?;

    // An admin of the team enters the fabric. Its secret is sealed before it is stored, and never read back.
    let admin = caller(CallerKind::Person, "tina", TeamRole::Admin);
    host.put_fabric(&admin, nightly(workspace.url(), &principal), Some(&secret), None).await?;

    // A scheduler asks for a token. It does not say whose: the activity decides that.
    let scheduler = caller(CallerKind::Workload, "scheduler", TeamRole::Member);
    let (token, description) = host.access_token(&scheduler, "nightly", Activity::ScheduledRun).await?;

    let identity = who_am_i(&description.workspace_url, &token).await?;

    // Renewals that are under way are waited for: a reply that is lost may cost somebody's session.
    host.finish().await;
    Ok(identity)
}

/// Who asks. A host fills this in from whom it has authenticated, never from what the caller claims.
fn caller(kind: CallerKind, user: &str, role: TeamRole) -> Caller {
    Caller {
        tenant: "acme".into(),
        kind,
        user: user.into(),
        email: None,
        cluster_admin: false,
        teams: vec![TeamMembership { team: "data".into(), role }],
        on_behalf_of: None,
    }
}

/// A fabric for unattended work.
fn nightly(workspace_url: &str, principal: &ServicePrincipal) -> FabricSettings {
    FabricSettings {
        name: "nightly".into(),
        kind: FabricKind::Spark,
        workspace: workspace_url.into(),
        team: "data".into(),
        authentication: Authentication::Oauth,
        app_connection: None,
        service_principal_client_id: Some(principal.application_id.clone()),
        service_principal_secret_expires_in: None,
        scopes: Vec::new(),
        service_principal_scopes: Vec::new(),
        compute: None,
        metadata_crawl_identity: IdentityKind::ServicePrincipal,
    }
}

/// Asks the workspace whose token this is.
async fn who_am_i(workspace_url: &str, token: &SecretString) -> Result<String, Box<dyn Error>> {
    let request = Request::get(format!("{workspace_url}/api/2.0/preview/scim/v2/Me"))
        .header(AUTHORIZATION, format!("Bearer {}", token.expose_secret()))
        .body(Empty::<Bytes>::new())?;
    let reply = Client::builder(TokioExecutor::new()).build_http().request(request).await?;
    let body = reply.into_body().collect().await?.to_bytes();
    Ok(String::from_utf8_lossy(&body).into_owned())
}
