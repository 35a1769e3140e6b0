//! nginx with two servers: a plain reverse proxy, and one that asks our forward-auth.

use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::setup::free_port;
use crate::system;

/// How many processes of it do the work.
pub const WORKERS: usize = 2;

/// How many idle connections to what is behind it each worker keeps.
pub const KEPT_ALIVE: usize = 128;

/// What the documentation tells operators to use.
const FORWARD_AUTH: &str = include_str!("../../../../host/docs/gateway/nginx-forward-auth.conf");

/// How long it may take to begin.
const PATIENCE: Duration = Duration::from_secs(10);

/// A running nginx, until this is dropped.
pub struct Nginx {
    /// The plain reverse proxy.
    pub plain: SocketAddr,
    /// The one that asks forward-auth.
    pub asking: SocketAddr,
    process: Child,
    _folder: TempDir,
}

impl Nginx {
    /// Starts it in front of a workspace and beside a gateway. None where there is no nginx.
    pub fn start(workspace: SocketAddr, gateway: SocketAddr) -> Option<Self> {
        let program = program()?;
        let folder = tempfile::tempdir().expect("a folder");
        let path = |name: &str| folder.path().join(name).to_str().expect("a plain name").to_owned();
        let [plain, asking] = [(); 2].map(|()| SocketAddr::from(([127, 0, 0, 1], free_port())));
        let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .iter()
            .map(|kind| format!("{kind}_temp_path {};\n", path(kind)))
            .collect();
        let configuration = format!(
            "daemon off;\nworker_processes {WORKERS};\npid {};\nerror_log stderr;\nevents {{ worker_connections 2048; }}\n\
             http {{\naccess_log off;\nkeepalive_requests 1000000000;\n{temporary}{}{}}}\n",
            path("pid"),
            plain_proxy(plain, workspace),
            forward_auth(asking, gateway),
        );
        fs::write(path("nginx.conf"), configuration).expect("a file");
        let process = Command::new(program)
            .args(["-e", "stderr", "-p", folder.path().to_str()?, "-c", &path("nginx.conf")])
            .stdin(Stdio::null())
            .spawn()
            .expect("a process");
        let nginx = Self { plain, asking, process, _folder: folder };
        let deadline = Instant::now() + PATIENCE;
        while TcpStream::connect(asking).is_err() || nginx.workers().len() < WORKERS {
            assert!(Instant::now() < deadline, "nginx that listens");
            sleep(Duration::from_millis(10));
        }
        Some(nginx)
    }

    /// The numbers of the processes that do the work.
    pub fn workers(&self) -> Vec<u32> {
        system::children(self.process.id())
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // The first process ends the others, which it could not do if it were killed. It may have ended already.
        let _ = kill_process(Pid::from_child(&self.process), Signal::TERM);
        let _ = self.process.wait();
    }
}

fn program() -> Option<&'static str> {
    let is_there = |name: &&str| Command::new(name).arg("-v").stderr(Stdio::null()).status().is_ok();
    ["nginx", "/usr/sbin/nginx"].into_iter().find(is_there)
}

fn plain_proxy(listen: SocketAddr, workspace: SocketAddr) -> String {
    format!(
        "upstream workspace {{ server {workspace}; keepalive {KEPT_ALIVE}; keepalive_requests 1000000000; }}\n\
         server {{ listen {listen}; location / {{\nproxy_pass http://workspace;\nproxy_http_version 1.1;\n\
         proxy_set_header Connection \"\";\n}} }}\n"
    )
}

/// The documented configuration without TLS, for the workspace above, and with as many connections kept.
fn forward_auth(listen: SocketAddr, gateway: SocketAddr) -> String {
    let mut text = FORWARD_AUTH.to_owned();
    for (from, to) in [
        ("listen 443 ssl;", format!("listen {listen};")),
        ("server 127.0.0.1:8021;", format!("server {gateway};")),
        ("keepalive 32;", format!("keepalive {KEPT_ALIVE}; keepalive_requests 1000000000;")),
        ("https://dbc-a1b2c3d4-e5f6.cloud.databricks.com", "http://workspace".to_owned()),
    ] {
        assert!(text.contains(from), "{from} is not in the configuration");
        text = text.replace(from, &to);
    }
    text.lines().filter(|line| !line.contains("ssl_")).map(|line| format!("{line}\n")).collect()
}
