//! The WebAssembly side: exports of the world over the core, and the core's ports over the world's imports.
//!
//! Nothing is decided here. Secrets that arrive as plain texts are put into their types at once.

mod administration;
mod databricks_oauth;
mod handler;
mod imports;
mod maintenance;

use crate::core::Core;
use imports::Imports;

/// The component.
struct Component;

/// The functions that the canonical ABI calls.
#[expect(unsafe_code, reason = "generated code")]
mod exported {
    use super::Component;
    use crate::bindings;

    bindings::export!(Component with_types_in bindings);
}

thread_local! {
    /// The core of this instance. An instance has one thread and lives as long as its host keeps it.
    static CORE: &'static Core<Imports> = Box::leak(Box::new(Core::new(Imports)));
}

/// The core of this instance.
fn core() -> &'static Core<Imports> {
    CORE.with(|core| *core)
}
