//! Import `renewals`, over [`crate::runtime::Renewals`].

use wasmtime::Result;
use wasmtime::component::Accessor;

use super::{Imports, instances};
use crate::bindings::prophecy::fabric_auth::renewals::{Host, HostWithStore};
use crate::contract::Error;
use crate::runtime::State;

impl Host for &mut State {
    fn start(&mut self, grant: String) -> Result<()> {
        self.instances.begin_renewal(grant);
        Ok(())
    }
}

impl<T: Send> HostWithStore<T> for Imports {
    async fn run(accessor: &Accessor<T, Self>, grant: String) -> Result<Result<(), Error>> {
        let instances = instances(accessor);
        Ok(instances.renewed(grant).await)
    }
}
