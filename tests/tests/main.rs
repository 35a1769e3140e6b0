//! What the component must do: the one that was built, in the reference host, against the simulated workspace.
//!
//! One module for each property or family of functions. They are marked as tests so that the lints treat their helpers
//! as such.

#[cfg(test)]
mod advisories;
#[cfg(test)]
mod app_connections;
#[cfg(test)]
mod authentication_methods;
#[cfg(test)]
mod bad_input;
#[cfg(test)]
mod callbacks;
#[cfg(test)]
mod changed_records;
#[cfg(test)]
mod client_secrets;
#[cfg(test)]
mod component_surface;
#[cfg(test)]
mod concurrent_sign_in;
#[cfg(test)]
mod connection_test;
#[cfg(test)]
mod data_access;
#[cfg(test)]
mod discovery;
#[cfg(test)]
mod end_grants;
#[cfg(test)]
mod example;
#[cfg(test)]
mod exchanges;
#[cfg(test)]
mod fabrics;
#[cfg(test)]
mod forecast;
#[cfg(test)]
mod gateway;
#[cfg(test)]
mod grants;
#[cfg(test)]
mod hosts;
#[cfg(test)]
mod identities;
#[cfg(test)]
mod instances;
#[cfg(test)]
mod journal;
#[cfg(test)]
mod mixed_versions;
#[cfg(test)]
mod pending_sign_in;
#[cfg(test)]
mod permissions;
#[cfg(test)]
mod personal_access_tokens;
#[cfg(test)]
mod postgresql;
#[cfg(test)]
mod prophecy_version;
#[cfg(test)]
mod registration;
#[cfg(test)]
mod rejection;
#[cfg(test)]
mod renewal;
#[cfg(test)]
mod renewal_failures;
#[cfg(test)]
mod renewing_ahead;
#[cfg(test)]
mod restore_check;
#[cfg(test)]
mod saas;
#[cfg(test)]
mod sealing;
#[cfg(test)]
mod seeded_storm;
#[cfg(test)]
mod service_principal;
#[cfg(test)]
mod sign_in;
#[cfg(test)]
mod sign_in_status;
#[cfg(test)]
mod sign_out;
#[cfg(test)]
mod store_failures;
#[cfg(test)]
mod support;
#[cfg(test)]
mod token_source;
