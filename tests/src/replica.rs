//! A host in a process of its own, as seen from the test that started it.

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tokio::sync::oneshot;

use crate::replica_answer::{Answer, Outcome};

/// What the process prints once it takes commands.
pub const READY: &str = "ready";

/// The variable that names its storage. A URL may hold a password, and arguments can be read by everybody.
pub const STORAGE_VARIABLE: &str = "REPLICA_STORAGE";

/// How long a start may take; generous, as many may start at once.
const START: Duration = Duration::from_secs(60);

/// What a host process is made of.
#[derive(Clone, Debug)]
pub struct ReplicaSettings {
    /// Where the records are, as `storage.url` takes it.
    pub storage_url: String,
    /// The key ring's file.
    pub keys: PathBuf,
    /// By how many seconds its wall clock is ahead of this machine's.
    pub wall_clock_offset: i64,
    /// Whether it hears what other hosts change.
    pub hears_announcements: bool,
}

/// A running host process. Killed when it is dropped.
pub struct Replica {
    child: Child,
    commands: mpsc::Sender<String>,
    waiting: Waiting,
    next: AtomicU64,
}

/// Who waits for which answer; none once the process has ended.
type Waiting = Arc<Mutex<Option<HashMap<u64, oneshot::Sender<Answer>>>>>;

impl Replica {
    /// Starts the program, and waits until it takes commands.
    ///
    /// # Errors
    /// What it wrote to standard error, if it ended instead.
    ///
    /// # Panics
    /// When it cannot be started at all, or neither takes commands nor ends.
    pub async fn start(program: &Path, settings: &ReplicaSettings) -> Result<Self, String> {
        let mut child = command(program, settings).spawn().expect("a program that can be started");
        let (stdin, stdout) = (child.stdin.take().expect("a pipe"), child.stdout.take().expect("a pipe"));
        let mut stderr = child.stderr.take().expect("a pipe");
        let (complained, complaints) = oneshot::channel();
        thread::spawn(move || {
            let mut text = String::new();
            // What is not text is not worth showing.
            let _ = stderr.read_to_string(&mut text);
            let _ = complained.send(text);
        });
        let waiting: Waiting = Arc::new(Mutex::new(Some(HashMap::new())));
        let (started, ready) = oneshot::channel();
        let asking = waiting.clone();
        thread::spawn(move || hand_out(stdout, started, &asking));
        let (commands, queue) = mpsc::channel();
        thread::spawn(move || hand_in(stdin, &queue));
        let replica = Self { child, commands, waiting, next: AtomicU64::new(1) };
        match tokio::time::timeout(START, ready).await.expect("a host that starts in time") {
            Ok(()) => Ok(replica),
            Err(_) => Err(complaints.await.unwrap_or_default()),
        }
    }

    /// Gives a command at once; its answer can be waited for. None if the process ended without answering.
    pub fn ask(&self, command: &str) -> impl Future<Output = Option<Answer>> + Send + use<> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let (answer, answered) = oneshot::channel();
        if let Some(waiting) = self.waiting.lock().expect("no panic elsewhere").as_mut() {
            waiting.insert(number, answer);
        }
        // Fails only when the process has ended, and then nobody waits.
        let _ = self.commands.send(format!("{number} {command}"));
        async move { answered.await.ok() }
    }

    /// Asks for a person's token for the fabric `dev`, and gives what came of it.
    ///
    /// # Panics
    /// When the process ends without answering.
    pub async fn token(&self, user: &str) -> Outcome {
        self.ask(&format!("token {user} dev")).await.expect("a host that answers").outcome
    }

    /// Gives a command that must succeed.
    ///
    /// # Panics
    /// When it does not.
    pub async fn must(&self, command: &str) {
        let answer = self.ask(command).await.expect("a host that answers");
        assert_eq!(answer.outcome, Outcome::Done, "{command}");
    }

    /// Kills the process in the midst of whatever it does, and waits until it is gone.
    ///
    /// # Panics
    /// When it cannot be killed.
    pub fn kill(&mut self) {
        self.child.kill().expect("a process that can be killed");
        self.child.wait().expect("a process that has ended");
    }

    /// Stops the process where it stands, as a machine does that is suspended.
    ///
    /// # Panics
    /// When it has ended.
    pub fn freeze(&self) {
        kill_process(self.process_id(), Signal::STOP).expect("a process that is there");
    }

    /// Lets a frozen process go on.
    ///
    /// # Panics
    /// When it has ended.
    pub fn wake(&self) {
        kill_process(self.process_id(), Signal::CONT).expect("a process that is there");
    }

    /// Lets the process finish what it has begun, and waits for its end.
    ///
    /// # Panics
    /// When it does not end well, or not in half a minute.
    pub async fn quit(mut self) {
        let _ = self.commands.send("0 quit".to_owned());
        for _ in 0..3_000 {
            if let Some(status) = self.child.try_wait().expect("a process that was started") {
                assert!(status.success(), "{status}");
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("a host does not end");
    }

    fn process_id(&self) -> Pid {
        Pid::from_raw(self.child.id().cast_signed()).expect("a process id")
    }
}

impl Drop for Replica {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn command(program: &Path, settings: &ReplicaSettings) -> Command {
    let mut command = Command::new(program);
    command.arg("--keys").arg(&settings.keys);
    // Beside the programs of the tests, so that the component is compiled once for all of them.
    command.arg("--compiled").arg(program.with_file_name("component-cache"));
    command.arg(format!("--wall-clock-offset={}", settings.wall_clock_offset));
    if !settings.hears_announcements {
        command.arg("--without-announcements");
    }
    command.env(STORAGE_VARIABLE, &settings.storage_url);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Writes commands, until nobody gives any more or the process has ended.
fn hand_in(mut stdin: ChildStdin, commands: &mpsc::Receiver<String>) {
    while let Ok(line) = commands.recv() {
        if writeln!(stdin, "{line}").is_err() {
            return;
        }
    }
}

/// Says when the process is ready, and then gives answers to those who wait for them, until it ends.
fn hand_out(stdout: ChildStdout, started: oneshot::Sender<()>, waiting: &Waiting) {
    let mut lines = BufReader::new(stdout).lines().map_while(Result::ok);
    if lines.next().as_deref() == Some(READY) {
        let _ = started.send(());
    }
    for line in lines {
        let answer: Answer = serde_json::from_str(&line).expect("an answer");
        let asked = waiting.lock().expect("no panic elsewhere").as_mut().and_then(|all| all.remove(&answer.number));
        if let Some(asked) = asked {
            // Whoever asked may have gone away.
            let _ = asked.send(answer);
        }
    }
    *waiting.lock().expect("no panic elsewhere") = None;
}
