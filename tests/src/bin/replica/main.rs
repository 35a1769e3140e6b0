//! A host that is embedded in a process as a runtime would embed it, for tests that kill and freeze it.
//!
//! It takes commands on standard input, one a line and each behind a number, works on all of them at the same time, and
//! answers each with a line of JSON. Neither commands nor answers hold a secret.
//!
//! | command | does |
//! | --- | --- |
//! | `administer URL CLIENT-ID SECRET-FILE` | sets the app connection, and adds the fabric `dev` for this workspace |
//! | `sign-in USER FABRIC` | signs somebody in on the page of the simulated workspace |
//! | `token USER FABRIC` | asks for an access token; the answer has its generation and a digest |
//! | `sign-out USER FABRIC` | signs somebody out |
//! | `quit` | finishes what was begun, and ends; so does the end of the input |

mod commands;
mod stepped_clock;
mod unannounced;

use std::error::Error;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use clap::Parser;
use fabric_auth::clock::SharedClock;
use fabric_auth::config::Storage;
use fabric_auth::database::{self, Backend, PostgresSettings};
use fabric_auth::egress::EgressSettings;
use fabric_auth::keys::KeyRing;
use fabric_auth::{CompileCache, Deployment, FabricAuth};
use fabric_auth_tests::{Answer, BASE_URL, READY, STORAGE_VARIABLE};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::sync::mpsc;
use tokio_util::task::TaskTracker;
use tracing_subscriber::filter::LevelFilter;
use zeroize::Zeroizing;

use self::stepped_clock::SteppedClock;
use self::unannounced::Unannounced;

/// How many connections to PostgreSQL it keeps.
const CONNECTIONS: u32 = 8;

#[derive(Parser)]
struct Arguments {
    /// sqlite:PATH or postgres://…
    #[arg(long, env = STORAGE_VARIABLE, hide_env_values = true)]
    storage: String,
    /// The key ring.
    #[arg(long)]
    keys: PathBuf,
    /// The folder in which the compiled component is kept.
    #[arg(long)]
    compiled: PathBuf,
    /// By how many seconds the wall clock is ahead of the machine's.
    #[arg(long, default_value_t = 0, allow_negative_numbers = true)]
    wall_clock_offset: i64,
    /// Does not hear what other hosts change.
    #[arg(long)]
    without_announcements: bool,
}

#[tokio::main]
async fn main() -> ExitCode {
    let _ = tracing_subscriber::fmt().with_writer(std::io::stderr).with_max_level(LevelFilter::WARN).try_init();
    match run(Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nothing is left to tell it to, if this cannot be written.
            let _ = writeln!(std::io::stderr(), "replica: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> Result<(), Box<dyn Error>> {
    let clock: SharedClock = Arc::new(SteppedClock::new(arguments.wall_clock_offset));
    let database = database::open(&storage(&arguments.storage)?, clock.clone()).await?;
    let host = host(arguments, clock, database.as_ref()).await?;
    let (answers, mut answered) = mpsc::unbounded_channel::<Answer>();
    let printing = tokio::task::spawn_blocking(move || {
        say(READY)?;
        while let Some(answer) = answered.blocking_recv() {
            say(&serde_json::to_string(&answer)?)?;
        }
        Ok::<_, std::io::Error>(())
    });
    let calls = TaskTracker::new();
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    while let Some(line) = lines.next_line().await? {
        let arrived = Instant::now();
        let Some((number, command)) = line.split_once(' ') else { continue };
        if command == "quit" {
            break;
        }
        let (number, command) = (number.parse()?, command.to_owned());
        let (host, answers) = (host.clone(), answers.clone());
        calls.spawn(async move {
            let outcome = commands::perform(&host, &command).await;
            let microseconds = u64::try_from(arrived.elapsed().as_micros()).unwrap_or(u64::MAX);
            // Nobody reads any more when this fails.
            let _ = answers.send(Answer { number, outcome, microseconds });
        });
    }
    calls.close();
    calls.wait().await;
    host.finish().await;
    database.close().await;
    drop(answers);
    printing.await??;
    Ok(())
}

/// What the text names as storage.
fn storage(url: &str) -> Result<Storage, Box<dyn Error>> {
    Ok(match url.strip_prefix("sqlite:") {
        Some(path) => Storage::Sqlite(path.into()),
        None => Storage::Postgres(PostgresSettings::from_url(url, CONNECTIONS)?),
    })
}

/// Puts the host together.
async fn host(arguments: Arguments, clock: SharedClock, database: &dyn Backend) -> Result<FabricAuth, Box<dyn Error>> {
    let keys = KeyRing::open(arguments.keys, clock.clone())?;
    let mut builder = FabricAuth::builder(Deployment::self_hosted("4.2.1", BASE_URL)).database(database);
    if arguments.without_announcements {
        builder = builder.storage(Arc::new(Unannounced(database.storage())));
    }
    let egress = EgressSettings { allow_loopback_http: true, ..EgressSettings::default() };
    let cache = CompileCache { folder: arguments.compiled, keys: vec![Zeroizing::new([7; 32])] };
    // What is sent and when is up to the tests alone.
    let builder = builder.renew_ahead_every(None).forecast_every(None);
    Ok(builder.keys(Arc::new(keys)).clock(clock).egress(egress).compile_cache(cache).build().await?)
}

/// Prints a line at once.
fn say(line: &str) -> std::io::Result<()> {
    let mut stdout = std::io::stdout().lock();
    writeln!(stdout, "{line}")?;
    stdout.flush()
}
