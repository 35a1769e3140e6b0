//! Import `renewals`.

use super::Imports;
use crate::bindings::prophecy::fabric_auth::renewals;
use crate::contract::Error;
use crate::ports::Renewals;

impl Renewals for Imports {
    async fn run(&self, grant: &str) -> Result<(), Error> {
        renewals::run(grant.to_owned()).await
    }

    fn start(&self, grant: &str) {
        renewals::start(grant);
    }
}
