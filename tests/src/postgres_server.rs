//! PostgreSQL for tests: a server of their own, which ends with the test program, or one that the environment names.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::fs::{MetadataExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, OnceLock};

use sqlx::{AssertSqlSafe, Connection as _, PgConnection};

/// Names a server on which tests may make databases, as a user who may: `postgres://USER:PASSWORD@HOST/postgres`.
pub const SERVER_VARIABLE: &str = "FABRIC_AUTH_TEST_POSTGRES";

/// Makes a server, runs it, and does what is asked on standard input. When nobody can ask any more, because the test
/// program has ended in whatever way, it ends the server and takes the folder away.
const SUPERVISOR: &str = r#"
    bin=$1 folder=$2
    start() {
        "$bin/postgres" -D "$folder/data" -k "$folder" -c listen_addresses= -c max_connections=200 \
            -c shared_buffers=16MB >>"$folder/log" 2>&1 </dev/null &
        server=$!
        tries=0
        until "$bin/pg_isready" -q -h "$folder"; do
            tries=$((tries + 1))
            if [ "$tries" -gt 300 ]; then echo "does not start"; exit 1; fi
            sleep 0.05
        done
    }
    end() { kill "-$1" "$server" 2>/dev/null; wait "$server"; }
    cd "$folder" || exit 1
    if ! "$bin/initdb" -D data -U postgres -A trust -E UTF8 --no-locale --no-sync >log 2>&1; then
        echo "initdb failed: $(tail -n 1 log)"
        exit 1
    fi
    start
    echo done
    while read -r command; do
        case $command in
            stop) end INT ;;
            crash) end QUIT ;;
            start) start ;;
            standby) end INT; : >data/standby.signal; start ;;
        esac
        echo done
    done
    end INT
    cd / && rm -rf "$folder"
"#;

/// A server on which tests make databases.
pub struct PostgresServer {
    /// Of a database in which to ask for others.
    url: String,
    supervisor: Option<Mutex<Supervisor>>,
}

struct Supervisor {
    shell: Child,
    answers: BufReader<ChildStdout>,
}

/// A database of its own, which is removed when it is dropped.
pub struct PostgresTestDatabase {
    /// Where it is, as `storage.url` takes it.
    pub url: String,
    name: String,
    server_url: String,
}

impl PostgresServer {
    /// The server that all tests of this program share: the one that the variable `FABRIC_AUTH_TEST_POSTGRES` names, or
    /// else a private one. None where there is no PostgreSQL; then the test says that it was skipped.
    ///
    /// # Panics
    /// When there is none and `CI` is `true`, or when it does not start.
    pub fn shared() -> Option<&'static Self> {
        static SHARED: OnceLock<Option<PostgresServer>> = OnceLock::new();
        let named = || std::env::var(SERVER_VARIABLE).ok().map(|url| Self { url, supervisor: None });
        SHARED.get_or_init(|| named().or_else(Self::start_private)).as_ref().or_else(skipped)
    }

    /// A server of one's own, to stop and start. Like [`shared`](Self::shared) otherwise.
    ///
    /// # Panics
    /// Like [`shared`](Self::shared).
    pub fn private() -> Option<Self> {
        Self::start_private().or_else(skipped)
    }

    fn start_private() -> Option<Self> {
        let programs = programs()?;
        let folder = tempfile::tempdir().expect("a folder").keep();
        let mut command = Command::new("sh");
        command.args(["-c", SUPERVISOR, "sh"]).arg(&programs).arg(&folder);
        // PostgreSQL refuses to run as root.
        if let Some((user, group)) = unprivileged(&folder) {
            chown(&folder, Some(user), Some(group)).expect("a folder of that user");
            command.uid(user).gid(group);
        }
        // In a group of its own, so that an interrupt at the terminal leaves it to end in order.
        command.process_group(0).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut shell = command.spawn().expect("a shell");
        let answers = BufReader::new(shell.stdout.take().expect("a pipe"));
        let mut supervisor = Supervisor { shell, answers };
        supervisor.wait();
        let url = format!("postgres://postgres@{}/postgres", folder.to_string_lossy().replace('/', "%2F"));
        Some(Self { url, supervisor: Some(Mutex::new(supervisor)) })
    }

    /// Ends the server in order: sessions are told.
    ///
    /// # Panics
    /// When it is not a private one.
    pub fn stop(&self) {
        self.ask("stop");
    }

    /// Ends the server as a crash would.
    ///
    /// # Panics
    /// When it is not a private one.
    pub fn crash(&self) {
        self.ask("crash");
    }

    /// Starts the server again, and waits until it takes connections.
    ///
    /// # Panics
    /// When it is not a private one, or does not start.
    pub fn start(&self) {
        self.ask("start");
    }

    /// Starts the server again as a standby that follows nobody, as after a failover to another.
    ///
    /// # Panics
    /// When it is not a private one, or does not start.
    pub fn become_standby(&self) {
        self.ask("standby");
    }

    fn ask(&self, command: &str) {
        let supervisor = self.supervisor.as_ref().expect("a private server");
        let mut supervisor = supervisor.lock().expect("a supervisor");
        let mut commands = supervisor.shell.stdin.as_ref().expect("a pipe");
        writeln!(commands, "{command}").expect("a supervisor that listens");
        supervisor.wait();
    }

    /// An empty database, where possible one whose locale does not sort byte by byte.
    pub async fn database(&self) -> PostgresTestDatabase {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("fabric_auth_test_{}_{number}", std::process::id());
        let create = format!("CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8'");
        let mut connection = connect(&self.url).await;
        let linguistic = format!("{create} LOCALE_PROVIDER icu ICU_LOCALE 'en-US'");
        if sqlx::raw_sql(AssertSqlSafe(linguistic)).execute(&mut connection).await.is_err() {
            sqlx::raw_sql(AssertSqlSafe(create)).execute(&mut connection).await.expect("a database");
        }
        connection.close().await.expect("a connection that ends");
        PostgresTestDatabase { url: with_database(&self.url, &name), name, server_url: self.url.clone() }
    }
}

impl PostgresTestDatabase {
    /// Does something in the database, as the owner of the server.
    pub async fn execute(&self, statements: &str) {
        let mut connection = connect(&self.url).await;
        let statements = statements.replace("THIS_DATABASE", &self.name);
        sqlx::raw_sql(AssertSqlSafe(statements)).execute(&mut connection).await.expect("statements that work");
        connection.close().await.expect("a connection that ends");
    }

    /// Asks for a number in the database, as the owner of the server.
    pub async fn number(&self, query: &str) -> i64 {
        let mut connection = connect(&self.url).await;
        let query = AssertSqlSafe(query.to_owned());
        let number = sqlx::query_scalar(query).fetch_one(&mut connection).await.expect("a number");
        connection.close().await.expect("a connection that ends");
        number
    }

    /// The same database for another user of the server.
    pub fn url_of(&self, user: &str) -> String {
        let (scheme, rest) = self.url.split_once("://").expect("a URL");
        let host = rest.split_once('@').map_or(rest, |(_, host)| host);
        format!("{scheme}://{user}@{host}")
    }
}

impl Drop for PostgresTestDatabase {
    fn drop(&mut self) {
        let (url, drop) = (self.server_url.clone(), format!("DROP DATABASE {} WITH (FORCE)", self.name));
        // A test's own runtime may be ending just now. A private server may be stopped; it takes everything with it.
        let removing = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(async {
                let mut connection = PgConnection::connect(&url).await.map_err(std::io::Error::other)?;
                sqlx::raw_sql(AssertSqlSafe(drop)).execute(&mut connection).await.map_err(std::io::Error::other)
            })
        });
        let _ = removing.join();
    }
}

impl Supervisor {
    /// Waits until what was asked is done.
    fn wait(&mut self) {
        let mut answer = String::new();
        self.answers.read_line(&mut answer).expect("a supervisor that answers");
        assert_eq!(answer.trim(), "done", "the private PostgreSQL server");
    }
}

impl Drop for Supervisor {
    fn drop(&mut self) {
        drop(self.shell.stdin.take());
        let _ = self.shell.wait();
    }
}

async fn connect(url: &str) -> PgConnection {
    PgConnection::connect(url).await.expect("a connection to PostgreSQL")
}

/// The folder that has the programs of a server.
fn programs() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    for parent in ["/usr/lib/postgresql", "/opt/homebrew/opt", "/usr/local/opt"] {
        let versions = fs::read_dir(parent).into_iter().flatten().flatten();
        folders.extend(versions.map(|version| version.path().join("bin")));
    }
    let has_all = |folder: &PathBuf| ["initdb", "postgres", "pg_isready"].iter().all(|name| folder.join(name).exists());
    folders.into_iter().rev().find(has_all)
}

/// A user and group to run the server as, if this is root: that of PostgreSQL, or else nobody.
fn unprivileged(folder: &Path) -> Option<(u32, u32)> {
    if fs::metadata(folder).expect("a folder").uid() != 0 {
        return None;
    }
    let users = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let mut users = users.lines().map(|line| line.split(':').collect::<Vec<_>>());
    let postgres = users.find(|user| user.first() == Some(&"postgres"));
    let number = |user: &[&str], column: usize| user.get(column).and_then(|number| number.parse().ok());
    postgres.and_then(|user| Some((number(&user, 2)?, number(&user, 3)?))).or(Some((65_534, 65_534)))
}

/// Says that a test was skipped, or fails it where nothing may be skipped.
fn skipped<T>() -> Option<T> {
    assert!(std::env::var("CI").as_deref() != Ok("true"), "no PostgreSQL here, and nothing may be skipped");
    println!("skipped: no PostgreSQL here; install it, or name a server with {SERVER_VARIABLE}");
    None
}

/// The URL of another database on the same server.
fn with_database(url: &str, name: &str) -> String {
    let (scheme, rest) = url.split_once("://").expect("a URL");
    let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
    let authority = rest.split_once('/').map_or(rest, |(authority, _)| authority);
    let query = if query.is_empty() { String::new() } else { format!("?{query}") };
    format!("{scheme}://{authority}/{name}{query}")
}
