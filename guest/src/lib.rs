//! The fabric-auth component: OAuth for Databricks fabrics. All flows, all policy, all sealing.
//!
//! The core is plain Rust over [`ports`] and builds natively, where it is tested. For `wasm32` the module `component`
//! maps it to the WIT world `fabric-auth` (`wit/worlds.wit`); that layer decides nothing.
//!
//! | to find | look in |
//! | --- | --- |
//! | a function of the contract | the module named after what it does: [`sign_in`], [`access_token`], [`test_connection`], [`administration`], … |
//! | who may do what | [`permissions`] |
//! | what is stored, and where | [`record`], [`storage_key`] |
//! | the refresh protocol | [`renewal`], with its rules in [`policy`], its times in [`timing`], pauses in [`cool_down`] and [`breaker`] |
//! | what an answer of Databricks means | [`token_failure`], [`api_failure`] |

pub mod access_token;
pub mod administration;
pub mod advisories;
pub mod api_call;
pub mod api_failure;
pub mod app_connections;
pub mod authentication_methods;
pub mod bindings;
pub mod breaker;
pub mod callback;
#[cfg(target_family = "wasm")]
mod component;
pub mod contract;
pub mod cool_down;
pub mod core;
pub mod databricks_zone;
pub mod discovery;
pub mod error;
pub mod exchange;
pub mod fabrics;
pub mod forecast;
pub mod former_grant;
pub mod gateway;
pub(crate) mod grant_ending;
pub mod grants;
pub mod hand_outs;
pub mod jdbc_url;
pub mod maintenance;
pub mod peer_answer;
pub mod pending_sign_in;
pub mod permissions;
pub mod personal_access_token;
pub mod pkce;
pub mod policy;
pub mod ports;
pub mod prophecy_version;
pub mod record;
pub mod rejection;
pub mod renewal;
pub mod retry_after;
pub mod sealed_field;
pub mod sealing;
pub mod secret;
pub mod service_principal;
pub mod sign_in;
pub mod sign_out;
pub mod storage_key;
pub mod test_connection;
pub mod text;
pub mod timing;
pub mod token_cache;
pub mod token_call;
pub mod token_failure;
pub mod token_reply;
pub mod token_request;
pub mod told;
pub mod who_am_i;
pub mod workspace_url;
