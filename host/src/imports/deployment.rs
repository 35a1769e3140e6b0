//! Import `deployment`, over [`crate::deployment`].

use wasmtime::Result;

use crate::bindings::prophecy::fabric_auth::deployment::{Description, Host};
use crate::runtime::State;

impl Host for &mut State {
    fn describe(&mut self) -> Result<Description> {
        Ok(self.instances.parts.deployment.description.clone())
    }

    fn default_client_secret(&mut self) -> Result<Option<String>> {
        use secrecy::ExposeSecret as _;
        Ok(self
            .instances
            .parts
            .deployment
            .default_client_secret
            .as_ref()
            .map(|secret| secret.expose_secret().to_owned()))
    }
}
