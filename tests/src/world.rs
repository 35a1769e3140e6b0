//! A workspace, a host and the time they share.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use fabric_auth::clock::MovableClock;
use fabric_auth::contract::databricks_oauth::CompletedSignIn;
use fabric_auth::contract::{Activity, Caller, Error, TokenDescription};
use fabric_auth::database::{Backend, Database};
use fabric_auth::egress::EgressSettings;
use fabric_auth::journal::Journal;
use fabric_auth::keys::{KeyRing, MasterKeys};
use fabric_auth::storage::Storage;
use fabric_auth::{Artifact, Builder, CompileCache, Deployment, FabricAuth};
use secrecy::{ExposeSecret as _, SecretString};
use simulated_workspace::{App, Books, ServicePrincipal, Settings, SimulatedWorkspace};
use tempfile::TempDir;
use tokio::sync::Mutex;
use tracing_subscriber::filter::LevelFilter;
use zeroize::Zeroizing;

use crate::settings::{DEV, app_settings, fabric_settings, with_principal};
use crate::{cluster_admin, team_admin};

/// Where Prophecy is.
pub const BASE_URL: &str = "https://prophecy.example.com";

/// The redirect URL that is registered with the workspace's app.
pub const REDIRECT_URL: &str = "https://prophecy.example.com/api/databricks/oauthredirect";

/// The life of an access token.
pub const HOUR: Duration = Duration::from_secs(3_600);

/// What a world is made of.
pub struct Setup {
    /// The app that the workspace knows.
    pub app: App,
    /// The workspace.
    pub workspace: Settings,
    /// The deployment of Prophecy.
    pub deployment: Deployment,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            app: App::confidential(REDIRECT_URL),
            workspace: Settings::default(),
            deployment: Deployment::self_hosted("4.2.1", BASE_URL),
        }
    }
}

/// A workspace that knows an app and a service principal, and a host with a database of its own.
pub struct World {
    /// The workspace.
    pub workspace: SimulatedWorkspace,
    /// The app that it knows.
    pub app: App,
    /// The service principal that it knows.
    pub principal: ServicePrincipal,
    /// The host.
    pub host: FabricAuth,
    /// What the host stands on.
    pub database: Database,
    /// The master keys.
    pub keys: KeyRing,
    clock: MovableClock,
    folder: TempDir,
}

impl World {
    /// A world in which an administrator has set the app connection `main`, and a team admin the Spark fabric [`DEV`]
    /// with a service principal.
    pub async fn new() -> Self {
        Self::of(Setup::default()).await
    }

    /// The same with other parts.
    pub async fn of(setup: Setup) -> Self {
        let world = Self::bare(setup).await;
        world.set_app_connection().await;
        world.put_dev_fabric().await;
        world
    }

    /// A world in which nothing has been administered yet.
    pub async fn bare(setup: Setup) -> Self {
        show_warnings();
        let workspace = SimulatedWorkspace::start(setup.workspace).await.expect("a workspace");
        workspace.register_app(setup.app.clone());
        let principal = ServicePrincipal::new("jobs");
        workspace.register_service_principal(principal.clone());
        let folder = tempfile::tempdir().expect("a folder");
        let clock = MovableClock::new();
        let shared = Arc::new(clock.clone());
        let database = Database::open(folder.path().join("fabric-auth.db"), shared.clone()).await.expect("a database");
        let keys = KeyRing::create(folder.path().join("keyring.json"), shared).expect("a key ring");
        let builder = without_rounds(setup.deployment).database(&database).keys(Arc::new(keys.clone()));
        let host = build(builder, &clock).await;
        Self { workspace, app: setup.app, principal, host, database, keys, clock, folder }
    }

    /// Another host on the same database, as after a restart or on another machine.
    pub async fn another_host(&self) -> FabricAuth {
        self.host_with_keys(Arc::new(self.keys.clone())).await
    }

    /// Another host on the same database with other master keys.
    pub async fn host_with_keys(&self, keys: Arc<dyn MasterKeys>) -> FabricAuth {
        self.host_of(Arc::new(self.database.storage()), keys).await
    }

    /// Another host on another view of the same records.
    pub async fn host_on(&self, storage: Arc<dyn Storage>) -> FabricAuth {
        self.host_of(storage, Arc::new(self.keys.clone())).await
    }

    /// A host on another database.
    pub async fn host_over(&self, database: &dyn Backend) -> FabricAuth {
        let builder = without_rounds(Deployment::self_hosted("4.2.1", BASE_URL)).database(database);
        build(builder.keys(Arc::new(self.keys.clone())), &self.clock).await
    }

    async fn host_of(&self, storage: Arc<dyn Storage>, keys: Arc<dyn MasterKeys>) -> FabricAuth {
        build(self.builder().storage(storage).keys(keys), &self.clock).await
    }

    /// Another host on the same database that clears out this often what nobody completed. No other host does, so that
    /// time can be moved without that.
    pub async fn host_that_expires(&self, every: Duration) -> FabricAuth {
        build(self.builder().keys(Arc::new(self.keys.clone())).expire_every(Some(every)), &self.clock).await
    }

    /// Another host on the same database that looks this often what is to be renewed ahead. No other host does, so that
    /// time can be moved without that.
    pub async fn host_that_renews_ahead(&self, every: Duration) -> FabricAuth {
        build(self.builder().keys(Arc::new(self.keys.clone())).renew_ahead_every(Some(every)), &self.clock).await
    }

    /// Another host on the same database that looks this often at what will end. No other host does.
    pub async fn host_that_forecasts(&self, every: Duration) -> FabricAuth {
        build(self.builder().keys(Arc::new(self.keys.clone())).forecast_every(Some(every)), &self.clock).await
    }

    /// Another host on the same database that writes its journal elsewhere.
    pub async fn host_with_journal(&self, journal: Arc<dyn Journal>) -> FabricAuth {
        build(self.builder().keys(Arc::new(self.keys.clone())).journal(journal), &self.clock).await
    }

    fn builder(&self) -> Builder {
        without_rounds(Deployment::self_hosted("4.2.1", BASE_URL)).database(&self.database)
    }

    /// Ends the world, and waits until its host has let go of everything. For tests that go through many worlds: a
    /// process can hold the stacks of a few hosts only.
    pub async fn end(self) {
        self.host.finish().await;
    }

    /// Lets time pass for workspace and host alike.
    pub fn advance(&self, by: Duration) {
        // The workspace first: what the host does when it wakes must meet the new time.
        self.workspace.clock().advance(by);
        self.clock.advance(by);
    }

    /// The folder of the database and the key ring, and nothing else.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The time that the host goes by.
    pub fn clock(&self) -> &MovableClock {
        &self.clock
    }

    /// The workspace's books.
    pub fn books(&self) -> Books {
        self.workspace.books()
    }

    /// How many requests with a refresh token have arrived.
    pub fn refreshes(&self) -> u64 {
        self.books().grant("refresh_token").requests
    }

    /// How many requests with client credentials have arrived.
    pub fn client_credentials(&self) -> u64 {
        self.books().grant("client_credentials").requests
    }

    /// The app's secret, if it has one.
    pub fn app_secret(&self) -> Option<SecretString> {
        self.app.client_secret().map(|secret| secret.expose().into())
    }

    /// The service principal's secret.
    pub fn principal_secret(&self) -> SecretString {
        self.principal.secret().expect("a secret").expose().into()
    }

    /// Registers the app with Prophecy.
    pub async fn set_app_connection(&self) {
        let (admin, secret) = (cluster_admin(), self.app_secret());
        let set = self.host.set_app_connection(&admin, app_settings(&self.app), secret.as_ref());
        set.await.expect("an app connection");
    }

    /// Creates the fabric [`DEV`].
    pub async fn put_dev_fabric(&self) {
        let settings = with_principal(fabric_settings(DEV, self.workspace.url()), &self.principal);
        let (admin, secret) = (team_admin(), self.principal_secret());
        let put = self.host.put_fabric(&admin, settings, Some(&secret), None);
        put.await.expect("a fabric");
    }

    /// Begins a sign-in for the fabric [`DEV`]: authorization URL and binding secret.
    pub async fn begin(&self, caller: &Caller) -> (String, SecretString) {
        let (url, binding, _) = self.host.begin_sign_in(caller, DEV, None).await.expect("a sign-in that begins");
        (url.expose_secret().to_owned(), binding)
    }

    /// Signs in on the workspace's page and gives the query string of the callback.
    pub async fn callback(&self, authorization_url: &str, user_name: &str) -> SecretString {
        let url = self.workspace.sign_in_as(authorization_url, user_name).await.expect("a callback");
        query_of(&url)
    }

    /// Signs a caller in as `<user>@example.com`, from beginning to end.
    pub async fn sign_in(&self, caller: &Caller) -> CompletedSignIn {
        self.try_sign_in(caller, &format!("{}@example.com", caller.user)).await.expect("a sign-in")
    }

    /// Signs a caller in as somebody.
    pub async fn try_sign_in(&self, caller: &Caller, user_name: &str) -> Result<CompletedSignIn, Error> {
        let (url, binding) = self.begin(caller).await;
        let callback = self.callback(&url, user_name).await;
        self.host.complete_sign_in(caller, &callback, &binding).await
    }

    /// A person's token for the fabric [`DEV`].
    pub async fn token(&self, caller: &Caller) -> Result<(String, TokenDescription), Error> {
        self.token_for(caller, Activity::PipelineDevelopment).await
    }

    /// A token for the fabric [`DEV`] by activity.
    pub async fn token_for(&self, caller: &Caller, activity: Activity) -> Result<(String, TokenDescription), Error> {
        let (token, description) = self.host.access_token(caller, DEV, activity).await?;
        Ok((token.expose_secret().to_owned(), description))
    }
}

/// The query string of a URL, as a host gives it to `complete-sign-in`.
fn query_of(url: &str) -> SecretString {
    url.split_once('?').expect("a URL with a query").1.into()
}

/// A host that does nothing by itself, so that time can be moved.
fn without_rounds(deployment: Deployment) -> Builder {
    FabricAuth::builder(deployment).expire_every(None).renew_ahead_every(None).forecast_every(None)
}

async fn build(builder: Builder, clock: &MovableClock) -> FabricAuth {
    // Hosts that are built at the same time would each compile the component.
    static ONE_AT_A_TIME: Mutex<()> = Mutex::const_new(());
    let _turn = ONE_AT_A_TIME.lock().await;
    builder
        .clock(Arc::new(clock.clone()))
        .egress(EgressSettings { allow_loopback_http: true, ..EgressSettings::default() })
        .component(Artifact::embedded())
        .compile_cache(CompileCache { folder: cache_folder(), keys: vec![Zeroizing::new([7; 32])] })
        .build()
        .await
        .expect("a host")
}

/// Beside the test program, so that the component is compiled once for all of them.
fn cache_folder() -> PathBuf {
    let program = std::env::current_exe().expect("the test program has a path");
    program.with_file_name("component-cache")
}

/// Lets a test that fails show what the host had to say.
fn show_warnings() {
    // The first test of the process has set it already.
    let _ = tracing_subscriber::fmt().with_test_writer().with_max_level(LevelFilter::WARN).try_init();
}
