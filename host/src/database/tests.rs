use std::os::unix::fs::PermissionsExt;

use super::*;
use crate::clock::SystemClock;

async fn open(path: &Path) -> Result<Database, OpenError> {
    Database::open(path, Arc::new(SystemClock::new())).await
}

/// Opens what must be refused, and checks that the refusal names the file and is one line.
async fn refusal(path: &Path) -> OpenError {
    let Err(error) = open(path).await else { panic!("opened {}", path.display()) };
    let message = error.to_string();
    assert!(message.contains(path.to_str().unwrap()), "{message}");
    assert!(!message.contains('\n'), "{message}");
    error
}

async fn execute(path: &Path, statement: &'static str) {
    let options = SqliteConnectOptions::new().filename(path).create_if_missing(true);
    let mut connection = options.connect().await.unwrap();
    sqlx::raw_sql(statement).execute(&mut connection).await.unwrap();
    sqlx::Connection::close(connection).await.unwrap();
}

/// PB-114.
#[tokio::test]
async fn a_new_database_can_be_read_by_its_owner_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("new.sqlite");
    let database = open(&path).await.unwrap();
    database.begin_write().await.unwrap().commit().await.unwrap();
    for entry in fs::read_dir(folder.path()).unwrap() {
        let entry = entry.unwrap();
        assert_eq!(entry.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{:?}", entry.path());
    }
}

#[tokio::test]
async fn the_file_is_flushed_at_every_commit_and_written_through_a_log() {
    let folder = tempfile::tempdir().unwrap();
    let database = open(&folder.path().join("new.sqlite")).await.unwrap();
    let setting =
        async |query: &'static str| sqlx::query_scalar::<_, String>(query).fetch_one(&database.writer).await.unwrap();
    const FULL: &str = "2";
    assert_eq!(setting("SELECT CAST(synchronous AS TEXT) FROM pragma_synchronous").await, FULL);
    assert_eq!(setting("SELECT journal_mode FROM pragma_journal_mode").await, "wal");
    assert_eq!(setting("SELECT CAST(foreign_keys AS TEXT) FROM pragma_foreign_keys").await, "1");
}

#[tokio::test]
async fn a_folder_is_not_created_silently() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("missing");
    let error = refusal(&missing.join("new.sqlite")).await;
    assert!(matches!(error, OpenError::NoFolder { .. }), "{error}");
    assert!(!missing.exists());
}

#[tokio::test]
async fn a_folder_in_place_of_the_file_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    assert!(matches!(refusal(folder.path()).await, OpenError::NotAFile(_)));
}

#[tokio::test]
async fn a_read_only_file_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("records.sqlite");
    open(&path).await.unwrap().close().await;
    fs::set_permissions(&path, fs::Permissions::from_mode(0o400)).unwrap();
    assert!(matches!(refusal(&path).await, OpenError::ReadOnly(_)));
}

#[tokio::test]
async fn what_is_not_ours_is_refused_and_left_untouched() {
    let folder = tempfile::tempdir().unwrap();
    let text = folder.path().join("letter.txt");
    fs::write(&text, "Dear reader, this is no database. ".repeat(100)).unwrap();
    let foreign = folder.path().join("foreign.sqlite");
    execute(&foreign, "CREATE TABLE theirs (column TEXT)").await;
    let marked = folder.path().join("marked.sqlite");
    execute(&marked, "PRAGMA application_id = 77; PRAGMA user_version = 1").await;
    for path in [text, foreign, marked] {
        let before = fs::read(&path).unwrap();
        let error = refusal(&path).await;
        assert!(matches!(error, OpenError::NotOurs(_)), "{error}");
        assert_eq!(fs::read(&path).unwrap(), before, "{}", path.display());
    }
}

#[tokio::test]
async fn a_database_of_a_newer_version_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("records.sqlite");
    open(&path).await.unwrap().close().await;
    execute(&path, "PRAGMA user_version = 3").await;
    let error = refusal(&path).await;
    assert!(matches!(error, OpenError::Newer { found: 3, known: 2, .. }), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_may_open_a_new_file_at_the_same_time() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("new.sqlite");
    let opening: Vec<_> = (0..8)
        .map(|_| {
            let path = path.clone();
            tokio::spawn(async move { open(&path).await.map(drop) })
        })
        .collect();
    for one in opening {
        one.await.unwrap().unwrap();
    }
}
