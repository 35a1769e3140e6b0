//! The workload as a module for the sandbox.

mod workload;

use std::hint::black_box;

/// Makes PKCE pairs.
#[unsafe(no_mangle)]
pub extern "C" fn pkce_pair(times: u64) {
    for _ in 0..times {
        black_box(workload::pkce_pair());
    }
}

/// Seals and opens.
#[unsafe(no_mangle)]
pub extern "C" fn seal_and_open(times: u64) {
    for _ in 0..times {
        black_box(workload::seal_and_open());
    }
}
