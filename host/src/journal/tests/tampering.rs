//! What somebody does who can write the database and has no key, and how it is found.

use super::super::*;
use super::event;
use super::support::{Engine, Stage, problems};

/// Ten events of each of two hosts, one change, and what is found of it.
async fn is_found(change: &str, expected: &[(&str, i64, i64, Finding)]) {
    for engine in Engine::ALL {
        let Some(stage) = Stage::on(engine).await else { continue };
        stage.write("web-1", 10).await;
        stage.write("web-2", 10).await;
        let heads = stage.heads().await;
        assert!(stage.verify_with(&heads).await.is_whole());
        stage.execute(change).await;
        assert_eq!(problems(&stage.verify_with(&heads).await), expected, "{engine:?}: {change}");
    }
}

#[tokio::test]
async fn a_changed_event_is_found() {
    for change in [
        "event = replace(event, 'web-1/5', 'web-1/6')",
        "event = event || ' '",
        "recorded_at = recorded_at + 1",
        "mac = digest",
    ] {
        let change = format!("UPDATE JOURNAL SET {change} WHERE host = 'web-1' AND position = 5");
        is_found(&change, &[("web-1", 5, 5, Finding::Changed)]).await;
    }
}

#[tokio::test]
async fn a_changed_digest_is_found_where_it_stands_and_where_it_is_built_upon() {
    let change = "UPDATE JOURNAL SET digest = mac WHERE host = 'web-1' AND position = 5";
    is_found(change, &[("web-1", 5, 6, Finding::Changed)]).await;
}

#[tokio::test]
async fn removed_events_are_found() {
    is_found(
        "DELETE FROM JOURNAL WHERE host = 'web-2' AND position IN (4, 5, 8)",
        &[("web-2", 4, 5, Finding::Missing), ("web-2", 8, 8, Finding::Missing)],
    )
    .await;
    is_found("DELETE FROM JOURNAL WHERE host = 'web-1' AND position = 1", &[("web-1", 1, 1, Finding::Missing)]).await;
}

/// An event of another chain, or of another place of the same one, passes nowhere else.
#[tokio::test]
async fn inserted_events_are_found() {
    let insert = "INSERT INTO JOURNAL (recorded_at, event, host, position, digest, key_id, mac) \
                  SELECT recorded_at, event, 'web-1', 11, digest, key_id, mac FROM JOURNAL";
    for source in ["host = 'web-2' AND position = 10", "host = 'web-1' AND position = 10"] {
        is_found(&format!("{insert} WHERE {source}"), &[("web-1", 11, 11, Finding::Changed)]).await;
    }
    let stray = "INSERT INTO JOURNAL (recorded_at, event, host) VALUES (1, '{}', 'web-1')";
    is_found(stray, &[("web-1", 1, 1, Finding::Stray)]).await;
    let unchained = "INSERT INTO JOURNAL (recorded_at, event) VALUES (1, '{}')";
    is_found(unchained, &[("", 1, 1, Finding::Inserted)]).await;
}

#[tokio::test]
async fn reordered_events_are_found() {
    let by_position = "UPDATE JOURNAL SET position = 99 WHERE host = 'web-1' AND position = 5; \
                       UPDATE JOURNAL SET position = 5 WHERE host = 'web-1' AND position = 6; \
                       UPDATE JOURNAL SET position = 6 WHERE host = 'web-1' AND position = 99";
    for engine in Engine::ALL {
        let Some(stage) = Stage::on(engine).await else { continue };
        stage.write("web-1", 10).await;
        stage.execute(by_position).await;
        let report = stage.verify().await;
        assert!(report.problems.iter().any(|problem| problem.finding == Finding::Changed), "{report:?}");
        assert!(report.problems.iter().all(|problem| (5..=7).contains(&problem.first)), "{report:?}");
    }
}

/// The order in which a reader is shown events is the database's, not the chain's.
#[tokio::test]
async fn events_that_were_given_other_numbers_are_found() {
    let stage = Stage::on(Engine::Sqlite).await.unwrap();
    stage.write("web-1", 10).await;
    stage
        .execute(
            "UPDATE JOURNAL SET sequence = 99 WHERE position = 5; UPDATE JOURNAL SET sequence = 5 WHERE position = 6",
        )
        .await;
    assert_eq!(problems(&stage.verify().await), [("web-1", 6, 6, Finding::Moved)]);
}

#[tokio::test]
async fn what_is_cut_off_at_the_end_is_found_up_to_the_exported_head_and_no_further() {
    for engine in Engine::ALL {
        let Some(stage) = Stage::on(engine).await else { continue };
        stage.write("web-1", 5).await;
        let heads = stage.heads().await;
        stage.write("web-1", 5).await;
        stage.execute("DELETE FROM JOURNAL WHERE position > 6").await;
        let report = stage.verify_with(&heads).await;
        assert!(report.is_whole(), "this is the bound: {report:?}");
        assert_eq!((report.chains[0].last, report.chains[0].covered), (6, Some(5)));
        stage.execute("DELETE FROM JOURNAL WHERE position > 3").await;
        assert_eq!(problems(&stage.verify_with(&heads).await), [("web-1", 4, 5, Finding::CutOff)]);
        assert!(stage.verify().await.is_whole(), "without the head nobody can know");
        stage.execute("DELETE FROM JOURNAL").await;
        assert_eq!(problems(&stage.verify_with(&heads).await), [("web-1", 1, 5, Finding::CutOff)]);
    }
}

/// As when an old copy of the database is put back and hosts go on with it.
#[tokio::test]
async fn a_journal_that_was_put_back_and_went_on_is_found_by_the_head() {
    let stage = Stage::on(Engine::Sqlite).await.unwrap();
    stage.write("web-1", 5).await;
    let heads = stage.heads().await;
    stage.execute("DELETE FROM JOURNAL WHERE position > 3").await;
    stage.write("web-1", 4).await;
    assert!(stage.verify().await.is_whole());
    assert_eq!(problems(&stage.verify_with(&heads).await), [("web-1", 5, 5, Finding::Replaced)]);
}

/// A process that runs knows where it was, and leaves the gap to be seen.
#[tokio::test]
async fn what_is_cut_off_under_a_running_host_is_found_without_a_head() {
    for engine in Engine::ALL {
        let Some(stage) = Stage::on(engine).await else { continue };
        let chain = stage.chain("web-1");
        for _ in 0..5 {
            stage.journal.record(&chain, event("ada")).await.unwrap();
        }
        stage.execute("DELETE FROM JOURNAL WHERE position > 3").await;
        stage.journal.record(&chain, event("ada")).await.unwrap();
        assert_eq!(problems(&stage.verify().await), [("web-1", 4, 5, Finding::Missing)]);
    }
}

#[tokio::test]
async fn heads_are_not_exported_of_an_end_that_no_host_has_written() {
    let stage = Stage::on(Engine::Sqlite).await.unwrap();
    stage.write("web-1", 3).await;
    stage.execute("UPDATE JOURNAL SET mac = digest WHERE position = 3").await;
    stage.write("web-1", 1).await;
    let heads = stage.heads().await;
    assert_eq!(heads.chains.iter().map(|head| head.host.as_str()).collect::<Vec<_>>(), ["web-1#2"]);
    assert!(heads.left_out[0].contains("event 3 of the chain \"web-1\""), "{:?}", heads.left_out);
}

#[tokio::test]
async fn heads_survive_being_written_down() {
    let stage = Stage::on(Engine::Sqlite).await.unwrap();
    stage.write("web-1", 3).await;
    let heads = stage.heads().await;
    let text = serde_json::to_string(&heads).unwrap();
    assert_eq!(serde_json::from_str::<Heads>(&text).unwrap(), heads);
    assert_eq!((heads.chains[0].position, heads.chains[0].events, heads.unchained), (3, 3, 0));
}

#[tokio::test]
async fn a_rotated_key_verifies_what_it_has_signed_and_the_next_one_what_follows() {
    let stage = Stage::on(Engine::Sqlite).await.unwrap();
    stage.write("web-1", 3).await;
    stage.keys.become_ring(&[("k2", 2), ("k1", 1)]);
    stage.write("web-1", 3).await;
    assert!(stage.verify().await.is_whole());
    stage.keys.become_ring(&[("k2", 2)]);
    assert_eq!(
        problems(&stage.verify().await),
        [("web-1", 1, 3, Finding::UnknownKey)],
        "what k2 has signed vouches for itself alone"
    );
    stage.execute("UPDATE JOURNAL SET event = replace(event, 'web-1/2', 'web-1/7') WHERE position = 2").await;
    assert_eq!(
        problems(&stage.verify().await),
        [("web-1", 1, 1, Finding::UnknownKey), ("web-1", 2, 2, Finding::Changed), ("web-1", 3, 3, Finding::UnknownKey)]
    );
}

#[tokio::test]
async fn a_chain_that_only_a_lost_key_has_signed_is_told_as_such() {
    let stage = Stage::on(Engine::Sqlite).await.unwrap();
    stage.write("web-1", 3).await;
    stage.keys.become_ring(&[("k2", 2)]);
    assert_eq!(problems(&stage.verify().await), [("web-1", 1, 3, Finding::UnknownKey)]);
    stage.write("web-1", 2).await;
    let report = stage.verify().await;
    assert_eq!(problems(&report), [("web-1", 1, 3, Finding::UnknownKey)]);
    assert_eq!(report.chains[1].host, "web-1#2", "nobody knows whose end that is");
}

/// Hosts see a new primary key one after the other, and write to one chain meanwhile.
#[tokio::test]
async fn keys_that_have_signed_in_turns_are_taken_out_one_after_the_other() {
    for engine in Engine::ALL {
        let Some(stage) = Stage::on(engine).await else { continue };
        for ring in [[("k1", 1), ("k2", 2)], [("k2", 2), ("k1", 1)], [("k1", 1), ("k2", 2)], [("k2", 2), ("k1", 1)]] {
            stage.keys.become_ring(&ring);
            stage.write("web-1", 3).await;
        }
        assert_eq!(release_key(&*stage.ledger, &*stage.keys, "k1").await.unwrap(), 2, "the end of each run");
        stage.keys.become_ring(&[("k2", 2)]);
        assert!(stage.verify().await.is_whole());
        stage.keys.become_ring(&[("k3", 3), ("k2", 2)]);
        release_key(&*stage.ledger, &*stage.keys, "k2").await.unwrap();
        stage.keys.become_ring(&[("k3", 3)]);
        let report = stage.verify().await;
        assert!(report.is_whole() && report.chains[0].events == 12, "{report:?}");
    }
}

/// What was kept long ago cannot be compared any more, and is not to look as if it had been.
#[tokio::test]
async fn a_head_that_retention_has_passed_covers_nothing() {
    let stage = Stage::on(Engine::Sqlite).await.unwrap();
    stage.write("web-1", 5).await;
    let heads = stage.heads().await;
    stage.write("web-1", 20).await;
    stage.let_go(Retention { keep_days: 365, keep_events: 8 }).await;
    let report = stage.verify_with(&heads).await;
    assert!(report.is_whole(), "{report:?}");
    assert_eq!((report.chains[0].covered, report.chains[0].outdated_head), (None, Some(5)));
    let report = stage.verify_with(&stage.heads().await).await;
    assert_eq!((report.chains[0].covered, report.chains[0].outdated_head), (Some(25), None));
}

#[tokio::test]
async fn a_key_that_is_taken_out_takes_nothing_with_it() {
    for engine in Engine::ALL {
        let Some(stage) = Stage::on(engine).await else { continue };
        stage.write("web-1", 300).await;
        stage.let_go(Retention { keep_days: 12, keep_events: 1_000_000 }).await;
        let heads = stage.heads().await;
        stage.keys.become_ring(&[("k2", 2), ("k1", 1)]);
        // The mark, two places in between and the end.
        assert_eq!(release_key(&*stage.ledger, &*stage.keys, "k1").await.unwrap(), 4);
        assert_eq!(release_key(&*stage.ledger, &*stage.keys, "k1").await.unwrap(), 0, "once is enough");
        stage.keys.become_ring(&[("k2", 2)]);
        let report = stage.verify_with(&heads).await;
        assert!(report.is_whole() && report.chains[0].last == 300, "{report:?}");
        assert_eq!(release_key(&*stage.ledger, &*stage.keys, "k1").await.unwrap(), 0, "nothing is left to do");
        stage.clock.advance(std::time::Duration::from_secs(86_400 * 20));
        assert!(stage.let_go(Retention { keep_days: 12, keep_events: 1_000_000 }).await > 200, "and retention goes on");
        assert!(stage.verify_with(&heads).await.is_whole());
    }
}

#[tokio::test]
async fn a_key_is_not_released_over_what_is_not_whole() {
    let stage = Stage::on(Engine::Sqlite).await.unwrap();
    stage.write("web-1", 10).await;
    stage.execute("UPDATE JOURNAL SET recorded_at = 7 WHERE position = 4").await;
    stage.keys.become_ring(&[("k2", 2), ("k1", 1)]);
    let refused = release_key(&*stage.ledger, &*stage.keys, "k1").await.unwrap_err();
    assert!(refused.contains("event 4"), "{refused}");
    assert_eq!(problems(&stage.verify().await), [("web-1", 4, 4, Finding::Changed)]);
}
