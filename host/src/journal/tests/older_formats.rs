//! Databases that were made before there were chains.

use std::time::Duration;

use super::super::*;
use super::event;
use super::support::{Engine, Stage, problems};

/// A stage with two events whose tables are as a version before chains has left them.
async fn unchained(engine: Engine) -> Option<Stage> {
    let mut stage = Stage::on(engine).await?;
    let columns = ["host", "position", "digest", "key_id", "mac"];
    stage.execute("DROP INDEX JOURNAL_chain; DROP INDEX JOURNAL_unchained; DROP TABLE JOURNAL_mark").await;
    for column in columns {
        stage.execute(&format!("ALTER TABLE JOURNAL DROP COLUMN {column}")).await;
    }
    stage
        .execute(match engine {
            Engine::Sqlite => "PRAGMA user_version = 1",
            Engine::Postgres => "UPDATE fabric_auth_schema SET version = 1",
        })
        .await;
    for actor in ["ada", "bob"] {
        let (recorded_at, event) = (since_epoch(&stage.clock), as_text(event(actor)).unwrap());
        stage.execute(&format!("INSERT INTO JOURNAL (recorded_at, event) VALUES ({recorded_at}, '{event}')")).await;
    }
    stage.reopen().await;
    Some(stage)
}

#[tokio::test]
async fn events_from_before_there_were_chains_are_kept_and_told_apart() {
    for engine in Engine::ALL {
        let Some(mut stage) = unchained(engine).await else { continue };
        let read = async |stage: &Stage| {
            let events = stage.journal.tail(10).await.unwrap();
            events.into_iter().map(|recorded| recorded.event.actor).collect::<Vec<_>>()
        };
        assert_eq!(read(&stage).await, ["ada", "bob"]);
        stage.write("web-1", 2).await;
        stage.reopen().await;
        assert_eq!(read(&stage).await, ["ada", "bob", "web-1/1", "web-1/2"]);
        let report = stage.verify().await;
        assert!(report.is_whole(), "{report:?}");
        assert_eq!((report.unchained, report.chains[0].events), (2, 2));
        assert_eq!(stage.heads().await.unchained, 2);
    }
}

/// Nothing vouches for such events, but it is known that none may come any more.
#[tokio::test]
async fn events_without_a_chain_that_come_later_are_found() {
    for engine in Engine::ALL {
        let Some(stage) = unchained(engine).await else { continue };
        stage.write("web-1", 2).await;
        let heads = stage.heads().await;
        stage.execute("INSERT INTO JOURNAL (recorded_at, event) VALUES (1, '{}')").await;
        assert_eq!(problems(&stage.verify().await), [("", 1, 1, Finding::Inserted)]);
        assert_eq!(problems(&stage.verify_with(&heads).await), [("", 1, 1, Finding::Inserted)]);
        // A host of the older version may have been running on: whoever knows that draws the line by new heads.
        let heads = stage.heads().await;
        assert!(stage.verify_with(&heads).await.is_whole());
    }
}

#[tokio::test]
async fn events_from_before_there_were_chains_go_by_retention_too() {
    for engine in Engine::ALL {
        let Some(stage) = unchained(engine).await else { continue };
        stage.clock.advance(Duration::from_secs(10 * 86_400));
        stage.write("web-1", 2).await;
        let heads = stage.heads().await;
        assert_eq!(stage.let_go(Retention { keep_days: 11, keep_events: 1_000 }).await, 0);
        assert_eq!(stage.let_go(Retention { keep_days: 9, keep_events: 1_000 }).await, 2);
        let report = stage.verify_with(&heads).await;
        assert!(report.is_whole() && report.unchained == 0, "{report:?}");
    }
}
