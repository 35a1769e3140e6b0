//! Renewals at work in this process: one for each grant, each in an instance of its own, never cancelled.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;

use crate::contract::Error;

/// How a renewal ended; none while it is at work.
type Ending = Option<Result<(), Error>>;

/// The renewals at work.
#[derive(Default)]
pub(crate) struct Renewals {
    at_work: Mutex<HashMap<String, watch::Receiver<Ending>>>,
}

/// A renewal, for whoever wants to know how it ends.
pub(super) struct Renewal(watch::Receiver<Ending>);

/// The duty to run a renewal. However it goes away, the renewal has then ended.
pub(super) struct Duty {
    renewals: Arc<Renewals>,
    grant: String,
    ending: watch::Sender<Ending>,
}

impl Renewals {
    /// Joins the renewal of a grant, or begins one: then there is a duty to run it.
    pub(super) fn join(self: &Arc<Self>, grant: &str) -> (Renewal, Option<Duty>) {
        let mut at_work = self.at_work.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(renewal) = at_work.get(grant) {
            return (Renewal(renewal.clone()), None);
        }
        let (ending, renewal) = watch::channel(None);
        at_work.insert(grant.to_owned(), renewal.clone());
        (Renewal(renewal), Some(Duty { renewals: self.clone(), grant: grant.to_owned(), ending }))
    }

    /// How many are at work.
    pub(super) fn count(&self) -> usize {
        self.at_work.lock().unwrap_or_else(PoisonError::into_inner).len()
    }
}

impl Renewal {
    /// Waits for the end.
    pub(super) async fn ended(mut self) -> Result<(), Error> {
        match self.0.wait_for(Option::is_some).await {
            Ok(ending) => ending.clone().unwrap_or(Ok(())),
            Err(_) => Err(Error::unavailable("The renewal was interrupted. Try again.")),
        }
    }
}

impl Duty {
    /// Tells how it ended.
    pub(super) fn fulfil(self, ending: Result<(), Error>) {
        self.ending.send_replace(Some(ending));
    }
}

impl Drop for Duty {
    fn drop(&mut self) {
        self.renewals.at_work.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.grant);
    }
}
