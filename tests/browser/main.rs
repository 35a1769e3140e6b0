//! The console in real Chromium, as people meet it.
//!
//! Where there is no Chromium or no driver for it, every test is reported as ignored, and why; with `CI=true` they fail.
//! `FABRIC_AUTH_CHROMIUM` and `FABRIC_AUTH_CHROMEDRIVER` name programs that are not in the path. Pictures of the pages go
//! to the folder that `FABRIC_AUTH_PICTURES` names, else to `pictures` in the build's folder for temporary files.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "a test stops here"
)]

mod administration;
mod connecting;
mod console;
mod editors;
mod fabrics;
mod other_sites;
mod programs;
mod resilience;
mod stage;
mod visitor;

use std::any::Any;
use std::env;
use std::panic::{AssertUnwindSafe, resume_unwind};
use std::process::ExitCode;
use std::sync::{LazyLock, OnceLock};

use fabric_auth_tests::ServiceWorld;
use futures::FutureExt as _;
use futures::future::LocalBoxFuture;
use libtest_mimic::{Arguments, Failed, Trial};
use tokio::runtime::Runtime;

use self::programs::{Driver, Programs};
use self::stage::Stage;
use self::visitor::BrowserHangs;

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().expect("a runtime"));

static DRIVER: OnceLock<Driver> = OnceLock::new();

/// What is there when a test begins.
#[derive(Clone, Copy)]
enum Begin {
    /// Nothing is administered, and there are no users.
    Bare,
    /// The app connection `main` is set, and the fabric `dev` of the team `data`.
    Administered,
}

/// A test, as a function of its stage.
type Case = for<'a> fn(&'a Stage) -> LocalBoxFuture<'a, ()>;

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let found = Programs::find();
    let missing = found.as_ref().err().cloned();
    let modules = [
        console::trials(),
        connecting::trials(),
        fabrics::trials(),
        editors::trials(),
        administration::trials(),
        other_sites::trials(),
        resilience::trials(),
    ];
    let trials = modules.into_iter().flatten();
    let trials: Vec<Trial> = trials.map(|(begin, name, case)| trial(begin, name, case, missing.as_deref())).collect();
    let driver = match found {
        Ok(programs) if !arguments.list => Some(RUNTIME.block_on(Driver::start(programs))),
        Ok(_) => None,
        Err(missing) => {
            eprintln!("the tests in a browser are skipped: {missing}");
            None
        }
    };
    let driver = driver.map(|driver| DRIVER.get_or_init(|| driver));
    let conclusion = libtest_mimic::run(&arguments, trials);
    if let Some(driver) = driver {
        driver.end();
    }
    conclusion.exit_code()
}

/// The driver of all browsers.
fn driver() -> &'static Driver {
    DRIVER.get().expect("a driver while tests run")
}

fn trial(begin: Begin, name: &'static str, case: Case, missing: Option<&str>) -> Trial {
    let Some(missing) = missing.map(str::to_owned) else {
        return Trial::test(name, move || {
            RUNTIME.block_on(async {
                let played = play(begin, name, case).await;
                let hangs = played.as_ref().is_err_and(|panic| panic.is::<BrowserHangs>());
                // Once more, in another browser.
                let played = if hangs { play(begin, name, case).await } else { played };
                match played {
                    Ok(()) => Ok(()),
                    Err(panic) if panic.is::<BrowserHangs>() => Err(Failed::from("the browser hangs")),
                    Err(panic) => resume_unwind(panic),
                }
            })
        });
    };
    let may_be_skipped = env::var("CI").as_deref() != Ok("true");
    Trial::test(name, move || Err(Failed::from(missing))).with_ignored_flag(may_be_skipped)
}

/// Plays a test, and closes what it has opened however it ends. An error is the panic with which it failed.
async fn play(begin: Begin, name: &str, case: Case) -> Result<(), Box<dyn Any + Send>> {
    let service = match begin {
        Begin::Bare => ServiceWorld::bare().await,
        Begin::Administered => ServiceWorld::new().await,
    };
    let stage = Stage::new(service, &name.replace("::", "-"));
    let played = AssertUnwindSafe(case(&stage)).catch_unwind().await;
    stage.end(played.is_err()).await;
    played
}

/// The functions of a module as its tests, each with what is there when it begins.
macro_rules! trials {
    ($module:literal: $($begin:ident $case:ident),* $(,)?) => {
        /// The tests of this module.
        pub(crate) fn trials() -> Vec<(crate::Begin, &'static str, crate::Case)> {
            vec![$((
                crate::Begin::$begin,
                concat!($module, "::", stringify!($case)),
                |stage| Box::pin($case(stage)),
            )),*]
        }
    };
}

use trials;
