//! The service over real sockets, as programs and browsers meet it.
//!
//! The modules are marked as tests so that the lints treat their helpers as such.

#[cfg(test)]
mod api;
