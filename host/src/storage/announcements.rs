//! What other hosts have changed, as an engine announces it.

use futures::{StreamExt as _, stream::BoxStream};

/// A change that another host has made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Announcement {
    /// The record under this key was put or deleted.
    Changed(String),
    /// Something may have been changed without being announced: the connection was interrupted, or too much came at
    /// once. Comes at the beginning, too.
    Missed,
}

/// Announcements as they come in. What is not taken in time is dropped, and [`Announcement::Missed`] stands for it.
pub struct Announcements(BoxStream<'static, Announcement>);

impl Announcements {
    /// Announcements from a stream, which must not keep more of them than it has room for.
    pub fn new(announcements: BoxStream<'static, Announcement>) -> Self {
        Self(announcements)
    }

    /// The next one; `None` when there will be no more.
    pub async fn next(&mut self) -> Option<Announcement> {
        self.0.next().await
    }
}
