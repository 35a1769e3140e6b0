//! Rows that somebody who can write the database adds for a host to build upon.

use zeroize::Zeroizing;

use super::super::link::digest;
use super::super::*;
use super::event;
use super::support::{Engine, Stage, problems};
use crate::keys::DerivedKey;

/// A position that no host comes to.
const FAR: i64 = 1_000_000_000_000;

/// Adds an event behind the end of the chain `web-1`, with the digest that it has to have, which takes no key. Signed as
/// this if the key is known, else under the name of a key that nobody has.
async fn plant(stage: &Stage, engine: Engine, position: i64, signed: Option<Signed>) {
    let text = as_text(event("mallory")).unwrap();
    let stored = stage.ledger.chain("web-1").await.unwrap();
    let before = stored.last.unwrap().link.unwrap().digest;
    let digest = digest(&before, "web-1", position, 1, &text);
    let key = DerivedKey { key_id: "k1".into(), bytes: Zeroizing::new([1; 32]) };
    let link = match signed {
        Some(signed) => Link::sign(signed, "web-1", position, digest, &key),
        None => Link { host: "web-1".into(), position, mac: digest.clone(), digest, key_id: "x".into() },
    };
    let bytes = |bytes: &[u8]| match engine {
        Engine::Sqlite => format!("X'{}'", heads::hexadecimal(bytes)),
        Engine::Postgres => format!("'\\x{}'", heads::hexadecimal(bytes)),
    };
    let (digest, mac) = (bytes(&link.digest), bytes(&link.mac));
    stage
        .execute(&format!(
            "INSERT INTO JOURNAL (recorded_at, event, host, position, digest, key_id, mac) \
             VALUES (1, '{text}', 'web-1', {position}, {digest}, '{}', {mac})",
            link.key_id
        ))
        .await;
}

/// Names of the chains and how many events each has.
fn chains(report: &Report) -> Vec<(&str, u64)> {
    report.chains.iter().map(|chain| (chain.host.as_str(), chain.events)).collect()
}

/// Neither by one that runs and finds its next place taken, nor by one that starts.
#[tokio::test]
async fn a_host_does_not_go_on_behind_what_was_planted_under_an_unknown_key() {
    for engine in Engine::ALL {
        let Some(stage) = Stage::on(engine).await else { continue };
        stage.write("web-1", 4).await;
        let running = stage.chain("web-1");
        stage.journal.record(&running, event("ada")).await.unwrap();
        for position in [6, 7] {
            plant(&stage, engine, position, None).await;
        }
        for _ in 0..2 {
            stage.journal.record(&running, event("ada")).await.unwrap();
            stage.write("web-1", 1).await;
        }
        let report = stage.verify().await;
        assert_eq!(problems(&report), [("web-1", 6, 7, Finding::UnknownKey)], "{engine:?}");
        assert_eq!(chains(&report), [("web-1", 7), ("web-1#2", 4)]);
    }
}

#[tokio::test]
async fn an_authentic_event_does_not_vouch_for_planted_ones_before_it() {
    for engine in Engine::ALL {
        let Some(stage) = Stage::on(engine).await else { continue };
        stage.write("web-1", 5).await;
        plant(&stage, engine, 6, None).await;
        plant(&stage, engine, 7, None).await;
        plant(&stage, engine, 8, Some(Signed::Event)).await;
        assert_eq!(problems(&stage.verify().await), [("web-1", 6, 7, Finding::UnknownKey)]);
        assert_eq!(stage.let_go(Retention { keep_days: 1, keep_events: 1 }).await, 5, "nor does retention let them go");
        stage.keys.become_ring(&[("k2", 2), ("k1", 1)]);
        release_key(&*stage.ledger, &*stage.keys, "k1").await.unwrap_err();
    }
}

#[tokio::test]
async fn only_what_was_signed_to_vouch_does() {
    let stage = Stage::on(Engine::Sqlite).await.unwrap();
    stage.write("web-1", 5).await;
    plant(&stage, Engine::Sqlite, 6, None).await;
    plant(&stage, Engine::Sqlite, 7, Some(Signed::Vouch)).await;
    assert!(stage.verify().await.is_whole());
    stage.write("web-1", 1).await;
    assert_eq!(chains(&stage.verify().await), [("web-1", 8)], "and it is gone on with");
}

#[tokio::test]
async fn a_planted_event_with_a_high_position_neither_silences_a_host_nor_makes_events_go() {
    for engine in Engine::ALL {
        let Some(stage) = Stage::on(engine).await else { continue };
        stage.write("web-1", 10).await;
        for position in [FAR, i64::MAX] {
            plant(&stage, engine, position, None).await;
            stage.write("web-1", 2).await;
        }
        assert_eq!(stage.let_go(Retention { keep_days: 365, keep_events: 8 }).await, 0);
        let report = stage.verify().await;
        assert_eq!(chains(&report), [("web-1", 12), ("web-1#2", 4)], "{report:?}");
        assert!(!report.is_whole());
    }
}

/// As if a host had been brought to sign there.
#[tokio::test]
async fn retention_by_number_counts_events_and_not_positions() {
    for engine in Engine::ALL {
        let Some(stage) = Stage::on(engine).await else { continue };
        stage.write("web-1", 10).await;
        plant(&stage, engine, FAR, Some(Signed::Event)).await;
        assert_eq!(stage.let_go(Retention { keep_days: 365, keep_events: 8 }).await, 3);
        let left = stage.ledger.links("web-1", 0, PAGE_LIMIT).await.unwrap();
        assert_eq!(left.len(), 8);
    }
}

#[tokio::test]
async fn a_planted_mark_does_not_silence_a_host() {
    for engine in Engine::ALL {
        let Some(stage) = Stage::on(engine).await else { continue };
        let running = stage.chain("web-1");
        stage.journal.record(&running, event("ada")).await.unwrap();
        let mark = format!(
            "INSERT INTO JOURNAL_mark (host, position, digest, key_id, mac) \
             SELECT host, {FAR}, digest, key_id, mac FROM JOURNAL WHERE position = 1"
        );
        stage.execute(&mark).await;
        stage.journal.record(&running, event("ada")).await.unwrap();
        stage.write("web-1", 2).await;
        let report = stage.verify().await;
        assert!(problems(&report).contains(&("web-1", FAR, FAR, Finding::MarkForged)), "{report:?}");
        assert!(problems(&report).contains(&("web-1", 1, 1, Finding::Stray)), "{report:?}");
        assert_eq!(chains(&report)[1], ("web-1#2", 3));
    }
}

/// However many names are spoilt beforehand: the last one cannot be foreseen.
#[tokio::test]
async fn a_host_finds_a_chain_to_write_to_though_all_numbers_are_spoilt() {
    let stage = Stage::on(Engine::Sqlite).await.unwrap();
    for name in std::iter::once("web-1".to_owned()).chain((2..100).map(|number| format!("web-1#{number}"))) {
        stage
            .execute(&format!(
                "INSERT INTO JOURNAL_mark (host, position, digest, key_id, mac) VALUES ('{name}', 1, X'00', 'x', X'00')"
            ))
            .await;
    }
    stage.write("web-1", 1).await;
    let report = stage.verify().await;
    assert_eq!(report.chains.len(), 100, "one more than were spoilt");
    let written = report.chains.iter().find(|chain| chain.events == 1).unwrap();
    assert!(written.pruned == 0 && written.host.len() > "web-1#99".len(), "{written:?}");
}

#[tokio::test]
async fn what_is_planted_below_the_mark_is_found_and_not_let_go_with_the_rest() {
    for engine in Engine::ALL {
        let Some(stage) = Stage::on(engine).await else { continue };
        let retention = Retention { keep_days: 365, keep_events: 8 };
        stage.write("web-1", 20).await;
        assert_eq!(stage.let_go(retention).await, 12);
        plant(&stage, engine, 5, None).await;
        assert_eq!(problems(&stage.verify().await), [("web-1", 1, 1, Finding::Stray)]);
        stage.write("web-1", 4).await;
        assert_eq!(stage.let_go(retention).await, 4);
        assert_eq!(problems(&stage.verify().await), [("web-1", 1, 1, Finding::Stray)]);
    }
}

#[tokio::test]
async fn a_second_event_at_a_position_is_found_though_the_index_is_gone() {
    for engine in Engine::ALL {
        let Some(stage) = Stage::on(engine).await else { continue };
        stage.write("web-1", 10).await;
        stage.execute("DROP INDEX JOURNAL_chain").await;
        plant(&stage, engine, 10, None).await;
        plant(&stage, engine, 5, None).await;
        let report = stage.verify().await;
        assert!(problems(&report).contains(&("web-1", 1, 2, Finding::Duplicate)), "{report:?}");
    }
}
