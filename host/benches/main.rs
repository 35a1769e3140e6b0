//! The budgets of the component and its host, each measured beside what it is to be compared with.
//!
//! | what | module | budget |
//! | --- | --- | --- |
//! | making an instance | [`instantiation`] | none; part of a cold call |
//! | `access-token`, warm | [`warm_access_token`] | median ≤ 5 µs, ≤ 2 × a bare call with the same bytes |
//! | `access-token`, cold | [`cold_access_token`] | ≤ 300 µs |
//! | `access-token` beside a million grants | [`stored_grants`] | ≤ 1.2 × beside a thousand |
//! | PKCE and sealing | [`cryptography`] | sealing ≤ 3 × native without AES instructions |
//! | a service principal's grant | [`client_credentials`] | none; compared with a bare request |
//! | `fabric-auth token` | [`process`] | ≤ 30 ms |
//! | size of the component, memory of an instance | [`footprint`] | ≤ 400 kB, ≤ 16 MiB |
//!
//! One program for all, so that the sandbox is linked once. `cargo bench -p fabric-auth -- <group>` runs one of them.
//! Times of single calls are medians ([`timing`]): what else runs on the machine then counts less.

#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "a bench that cannot be set up stops here")]

mod bare;
mod client_credentials;
mod cold_access_token;
mod cryptography;
mod direct;
mod footprint;
mod instantiation;
mod process;
mod stored_grants;
mod timing;
mod warm_access_token;

use criterion::{criterion_group, criterion_main};

criterion_group!(
    budgets,
    instantiation::measure,
    warm_access_token::measure,
    cold_access_token::measure,
    stored_grants::measure,
    cryptography::measure,
    client_credentials::measure,
    process::measure,
    footprint::measure
);
criterion_main!(budgets);
