//! Import `wasi:random`: the only source of randomness, also for libraries.

use super::Imports;
use crate::bindings::wasi::random::random;
use crate::ports::Random;

impl Random for Imports {
    fn fill(&self, bytes: &mut [u8]) {
        fill(bytes);
    }
}

/// Fills from the host, which may give less than was asked for at a time.
fn fill(mut bytes: &mut [u8]) {
    while !bytes.is_empty() {
        let random = random::get_random_bytes(bytes.len() as u64);
        let given = random.len().min(bytes.len());
        let (now, later) = bytes.split_at_mut(given);
        now.copy_from_slice(random.get(..given).unwrap_or_default());
        bytes = later;
    }
}

/// What the crate `getrandom` calls, in whichever library uses it.
#[unsafe(no_mangle)]
#[expect(unsafe_code, reason = "getrandom's custom backend is an extern function over a raw buffer")]
unsafe extern "Rust" fn __getrandom_v03_custom(destination: *mut u8, length: usize) -> Result<(), getrandom::Error> {
    // SAFETY: getrandom promises that the buffer is valid for writes of this length.
    let bytes = unsafe {
        std::ptr::write_bytes(destination, 0, length);
        std::slice::from_raw_parts_mut(destination, length)
    };
    fill(bytes);
    Ok(())
}
