//! What is measured, over the component's own code.

use std::hint::black_box;

use fabric_auth_guest::contract::keys::WrappedKey;
use fabric_auth_guest::pkce::{code_challenge, code_verifier};
use fabric_auth_guest::sealing::{Binding, PreparedSeal, parse, seal};
use zeroize::Zeroizing;

const DATA_KEY: [u8; 32] = [7; 32];

const BINDING: Binding<'static> = Binding {
    tenant: "acme",
    key: "grant/person/acme/4pHcVqkN0Hq3GJ2pF1mXbR8bTQy0v7wq2yJ0mC6l9sE",
    lineage: "q0Jt1zq1T3mXbR8bTQy0vw",
    generation: 3,
    field: "access-token",
};

/// A code verifier and its challenge.
pub fn pkce_pair() -> usize {
    let verifier = code_verifier(Zeroizing::new(black_box([7; 32])));
    verifier.expose().len() + code_challenge(&verifier).len()
}

/// Two kilobytes, sealed and opened again.
pub fn seal_and_open() -> usize {
    let wrapped =
        WrappedKey { algorithm: "A256KW".to_owned(), key_id: "2026-11-23".to_owned(), encrypted_key: vec![9; 40] };
    let prepared =
        PreparedSeal::new(Zeroizing::new(DATA_KEY), [5; 12], wrapped).expect("a wrapped key by the contract");
    let sealed = seal(prepared, &BINDING, &black_box([b'x'; 2_048])).expect("a value that is not too long");
    let opened = parse(&sealed).expect("a sealed value").open(&DATA_KEY, &BINDING);
    opened.expect("a value that opens").len()
}
