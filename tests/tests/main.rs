//! What the component must do: the one that was built, in the reference host, against the simulated workspace.
//!
//! One module for each property or family of functions. They are marked as tests so that the lints treat their helpers
//! as such.

#[cfg(test)]
mod component_surface;
#[cfg(test)]
mod sign_in;
