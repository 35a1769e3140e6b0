//! The JSON API.

mod administration;
mod authorisation;
mod document;
mod fabrics;
mod on_behalf_of;
mod sign_in;
mod strictness;
mod support;
mod tokens;
