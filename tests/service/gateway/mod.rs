//! The edge gateway, as programs and other gateways meet it.

mod admission;
mod forward_auth;
mod identity;
mod lasting;
mod limits;
mod nginx;
mod paths;
mod smuggling;
mod spoofing;
mod support;
