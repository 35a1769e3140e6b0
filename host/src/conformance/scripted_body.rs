//! The body of a scripted reply: sent whole, or broken off before the end that was announced.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

/// A body.
pub(super) struct ScriptedBody {
    left: Option<Bytes>,
    /// Bytes that are announced and never come.
    missing: u64,
}

impl ScriptedBody {
    pub(super) fn whole(bytes: Vec<u8>) -> Self {
        Self { left: Some(bytes.into()).filter(|bytes: &Bytes| !bytes.is_empty()), missing: 0 }
    }

    /// Announces one byte more than it has.
    pub(super) fn cut_off(bytes: Vec<u8>) -> Self {
        Self { missing: 1, ..Self::whole(bytes) }
    }
}

impl Body for ScriptedBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        match self.left.take() {
            Some(bytes) => Poll::Ready(Some(Ok(Frame::data(bytes)))),
            None if self.missing > 0 => Poll::Ready(Some(Err(io::Error::other("cut off on purpose")))),
            None => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.left.is_none() && self.missing == 0
    }

    fn size_hint(&self) -> SizeHint {
        let left = self.left.as_ref().map_or(0, |bytes| u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        SizeHint::with_exact(left.saturating_add(self.missing))
    }
}
