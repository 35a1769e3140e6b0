//! A simulated workspace in a process of its own, and its control interface.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use bytes::Bytes;
use fabric_auth_tests::REDIRECT_URL;
use http::{Method, Request};
use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};
use tempfile::TempDir;

/// The running process. Killed when it is dropped.
pub struct TokenEndpoint {
    process: Child,
    url: String,
    client_id: String,
    client_secret: String,
}

impl TokenEndpoint {
    /// Starts it; tokens have this life at first.
    pub fn start(life: Duration) -> Self {
        let program = Path::new(env!("CARGO_BIN_EXE_replica")).with_file_name("simulated-workspace");
        assert!(program.exists(), "build it first: cargo build --release -p simulated-workspace");
        let mut command = Command::new(program);
        command.args(["--output", "json", "--redirect-url", REDIRECT_URL]);
        command.args(["--access-token-seconds", &life.as_secs().to_string()]);
        let mut process = command.stdout(Stdio::piped()).spawn().expect("a workspace");
        let mut line = String::new();
        BufReader::new(process.stdout.as_mut().expect("a pipe")).read_line(&mut line).expect("an announcement");
        let announced: Value = serde_json::from_str(&line).expect("JSON");
        let member = |name: &str| announced[name].as_str().expect("a text").to_owned();
        let (url, client_id) = (member("url"), member("app_client_id"));
        Self { process, url, client_id, client_secret: member("app_client_secret") }
    }

    /// The command that registers this workspace and its app with a host.
    pub fn administer_command(&self, folder: &TempDir) -> String {
        let secret = folder.path().join("app-secret");
        std::fs::write(&secret, &self.client_secret).expect("a file");
        format!("administer {} {} {}", self.url, self.client_id, secret.display())
    }

    /// The life of tokens that are issued from now on.
    pub async fn give_tokens_a_life_of(&self, life: Duration) {
        let app = json!({
            "client_id": self.client_id,
            "client_type": "confidential",
            "client_secrets": [self.client_secret],
            "redirect_urls": [REDIRECT_URL],
            "lifetimes": { "access_token_seconds": life.as_secs() },
        });
        self.control(Method::POST, "/apps", &app).await;
    }

    /// How long it takes for each token request from now on.
    pub async fn take_for_each_token(&self, time: Duration) {
        let milliseconds = u64::try_from(time.as_millis()).expect("a short time");
        let fault = json!({ "endpoint": "token", "fault": { "delay_before": milliseconds }, "until_cleared": true });
        self.control(Method::POST, "/faults", &fault).await;
    }

    /// How many requests with a refresh token it has counted.
    pub async fn refreshes(&self) -> u64 {
        let books = self.control(Method::GET, "/books", &Value::Null).await;
        let requests = books["token_requests"].as_array().expect("books");
        requests.iter().filter(|request| request["grant_type"] == "refresh_token").count() as u64
    }

    async fn control(&self, method: Method, path: &str, body: &Value) -> Value {
        let body = if body.is_null() { Bytes::new() } else { Bytes::from(body.to_string()) };
        let request = Request::builder()
            .method(method)
            .uri(format!("{}/simulation{path}", self.url))
            .header("x-simulation", "1")
            .header("content-type", "application/json")
            .body(Full::new(body))
            .expect("a request");
        let client = Client::builder(TokioExecutor::new()).build_http();
        let response = client.request(request).await.expect("a reply");
        assert!(response.status().is_success(), "{path}: {}", response.status());
        let body = response.into_body().collect().await.expect("a body").to_bytes();
        if body.is_empty() { Value::Null } else { serde_json::from_slice(&body).expect("JSON") }
    }
}

impl Drop for TokenEndpoint {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
