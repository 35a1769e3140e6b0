//! A store that fails when it is told to.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use fabric_auth::storage::{Entry, Page, Precondition, Storage, StorageError, WriteOutcome};
use futures::future::BoxFuture;

/// Another store with failures on demand.
pub struct FlakyStore {
    store: Arc<dyn Storage>,
    away: AtomicBool,
    failing_puts: AtomicU32,
    unacknowledged_puts: AtomicU32,
    before_claim: Mutex<Option<Box<dyn FnOnce() + Send>>>,
    contended_puts: AtomicU32,
    contended: Mutex<String>,
}

impl FlakyStore {
    /// A store that works for now.
    pub fn over(store: Arc<dyn Storage>) -> Arc<Self> {
        let (failing_puts, unacknowledged_puts) = (AtomicU32::new(0), AtomicU32::new(0));
        let (away, before_claim) = (AtomicBool::new(false), Mutex::new(None));
        let (contended_puts, contended) = (AtomicU32::new(0), Mutex::new(String::new()));
        Arc::new(Self { store, away, failing_puts, unacknowledged_puts, before_claim, contended_puts, contended })
    }

    /// Answers nothing from now on, or answers again.
    pub fn set_away(&self, away: bool) {
        self.away.store(away, Ordering::SeqCst);
    }

    /// Fails the next writes of records that carry no claim; none of them happens.
    pub fn fail_next_puts(&self, count: u32) {
        self.failing_puts.store(count, Ordering::SeqCst);
    }

    /// Lets the next writes of records that carry no claim happen, and says that it does not know.
    pub fn acknowledge_no_puts(&self, count: u32) {
        self.unacknowledged_puts.store(count, Ordering::SeqCst);
    }

    /// Does something when the next claim arrives, before it is written.
    pub fn before_next_claim(&self, act: impl FnOnce() + Send + 'static) {
        *self.before_claim.lock().unwrap() = Some(Box::new(act));
    }

    /// Lets somebody else write the record anew just before each of the next writes of it.
    pub fn contend_for(&self, key: &str, count: u32) {
        *self.contended.lock().unwrap() = key.to_owned();
        self.contended_puts.store(count, Ordering::SeqCst);
    }

    async fn write_anew(&self, key: &str, begun_at: Duration) -> Result<(), StorageError> {
        if let Some(entry) = self.store.get(key).await? {
            let precondition = Precondition::Revision(entry.revision);
            self.store.put(key, entry.value, entry.tag, precondition, begun_at).await?;
        }
        Ok(())
    }

    fn check(&self) -> Result<(), StorageError> {
        match self.away.load(Ordering::SeqCst) {
            true => Err(StorageError::Unavailable("away".into())),
            false => Ok(()),
        }
    }
}

/// Counts one down; false when there was none left.
fn take(counter: &AtomicU32) -> bool {
    counter.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |count| count.checked_sub(1)).is_ok()
}

impl Storage for FlakyStore {
    fn get<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<Entry>, StorageError>> {
        Box::pin(async move {
            self.check()?;
            self.store.get(key).await
        })
    }

    fn put<'a>(
        &'a self,
        key: &'a str,
        value: Vec<u8>,
        tag: Option<String>,
        precondition: Precondition,
        begun_at: Duration,
    ) -> BoxFuture<'a, Result<WriteOutcome, StorageError>> {
        Box::pin(async move {
            self.check()?;
            if let Some(act) = tag.as_ref().and_then(|_| self.before_claim.lock().unwrap().take()) {
                act();
            }
            let is_contended = *self.contended.lock().unwrap() == key;
            if is_contended && take(&self.contended_puts) {
                self.write_anew(key, begun_at).await?;
            }
            if tag.is_none() && take(&self.failing_puts) {
                return Err(StorageError::Unavailable("told to fail".into()));
            }
            let forgets = tag.is_none() && take(&self.unacknowledged_puts);
            let outcome = self.store.put(key, value, tag, precondition, begun_at).await?;
            if forgets { Err(StorageError::OutcomeUnknown("told to forget".into())) } else { Ok(outcome) }
        })
    }

    fn delete<'a>(&'a self, key: &'a str, revision: u64) -> BoxFuture<'a, Result<WriteOutcome, StorageError>> {
        Box::pin(async move {
            self.check()?;
            self.store.delete(key, revision).await
        })
    }

    fn list<'a>(
        &'a self,
        prefix: &'a str,
        after: Option<&'a str>,
        limit: u32,
    ) -> BoxFuture<'a, Result<Page, StorageError>> {
        Box::pin(async move {
            self.check()?;
            self.store.list(prefix, after, limit).await
        })
    }
}
