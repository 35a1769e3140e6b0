//! The gate in front of a connection that is used for one request that must not be sent twice.
//!
//! Between "the connection is ready" and "the first byte is written" lies a scheduler, and perhaps a night with the lid
//! closed. So the clock is read where the first byte passes, and nowhere earlier. And because the gate sees the first
//! byte, it is also the witness: while nothing has passed, every failure proves that nothing was sent.
//!
//! The gate sits between HTTP and TLS. The bytes of a TLS handshake do not pass it, those of a request do.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::rt::{Read, ReadBufCursor, Write};

use crate::clock::SharedClock;

/// What has passed the gate, and whether anything still may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Passage {
    /// Nothing has passed; the first byte may.
    Untouched,
    /// Nothing has passed and nothing will: the first byte came too late.
    Late,
    /// Nothing has passed and nothing will: the request was given up before.
    GivenUp,
    /// The first byte has passed.
    Begun,
}

/// Lets the first byte of a request pass until a moment, and remembers whether it did.
pub(super) struct Gate {
    clock: SharedClock,
    closes_at: Duration,
    passage: Mutex<Passage>,
}

impl Gate {
    /// A gate that the first byte may pass up to `closes_at` on the monotonic clock, and not later.
    pub(super) fn new(clock: SharedClock, closes_at: Duration) -> Arc<Self> {
        Arc::new(Self { clock, closes_at, passage: Mutex::new(Passage::Untouched) })
    }

    /// Whether bytes may pass now. The first call that may decides for the connection's life.
    fn admits(&self) -> bool {
        let mut passage = self.passage.lock().unwrap_or_else(PoisonError::into_inner);
        if *passage == Passage::Untouched {
            let late = self.clock.monotonic() > self.closes_at;
            *passage = if late { Passage::Late } else { Passage::Begun };
        }
        *passage == Passage::Begun
    }

    /// Closes the gate if nothing has passed, and answers what stands then. The answer is final: a connection that is
    /// still being driven elsewhere cannot begin to write after this has said that nothing passed.
    pub(super) fn give_up(&self) -> Passage {
        let mut passage = self.passage.lock().unwrap_or_else(PoisonError::into_inner);
        if *passage == Passage::Untouched {
            *passage = Passage::GivenUp;
        }
        *passage
    }
}

/// A connection behind a [`Gate`].
pub(super) struct Gated<S> {
    stream: S,
    gate: Arc<Gate>,
}

impl<S> Gated<S> {
    pub(super) fn new(stream: S, gate: Arc<Gate>) -> Self {
        Self { stream, gate }
    }

    fn check(&self) -> io::Result<()> {
        if self.gate.admits() { Ok(()) } else { Err(io::ErrorKind::TimedOut.into()) }
    }
}

impl<S: Read + Unpin> Read for Gated<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: ReadBufCursor<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl<S: Write + Unpin> Write for Gated<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.check()?;
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.check()?;
        Pin::new(&mut self.stream).poll_write_vectored(cx, parts)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::{Clock, MovableClock};
    use hyper_util::rt::TokioIo;
    use std::future::poll_fn;

    const LIMIT: Duration = Duration::from_secs(60);

    /// A gate that closes in a minute, and the clock that it goes by.
    fn gate() -> (Arc<Gate>, MovableClock) {
        let clock = MovableClock::new();
        let closes_at = clock.monotonic() + LIMIT;
        (Gate::new(Arc::new(clock.clone()), closes_at), clock)
    }

    /// Writes one byte through the gate into memory; answers how many bytes came out at the other end.
    async fn bytes_through(gate: &Arc<Gate>) -> usize {
        let (near, mut far) = tokio::io::duplex(16);
        let mut stream = Gated::new(TokioIo::new(near), gate.clone());
        let written = poll_fn(|cx| Pin::new(&mut stream).poll_write(cx, b"G")).await;
        drop(stream);
        let mut arrived = Vec::new();
        tokio::io::AsyncReadExt::read_to_end(&mut far, &mut arrived).await.unwrap();
        assert_eq!(written.is_ok(), !arrived.is_empty());
        arrived.len()
    }

    #[tokio::test]
    async fn a_first_byte_in_time_passes_and_later_ones_follow_at_any_time() {
        let (gate, clock) = gate();
        clock.advance(LIMIT / 2);
        assert_eq!(bytes_through(&gate).await, 1);
        clock.advance(LIMIT);
        assert_eq!(bytes_through(&gate).await, 1);
        assert_eq!(gate.give_up(), Passage::Begun);
    }

    #[tokio::test]
    async fn a_first_byte_that_is_late_never_passes() {
        let (gate, clock) = gate();
        clock.advance(LIMIT + Duration::from_nanos(1));
        assert_eq!(bytes_through(&gate).await, 0);
        assert_eq!(gate.give_up(), Passage::Late);
    }

    #[tokio::test]
    async fn nothing_passes_once_the_request_is_given_up() {
        let (gate, _) = gate();
        assert_eq!(gate.give_up(), Passage::GivenUp);
        assert_eq!(bytes_through(&gate).await, 0);
    }
}
