//! nginx itself, with the configurations of `host/docs/gateway`: asking forward-auth, and in front of the gateway. Where
//! there is no nginx these are skipped, which they say; with `CI=true` that is a failure.

use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use fabric_auth::service::ServiceSettings;
use fabric_auth_tests::{ServiceWorld, Setup, alice, eventually};
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::support::{ALICES, Edge, RAW, settings};
use crate::raw::status;
use crate::tls::{CERTIFICATE, KEY, exchange_by_tls_at};

const FORWARD_AUTH: &str = include_str!("../../../host/docs/gateway/nginx-forward-auth.conf");
const IN_FRONT: &str = include_str!("../../../host/docs/gateway/nginx-in-front.conf");

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// nginx, until this is dropped.
struct Nginx {
    address: SocketAddr,
    process: Child,
    _folder: TempDir,
}

impl Nginx {
    /// Starts it with a configuration of ours, in which what stands for the operator's own is replaced. None where there
    /// is no nginx.
    async fn start(configuration: &str, replaced: &[(&str, &str)]) -> Option<Self> {
        let Some(program) = program() else {
            assert_ne!(std::env::var("CI").as_deref(), Ok("true"), "nginx is not to be had here");
            println!("skipped: there is no nginx here");
            return None;
        };
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
        let address = TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap();
        let mut text = configuration.to_owned();
        let listen = format!("listen {address} ssl");
        for (from, to) in [("listen 443 ssl", listen.as_str())].iter().chain(replaced) {
            assert!(text.contains(from), "{from} is not in the configuration");
            text = text.replace(from, to);
        }
        for name in ["databricks.example.com", "gateway.example.com"] {
            text = text.replace(&format!("/etc/nginx/tls/{name}"), &path("tls"));
        }
        text = text.replace("/etc/ssl/certs/ca-certificates.crt", &path("tls.crt"));
        fs::write(path("tls.crt"), CERTIFICATE).unwrap();
        fs::write(path("tls.key"), KEY).unwrap();
        let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .iter()
            .map(|kind| format!("{kind}_temp_path {};\n", path(kind)))
            .collect();
        let whole = format!(
            "daemon off;\nmaster_process off;\npid {};\nerror_log stderr;\nevents {{}}\nhttp {{\naccess_log off;\n{temporary}{text}}}\n",
            path("pid")
        );
        fs::write(path("nginx.conf"), whole).unwrap();
        let process = Command::new(program)
            .args(["-e", "stderr", "-p", folder.path().to_str().unwrap(), "-c", &path("nginx.conf")])
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        let nginx = Self { address, process, _folder: folder };
        eventually("nginx listens", async || TcpStream::connect(address).await.is_ok()).await;
        Some(nginx)
    }

    /// Sends a request with these lines.
    async fn request(&self, target: &str, lines: &str) -> String {
        let request = format!("{target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{lines}\r\n");
        timeout(PATIENCE, exchange_by_tls_at(self.address, &request)).await.expect("an answer in time")
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn program() -> Option<String> {
    let is_there = |name: &&str| Command::new(name).arg("-v").stderr(Stdio::null()).status().is_ok();
    ["nginx", "/usr/sbin/nginx"].into_iter().find(is_there).map(str::to_owned)
}

/// A gateway behind a proxy on this machine.
async fn behind_a_proxy() -> Edge {
    let trusted_proxies = vec!["127.0.0.1/32".parse().unwrap()];
    let settings = ServiceSettings { gateway: Some(settings()), trusted_proxies, ..ServiceSettings::default() };
    let service = ServiceWorld::of(Setup::default(), settings).await;
    service.world.set_app_connection().await;
    service.world.put_dev_fabric().await;
    Edge::over(service).await
}

/// What clients may say about themselves, and must not get through with.
const SPOOFED: &str = "Cookie: forged\r\nForwarded: for=forged\r\nX-Forwarded-User: forged\r\nX-Forwarded-For: 203.0.113.9\r\n\
     X_Forwarded_User: forged\r\nX-Original-URI: /forged\r\nX-Original-URL: /forged\r\nX-Rewrite-URL: /forged\r\n\
     X-Forwarded-Uri: /forged\r\nX-Real-IP: 203.0.113.9\r\nX-Databricks-Org-Id: forged\r\nX-Databricks-Workspace-Id: forged\r\n\
     Prophecy-Ticket: forged\r\nProphecy_Ticket: forged\r\nProphecy-Fabric: forged\r\nX-HTTP-Method-Override: forged\r\n";

#[tokio::test(flavor = "multi_thread")]
async fn nginx_that_asks_forward_auth_sends_the_right_identity_on_and_no_other() {
    let edge = behind_a_proxy().await;
    let (gateway, authorization) = (edge.address().to_string(), edge.authorization());
    let replaced = [
        ("127.0.0.1:8021", gateway.as_str()),
        ("https://dbc-a1b2c3d4-e5f6.cloud.databricks.com", edge.upstream.url.as_str()),
        ("Prophecy-Fabric dev;", "Prophecy-Fabric raw;"),
    ];
    let Some(nginx) = Nginx::start(FORWARD_AUTH, &replaced).await else { return edge.end().await };
    let authorized = |lines: &str| format!("{authorization}\r\n{lines}");

    for lines in ["", SPOOFED] {
        let answer = nginx.request("GET /echo?x=%2F", &authorized(lines)).await;
        assert_eq!(status(&answer), Some(200), "{answer}");
        let lowered = answer.to_lowercase();
        assert!(lowered.contains(&format!("authorization: bearer {ALICES}\\r\\n")), "{answer}");
        assert!(lowered.contains("get /echo?x=%2f http/1.1"), "{answer}");
        assert!(!lowered.contains("forged") && !lowered.contains("203.0.113.9"), "{answer}");
        assert!(lowered.contains("content-security-policy: default-src 'none'; sandbox"), "{answer}");
    }
    // A reply does not lead nginx to where tokens are told.
    let led = nginx.request("GET /acts-on-the-origin", &authorized("")).await;
    assert!(led.starts_with("HTTP/1.1 200") && led.ends_with("ok"), "{led}");
    let lowered = led.to_lowercase();
    assert!(!lowered.contains("authorization:") && !lowered.contains("set-cookie"), "{led}");
    let body = nginx.request("PUT /upload", &authorized("Content-Length: 5\r\n\r\n12345")).await;
    assert_eq!(status(&body), Some(200), "{body}");
    let arrived = edge.upstream.heads().len();
    for (target, lines, expected) in [
        ("GET /echo", String::new(), 401),
        ("GET /echo", "Authorization: Bearer forged\r\n".to_owned(), 401),
        ("GET /oidc/v1/token", authorized(""), 403),
        ("GET /api/%2e%2e/oidc/v1/token", authorized(""), 403),
        ("GET /echo", authorized("Origin: https://evil.example\r\n"), 403),
        ("GET /.fabric-auth", authorized(""), 404),
    ] {
        let answer = nginx.request(target, &lines).await;
        assert_eq!(status(&answer), Some(expected), "{target} {lines}: {answer}");
        assert!(!answer.contains(ALICES), "{answer}");
    }
    edge.service.world.host.remove_personal_access_token(&alice(), RAW).await.unwrap();
    let answer = nginx.request("GET /echo", &authorized("")).await;
    assert_eq!(status(&answer), Some(401), "{answer}");
    assert_eq!(edge.upstream.heads().len(), arrived);
    drop(nginx);
    edge.service.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nginx_in_front_of_the_gateway_changes_nothing_of_it() {
    let edge = behind_a_proxy().await;
    let (gateway, authorization) = (edge.address().to_string(), edge.authorization());
    let replaced = [("127.0.0.1:8021", gateway.as_str())];
    let Some(nginx) = Nginx::start(IN_FRONT, &replaced).await else { return edge.end().await };
    // nginx sends one fabric's name only, so that the spoofed one counts.
    let spoofed = SPOOFED.replace("Prophecy-Fabric: forged", "Prophecy-Fabric: raw");
    let answer = nginx.request("GET /echo", &format!("{authorization}\r\n{spoofed}")).await;
    assert_eq!(status(&answer), Some(200), "{answer}");
    let lowered = answer.to_lowercase();
    assert!(lowered.contains(&format!("authorization: bearer {ALICES}\\r\\n")), "{answer}");
    assert!(
        !lowered.contains("forged") && !lowered.contains("203.0.113.9") && !lowered.contains("x-forwarded"),
        "{answer}"
    );
    assert_eq!(status(&nginx.request("GET /echo", "").await), Some(401));
    assert_eq!(status(&nginx.request("GET /oidc/v1/token", &format!("{authorization}\r\n")).await), Some(403));
    let events = nginx.request("GET /events", &format!("{authorization}\r\n")).await;
    assert_eq!(events.matches("data: ").count(), 3, "{events}");
    // Each client behind the proxy has its own attempts.
    for _ in 0..30 {
        let answer = nginx.request("GET /echo", "Authorization: Bearer wrong\r\n").await;
        assert!(matches!(status(&answer), Some(401 | 429)), "{answer}");
    }
    assert_eq!(status(&nginx.request("GET /echo", &format!("{authorization}\r\n")).await), Some(200));
    drop(nginx);
    edge.end().await;
}
