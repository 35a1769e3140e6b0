//! Import `deployment`.

use super::Imports;
use crate::contract::deployment::{self, Description};
use crate::ports::Deployment;

impl Deployment for Imports {
    fn describe(&self) -> Description {
        deployment::describe()
    }

    fn default_client_secret(&self) -> Option<String> {
        deployment::default_client_secret()
    }
}
