use std::{sync::Arc, time::Duration};

use fabric_auth_tests::{PostgresServer, PostgresTestDatabase};

use super::*;
use crate::{
    clock::SystemClock,
    storage::{Precondition, Storage as _, UPON_WRITING, WriteOutcome},
};

async fn open(url: &str, max_connections: u32) -> Result<PostgresDatabase, OpenError> {
    let settings = PostgresSettings::from_url(url, max_connections).unwrap();
    PostgresDatabase::open(&settings, Arc::new(SystemClock::new())).await
}

/// Opens what must be refused, and checks that the refusal is one line, names the place and no password.
async fn refusal(url: &str) -> PostgresProblem {
    let Err(OpenError::Postgres(error)) = open(url, 2).await else { panic!("not refused by PostgreSQL: {url}") };
    let message = error.to_string();
    assert!(message.starts_with("PostgreSQL database ") && !message.contains('\n'), "{message}");
    assert!(!message.contains("canary"), "{message}");
    error.problem
}

async fn create(database: &PostgresDatabase, key: &str) -> Result<WriteOutcome, StorageError> {
    database.storage().put(key, b"value".to_vec(), None, Precondition::Absent, UPON_WRITING).await
}

fn is_written(outcome: &Result<WriteOutcome, StorageError>) -> bool {
    matches!(outcome, Ok(WriteOutcome::Written(_)))
}

async fn test_database() -> Option<PostgresTestDatabase> {
    Some(PostgresServer::shared()?.database().await)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_hosts_may_open_an_empty_database_at_the_same_time() {
    let Some(at) = test_database().await else { return };
    let opening: Vec<_> = (0..8)
        .map(|number| {
            let url = at.url.clone();
            tokio::spawn(async move { create(&open(&url, 1).await.unwrap(), &format!("key/{number}")).await })
        })
        .collect();
    for one in opening {
        assert!(is_written(&one.await.unwrap()));
    }
    assert_eq!(open(&at.url, 1).await.unwrap().storage().list("", None, 10).await.unwrap().entries.len(), 8);
}

#[tokio::test]
async fn a_database_of_a_newer_version_is_refused() {
    let Some(at) = test_database().await else { return };
    open(&at.url, 1).await.unwrap().close().await;
    at.execute("UPDATE fabric_auth_schema SET version = 3").await;
    assert_eq!(refusal(&at.url).await, PostgresProblem::Newer { found: 3, known: 2 });
}

#[tokio::test]
async fn a_read_only_database_is_refused_and_one_that_becomes_so_takes_no_writes_but_reads() {
    let Some(at) = test_database().await else { return };
    let database = open(&at.url, 1).await.unwrap();
    assert!(is_written(&create(&database, "key").await));
    at.execute("ALTER DATABASE THIS_DATABASE SET default_transaction_read_only = on").await;
    assert_eq!(refusal(&at.url).await, PostgresProblem::ReadOnly);
    // What is set for the database holds for new sessions.
    database.connections.drop_idle();
    let refused = create(&database, "another").await.unwrap_err();
    assert!(
        matches!(&refused, StorageError::Unavailable(told) if told.contains("the store is read-only")),
        "{refused}"
    );
    assert!(database.storage().get("key").await.unwrap().is_some());
}

/// What is read from a standby may be old, and an old refresh token that is sent ends a person's session.
#[tokio::test]
async fn a_standby_is_not_even_read() {
    let Some(server) = PostgresServer::private() else { return };
    let at = server.database().await;
    let database = open(&at.url, 2).await.unwrap();
    assert!(is_written(&create(&database, "key").await));
    server.become_standby();
    assert_eq!(refusal(&at.url).await, PostgresProblem::Standby);
    let refused = database.storage().get("key").await.unwrap_err();
    assert!(matches!(&refused, StorageError::Unavailable(told) if told.contains("is a standby")), "{refused}");
    let refused = create(&database, "another").await.unwrap_err();
    assert!(matches!(&refused, StorageError::Unavailable(told) if told.contains("is a standby")), "{refused}");
}

#[tokio::test]
async fn where_connections_have_run_out_it_is_said_who_can_help() {
    let Some(at) = test_database().await else { return };
    at.execute("CREATE ROLE THIS_DATABASE LOGIN PASSWORD 'canary' CONNECTION LIMIT 1; GRANT CREATE ON SCHEMA public TO THIS_DATABASE")
        .await;
    let url = at.url_of(&format!("{}:canary", at.url.rsplit('/').next().unwrap()));
    let database = open(&url, 1).await.unwrap();
    assert_eq!(refusal(&url).await, PostgresProblem::TooManyConnections);
    let only = database.connections.lease(Instant::now() + Duration::from_secs(1)).await.unwrap();
    let busy = database.storage().get("key").await.unwrap_err().to_string();
    assert!(busy.contains("all 1 connections of this host are busy"), "{busy}");
    only.give_back();
    assert!(is_written(&create(&database, "key").await));
    database.close().await;
    at.execute("DROP OWNED BY THIS_DATABASE; DROP ROLE THIS_DATABASE").await;
}

#[tokio::test]
async fn a_user_without_rights_is_told_which_to_ask_for() {
    let Some(at) = test_database().await else { return };
    at.execute("CREATE ROLE THIS_DATABASE LOGIN PASSWORD 'canary'; REVOKE CREATE ON SCHEMA public FROM PUBLIC").await;
    let url = at.url_of(&format!("{}:canary", at.url.rsplit('/').next().unwrap()));
    let problem = refusal(&url).await;
    assert!(matches!(&problem, PostgresProblem::NotPermitted(_)), "{problem}");
    assert!(problem.to_string().contains("grant it USAGE and CREATE"), "{problem}");
    // With tables that somebody else has made, the rights to use them are enough.
    open(&at.url, 1).await.unwrap().close().await;
    at.execute(
        "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO THIS_DATABASE; \
         GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO THIS_DATABASE",
    )
    .await;
    let database = open(&url, 1).await.unwrap();
    assert!(is_written(&create(&database, "key").await));
    database.close().await;
    at.execute("DROP OWNED BY THIS_DATABASE; DROP ROLE THIS_DATABASE").await;
}

#[tokio::test]
async fn what_is_not_there_is_told_apart() {
    let Some(at) = test_database().await else { return };
    assert_eq!(refusal(&format!("{}_missing", at.url)).await, PostgresProblem::NoDatabase);
    assert_eq!(refusal(&at.url_of("nobody_known:canary")).await, PostgresProblem::NotLetIn);
    let nobody = refusal("postgres://me:canary@127.0.0.1:1/tokens").await;
    assert!(matches!(&nobody, PostgresProblem::Unreachable(why) if why == "connection refused"), "{nobody}");
    let no_socket = refusal("postgres://me@%2Fnowhere/tokens").await;
    assert!(matches!(no_socket, PostgresProblem::Unreachable(_)), "{no_socket}");
    let no_tls = refusal(&format!("{}?sslmode=verify-full", at.url)).await;
    assert!(matches!(no_tls, PostgresProblem::Tls(_)), "{no_tls}");
}

#[tokio::test]
async fn a_database_that_cannot_hold_every_text_is_refused() {
    let Some(at) = test_database().await else { return };
    at.execute("CREATE DATABASE THIS_DATABASE_latin TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C'").await;
    assert_eq!(refusal(&format!("{}_latin", at.url)).await, PostgresProblem::Encoding("LATIN1".into()));
    at.execute("DROP DATABASE THIS_DATABASE_latin WITH (FORCE)").await;
}

#[tokio::test]
async fn commits_are_synchronous_whatever_the_database_says() {
    let Some(at) = test_database().await else { return };
    let setting = async |url: &str| {
        let database = open(url, 1).await.unwrap();
        let mut lease = database.connections.lease(Instant::now() + Duration::from_secs(5)).await.unwrap();
        let query = "SELECT current_setting('synchronous_commit')";
        sqlx::query_scalar::<_, String>(query).fetch_one(&mut *lease).await.unwrap()
    };
    at.execute("ALTER DATABASE THIS_DATABASE SET synchronous_commit = off").await;
    assert_eq!(setting(&at.url).await, "on");
    assert_eq!(setting(&format!("{}?options=-c%20synchronous_commit%3Dlocal", at.url)).await, "on");
    at.execute("ALTER DATABASE THIS_DATABASE SET synchronous_commit = remote_apply").await;
    assert_eq!(setting(&at.url).await, "remote_apply");
}

/// As a pooler does that shares sessions between clients.
#[tokio::test]
async fn a_session_that_loses_its_settings_is_not_written_through() {
    let Some(at) = test_database().await else { return };
    let database = open(&at.url, 1).await.unwrap();
    let mut lease = database.connections.lease(Instant::now() + Duration::from_secs(5)).await.unwrap();
    sqlx::query("SET statement_timeout = 0").execute(&mut *lease).await.unwrap();
    lease.give_back();
    let refused = create(&database, "key").await.unwrap_err();
    assert!(matches!(&refused, StorageError::Unavailable(told) if told.contains("pooler")), "{refused}");
}

#[tokio::test]
async fn the_first_use_after_a_restart_of_the_server_succeeds() {
    let Some(server) = PostgresServer::private() else { return };
    let at = server.database().await;
    let database = open(&at.url, 4).await.unwrap();
    let restarts: [fn(&PostgresServer); 2] = [PostgresServer::stop, PostgresServer::crash];
    for (number, end) in restarts.into_iter().enumerate() {
        assert!(is_written(&create(&database, &format!("before/{number}")).await));
        end(&server);
        let away = database.storage().get("key").await.unwrap_err();
        assert!(matches!(&away, StorageError::Unavailable(told) if told.contains("cannot be reached")), "{away}");
        let away = create(&database, "away").await.unwrap_err();
        assert!(matches!(&away, StorageError::Unavailable(_)), "nothing was sent: {away}");
        server.start();
        assert!(is_written(&create(&database, &format!("after/{number}")).await));
        end(&server);
        server.start();
        assert!(database.storage().get(&format!("before/{number}")).await.unwrap().is_some());
    }
}

/// What is broken off in the middle of a write may have happened: nobody says that it has not, and nobody repeats it.
#[tokio::test]
async fn a_write_whose_connection_breaks_has_an_unknown_outcome() {
    let Some(at) = test_database().await else { return };
    let database = open(&at.url, 1).await.unwrap();
    let ends_its_session = "SELECT pg_terminate_backend(pg_backend_pid())";
    let write = database.write(|mut lease, _| async move {
        let ended = sqlx::query(ends_its_session).execute(&mut *lease).await;
        (lease, ended)
    });
    let unknown = write.await.map(drop).unwrap_err();
    assert!(
        matches!(&unknown, StorageError::OutcomeUnknown(told) if told.contains("the connection broke")),
        "{unknown}"
    );
    let slow = database.write(|mut lease, _| async move {
        sqlx::query("SET statement_timeout = 0").execute(&mut *lease).await.unwrap();
        let slept = sqlx::query("SELECT pg_sleep(30)").execute(&mut *lease).await;
        (lease, slept)
    });
    let unknown = slow.await.map(drop).unwrap_err();
    assert!(matches!(&unknown, StorageError::OutcomeUnknown(told) if told.contains("in time")), "{unknown}");
    assert!(is_written(&create(&database, "key").await), "the broken connection is replaced");
}

#[tokio::test]
async fn a_write_that_the_server_refuses_has_certainly_not_happened() {
    let Some(at) = test_database().await else { return };
    let database = open(&at.url, 1).await.unwrap();
    at.execute("ALTER TABLE fabric_auth_record ADD CHECK (key <> 'refused')").await;
    let refused = create(&database, "refused").await.unwrap_err();
    assert!(matches!(&refused, StorageError::Unavailable(_)), "{refused}");
    // The server's own message names the row; ours does not.
    assert!(!refused.to_string().contains("value"), "{refused}");
    assert!(is_written(&create(&database, "key").await));
}

#[tokio::test]
async fn a_closed_database_is_unavailable() {
    let Some(at) = test_database().await else { return };
    let database = open(&at.url, 1).await.unwrap();
    database.close().await;
    database.close().await;
    let storage = database.storage();
    assert!(matches!(storage.get("key").await, Err(StorageError::Unavailable(told)) if told.contains("closed")));
    assert!(matches!(create(&database, "key").await, Err(StorageError::Unavailable(_))));
}
