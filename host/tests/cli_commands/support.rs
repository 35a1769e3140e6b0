//! A deployment in a temporary folder, and the binary run in it.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;

use serde_json::Value;
use simulated_workspace::{App, Needle, ServicePrincipal, Settings, SimulatedWorkspace};
use tempfile::TempDir;

pub const ALICE: &str = "alice@example.com";
pub const TEAM: &str = "analytics";

const REDIRECT_PATH: &str = "/api/databricks/oauthredirect";

/// What a run of the binary came to.
#[derive(Debug)]
pub struct Run {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Run {
    /// Holds the run to an exit code.
    #[track_caller]
    pub fn ends_with(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{self:?}");
        self
    }

    /// The data, which must be one JSON document.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The member `error` of the last line of standard error.
    #[track_caller]
    pub fn error(&self) -> Value {
        let line = self.stderr.lines().last().unwrap_or_default();
        let json: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {self:?}"));
        json["error"].clone()
    }

    /// Holds standard error to containing each of the texts.
    #[track_caller]
    pub fn says(self, texts: &[&str]) -> Self {
        for text in texts {
            assert!(self.stderr.contains(text), "{text:?} is not in {self:?}");
        }
        self
    }
}

/// The binary, in a folder, and free of settings from outside.
pub fn binary(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_fabric-auth"));
    command.args(arguments).current_dir(folder).env("USER", "olivia").stdin(Stdio::null());
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("FABRIC_AUTH_")) {
        command.env_remove(name);
    }
    command
}

/// Runs a command to its end, with `input` on standard input.
pub fn finish(mut command: Command, input: &str) -> Run {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // A command that reads no input may be gone already.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    let output = child.wait_with_output().unwrap();
    Run {
        code: output.status.code().unwrap(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// A deployment that was made by `init`, configured for a simulated workspace that knows its app connection.
pub struct Deployment {
    pub folder: TempDir,
    pub workspace: SimulatedWorkspace,
    pub app: App,
    pub service_principal: ServicePrincipal,
    pub port: u16,
    /// Everything that was printed and is not meant to be a secret.
    printed: Mutex<Vec<u8>>,
}

impl Deployment {
    pub async fn new() -> Self {
        let workspace = SimulatedWorkspace::start(Settings::default()).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        finish(binary(folder.path(), &["init"]), "").ends_with(0);
        let port = free_port();
        let app = App::confidential(format!("http://127.0.0.1:{port}{REDIRECT_PATH}"));
        let service_principal = ServicePrincipal::new("nightly jobs");
        workspace.register_app(app.clone());
        workspace.register_service_principal(service_principal.clone());
        let deployment = Self { folder, workspace, app, service_principal, port, printed: Mutex::default() };
        deployment.configure("http://localhost:8020", &format!("http://127.0.0.1:{port}"));
        deployment.configure("allow_loopback_http = false", "allow_loopback_http = true");
        deployment
    }

    /// One with the app connection set and the fabric `dev` added.
    pub async fn with_fabric() -> Self {
        let deployment = Self::new().await;
        deployment.set_app();
        deployment.add_fabric("dev", &[]).ends_with(0);
        deployment
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Replaces a piece of the configuration file.
    pub fn configure(&self, from: &str, to: &str) {
        let path = self.path("fabric-auth.toml");
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{from}");
        fs::write(path, text.replacen(from, to, 1)).unwrap();
    }

    /// Writes a file that its owner alone may read, and gives its name.
    pub fn secret_file<'a>(&self, name: &'a str, content: &str) -> &'a str {
        use std::os::unix::fs::PermissionsExt as _;
        fs::write(self.path(name), content).unwrap();
        fs::set_permissions(self.path(name), fs::Permissions::from_mode(0o600)).unwrap();
        name
    }

    /// Runs the binary; what it prints must hold no secret.
    pub fn run(&self, arguments: &[&str]) -> Run {
        self.run_with(arguments, "")
    }

    pub fn run_with(&self, arguments: &[&str], input: &str) -> Run {
        let run = self.run_secretly(arguments, input);
        self.remember(&run);
        run
    }

    /// Runs the binary where a token is what it is asked to print.
    pub fn run_secretly(&self, arguments: &[&str], input: &str) -> Run {
        finish(binary(self.folder.path(), arguments), input)
    }

    pub fn remember(&self, run: &Run) {
        let mut printed = self.printed.lock().unwrap();
        printed.extend_from_slice(run.stdout.as_bytes());
        printed.extend_from_slice(run.stderr.as_bytes());
    }

    pub fn set_app(&self) {
        let secret = self.app.client_secret().unwrap().expose();
        let arguments = ["app", "set", "--client-id", &self.app.client_id, "--client-secret-file", "-"];
        self.run_with(&arguments, &format!("{secret}\n")).ends_with(0);
    }

    pub fn add_fabric(&self, name: &str, more: &[&str]) -> Run {
        let mut arguments =
            vec!["fabric", "add", name, "--kind", "sql", "--team", TEAM, "--workspace-url", self.workspace.url()];
        arguments.extend_from_slice(more);
        self.run(&arguments)
    }

    /// Starts `login --no-browser` and gives the URL it prints.
    pub fn begin_login(&self, more: &[&str]) -> (Login, String) {
        let mut arguments = vec!["login", "dev", "--no-browser"];
        arguments.extend_from_slice(more);
        Login::start(binary(self.folder.path(), &arguments)).read_url()
    }

    /// Signs somebody in by `login --no-browser`, as a browser would.
    pub async fn log_in_as(&self, user_name: &str, more: &[&str]) -> Run {
        let (login, url) = self.begin_login(more);
        let callback = self.workspace.sign_in_as(&url, user_name).await.unwrap();
        let answer = self.get(path_of(&callback));
        assert!(answer.starts_with("HTTP/1.1 303 "), "{answer}");
        assert!(self.get("/done").contains("You can close this page."));
        let run = login.end();
        self.remember(&run);
        run
    }

    /// Opens a path at the address the browser comes back to.
    pub fn get(&self, path: &str) -> String {
        self.send(&format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\n\r\n", self.port))
    }

    /// Sends bytes there, and reads to the end, also to a sudden one.
    pub fn send(&self, request: &str) -> String {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).unwrap();
        let _ = stream.write_all(request.as_bytes());
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        String::from_utf8(answer).unwrap()
    }

    /// Holds everything that was printed, and every file but the key ring, to holding no secret.
    #[track_caller]
    pub fn assert_no_secret_leaked(&self) {
        let secrets = self.workspace.secrets();
        assert!(secrets.len() >= 3, "there is nothing to search for");
        let mut places = vec![("output".to_owned(), self.printed.lock().unwrap().clone())];
        for name in ["fabric-auth.toml", "fabric-auth.db"] {
            places.push((name.to_owned(), fs::read(self.path(name)).unwrap()));
        }
        for secret in &secrets {
            let needle = Needle::new(secret.expose());
            for (place, bytes) in &places {
                assert_eq!(needle.find(bytes), None, "a secret is in {place}");
            }
        }
    }
}

/// A `login` that waits.
pub struct Login {
    child: Child,
    stdout: BufReader<std::process::ChildStdout>,
}

impl Login {
    pub fn start(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        Self { child, stdout }
    }

    /// Waits for the URL that it prints.
    pub fn read_url(mut self) -> (Self, String) {
        let mut line = String::new();
        self.stdout.read_line(&mut line).unwrap();
        (self, line.trim_end().to_owned())
    }

    pub fn process_id(&self) -> u32 {
        self.child.id()
    }

    /// Waits for its end; what it printed after the URL.
    pub fn end(mut self) -> Run {
        let (mut stdout, mut stderr) = (String::new(), String::new());
        self.stdout.read_to_string(&mut stdout).unwrap();
        self.child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
        Run { code: self.child.wait().unwrap().code().unwrap(), stdout, stderr }
    }
}

impl Drop for Login {
    fn drop(&mut self) {
        let _ = self.child.kill();
    }
}

/// Path and query of a callback URL.
pub fn path_of(callback: &str) -> &str {
    let start = callback.find(REDIRECT_PATH).unwrap();
    &callback[start..]
}

fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port()
}
