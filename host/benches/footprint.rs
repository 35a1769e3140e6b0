//! Sizes, which Criterion does not measure: they are printed. No baseline; the budgets are bounds.
//!
//! - the component's file: at most 400 kB;
//! - the linear memory of an instance: at most 16 MiB, after ten thousand warm calls of one caller and after ten
//!   thousand callers, who more than fill its cache (8 MiB).

#![expect(clippy::print_stdout, reason = "this is what the bench is for")]

use criterion::Criterion;
use fabric_auth_tests::{World, alice};

use super::direct::{COMPONENT, Direct, access_token, told_apart};
use super::timing::runtime;

const CALLS: u32 = 10_000;

/// Measures it, unless other benches were asked for by name.
pub fn measure(_criterion: &mut Criterion) {
    let mut asked_for = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).peekable();
    if asked_for.peek().is_some() && !asked_for.any(|name| name == "footprint") {
        return;
    }
    println!("footprint/component file: {} bytes (budget 400,000)", COMPONENT.len());
    runtime().block_on(async {
        let world = World::new().await;
        world.sign_in(&alice()).await;
        let direct = Direct::new(&world);
        for (who, callers) in [("one caller", 1), ("ten thousand callers", CALLS)] {
            let mut instance = direct.instantiate().await;
            let function = instance.access_token;
            let calls = instance.store.run_concurrent(async |accessor| {
                for call in 0..CALLS {
                    access_token(accessor, function, &told_apart(call % callers)).await;
                }
            });
            calls.await.expect("an instance that lives");
            let memory = instance.store.data().memory;
            println!("footprint/memory of an instance, {who}: {} KiB (budget 16,384)", memory / 1_024);
        }
    });
}
