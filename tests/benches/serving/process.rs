//! Processes of the program, and what the system says of them.

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

/// In what Linux counts time on processors for programs (`USER_HZ`).
const TICK: Duration = Duration::from_millis(10);

/// Fields of `/proc/…/stat` behind the name and before the times (proc(5)).
const STATE_TO_USER_TIME: usize = 11;

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
        kill_process(self.id(), Signal::TERM).expect("a process that is there");
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

    /// How much of the machine's memory it holds.
    pub fn resident_bytes(&self) -> u64 {
        let status = fs::read_to_string(self.proc("status")).expect("a process that is there");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("its memory");
        let kibibytes: u64 = line.trim().trim_end_matches(" kB").parse().expect("a number");
        kibibytes * 1_024
    }

    /// How long it has been on a processor.
    pub fn processor_time(&self) -> Duration {
        let stat = fs::read_to_string(self.proc("stat")).expect("a process that is there");
        // The name of the program stands in parentheses and may hold anything.
        let (_, fields) = stat.rsplit_once(')').expect("the fields behind the name");
        let ticks = fields.split_whitespace().skip(STATE_TO_USER_TIME).take(2).map(|ticks| ticks.parse::<u32>());
        let ticks: u32 = ticks.sum::<Result<_, _>>().expect("time of the program, and of the system for it");
        TICK * ticks
    }

    fn proc(&self, file: &str) -> PathBuf {
        PathBuf::from(format!("/proc/{}/{file}", self.child.id()))
    }

    fn id(&self) -> Pid {
        Pid::from_child(&self.child)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
