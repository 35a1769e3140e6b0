//! What other hosts announce to have changed, over a connection that does nothing else.
//!
//! PostgreSQL delivers an announcement once its transaction is committed, and to nobody who is not connected at that
//! moment. So after every interruption, and after the beginning, anything may have been missed.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use sqlx::{
    Executor as _, PgPool,
    postgres::{PgListener, PgPoolOptions},
};
use tokio::{sync::broadcast, task::JoinHandle, time::timeout};

use super::{
    error::{PostgresError, PostgresProblem},
    settings::PostgresSettings,
};

/// The channel of the announcements. Its payload is the origin, a space, and the key.
pub(crate) const CHANNEL: &str = "fabric_auth_change";

/// How many announcements may wait for a subscriber. One who falls behind further is told that some were missed.
const WAITING: usize = 1_024;

/// After this long without an announcement the connection is tried out.
const SILENCE: Duration = Duration::from_secs(30);

/// How long it may take to connect, or to answer when tried out.
const PATIENCE: Duration = Duration::from_secs(5);

/// The first and the longest pause before another attempt to connect.
const PAUSE: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(10));

/// Something that was announced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Heard {
    /// A change.
    Change {
        /// Who made it.
        origin: String,
        /// The key of the record.
        key: String,
    },
    /// Some changes may not have been heard.
    Gap,
}

/// Receives what is announced.
pub(crate) struct Subscription(broadcast::Receiver<Heard>);

/// Listens for all subscribers of a process, once there is one.
pub(super) struct Listener {
    settings: PostgresSettings,
    sender: broadcast::Sender<Heard>,
    task: Mutex<Option<JoinHandle<()>>>,
}

impl Listener {
    pub(super) fn new(settings: PostgresSettings) -> Self {
        Self { settings, sender: broadcast::Sender::new(WAITING), task: Mutex::default() }
    }

    pub(super) fn subscribe(&self) -> Subscription {
        let subscription = Subscription(self.sender.subscribe());
        let mut task = self.task.lock().unwrap_or_else(PoisonError::into_inner);
        match &*task {
            // It has begun before this subscriber.
            Some(_) => drop(self.sender.send(Heard::Gap)),
            None => *task = Some(tokio::spawn(listen(self.settings.clone(), self.sender.clone()))),
        }
        subscription
    }

    pub(super) fn close(&self) {
        if let Some(task) = self.task.lock().unwrap_or_else(PoisonError::into_inner).take() {
            task.abort();
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.close();
    }
}

impl Subscription {
    /// The next thing that was announced; none when nothing more will come.
    pub(crate) async fn next(&mut self) -> Option<Heard> {
        match self.0.recv().await {
            Ok(heard) => Some(heard),
            Err(broadcast::error::RecvError::Lagged(_)) => Some(Heard::Gap),
            Err(broadcast::error::RecvError::Closed) => None,
        }
    }
}

/// Listens, and connects again whenever the connection is lost, for as long as the task is let.
async fn listen(settings: PostgresSettings, sender: broadcast::Sender<Heard>) {
    let mut pause = PAUSE.0;
    loop {
        let Err(error) = listen_once(&settings, &sender, &mut pause).await;
        let error = PostgresError::new(&settings, PostgresProblem::of_connecting(&error));
        tracing::warn!(%error, "changes of other hosts are not announced for now, and are seen some seconds later");
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(PAUSE.1);
    }
}

/// Listens until the connection is lost.
async fn listen_once(
    settings: &PostgresSettings,
    sender: &broadcast::Sender<Heard>,
    pause: &mut Duration,
) -> Result<std::convert::Infallible, sqlx::Error> {
    let mut listener = timeout(PATIENCE, connect(settings)).await.map_err(|_| timed_out())??;
    *pause = PAUSE.0;
    // Nobody subscribed, or all have been told.
    let _ = sender.send(Heard::Gap);
    loop {
        match timeout(SILENCE, listener.try_recv()).await {
            Ok(Ok(Some(notification))) => {
                let (origin, key) = notification.payload().split_once(' ').unwrap_or_default();
                let _ = sender.send(Heard::Change { origin: origin.to_owned(), key: key.to_owned() });
            }
            Ok(Ok(None)) => return Err(std::io::Error::from(std::io::ErrorKind::UnexpectedEof).into()),
            Ok(Err(error)) => return Err(error),
            Err(_) => {
                timeout(PATIENCE, listener.execute("SELECT 1")).await.map_err(|_| timed_out())??;
            }
        }
    }
}

async fn connect(settings: &PostgresSettings) -> Result<PgListener, sqlx::Error> {
    // The listener wants a pool; it is one connection, made anew together with it.
    let pool: PgPool = PgPoolOptions::new()
        .max_connections(1)
        .acquire_timeout(PATIENCE)
        .idle_timeout(None)
        .max_lifetime(None)
        .connect_lazy_with(settings.options.as_ref().clone());
    let mut listener = PgListener::connect_with(&pool).await?;
    listener.eager_reconnect(false);
    listener.listen(CHANNEL).await?;
    Ok(listener)
}

fn timed_out() -> sqlx::Error {
    std::io::Error::from(std::io::ErrorKind::TimedOut).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn who_falls_behind_is_told_that_some_were_missed_and_hears_the_latest() {
        let sender = broadcast::Sender::new(WAITING);
        let mut subscription = Subscription(sender.subscribe());
        for number in 0..3 * WAITING {
            sender.send(Heard::Change { origin: "another".into(), key: number.to_string() }).unwrap();
        }
        drop(sender);
        assert_eq!(subscription.next().await, Some(Heard::Gap));
        for number in 2 * WAITING..3 * WAITING {
            let heard = subscription.next().await;
            assert_eq!(heard, Some(Heard::Change { origin: "another".into(), key: number.to_string() }));
        }
        assert_eq!(subscription.next().await, None);
    }
}
