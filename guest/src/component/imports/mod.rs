//! The core's ports, over the imports of the world. One file for each import.

mod callers;
mod clock;
mod deployment;
mod http;
mod journal;
mod keys;
mod random;
mod renewals;
mod storage;

/// The world outside. It has no state: every instance has one world.
pub struct Imports;
