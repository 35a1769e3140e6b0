//! `fabric-auth demo`: the whole story on loopback, every step really done through the component and checked.
//!
//! A simulated Databricks workspace, a database and a key ring are made in a temporary folder. Expiry is reached by
//! moving the clocks of both sides, not by waiting.

mod report;
mod sealed_at_rest;
mod stage;
mod story;

use std::process::ExitCode;

use report::{Format, Report};
use stage::Stage;

/// Tells the story; the exit code is 0 only if every step held. With `json` the steps are printed as data.
pub async fn run(json: bool) -> ExitCode {
    let mut report = Report::new(if json { Format::Json } else { Format::Text });
    match Stage::set().await {
        Ok(stage) => {
            story::tell(&stage, &mut report).await;
            stage.clear().await;
        }
        Err(problem) => report.not_set(&problem),
    }
    report.close()
}
