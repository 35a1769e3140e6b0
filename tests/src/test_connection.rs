//! Test Connection from its first step to its last.

use fabric_auth::contract::databricks_oauth::{FabricSelection, TestStep};
use fabric_auth::contract::{Caller, Error, IdentityKind};
use secrecy::SecretString;

use crate::World;

/// A step that was done: which, and the problem if there was one.
pub type Step = (TestStep, Option<Error>);

/// Does every step that there is to do, and gives them in their order.
///
/// # Panics
/// When a call could not be made at all.
pub async fn test_steps(
    world: &World,
    caller: &Caller,
    fabric: FabricSelection,
    secret: Option<&SecretString>,
    identity: IdentityKind,
) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut next = None;
    loop {
        let call = world.host.test_connection(caller, fabric.clone(), secret, identity, next);
        let result = call.await.expect("a step that can be tried");
        assert!(result.problem.is_none() || result.next.is_none(), "the test went on after a problem");
        steps.push((result.step, result.problem));
        match result.next {
            Some(step) => next = Some(step),
            None => return steps,
        }
    }
}
