//! A piece of a listing, and how an engine fills it.

use super::Entry;

/// How many bytes of values a page takes before it ends. It bounds what a listing costs the host and the component
/// whose memory it is copied into; a first record of any size always fits.
pub const MAX_PAGE_BYTES: usize = 2 * 1024 * 1024;

/// A piece of a listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// Keys and records in the byte order of their keys.
    pub entries: Vec<(String, Entry)>,
    /// Give this as `after` to get the next piece; `None` when there is no more.
    pub next: Option<String>,
}

/// Takes records in the byte order of their keys until the page is full.
pub(super) struct PageBuilder {
    limit: usize,
    bytes: usize,
    entries: Vec<(String, Entry)>,
}

impl PageBuilder {
    /// A page of at most `limit` records.
    pub(super) fn new(limit: u32) -> Self {
        Self { limit: usize::try_from(limit).unwrap_or(usize::MAX), bytes: 0, entries: Vec::new() }
    }

    /// Takes the record, or gives the finished page if it has no room for it: then there is more to come.
    pub(super) fn push(mut self, key: String, entry: Entry) -> Result<Self, Page> {
        let bytes = self.bytes.saturating_add(entry.value.len());
        if self.entries.len() >= self.limit || (bytes > MAX_PAGE_BYTES && !self.entries.is_empty()) {
            let next = self.entries.last().map(|(key, _)| key.clone());
            return Err(Page { entries: self.entries, next });
        }
        self.bytes = bytes;
        self.entries.push((key, entry));
        Ok(self)
    }

    /// The page, when no record is left.
    pub(super) fn finish(self) -> Page {
        Page { entries: self.entries, next: None }
    }
}
