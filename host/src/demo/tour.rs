//! `fabric-auth demo --keep`: the service and a simulated workspace, with sample fabrics and people, for a look around.
//!
//! Everything is in a temporary folder and gone at the end. Time is real here.

use std::fmt::Write as _;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use fabric_auth::clock::{SharedClock, SystemClock};
use fabric_auth::contract::administration::{AppConnectionSettings, RefreshTokenPolicy};
use fabric_auth::contract::{
    Authentication, Caller, CallerKind, FabricKind, FabricSettings, IdentityKind, TeamMembership, TeamRole,
};
use fabric_auth::database::Database;
use fabric_auth::egress::EgressSettings;
use fabric_auth::keys::KeyRing;
use fabric_auth::service::{Running, ServiceParts, ServiceSettings, User, Users};
use fabric_auth::{Deployment, FabricAuth};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Serialize;
use serde_json::json;
use simulated_workspace::{App, ServicePrincipal, Settings, SimulatedWorkspace, Warehouse};
use tempfile::TempDir;

use super::report::{Mismatch, print};
use crate::cli::{browser_opens, told_to_end};

/// Where the console is, unless something else listens there.
const USUAL_PORT: u16 = 8020;

const TENANT: &str = "default";
const TEAM: &str = "analytics";
const WAREHOUSE: &str = "4f2a9c0d1e5b7a38";

/// What there is to try.
const IDEAS: &str = "\
Try:
  as alice   look at the overview; open the fabric `nightly`; choose it in the job editor
  as bob     choose `nightly` in the pipeline editor: you are asked to connect to Databricks; choose bob there
  as clara   People: who is signed in, until when; Journal: verify it; Keys: rotate; Security: what to copy to Databricks
  as clara   change `development`: enter a wrong workspace URL, then Test Connection";

/// A user of the tour, and the API token that lets them in.
struct Visitor {
    name: &'static str,
    is: &'static str,
    api_token: SecretString,
}

/// A user as data.
#[derive(Serialize)]
struct VisitorView<'a> {
    name: &'a str,
    api_token: &'a str,
}

/// Everything that stays.
pub(super) struct Tour {
    workspace: SimulatedWorkspace,
    service_principal: ServicePrincipal,
    host: FabricAuth,
    database: Database,
    running: Running,
    console: String,
    visitors: Vec<Visitor>,
    _folder: TempDir,
}

impl Tour {
    /// Sets everything up.
    pub(super) async fn begin() -> Result<Self, Mismatch> {
        let port = port()?;
        let console = format!("http://localhost:{port}");
        let (workspace, app, service_principal) = workspace(&console).await?;
        let folder = tempfile::tempdir()?;
        let clock: SharedClock = Arc::new(SystemClock::new());
        let database = Database::open(folder.path().join("fabric-auth.db"), clock.clone()).await?;
        let keys = KeyRing::create(folder.path().join("keyring.json"), clock.clone())?;
        let deployment = Deployment::self_hosted("4.2.1", &console);
        let redirect_urls = deployment.description.redirect_urls.clone();
        let host = FabricAuth::builder(deployment)
            .database(&database)
            .keys(Arc::new(keys.clone()))
            .clock(clock.clone())
            .egress(EgressSettings { allow_loopback_http: true, ..EgressSettings::default() })
            .build()
            .await?;
        let users = Users::new(Arc::new(database.storage()), Arc::new(keys.clone()), clock.clone(), TENANT);
        let settings =
            ServiceSettings { listen: SocketAddr::from(([127, 0, 0, 1], port)), ..ServiceSettings::default() };
        let running = Running::bind(ServiceParts {
            host: host.clone(),
            database: &database,
            keys,
            clock,
            tenant: TENANT.to_owned(),
            base_url: console.clone(),
            redirect_urls,
            settings,
        })
        .await?;
        let visitors = visitors(&users).await?;
        let tour = Self { workspace, service_principal, host, database, running, console, visitors, _folder: folder };
        tour.furnish(&app).await?;
        Ok(tour)
    }

    /// An app connection, three fabrics, and Alice, who is signed in.
    async fn furnish(&self, app: &App) -> Result<(), Mismatch> {
        let operator = operator();
        let secret = app.client_secret().map(|secret| SecretString::from(secret.expose()));
        self.host.set_app_connection(&operator, app_connection(app), secret.as_ref()).await?;
        let principal_secret = self.service_principal.secret().map(|secret| SecretString::from(secret.expose()));
        let nightly = FabricSettings {
            kind: FabricKind::Sql,
            service_principal_client_id: Some(self.service_principal.application_id.clone()),
            service_principal_secret_expires_in: Some(nanoseconds(Duration::from_secs(20 * 86_400))),
            compute: Some(WAREHOUSE.to_owned()),
            metadata_crawl_identity: IdentityKind::ServicePrincipal,
            ..self.fabric("nightly")
        };
        self.host.put_fabric(&operator, nightly, principal_secret.as_ref(), None).await?;
        self.host.put_fabric(&operator, self.fabric("development"), None, None).await?;
        let own_tokens =
            FabricSettings { authentication: Authentication::PersonalAccessToken, ..self.fabric("own-tokens") };
        self.host.put_fabric(&operator, own_tokens, None, None).await?;

        let alice = alice();
        let (url, binding, _) = self.host.begin_sign_in(&alice, "nightly", None).await?;
        let callback = self.workspace.sign_in_as(url.expose_secret(), "alice@example.com").await?;
        let query = callback.split_once('?').map_or("", |(_, query)| query);
        self.host.complete_sign_in(&alice, &query.into(), &binding).await?;
        Ok(())
    }

    fn fabric(&self, name: &str) -> FabricSettings {
        FabricSettings::oauth(name, self.workspace.url(), TEAM)
    }

    /// Tells where everything is, and who may come in.
    pub(super) fn show(&self, json: bool) {
        if json {
            let users: Vec<VisitorView<'_>> = self.visitors.iter().map(VisitorView::from).collect();
            let data = json!({ "console": self.console, "workspace": self.workspace.url(), "users": users });
            return print(&data.to_string());
        }
        let mut text = format!("\nThe console:             {}\n", self.console);
        let _ = writeln!(text, "The simulated workspace: {}\n", self.workspace.url());
        let _ = writeln!(text, "Sign in to the console with the API token of one of these:");
        for visitor in &self.visitors {
            let _ = writeln!(text, "  {:<10} {}  {}", visitor.name, visitor.api_token.expose_secret(), visitor.is);
        }
        let _ = write!(text, "\n{IDEAS}\n\nEverything here is gone when you press Ctrl-C.");
        print(&text);
    }

    /// Opens the browser, and serves until the program is told to end.
    pub(super) async fn go_on(self) {
        let opening = tokio::spawn(browser_opens(self.console.into()));
        self.running.serve(told_to_end()).await;
        opening.abort();
        self.host.finish().await;
        self.database.close().await;
        self.workspace.stop().await;
    }
}

/// The usual port, or a free one where that is taken.
fn port() -> Result<u16, Mismatch> {
    let listener = TcpListener::bind(("127.0.0.1", USUAL_PORT)).or_else(|_| TcpListener::bind(("127.0.0.1", 0)))?;
    Ok(listener.local_addr()?.port())
}

async fn workspace(console: &str) -> Result<(SimulatedWorkspace, App, ServicePrincipal), Mismatch> {
    let workspace = SimulatedWorkspace::start(Settings::default()).await?;
    let app = App::confidential(format!("{console}/api/databricks/oauthredirect"));
    let service_principal = ServicePrincipal::new("nightly jobs");
    workspace.register_app(app.clone());
    workspace.register_service_principal(service_principal.clone());
    workspace.put_warehouse(Warehouse::new(WAREHOUSE, "demonstration"));
    Ok((workspace, app, service_principal))
}

fn app_connection(app: &App) -> AppConnectionSettings {
    AppConnectionSettings {
        name: "default".to_owned(),
        client_id: app.client_id.clone(),
        confidential: true,
        default: true,
        scopes: Vec::new(),
        refresh_token_policy: RefreshTokenPolicy::SingleUse,
        refresh_token_lifetime: None,
    }
}

async fn visitors(users: &Users) -> Result<Vec<Visitor>, Mismatch> {
    let mut visitors = Vec::new();
    for (name, is, role, cluster_admin) in [
        ("clara", "cluster admin, and admin of the team analytics", TeamRole::Admin, true),
        ("alice", "member of the team, signed in to Databricks", TeamRole::Member, false),
        ("bob", "member of the team, not signed in yet", TeamRole::Member, false),
    ] {
        let user = User {
            name: name.to_owned(),
            kind: CallerKind::Person,
            email: (!cluster_admin).then(|| format!("{name}@example.com")),
            cluster_admin,
            teams: vec![TeamMembership { team: TEAM.to_owned(), role }],
        };
        users.add(&user).await?;
        visitors.push(Visitor { name, is, api_token: users.issue_api_token(name, None).await? });
    }
    Ok(visitors)
}

fn operator() -> Caller {
    Caller {
        kind: CallerKind::Operator,
        user: "operator".to_owned(),
        email: None,
        cluster_admin: true,
        teams: Vec::new(),
        ..alice()
    }
}

/// Alice as the service tells the component of her.
fn alice() -> Caller {
    Caller { tenant: TENANT.to_owned(), ..super::stage::alice() }
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

impl<'a> From<&'a Visitor> for VisitorView<'a> {
    fn from(visitor: &'a Visitor) -> Self {
        Self { name: visitor.name, api_token: visitor.api_token.expose_secret() }
    }
}
