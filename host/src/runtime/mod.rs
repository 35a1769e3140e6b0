//! Running the component: from a file to instances, and calls into them.

mod artifact;
mod clearing_out;
mod engine;
mod forwarding;
mod instance;
mod instances;
mod looking_ahead;
mod renewals;
mod renewing_ahead;
mod rounds;
mod state;
mod timeouts;

pub use artifact::{Artifact, ArtifactError, CompileCache};
pub(crate) use engine::MOST_INSTANCES;
pub use forwarding::ForwardedBody;
pub(crate) use forwarding::Held;
pub(crate) use instances::{Hold, Instances, Parts};
pub(crate) use state::State;
