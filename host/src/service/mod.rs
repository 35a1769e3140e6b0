//! The service: one port for browsers and programs. It is the reference of how a Prophecy runtime uses the component.
//!
//! | to find | look in |
//! | --- | --- |
//! | who may call: users, API tokens, console sessions | `access`, `extractors`, `cookies` |
//! | connections, TLS, proxies, headers of every answer | `transport` |
//! | the JSON API and its OpenAPI document | `api`, `problem` |
//! | the pages, and signing in to Databricks with a browser | `console` |
//! | the edge gateway, on a listener of its own | `gateway` |
//! | `/healthz`, `/readyz`, `/metrics` | `health`, `metrics` |
//!
//! Nothing is decided here that the component decides: a user becomes a [`Caller`](crate::contract::Caller), and what that
//! caller may do is the component's to say.

mod access;
mod api;
mod console;
mod cookies;
mod crowd;
mod extractors;
mod form;
mod gateway;
mod health;
mod metrics;
mod problem;
mod records;
mod router;
mod running;
mod settings;
mod signed;
mod state;
mod transport;

pub use self::access::{API_TOKEN_PREFIX, ApiToken, User, Users};
pub use self::gateway::GatewaySettings;
pub use self::records::sign_records_anew;
pub use self::running::{Running, ServiceError, ServiceParts};
pub use self::settings::{ServiceSettings, TlsFiles};
pub use self::transport::TlsFilesError;
