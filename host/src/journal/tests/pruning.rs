//! What retention lets go, and what it does not.

use std::time::Duration;

use super::super::*;
use super::support::{Engine, Stage, problems};

const DAY: Duration = Duration::from_secs(86_400);

fn keep(keep_days: u32, keep_events: u32) -> Retention {
    Retention { keep_days, keep_events }
}

/// The positions of a chain's events.
async fn positions(stage: &Stage, host: &str) -> Vec<i64> {
    let events = stage.ledger.links(host, 0, PAGE_LIMIT).await.unwrap();
    events.into_iter().filter_map(|entry| entry.link).map(|link| link.position).collect()
}

#[tokio::test]
async fn old_events_go_and_what_remains_is_still_whole() {
    for engine in Engine::ALL {
        let Some(stage) = Stage::on(engine).await else { continue };
        stage.write("web-1", 5).await;
        stage.clock.advance(30 * DAY);
        stage.write("web-1", 5).await;
        stage.write("web-2", 2).await;
        let heads = stage.heads().await;
        assert_eq!(stage.let_go(keep(30, 1_000)).await, 5);
        assert_eq!(positions(&stage, "web-1").await, [6, 7, 8, 9, 10]);
        let report = stage.verify_with(&heads).await;
        assert!(report.is_whole(), "{report:?}");
        let told: Vec<_> = report.chains.iter().map(|chain| (chain.events, chain.pruned, chain.last)).collect();
        assert_eq!(told, [(5, 5, 10), (2, 0, 2)]);

        stage.clock.advance(60 * DAY);
        assert_eq!(stage.let_go(keep(30, 1_000)).await, 7, "a host that is silent keeps nothing either");
        assert!(stage.verify_with(&heads).await.is_whole());
        stage.write("web-1", 1).await;
        assert_eq!(positions(&stage, "web-1").await, [11], "the chain goes on where it was");
        assert!(stage.verify_with(&heads).await.is_whole());
    }
}

#[tokio::test]
async fn only_so_many_events_of_a_host_are_kept_however_young() {
    let stage = Stage::on(Engine::Sqlite).await.unwrap();
    stage.write("web-1", 20).await;
    stage.write("web-2", 8).await;
    assert_eq!(stage.let_go(keep(365, 8)).await, 12);
    assert_eq!(positions(&stage, "web-1").await, (13..=20).collect::<Vec<_>>());
    assert_eq!(positions(&stage, "web-2").await.len(), 8);
    assert!(stage.verify().await.is_whole());
}

#[tokio::test]
async fn more_than_a_piece_goes_piece_by_piece() {
    let stage = Stage::on(Engine::Sqlite).await.unwrap();
    stage.write("web-1", 600).await;
    stage.clock.advance(100 * DAY);
    let piece = keep(7, 1_000_000).let_go(&*stage.ledger, &*stage.keys, &stage.clock).await.unwrap();
    assert_eq!(piece, 512);
    assert!(stage.verify().await.is_whole());
    assert_eq!(stage.let_go(keep(7, 1_000_000)).await, 600 - 512);
    assert!(stage.verify().await.is_whole());
}

/// Else somebody without a key could have the host itself remove the trace, and sign for it.
#[tokio::test]
async fn an_event_that_was_dated_back_is_not_let_go() {
    for engine in Engine::ALL {
        let Some(stage) = Stage::on(engine).await else { continue };
        stage.write("web-1", 10).await;
        stage.execute("UPDATE JOURNAL SET recorded_at = 1 WHERE position <= 4").await;
        assert_eq!(stage.let_go(keep(30, 1_000)).await, 0);
        assert_eq!(problems(&stage.verify().await), [("web-1", 1, 4, Finding::Changed)]);
    }
}

#[tokio::test]
async fn a_stranger_s_event_with_a_high_position_makes_nothing_go() {
    let stage = Stage::on(Engine::Sqlite).await.unwrap();
    stage.write("web-1", 10).await;
    stage
        .execute(
            "INSERT INTO JOURNAL (recorded_at, event, host, position, digest, key_id, mac) \
             SELECT recorded_at, event, host, 1000000000, digest, key_id, mac FROM JOURNAL WHERE position = 10",
        )
        .await;
    assert_eq!(stage.let_go(keep(365, 1_000)).await, 0);
    assert_eq!(positions(&stage, "web-1").await.len(), 11);
}

#[tokio::test]
async fn a_mark_that_no_host_has_made_is_found() {
    for engine in Engine::ALL {
        let Some(stage) = Stage::on(engine).await else { continue };
        stage.write("web-1", 10).await;
        // The signature of an event is none for a mark.
        stage
            .execute(
                "INSERT INTO JOURNAL_mark (host, position, digest, key_id, mac) \
                 SELECT host, position, digest, key_id, mac FROM JOURNAL WHERE position = 6; \
                 DELETE FROM JOURNAL WHERE position <= 6",
            )
            .await;
        assert_eq!(problems(&stage.verify().await), [("web-1", 6, 6, Finding::MarkForged)]);
        stage.clock.advance(100 * DAY);
        assert_eq!(stage.let_go(keep(30, 1_000)).await, 0, "and is not built upon");
    }
}

#[tokio::test]
async fn a_mark_that_was_put_back_shows_what_was_let_go_since() {
    let stage = Stage::on(Engine::Sqlite).await.unwrap();
    stage.write("web-1", 48).await;
    stage.let_go(keep(1, 40)).await;
    stage.execute("CREATE TABLE kept AS SELECT * FROM JOURNAL_mark").await;
    stage.let_go(keep(1, 20)).await;
    assert!(stage.verify().await.is_whole());
    stage.execute("DELETE FROM JOURNAL_mark; INSERT INTO JOURNAL_mark SELECT * FROM kept").await;
    assert_eq!(problems(&stage.verify().await)[0].3, Finding::Missing);
}

/// Hosts look after the same database at the same time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hosts_that_let_events_go_at_the_same_time_and_write_meanwhile_leave_a_whole_chain() {
    for engine in Engine::ALL {
        let Some(stage) = Stage::on(engine).await else { continue };
        stage.write("web-1", 60).await;
        let retention = keep(1, 1_000);
        let letting_go = futures::future::join_all((0..3).map(|_| stage.let_go(retention)));
        let verifying = async {
            for _ in 0..10 {
                let report = stage.verify().await;
                assert!(report.is_whole(), "{report:?}");
            }
        };
        let (gone, (), ()) = futures::join!(letting_go, verifying, stage.write("web-1", 10));
        assert!(gone.iter().sum::<u64>() >= 36, "{gone:?}");
        let report = stage.verify().await;
        assert!(report.is_whole() && report.chains[0].last == 70, "{report:?}");
        assert_eq!(report.chains[0].events + report.chains[0].pruned, 70);
    }
}
