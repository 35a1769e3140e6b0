//! Hosts in processes of their own, on one store, before one workspace. Real time passes for all of them.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use fabric_auth::clock::SystemClock;
use fabric_auth::keys::KeyRing;
use simulated_workspace::{App, Settings, SimulatedWorkspace, TokenOutcome, User};
use tempfile::TempDir;

use crate::replica::{Replica, ReplicaSettings};
use crate::test_store::{Engine, TestStore};
use crate::wire::Wire;
use crate::world::REDIRECT_URL;

/// The life of an access token that is to expire soon.
pub const SHORT_LIFE: Duration = Duration::from_secs(4);

/// The life of one that is to be served for a while. It is not renewed in its first half.
pub const LONG_LIFE: Duration = Duration::from_secs(24);

/// A workspace, the wire to it, a store, and whatever hosts are started on them.
pub struct Cluster {
    /// The workspace.
    pub workspace: SimulatedWorkspace,
    /// Between hosts and workspace.
    pub wire: Wire,
    /// What hosts share.
    pub store: TestStore,
    /// The app that the workspace knows.
    pub app: App,
    program: PathBuf,
    folder: TempDir,
}

impl Cluster {
    /// A cluster without hosts. `program` is the one that they run. None where the store is not to be had.
    ///
    /// # Panics
    /// When something cannot be set up.
    pub async fn new(program: &Path, engine: Engine) -> Option<Self> {
        let folder = tempfile::tempdir().expect("a folder");
        let store = TestStore::new(engine, folder.path()).await?;
        Some(Self::on(program, store, folder).await)
    }

    /// A cluster on a store that is there, with a folder for everything else.
    ///
    /// # Panics
    /// When something cannot be set up.
    pub async fn on(program: &Path, store: TestStore, folder: TempDir) -> Self {
        let mut wire = Wire::new();
        let settings = Settings { public_port: Some(wire.port()), ..Settings::default() };
        let workspace = SimulatedWorkspace::start(settings).await.expect("a workspace");
        wire.connect(workspace.port());
        let app = App::confidential(REDIRECT_URL);
        workspace.register_app(app.clone());
        let clock = Arc::new(SystemClock::new());
        KeyRing::create(folder.path().join("keyring.json"), clock).expect("a key ring");
        let cluster = Self { workspace, wire, store, app, program: program.to_owned(), folder };
        cluster.give_tokens_a_life_of(LONG_LIFE);
        cluster
    }

    /// What a host of this cluster is made of.
    pub fn settings(&self) -> ReplicaSettings {
        ReplicaSettings {
            storage_url: self.store.url(),
            keys: self.folder.path().join("keyring.json"),
            wall_clock_offset: 0,
            hears_announcements: true,
        }
    }

    /// Starts a host.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn start(&self) -> Replica {
        self.start_as(&self.settings()).await
    }

    /// Starts a host with other settings.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn start_as(&self, settings: &ReplicaSettings) -> Replica {
        self.try_to_start(settings).await.expect("a host that starts")
    }

    /// Starts a host, if it does.
    ///
    /// # Errors
    /// What it says.
    pub async fn try_to_start(&self, settings: &ReplicaSettings) -> Result<Replica, String> {
        Replica::start(&self.program, settings).await
    }

    /// Sets the app connection and adds the fabric `dev`, through a host.
    ///
    /// # Panics
    /// When that fails.
    pub async fn administer(&self, host: &Replica) {
        let secret = self.folder.path().join("app-secret");
        std::fs::write(&secret, self.app.client_secret().expect("a secret").expose()).expect("a file");
        let (url, client_id) = (self.workspace.url(), &self.app.client_id);
        host.must(&format!("administer {url} {client_id} {}", secret.display())).await;
    }

    /// Signs somebody in through a host, as `<user>@example.com`.
    ///
    /// # Panics
    /// When that fails.
    pub async fn sign_in(&self, host: &Replica, user: &str) {
        let user_name = format!("{user}@example.com");
        if !["alice", "bob"].contains(&user) {
            self.workspace.register_user(User::new(user_name));
        }
        host.must(&format!("sign-in {user} dev")).await;
    }

    /// Signs these people in through a host on an empty store, and waits until their tokens have expired. The next
    /// tokens will have the [long life](LONG_LIFE).
    ///
    /// # Panics
    /// When that fails.
    pub async fn with_expired_grants_of(&self, host: &Replica, users: &[&str]) {
        self.administer(host).await;
        self.give_tokens_a_life_of(SHORT_LIFE);
        for user in users {
            self.sign_in(host, user).await;
        }
        self.give_tokens_a_life_of(LONG_LIFE);
        until_expired(SHORT_LIFE).await;
    }

    /// The life of access tokens that are issued from now on.
    pub fn give_tokens_a_life_of(&self, life: Duration) {
        let known = self.workspace.change_app(&self.app.client_id, |app| app.lifetimes.access_token = life);
        assert!(known, "the workspace does not know its app");
    }

    /// How many requests with a refresh token have arrived.
    pub fn refreshes(&self) -> u64 {
        self.workspace.books().grant("refresh_token").requests
    }

    /// How often a spent refresh token was presented.
    pub fn reuses(&self) -> u64 {
        self.workspace.books().reuses()
    }

    /// Waits until so many requests with a refresh token have arrived.
    ///
    /// # Panics
    /// When they have not in half a minute.
    pub async fn has_been_asked(&self, times: u64) {
        self.until("a refresh request arrives", || self.refreshes() >= times).await;
    }

    /// Waits until the server has acted on so many requests with a refresh token.
    ///
    /// # Panics
    /// When it has not in half a minute.
    pub async fn has_granted(&self, times: usize) {
        let granted = || {
            let requests = self.workspace.books().token_requests;
            let is_granted = |outcome: &TokenOutcome| *outcome == TokenOutcome::Granted;
            requests
                .iter()
                .filter(|request| request.grant_type.as_deref() == Some("refresh_token"))
                .filter(|request| is_granted(&request.outcome))
                .count()
        };
        self.until("a refresh request is granted", || granted() >= times).await;
    }

    /// Waits until the only grant is claimed.
    ///
    /// # Panics
    /// When it is not in half a minute.
    pub async fn is_claimed(&self) {
        for _ in 0..300 {
            if self.store.grant().await.claimed {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("nobody claims the grant");
    }

    async fn until(&self, what: &str, condition: impl Fn() -> bool) {
        for _ in 0..3_000 {
            if condition() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("waited in vain until {what}");
    }

    /// The folder of key ring and SQLite file.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }
}

/// Waits until a token that was just issued with this life is not served any more: a quarter of its life before its end.
pub async fn until_expired(life: Duration) {
    tokio::time::sleep(life.mul_f64(0.75) + Duration::from_millis(500)).await;
}
