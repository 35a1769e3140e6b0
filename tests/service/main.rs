//! The service over real sockets, as programs and browsers meet it.
//!
//! The modules are marked as tests so that the lints treat their helpers as such.

#[cfg(test)]
mod api;
#[cfg(test)]
mod attempts;
#[cfg(test)]
mod bounds;
#[cfg(test)]
mod browser;
#[cfg(test)]
mod callback;
#[cfg(test)]
mod console_permissions;
#[cfg(test)]
mod cookies;
#[cfg(test)]
mod ending;
#[cfg(test)]
mod forms;
#[cfg(test)]
mod gateway;
#[cfg(test)]
mod headers;
#[cfg(test)]
mod health;
#[cfg(test)]
mod hostile_input;
#[cfg(test)]
mod hosts;
#[cfg(test)]
mod open_redirects;
#[cfg(test)]
mod raw;
#[cfg(test)]
mod routes;
#[cfg(test)]
mod sessions;
#[cfg(test)]
mod slow_clients;
#[cfg(test)]
mod stolen_database;
#[cfg(test)]
mod tls;
