//! The command line as a person or a script meets it: the real binary against the simulated workspace.
//!
//! The modules are marked as tests so that the lints treat their helpers as such.

#[cfg(test)]
mod conformance;
#[cfg(test)]
mod fabric_import;
#[cfg(test)]
mod files;
#[cfg(test)]
mod forecast;
#[cfg(test)]
mod grants;
#[cfg(test)]
mod init;
#[cfg(test)]
mod journal;
#[cfg(test)]
mod keys;
#[cfg(test)]
mod login;
#[cfg(test)]
mod personal_access_tokens;
#[cfg(test)]
mod postgresql;
#[cfg(test)]
mod refusals;
#[cfg(test)]
mod registration;
#[cfg(test)]
mod restore_check;
#[cfg(test)]
mod serve;
#[cfg(test)]
mod story;
#[cfg(test)]
mod support;
#[cfg(test)]
mod user;
