//! The command line as a person or a script meets it: the real binary against the simulated workspace.
//!
//! The modules are marked as tests so that the lints treat their helpers as such.

#[cfg(test)]
mod conformance;
#[cfg(test)]
mod files;
#[cfg(test)]
mod init;
#[cfg(test)]
mod keys;
#[cfg(test)]
mod login;
#[cfg(test)]
mod postgresql;
#[cfg(test)]
mod refusals;
#[cfg(test)]
mod restore_check;
#[cfg(test)]
mod story;
#[cfg(test)]
mod support;
