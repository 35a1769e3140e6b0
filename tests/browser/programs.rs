//! Chromium and its driver: where they are, and one driver for all tests.

use std::env;
use std::ffi::OsString;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use fabric_auth_tests::{HttpClient, eventually};
use hyper_util::client::legacy::connect::HttpConnector;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

/// The programs, the variables that name them, and the names under which they are looked for.
const CHROMIUM: (&str, &[&str]) =
    ("FABRIC_AUTH_CHROMIUM", &["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"]);
const DRIVER: (&str, &[&str]) = ("FABRIC_AUTH_CHROMEDRIVER", &["chromedriver"]);

/// How a browser is started: without a window, and without what it would do over the network by itself.
const ARGUMENTS: [&str; 13] = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-extensions",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--force-device-scale-factor=1",
    "--hide-scrollbars",
];

/// How long the driver may take to end the browsers that are still there.
const END_WITHIN: Duration = Duration::from_secs(10);

/// Where the programs are.
pub(crate) struct Programs {
    chromium: PathBuf,
    driver: PathBuf,
}

/// A driver that runs, until it is told to [end](Self::end).
pub(crate) struct Driver {
    process: Mutex<Child>,
    url: String,
    chromium: PathBuf,
}

impl Programs {
    /// Looks for them.
    ///
    /// # Errors
    /// Which one is missing, and how to name it.
    pub(crate) fn find() -> Result<Self, String> {
        Ok(Self { chromium: find(CHROMIUM)?, driver: find(DRIVER)? })
    }
}

fn find((variable, names): (&str, &[&str])) -> Result<PathBuf, String> {
    if let Some(named) = env::var_os(variable) {
        return Ok(named.into());
    }
    let folders: Vec<PathBuf> = env::split_paths(&env::var_os("PATH").unwrap_or_else(OsString::new)).collect();
    let mut candidates = names.iter().flat_map(|name| folders.iter().map(move |folder| folder.join(name)));
    let missing = || format!("there is no {} here; install it, or name it with {variable}", names[0]);
    candidates.find(|candidate| candidate.is_file()).ok_or_else(missing)
}

impl Driver {
    /// Starts the driver on a port of its own.
    pub(crate) async fn start(programs: Programs) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let port = listener.local_addr().expect("an address").port();
        drop(listener);
        let process = Command::new(&programs.driver)
            .arg(format!("--port={port}"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("a driver that starts");
        let driver =
            Self { process: Mutex::new(process), url: format!("http://127.0.0.1:{port}"), chromium: programs.chromium };
        let is_listening = async || tokio::net::TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.is_ok();
        eventually("the driver listens", is_listening).await;
        driver
    }

    /// A client for what the protocol of browsers has no word for.
    pub(crate) fn client(&self) -> HttpClient {
        HttpClient::new(&self.url)
    }

    /// Starts a browser with an empty profile in this folder.
    pub(crate) async fn browser(&self, profile: &Path) -> fantoccini::Client {
        let mut arguments: Vec<Value> = ARGUMENTS.iter().map(|argument| json!(argument)).collect();
        arguments.push(json!(format!("--user-data-dir={}", profile.display())));
        // The driver lets all new tabs through unless it is told not to.
        let options = json!({
            "binary": self.chromium,
            "args": arguments,
            "excludeSwitches": ["disable-popup-blocking"],
        });
        let capabilities = json!({
            "browserName": "chrome",
            "goog:chromeOptions": options,
            "goog:loggingPrefs": { "browser": "ALL" },
        });
        let Value::Object(capabilities) = capabilities else { panic!("capabilities are an object") };
        let mut builder = fantoccini::ClientBuilder::new(HttpConnector::new());
        builder.capabilities(capabilities).connect(&self.url).await.expect("a browser that starts")
    }
}

impl Driver {
    /// Ends the driver, and with it the browsers that are still there.
    pub(crate) fn end(&self) {
        let mut process = self.process.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(id) = i32::try_from(process.id()).ok().and_then(Pid::from_raw) {
            // It may be gone.
            let _ = kill_process(id, Signal::TERM);
        }
        let began = Instant::now();
        while began.elapsed() < END_WITHIN {
            if matches!(process.try_wait(), Ok(Some(_))) {
                return;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        let _ = process.kill();
        let _ = process.wait();
    }
}
