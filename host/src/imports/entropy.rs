//! Import `wasi:random/random`, from the operating system.

use wasmtime::{Result, bail};

use crate::bindings::wasi::random::random::Host;
use crate::runtime::State;

/// More than the component ever asks for at once.
const MOST_BYTES: u64 = 64 * 1024;

impl Host for &mut State {
    fn get_random_bytes(&mut self, length: u64) -> Result<Vec<u8>> {
        if length > MOST_BYTES {
            bail!("{length} random bytes were asked for at once; {MOST_BYTES} are the limit");
        }
        let mut bytes = vec![0; usize::try_from(length)?];
        getrandom::fill(&mut bytes)?;
        Ok(bytes)
    }

    fn get_random_u64(&mut self) -> Result<u64> {
        Ok(getrandom::u64()?)
    }
}
