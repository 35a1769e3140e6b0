//! A service with somebody signed in, set up as an operator does it: with the commands of the program.

use std::net::{SocketAddr, TcpListener};
use std::path::Path;

use bytes::Bytes;
use http::{Request, Uri};
use http_body_util::Full;
use serde_json::Value;
use simulated_workspace::{App, Secret, Settings, SimulatedWorkspace};
use tempfile::TempDir;

use crate::load::{Target, connect, exchange};
use crate::process::{Process, Program};

/// Who is signed in.
const PERSON: [&str; 6] = ["--role", "person", "--team", "analytics", "--user", "alice"];

/// A running service, and what it stands on.
pub struct Service {
    process: Process,
    address: SocketAddr,
    api_token: String,
    workspace: SimulatedWorkspace,
    _folder: TempDir,
}

impl Service {
    /// Sets it up and starts it.
    pub async fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let port = free_port();
        let base_url = base_url(port);
        let workspace = SimulatedWorkspace::start(Settings::default()).await.expect("a workspace");
        let app = App::confidential(format!("{base_url}/api/databricks/oauthredirect"));
        workspace.register_app(app.clone());
        let program = program(folder.path(), port, Vec::new());
        administer(&program, &app, &workspace);
        sign_in(&program, &workspace).await;
        let mut added = program.start(&["user", "add", "alice", "--team", "analytics"], "");
        let api_token = text(&added.next_document(), "api_token");
        added.end_well();
        let mut process = program.start(&["serve"], "");
        let address = text(&process.next_document(), "listening").parse().expect("an address");
        Self { process, address, api_token, workspace, _folder: folder }
    }

    /// What costs nothing but HTTP.
    pub fn constant(&self) -> Target {
        let request = Request::get("/healthz").header("host", self.address.to_string()).body(Full::default());
        Target { address: self.address, request: request.expect("a request"), expected: String::new() }
    }

    /// The token that is in hand.
    pub async fn token(&self) -> Target {
        let request = Request::post("/api/v1/fabrics/dev/access-token")
            .header("host", self.address.to_string())
            .header("authorization", format!("Bearer {}", self.api_token))
            .header("content-type", "application/json")
            .body(Full::new(Bytes::from_static(br#"{"activity":"pipeline-development"}"#)))
            .expect("a request");
        let answered = exchange(&mut connect(self.address).await, request.clone()).await;
        let (status, body) = answered.expect("an answer");
        assert!(status.is_success(), "{status}");
        let answer: Value = serde_json::from_str(&body).expect("JSON");
        Target { address: self.address, request, expected: text(&answer, "access_token") }
    }

    /// The number of the server's process.
    pub fn process(&self) -> u32 {
        self.process.id()
    }

    /// Tells it to end, and waits until it has.
    pub async fn end(self) {
        self.process.tell_to_end();
        self.process.end_well();
        self.workspace.stop().await;
    }
}

/// The program with the settings of a service at this port, and others.
pub fn program(folder: &Path, port: u16, others: Vec<(&'static str, String)>) -> Program {
    let mut settings = vec![
        ("FABRIC_AUTH_DEPLOYMENT_PROPHECY_VERSION", "4.2.1".to_owned()),
        ("FABRIC_AUTH_DEPLOYMENT_BASE_URL", base_url(port)),
        ("FABRIC_AUTH_EGRESS_ALLOW_LOOPBACK_HTTP", "true".to_owned()),
        ("FABRIC_AUTH_SERVICE_LISTEN", format!("127.0.0.1:{port}")),
    ];
    settings.extend(others);
    Program::new(folder, settings)
}

fn base_url(port: u16) -> String {
    format!("http://localhost:{port}")
}

fn administer(program: &Program, app: &App, workspace: &SimulatedWorkspace) {
    let secret = app.client_secret().map(Secret::expose).expect("a confidential app");
    program.run(&["init"], "");
    program.run(&["app", "set", "--client-id", &app.client_id, "--client-secret-file", "-"], secret);
    let url = workspace.url();
    program.run(&["fabric", "add", "dev", "--kind", "sql", "--team", "analytics", "--workspace-url", url], "");
}

/// Signs the person in, with this process as their browser.
async fn sign_in(program: &Program, workspace: &SimulatedWorkspace) {
    let arguments = [&PERSON[..], &["login", "dev", "--no-browser"]].concat();
    let mut login = program.start(&arguments, "");
    let begun = login.next_document();
    let callback = workspace.sign_in_as(&text(&begun, "authorization_url"), "alice@example.com").await;
    let callback: Uri = callback.expect("a callback").parse().expect("a URL");
    let port = callback.port_u16().expect("a port");
    let path = callback.path_and_query().expect("a path").as_str();
    let request = Request::get(path).header("host", format!("localhost:{port}")).body(Full::default());
    let mut sender = connect(SocketAddr::from(([127, 0, 0, 1], port))).await;
    let (status, _) = exchange(&mut sender, request.expect("a request")).await.expect("an answer");
    // To a last page for people. The command waits a moment for it to be fetched, and ends all the same.
    assert!(status.is_redirection(), "{status}");
    login.end_well();
}

/// A text of a document.
pub fn text(document: &Value, member: &str) -> String {
    document.get(member).and_then(Value::as_str).expect("a text").to_owned()
}

/// A port of this machine that nobody listened at just now.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    listener.local_addr().expect("an address").port()
}
