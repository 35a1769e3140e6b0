//! Import `journal`.

use super::Imports;
use crate::contract::journal::{self, Event};
use crate::ports::Journal;

impl Journal for Imports {
    async fn record(&self, event: Event) -> Result<(), String> {
        journal::record(event).await
    }
}
