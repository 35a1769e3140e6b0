//! What wit-bindgen makes of `wit/`. Nothing else stands here; [`crate::contract`] gives the names their home.

#![allow(missing_docs, unsafe_code, reason = "generated code; the documentation stands in the WIT files")]
#![allow(clippy::all, clippy::restriction, reason = "generated code")]

wit_bindgen::generate!({
    path: "../wit",
    world: "fabric-auth",
    generate_all,
    pub_export_macro: true,
});
