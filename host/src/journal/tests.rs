//! What every journal keeps, in memory and in both databases.

mod older_formats;
mod planting;
mod pruning;
mod support;
mod tampering;

use std::{sync::Arc, time::Duration};

use super::*;
use crate::clock::{Clock, MovableClock};

pub(super) use self::support::chain;
use self::support::{Engine, Keys, Stage};

pub(super) fn event(actor: &str) -> Event {
    Event {
        tenant: "acme".into(),
        actor: actor.into(),
        on_behalf_of: None,
        action: Action::LateReplyDropped,
        fabric: Some("sales".into()),
        workspace: None,
        databricks_user: None,
        token: Some(TokenReference { lineage: "L1".into(), generation: 7 }),
        outcome: Outcome::Failed("sign-in-required".into()),
    }
}

async fn keeps_the_contract(journal: &dyn Journal, clock: &MovableClock) {
    let chain = chain("web-1");
    assert_eq!(journal.tail(10).await.unwrap(), []);
    let first_at = clock.system();
    for number in 1..=5 {
        journal.record(&chain, event(&number.to_string())).await.unwrap();
        clock.advance(Duration::from_secs(3600));
    }
    let all = journal.tail(TAIL_LIMIT).await.unwrap();
    assert_eq!(all.iter().map(|recorded| recorded.sequence).collect::<Vec<_>>(), [1, 2, 3, 4, 5]);
    for (recorded, hours) in all.iter().zip(0..) {
        assert_eq!(recorded.event, event(&recorded.sequence.to_string()));
        let after = recorded.recorded_at.duration_since(first_at).unwrap();
        assert_eq!(after.as_secs() / 3600, hours);
    }
    assert_eq!(journal.tail(2).await.unwrap(), all[3..]);
    assert_eq!(journal.tail(0).await.unwrap(), []);
    assert_eq!(journal.tail(u32::MAX).await.unwrap(), all);

    let long = event(&"ä".repeat(MAX_TEXT_BYTES));
    let long = Event { outcome: Outcome::Failed("x".repeat(MAX_TEXT_BYTES + 1)), ..long };
    journal.record(&chain, long).await.unwrap();
    let last = journal.tail(1).await.unwrap().remove(0).event;
    assert_eq!(last.actor, "ä".repeat(MAX_TEXT_BYTES / 2));
    assert_eq!(last.outcome, Outcome::Failed("x".repeat(MAX_TEXT_BYTES)));
}

#[tokio::test]
async fn the_journal_in_memory_keeps_the_contract() {
    let clock = MovableClock::new();
    keeps_the_contract(&MemoryJournal::new(Arc::new(clock.clone())), &clock).await;
}

#[tokio::test]
async fn the_journals_in_databases_keep_the_contract() {
    for engine in Engine::ALL {
        let Some(stage) = Stage::on(engine).await else { continue };
        keeps_the_contract(&*stage.journal, &stage.clock).await;
    }
}

/// Two hosts on a server, of several processes each, which know nothing of each other.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn processes_of_one_host_write_one_chain_and_hosts_have_their_own() {
    for engine in Engine::ALL {
        let Some(stage) = Stage::on(engine).await else { continue };
        let writing = (0..6).map(|process| {
            let (journal, host) = (stage.journal.clone(), if process % 2 == 0 { "web-1" } else { "web-2" });
            tokio::spawn(async move {
                let chain = chain(host);
                for number in 0..20 {
                    journal.record(&chain, event(&format!("{process}/{number}"))).await.unwrap();
                }
            })
        });
        for written in writing.collect::<Vec<_>>() {
            written.await.unwrap();
        }
        let report = stage.verify().await;
        assert!(report.is_whole(), "{report:?}");
        let chains: Vec<_> =
            report.chains.iter().map(|chain| (chain.host.as_str(), chain.events, chain.last)).collect();
        assert_eq!(chains, [("web-1", 60, 60), ("web-2", 60, 60)]);
        let mut actors: Vec<_> =
            stage.journal.tail(1_000).await.unwrap().into_iter().map(|one| one.event.actor).collect();
        actors.sort();
        actors.dedup();
        assert_eq!(actors.len(), 120, "every event is there, once");
    }
}

/// A loss is counted and logged where it happens. It is not to look like tampering.
#[tokio::test]
async fn an_event_that_could_not_be_written_leaves_no_gap() {
    let stage = Stage::on(Engine::Sqlite).await.unwrap();
    let keys = Keys::new(&[("k1", 1)]);
    let chain = Chain::new(Some("web-1"), keys.clone());
    let write = async |actor: &str| stage.journal.record(&chain, event(actor)).await;
    write("first").await.unwrap();
    keys.be_unavailable(true);
    write("lost").await.unwrap_err();
    keys.be_unavailable(false);
    stage.execute("ALTER TABLE JOURNAL RENAME TO elsewhere").await;
    write("lost as well").await.unwrap_err();
    stage.execute("ALTER TABLE elsewhere RENAME TO JOURNAL").await;
    write("second").await.unwrap();
    let report = stage.verify().await;
    assert!(report.is_whole() && report.chains[0].last == 2, "{report:?}");
}

#[test]
fn a_chain_is_named_after_the_machine_unless_it_is_given_a_name() {
    let keys = Keys::new(&[("k1", 1)]);
    let name = |given: Option<&str>| Chain::new(given, keys.clone()).host().to_owned();
    assert_eq!(name(Some("web-1")), "web-1");
    assert_eq!(name(Some(" a\u{7}b\n")), "ab");
    assert_eq!(name(Some(&"ä".repeat(40))), "ä".repeat(32));
    assert!(!name(None).is_empty() && name(Some("\n")) == name(None));
}

#[test]
fn an_event_is_written_with_the_words_of_the_contract() {
    let json = serde_json::to_value(event("ada@acme.example")).unwrap();
    let expected = serde_json::json!({
        "tenant": "acme",
        "actor": "ada@acme.example",
        "action": "late-reply-dropped",
        "fabric": "sales",
        "token": { "lineage": "L1", "generation": 7 },
        "outcome": { "failed": "sign-in-required" },
    });
    assert_eq!(json, expected);
    assert_eq!(serde_json::to_value(Outcome::Succeeded).unwrap(), "succeeded");
}
