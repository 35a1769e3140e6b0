//! The imports of the component, over this host's parts. One file for each interface, named after it; each function
//! takes what it needs out of the instance's state, leaves the store, and only then waits.

mod callers;
mod clocks;
mod deployment;
mod entropy;
mod http;
mod journal;
mod keys;
mod renewals;
mod storage;

pub(crate) use callers::Tickets;
pub(crate) use http::EgressHooks;

use std::sync::Arc;

use wasmtime::Result;
use wasmtime::component::{Accessor, HasData, Linker};

use crate::bindings::prophecy::fabric_auth;
use crate::bindings::wasi::clocks::{monotonic_clock, system_clock};
use crate::bindings::wasi::random::random;
use crate::runtime::{Instances, Parts, State};

/// What the component is told of a failure of the store, the keys or the journal, for it to end a sentence with. The
/// failure itself may name files and servers of the operator's, and the component's callers are other people.
const CAUSE_IN_LOG: &str = "the cause is in the log of this host, for whoever operates it.";

/// Gives every import of our own access to an instance's state.
pub(crate) struct Imports;

impl HasData for Imports {
    type Data<'a> = &'a mut State;
}

/// Links all that a component of the world may import, and nothing else.
pub(crate) fn link(linker: &mut Linker<State>) -> Result<()> {
    wasmtime_wasi_http::p3::add_to_linker(linker)?;
    monotonic_clock::add_to_linker::<State, Imports>(linker, |state| state)?;
    system_clock::add_to_linker::<State, Imports>(linker, |state| state)?;
    random::add_to_linker::<State, Imports>(linker, |state| state)?;
    fabric_auth::storage::add_to_linker::<State, Imports>(linker, |state| state)?;
    keys::link(linker)?;
    fabric_auth::renewals::add_to_linker::<State, Imports>(linker, |state| state)?;
    fabric_auth::callers::add_to_linker::<State, Imports>(linker, |state| state)?;
    fabric_auth::journal::add_to_linker::<State, Imports>(linker, |state| state)?;
    fabric_auth::deployment::add_to_linker::<State, Imports>(linker, |state| state)
}

/// The parts behind the imports, taken out of an instance's state.
fn parts<T>(accessor: &Accessor<T, Imports>) -> Arc<Parts> {
    accessor.with(|mut access| access.get().instances.parts.clone())
}

/// The instances of the host, taken out of the state of one.
fn instances<T>(accessor: &Accessor<T, Imports>) -> Arc<Instances> {
    accessor.with(|mut access| access.get().instances.clone())
}
