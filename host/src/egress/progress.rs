//! When a body was last seen to move.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use http_body::{Body, Frame, SizeHint};

use crate::clock::SharedClock;

/// The last moment of the monotonic clock at which a piece of a body was taken. Clones are handles to the same one.
#[derive(Clone)]
pub(super) struct Progress {
    clock: SharedClock,
    last: Arc<Mutex<Duration>>,
}

/// A body that notes when a piece of it is taken.
pub(super) struct Watched<B> {
    body: B,
    progress: Progress,
}

impl Progress {
    pub(super) fn since(clock: SharedClock, start: Duration) -> Self {
        Self { clock, last: Arc::new(Mutex::new(start)) }
    }

    pub(super) fn last(&self) -> Duration {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self) {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = self.clock.monotonic();
    }
}

impl<B> Watched<B> {
    pub(super) fn new(body: B, progress: Progress) -> Self {
        Self { body, progress }
    }
}

impl<B: Body + Unpin> Body for Watched<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let next = Pin::new(&mut self.body).poll_frame(context);
        if next.is_ready() {
            self.progress.note();
        }
        next
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
