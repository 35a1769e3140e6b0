//! A service that listens, over a world of its own.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use fabric_auth::Deployment;
use fabric_auth::contract::{Caller, CallerKind};
use fabric_auth::service::{GatewaySettings, Running, ServiceParts, ServiceSettings, User, Users};
use secrecy::SecretString;
use simulated_workspace::App;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::world::{Setup, World};

/// The tenant of everybody in these tests.
const TENANT: &str = "acme";

/// A service on `http://localhost:…`, and the world behind it.
pub struct ServiceWorld {
    /// Workspace, host and time.
    pub world: World,
    /// Where browsers find the service.
    pub base_url: String,
    /// Where it listens.
    pub address: SocketAddr,
    /// Where its gateway listens, where it has one.
    pub gateway: Option<SocketAddr>,
    stop: oneshot::Sender<()>,
    serving: JoinHandle<()>,
}

impl ServiceWorld {
    /// A service in whose deployment nothing has been administered yet, and which nobody may use yet.
    pub async fn bare() -> Self {
        Self::of(Setup::default(), ServiceSettings::default()).await
    }

    /// A service over a world in which the app connection `main` is set, and the fabric [`DEV`](crate::DEV).
    pub async fn new() -> Self {
        Self::with_gateway(None).await
    }

    /// The same with a gateway, where one is given.
    pub async fn with_gateway(gateway: Option<GatewaySettings>) -> Self {
        let settings = ServiceSettings { gateway, ..ServiceSettings::default() };
        let service = Self::of(Setup::default(), settings).await;
        service.world.set_app_connection().await;
        service.world.put_dev_fabric().await;
        service
    }

    /// The same with other parts. Address, base URL and redirect URL are chosen here.
    pub async fn of(setup: Setup, settings: ServiceSettings) -> Self {
        // Deployment, app and service must all know the port before there is one.
        let port = free_port();
        let scheme = if settings.tls.is_some() { "https" } else { "http" };
        Self::start(&format!("{scheme}://localhost:{port}"), port, setup, settings).await
    }

    /// The same where browsers find the service under another URL than where it listens: behind a reverse proxy.
    pub async fn behind(base_url: &str, settings: ServiceSettings) -> Self {
        let service = Self::start(base_url, free_port(), Setup::default(), settings).await;
        service.world.set_app_connection().await;
        service.world.put_dev_fabric().await;
        service
    }

    async fn start(base_url: &str, port: u16, setup: Setup, settings: ServiceSettings) -> Self {
        let base_url = base_url.to_owned();
        let redirect_url = format!("{base_url}/api/databricks/oauthredirect");
        let mut deployment = Deployment::self_hosted("4.2.1", &base_url);
        let set = &setup.deployment.description;
        deployment.description.gateway_allowed_paths.clone_from(&set.gateway_allowed_paths);
        deployment.description.gateway_refused_paths.clone_from(&set.gateway_refused_paths);
        let redirect_urls = deployment.description.redirect_urls.clone();
        let world = World::bare(Setup { app: App::confidential(redirect_url), deployment, ..setup }).await;
        let running = Running::bind(ServiceParts {
            host: world.host.clone(),
            database: &world.database,
            keys: world.keys.clone(),
            clock: Arc::new(world.clock().clone()),
            tenant: TENANT.to_owned(),
            base_url: base_url.clone(),
            redirect_urls,
            settings: ServiceSettings { listen: SocketAddr::from(([127, 0, 0, 1], port)), ..settings },
        })
        .await
        .expect("a service");
        let (address, gateway) = (running.address(), running.gateway_address());
        let (stop, stopped) = oneshot::channel();
        let serving = tokio::spawn(running.serve(async {
            let _ = stopped.await;
        }));
        Self { world, base_url, address, gateway, stop, serving }
    }

    /// The users of the service.
    pub fn users(&self) -> Users {
        Users::new(
            Arc::new(self.world.database.storage()),
            Arc::new(self.world.keys.clone()),
            Arc::new(self.world.clock().clone()),
            TENANT,
        )
    }

    /// Makes a user who is to the component what this caller is, and gives an API token of theirs.
    pub async fn api_token(&self, caller: &Caller) -> SecretString {
        assert_ne!(caller.kind, CallerKind::Operator, "operators are no users of the service");
        let user = User {
            name: caller.user.clone(),
            kind: caller.kind,
            email: caller.email.clone(),
            cluster_admin: caller.cluster_admin,
            teams: caller.teams.clone(),
        };
        let users = self.users();
        users.add(&user).await.expect("a user");
        users.issue_api_token(&user.name, None).await.expect("an API token")
    }

    /// Tells the service to end and waits until it has.
    pub async fn end(self) {
        let _ = self.stop.send(());
        self.serving.await.expect("a service that ends in order");
        self.world.end().await;
    }
}

/// A port of this machine that nobody listened at just now.
fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    listener.local_addr().expect("an address").port()
}
