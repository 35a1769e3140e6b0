//! The reference host of fabric-auth: runs the component that holds OAuth for Databricks fabrics, and gives it HTTP,
//! storage, keys, a journal and clocks.
//!
//! ```no_run
//! use std::sync::Arc;
//! use fabric_auth::clock::SystemClock;
//! use fabric_auth::contract::{Activity, Caller, CallerKind};
//! use fabric_auth::database::Database;
//! use fabric_auth::keys::KeyRing;
//! use fabric_auth::{Deployment, FabricAuth};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let clock = Arc::new(SystemClock::new());
//! let database = Database::open("fabric-auth.db", clock.clone()).await?;
//! let keys = KeyRing::open("keyring.json", clock.clone())?;
//! let host = FabricAuth::builder(Deployment::self_hosted("4.2.1", "https://prophecy.example.com"))
//!     .database(&database)
//!     .keys(Arc::new(keys))
//!     .clock(clock)
//!     .build()
//!     .await?;
//!
//! let caller = Caller {
//!     tenant: "default".into(),
//!     kind: CallerKind::Operator,
//!     user: "alice".into(),
//!     email: None,
//!     cluster_admin: true,
//!     teams: Vec::new(),
//!     on_behalf_of: None,
//! };
//! let (token, description) = host.access_token(&caller, "dev", Activity::PipelineDevelopment).await?;
//! println!("a token for {}", description.databricks_user);
//! # Ok(())
//! # }
//! ```
//!
//! | to find | look in |
//! | --- | --- |
//! | the calls an embedder makes | [`FabricAuth`] |
//! | tokens for an operation that outlasts them | [`TokenSource`] |
//! | what they take and give | [`contract`] (documented in `wit/`) |
//! | the part behind an import | [`storage`], [`keys`], [`journal`], [`egress`], [`clock`] |
//! | how instances live and die | `runtime` |
//! | the service with its API and its console | [`service`] |
//! | exchanges kept as data, and how they are played | [`conformance`] |

pub mod clock;
pub mod config;
pub mod conformance;
pub mod contract;
pub mod database;
pub mod egress;
pub mod journal;
pub mod keys;
pub mod service;
pub mod storage;
pub mod text;

mod bindings;
mod builder;
mod deployment;
mod fabric_auth;
mod figures;
mod imports;
mod listings;
mod runtime;
mod span;
mod token_source;

pub use builder::{BuildError, Builder};
pub use deployment::Deployment;
pub use fabric_auth::FabricAuth;
pub use figures::Figures;
pub use listings::AllFabrics;
pub use runtime::{Artifact, ArtifactError, CompileCache, ForwardedBody};
pub use span::{NotASpan, Span};
pub use token_source::TokenSource;
