//! What wasmtime's `bindgen!` makes of `wit/`. [`crate::contract`] re-exports what embedders need.

#![allow(missing_docs, reason = "generated code; the documentation stands in the WIT files")]
#![allow(clippy::all, clippy::restriction, clippy::pedantic, reason = "generated code")]

wasmtime::component::bindgen!({
    path: "../wit",
    world: "prophecy:fabric-auth/fabric-auth",
    imports: { default: trappable },
    exports: { default: async | store },
    additional_derives: [PartialEq],
    with: {
        "wasi:http": wasmtime_wasi_http::p3::bindings::http,
    },
});
