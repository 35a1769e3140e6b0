//! `fabric-auth demo`: the whole story on loopback, every step really done through the component and checked.
//!
//! A simulated Databricks workspace, a database and a key ring are made in a temporary folder. Expiry is reached by
//! moving the clocks of both sides, not by waiting.

mod report;
mod sealed_at_rest;
mod stage;
mod story;
mod tour;

use std::process::ExitCode;

use report::{Format, Mismatch, Report};
use stage::Stage;
use tour::Tour;

/// Tells the story; the exit code is 0 only if every step held. With `json` the steps are printed as data. With `keep` a
/// tour follows, until the program is told to end.
pub async fn run(json: bool, keep: bool) -> ExitCode {
    let mut report = Report::new(if json { Format::Json } else { Format::Text });
    match Stage::set().await {
        Ok(stage) => {
            story::tell(&stage, &mut report).await;
            stage.clear().await;
        }
        Err(problem) => report.not_set(&problem),
    }
    let told = report.close();
    if !keep || told != ExitCode::SUCCESS {
        return told;
    }
    match tour(json).await {
        Ok(()) => told,
        Err(problem) => report::close_tour(&problem),
    }
}

async fn tour(json: bool) -> Result<(), Mismatch> {
    let tour = Tour::begin().await?;
    tour.show(json);
    tour.go_on().await;
    Ok(())
}
