use std::{sync::Arc, time::Duration};

use super::*;
use crate::{
    clock::{Clock, MovableClock},
    database::{Database, PostgresDatabase, PostgresSettings},
};
use fabric_auth_tests::PostgresServer;

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

/// What every journal keeps.
async fn keeps_the_contract(journal: &dyn Journal, clock: &MovableClock) {
    assert_eq!(journal.tail(10).await.unwrap(), []);
    let first_at = clock.system();
    for number in 1..=5 {
        journal.record(event(&number.to_string())).await.unwrap();
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
    journal.record(Event { outcome: Outcome::Failed("x".repeat(MAX_TEXT_BYTES + 1)), ..long }).await.unwrap();
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
async fn the_journal_in_sqlite_keeps_the_contract() {
    let folder = tempfile::tempdir().unwrap();
    let clock = MovableClock::new();
    let database = Database::open(folder.path().join("journal.sqlite"), Arc::new(clock.clone())).await.unwrap();
    keeps_the_contract(&database.journal(), &clock).await;
}

#[tokio::test]
async fn the_journal_in_sqlite_lets_its_oldest_events_go_and_gives_no_number_twice() {
    let folder = tempfile::tempdir().unwrap();
    let database = Database::open(folder.path().join("journal.sqlite"), Arc::new(MovableClock::new())).await.unwrap();
    let journal = database.journal();
    for number in 1..=3 {
        journal.record(event(&number.to_string())).await.unwrap();
    }
    let mut transaction = database.begin_write().await.unwrap();
    sqlx::query("UPDATE sqlite_sequence SET seq = ?1").bind(KEPT_EVENTS).execute(&mut *transaction).await.unwrap();
    transaction.commit().await.unwrap();
    for actor in ["next", "last"] {
        journal.record(event(actor)).await.unwrap();
    }
    let left: Vec<_> = journal.tail(10).await.unwrap().into_iter().map(|recorded| recorded.event.actor).collect();
    assert_eq!(left, ["3", "next", "last"]);
}

#[tokio::test]
async fn the_journal_in_postgresql_keeps_the_contract() {
    let Some(server) = PostgresServer::shared() else { return };
    let (at, clock) = (server.database().await, MovableClock::new());
    let settings = PostgresSettings::from_url(&at.url, 2).unwrap();
    let database = PostgresDatabase::open(&settings, Arc::new(clock.clone())).await.unwrap();
    keeps_the_contract(&database.journal(), &clock).await;
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
