//! What the gateway is measured by.

use crate::report::{Line, mebibytes};
use crate::system;

/// From the clients to the workspace.
pub const DIRECT: &str = "direct";

/// nginx as a plain reverse proxy.
pub const PLAIN: &str = "nginx";

/// A plain reverse proxy of tokio and hyper.
pub const HYPER: &str = "tokio and hyper";

/// Our gateway.
pub const GATEWAY: &str = "gateway";

/// nginx that asks our forward-auth.
pub const FORWARD_AUTH: &str = "nginx, forward-auth";

/// What part of the plain proxy's requests in a second the gateway is to do on 16 connections.
const RATIO: f64 = 0.6;

/// How many microseconds the gateway may add to half of the requests on one connection.
const ADDED: f64 = 100.0;

/// One load, and by which way.
pub struct Measured {
    /// The name of the way.
    pub way: &'static str,
    /// How it went.
    pub line: Line,
}

/// How it went by a way on so many connections.
pub fn find<'a>(all: &'a [Measured], way: &str, connections: usize) -> Option<&'a Line> {
    all.iter().map(|measured| (measured.way, &measured.line)).find_map(|(name, line)| {
        let is_it = name == way && line.connections == connections;
        is_it.then_some(line)
    })
}

/// What each process holds of the machine's memory at the end.
pub fn memory(gateway: u32, workers: Vec<u32>) -> String {
    let of = |process: u32| mebibytes(system::resident_bytes(process));
    let workers: String = workers.into_iter().map(|worker| format!(", a worker of nginx {}", of(worker))).collect();
    format!("memory after all of it: gateway and service {}{workers}", of(gateway))
}

/// What came of the aims.
pub fn aims(all: &[Measured]) -> String {
    let added = |way| {
        let [way, direct] = [way, DIRECT].map(|way| find(all, way, 1).map(median));
        Some(way? - direct?)
    };
    let ratio = |way| Some(find(all, way, 16)?.load.rate() / find(all, PLAIN, 16)?.load.rate());
    let of_nginx = ratio(GATEWAY).map(|of_us| {
        let met = met(of_us >= RATIO);
        let of_hyper = ratio(HYPER).unwrap_or_default();
        format!("{of_us:.2} of nginx on 16 connections (aim: at least {RATIO}, {met}; {HYPER} alone: {of_hyper:.2}), ")
    });
    let by_others = [PLAIN, HYPER].map(|way| added(way).map(|added| format!("; {way} adds {added:.0} µs")));
    let by_others: String = by_others.into_iter().flatten().collect();
    let by_us = added(GATEWAY).unwrap_or_default();
    format!(
        "gateway: {}{by_us:.0} µs added to the median on one connection (aim: under {ADDED}, {}){by_others}",
        of_nginx.unwrap_or_default(),
        met(by_us < ADDED),
    )
}

/// In microseconds.
fn median(line: &Line) -> f64 {
    line.load.at(500).as_secs_f64() * 1e6
}

fn met(is_met: bool) -> &'static str {
    if is_met { "met" } else { "not met" }
}
