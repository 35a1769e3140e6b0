//! The body of a reply: streamed, bounded in size and time.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::task::JoinSet;

use super::deadline::Deadline;
use super::error::SendError;
use crate::clock::SharedClock;

/// What holds for the body of one reply.
pub(super) struct BodyLimits {
    pub(super) clock: SharedClock,
    /// The end of the whole exchange; none where it may last.
    pub(super) total: Option<Deadline>,
    /// How long the host may be silent while somebody waits for the next bytes.
    pub(super) between_bytes: Option<Duration>,
    /// How many bytes may come.
    pub(super) size: u64,
}

/// The body of a reply. Its bytes come as the host sends them; dropping it ends the exchange.
///
/// After an error it is at its end: what came before is not all there was.
pub struct ResponseBody {
    /// None once the body is at its end.
    incoming: Option<Incoming>,
    limits: BodyLimits,
    /// How many bytes may still come.
    left: u64,
    /// Runs since a caller first found nothing there. While nobody asks for more, the host is not being waited for.
    silence: Option<Deadline>,
    /// The task that drives a connection of this exchange's own; dropped, it ends and closes the connection.
    connection: Option<JoinSet<()>>,
}

impl ResponseBody {
    pub(super) fn new(incoming: Incoming, limits: BodyLimits, connection: Option<JoinSet<()>>) -> Self {
        let left = limits.size;
        Self { incoming: Some(incoming), limits, left, silence: None, connection }
    }

    /// Ends the body: nothing comes after this, and a connection of its own is closed.
    fn end(&mut self) {
        self.incoming = None;
        self.connection = None;
    }

    /// The next frame, or why there is none. Does not look at the total deadline.
    fn poll_incoming(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, SendError>>> {
        let Some(incoming) = &mut self.incoming else {
            return Poll::Ready(None);
        };
        match Pin::new(incoming).poll_frame(cx) {
            Poll::Ready(next) => {
                self.silence = None;
                Poll::Ready(next.map(|frame| self.count(frame.map_err(|error| SendError::of_exchange(&error))?)))
            }
            Poll::Pending => self.poll_silence(cx),
        }
    }

    fn count(&mut self, frame: Frame<Bytes>) -> Result<Frame<Bytes>, SendError> {
        let length = frame.data_ref().map_or(0, Bytes::len);
        let left = u64::try_from(length).ok().and_then(|length| self.left.checked_sub(length));
        self.left = left.ok_or(SendError::HttpResponseBodySize(self.limits.size))?;
        Ok(frame)
    }

    fn is_over(&mut self, cx: &mut Context<'_>) -> bool {
        self.limits.total.as_mut().is_some_and(|total| total.poll_passed(cx).is_ready())
    }

    fn poll_silence<T>(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<T, SendError>>> {
        let Some(longest) = self.limits.between_bytes else {
            return Poll::Pending;
        };
        let silence = self.silence.get_or_insert_with(|| Deadline::after(self.limits.clock.clone(), longest));
        silence.poll_passed(cx).map(|()| Some(Err(SendError::ConnectionReadTimeout)))
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = SendError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, SendError>>> {
        // First, so that a host that always has one more byte ready is cut off as well.
        let next = if self.incoming.is_some() && self.is_over(cx) {
            Poll::Ready(Some(Err(SendError::HttpResponseTimeout)))
        } else {
            self.poll_incoming(cx)
        };
        if matches!(next, Poll::Ready(None | Some(Err(_)))) {
            self.end();
        }
        next
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.as_ref().map_or_else(|| SizeHint::with_exact(0), Body::size_hint)
    }
}

impl fmt::Debug for ResponseBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseBody").finish_non_exhaustive()
    }
}
