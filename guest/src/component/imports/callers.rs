//! Import `callers`.

use super::Imports;
use crate::contract::callers::{self, Admission};
use crate::ports::Callers;

impl Callers for Imports {
    fn redeem(&self, ticket: &str) -> Option<Admission> {
        callers::redeem(ticket)
    }
}
