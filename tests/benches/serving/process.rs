//! Processes of the program.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

/// How long a process may take to end in order.
const END: Duration = Duration::from_secs(60);

/// The program, in one folder.
pub struct Program {
    folder: PathBuf,
    settings: Vec<(&'static str, String)>,
}

/// A running process of it. Killed when it is dropped.
pub struct Process {
    child: Child,
    lines: BufReader<ChildStdout>,
    /// What this and others before it wrote to standard error.
    complaints: PathBuf,
}

impl Program {
    /// The program in this folder, with these settings in its environment.
    pub fn new(folder: &Path, settings: Vec<(&'static str, String)>) -> Self {
        Self { folder: folder.to_owned(), settings }
    }

    /// Starts a command.
    pub fn start(&self, arguments: &[&str], input: &str) -> Process {
        let program = Path::new(env!("CARGO_BIN_EXE_replica")).with_file_name("fabric-auth");
        assert!(program.exists(), "build it first: cargo build --release -p fabric-auth");
        let mut command = Command::new(program);
        command.current_dir(&self.folder).args(["--output", "json"]).args(arguments);
        command.envs(self.settings.iter().map(|(name, value)| (name, value)));
        let complaints = self.folder.join("complaints");
        let file = File::options().create(true).append(true).open(&complaints).expect("a file");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(file);
        let mut child = command.spawn().expect("a process");
        child.stdin.take().expect("a pipe").write_all(input.as_bytes()).expect("a process that reads");
        let lines = BufReader::new(child.stdout.take().expect("a pipe"));
        Process { child, lines, complaints }
    }

    /// Runs a command that must succeed.
    pub fn run(&self, arguments: &[&str], input: &str) {
        self.start(arguments, input).end_well();
    }
}

impl Process {
    /// The next document that it prints.
    pub fn next_document(&mut self) -> Value {
        let mut line = String::new();
        self.lines.read_line(&mut line).expect("a line");
        serde_json::from_str(&line).expect("JSON")
    }

    /// Tells it to end, as a service manager does.
    pub fn tell_to_end(&self) {
        kill_process(Pid::from_child(&self.child), Signal::TERM).expect("a process that is there");
    }

    /// Waits for its end, which must be a good one.
    pub fn end_well(mut self) {
        let deadline = Instant::now() + END;
        let status = loop {
            if let Some(status) = self.child.try_wait().expect("a process") {
                break status;
            }
            assert!(Instant::now() < deadline, "a process that ends when it has nothing more to do");
            sleep(Duration::from_millis(10));
        };
        assert!(status.success(), "{status}: {}", fs::read_to_string(&self.complaints).unwrap_or_default());
    }

    /// Its number.
    pub fn id(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
