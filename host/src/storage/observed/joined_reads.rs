//! Reads of one record that are asked for at the same time are one read.
//!
//! Thousands of callers of one expired token ask for the same few records in the same moment. Whoever asks joins a read
//! that has not begun; one that has begun may answer with what was there before the question, so it is not joined, and
//! the next one begins when it has ended, or soon if it drags. Reads stay linearizable, and of one record few run at a time.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::FutureExt as _;
use futures::future::{BoxFuture, Shared};

/// A read waits this long for the one before it: no store that is well takes longer, and with one that is not, nobody
/// should wait twice.
const AT_MOST: Duration = Duration::from_millis(250);

/// A read, for everybody who has joined it. `None` if it was cut off.
type Read<T> = Shared<BoxFuture<'static, Option<T>>>;

/// The reads of a record.
struct Turns<T> {
    begun: Read<T>,
    waiting: Option<Read<T>>,
}

/// The reads that are at work.
pub(super) struct JoinedReads<T> {
    turns: Mutex<HashMap<String, Turns<T>>>,
}

impl<T> Default for JoinedReads<T> {
    fn default() -> Self {
        Self { turns: Mutex::default() }
    }
}

impl<T: Clone + Send + Sync + 'static> JoinedReads<T> {
    /// Joins the read of a record that has not begun, or makes one. It goes on without whoever asked for it. Gives
    /// nothing if it was cut off, because the runtime ends.
    pub(super) async fn read<F>(self: &Arc<Self>, key: &str, read: impl FnOnce() -> F) -> Option<T>
    where
        F: Future<Output = T> + Send + 'static,
    {
        self.join(key, read).await
    }

    fn join<F>(self: &Arc<Self>, key: &str, read: impl FnOnce() -> F) -> Read<T>
    where
        F: Future<Output = T> + Send + 'static,
    {
        let mut turns = self.turns();
        let Some(of_record) = turns.get_mut(key) else {
            let begun = self.spawn(key, None, read());
            turns.insert(key.to_owned(), Turns { begun: begun.clone(), waiting: None });
            return begun;
        };
        if let Some(waiting) = &of_record.waiting {
            return waiting.clone();
        }
        let waiting = self.spawn(key, Some(of_record.begun.clone()), read());
        of_record.waiting = Some(waiting.clone());
        waiting
    }

    fn spawn(
        self: &Arc<Self>,
        key: &str,
        before: Option<Read<T>>,
        read: impl Future<Output = T> + Send + 'static,
    ) -> Read<T> {
        let (this, key) = (Arc::clone(self), key.to_owned());
        let task = tokio::spawn(async move {
            if let Some(before) = before {
                let _ = tokio::time::timeout(AT_MOST, before).await;
                this.begin(&key);
            }
            let answer = read.await;
            this.end(&key);
            answer
        });
        task.map(Result::ok).boxed().shared()
    }

    /// From now on nobody joins the read that was waiting.
    fn begin(&self, key: &str) {
        if let Some(turns) = self.turns().get_mut(key)
            && let Some(waiting) = turns.waiting.take()
        {
            turns.begun = waiting;
        }
    }

    fn end(&self, key: &str) {
        let mut turns = self.turns();
        if turns.get(key).is_some_and(|turns| turns.waiting.is_none()) {
            turns.remove(key);
        }
    }

    fn turns(&self) -> MutexGuard<'_, HashMap<String, Turns<T>>> {
        self.turns.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use futures::future::join_all;
    use tokio::sync::Semaphore;

    use super::*;

    /// A record that is read as slowly as the test likes, and counts how often.
    struct Slow {
        value: AtomicU32,
        reads: AtomicU32,
        may_end: Semaphore,
    }

    impl Slow {
        fn new() -> Arc<Self> {
            Arc::new(Self { value: AtomicU32::new(0), reads: AtomicU32::new(0), may_end: Semaphore::new(0) })
        }

        async fn read(self: Arc<Self>) -> u32 {
            self.reads.fetch_add(1, Ordering::SeqCst);
            let value = self.value.load(Ordering::SeqCst);
            self.may_end.acquire().await.unwrap().forget();
            value
        }
    }

    async fn until_reads(slow: &Slow, count: u32) {
        while slow.reads.load(Ordering::SeqCst) < count {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn thousands_who_ask_at_once_cost_two_reads() {
        let (reads, slow) = (Arc::new(JoinedReads::default()), Slow::new());
        slow.may_end.add_permits(10);
        let answers = join_all((0..5_000).map(|_| reads.read("key", || slow.clone().read()))).await;
        assert_eq!(answers, vec![Some(0); 5_000]);
        assert!(slow.reads.load(Ordering::SeqCst) <= 2);
        assert!(reads.turns().is_empty());
    }

    #[tokio::test]
    async fn who_asks_after_a_write_is_not_given_what_was_read_before_it() {
        let (reads, slow) = (Arc::new(JoinedReads::default()), Slow::new());
        let before = tokio::spawn({
            let (reads, slow) = (reads.clone(), slow.clone());
            async move { reads.read("key", || slow.read()).await }
        });
        until_reads(&slow, 1).await;
        slow.value.store(7, Ordering::SeqCst);
        slow.may_end.add_permits(2);
        assert_eq!(reads.read("key", || slow.clone().read()).await, Some(7));
        assert_eq!(before.await.unwrap(), Some(0));
    }

    #[tokio::test]
    async fn a_read_goes_on_though_who_asked_first_has_left() {
        let (reads, slow) = (Arc::new(JoinedReads::default()), Slow::new());
        let leaving = tokio::spawn({
            let (reads, slow) = (reads.clone(), slow.clone());
            async move { reads.read("key", || slow.read()).await }
        });
        until_reads(&slow, 1).await;
        leaving.abort();
        slow.may_end.add_permits(2);
        assert_eq!(reads.read("key", || slow.clone().read()).await, Some(0));
        assert!(reads.turns().is_empty());
    }

    #[tokio::test]
    async fn a_read_that_drags_holds_nobody_up_for_long() {
        let (reads, slow) = (Arc::new(JoinedReads::default()), Slow::new());
        let stuck = tokio::spawn({
            let (reads, slow) = (reads.clone(), slow.clone());
            async move { reads.read("key", || slow.read()).await }
        });
        until_reads(&slow, 1).await;
        assert_eq!(reads.read("key", || std::future::ready(3)).await, Some(3));
        stuck.abort();
    }

    #[tokio::test]
    async fn reads_of_other_records_do_not_wait() {
        let (reads, slow) = (Arc::new(JoinedReads::default()), Slow::new());
        let stuck = tokio::spawn({
            let (reads, slow) = (reads.clone(), slow.clone());
            async move { reads.read("key", || slow.read()).await }
        });
        until_reads(&slow, 1).await;
        assert_eq!(reads.read("another", || std::future::ready(3)).await, Some(3));
        stuck.abort();
    }
}
