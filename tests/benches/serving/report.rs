//! What was measured, as lines of a table.

use std::time::Duration;

use crate::load::Load;

/// One load, and what the servers used for it.
pub struct Line {
    /// On how many connections.
    pub connections: usize,
    /// How it went.
    pub load: Load,
    /// How long the servers were on a processor.
    pub processor_time: Duration,
}

/// The names of the columns, with what the rate stands beside.
pub fn heading(beside: &str) -> String {
    let [what, connections, rate] = ["", "connections", "a second"];
    let ratio = format!("of {beside}");
    let [p50, p90, p99, max, server] = ["p50", "p90", "p99", "max", "server's work"];
    format!(
        "{what:<20}{connections:>11}{rate:>10}{ratio:>13}{p50:>11}{p90:>11}{p99:>11}{max:>11}{server:>15}\n\
         (work: time on a processor for each request)"
    )
}

/// One line; `beside` is what it is compared with, on as many connections.
pub fn line(what: &str, line: &Line, beside: Option<&Line>) -> String {
    let Line { connections, load, .. } = line;
    let ratio = beside.map(|beside| format!("{:.2}", load.rate() / beside.load.rate())).unwrap_or_default();
    let [p50, p90, p99, max] = [500, 900, 990, 1_000].map(|thousandths| milliseconds(load.at(thousandths)));
    let work = format!("{:.0} µs", each(line).as_secs_f64() * 1e6);
    format!("{what:<20}{connections:>11}{:>10.0}{ratio:>13}{p50:>11}{p90:>11}{p99:>11}{max:>11}{work:>15}", load.rate())
}

/// The server's memory before and after so many requests.
pub fn memory(requests: usize, before: u64, after: u64) -> String {
    format!("memory of the server: {} before {requests} tokens, {} after", mebibytes(before), mebibytes(after))
}

/// All of it in one line. `lines` holds constants and tokens in turn.
pub fn summary(lines: &[Line], before: u64, after: u64) -> String {
    let pairs = lines.chunks_exact(2).filter_map(|pair| <&[Line; 2]>::try_from(pair).ok());
    let figures: Vec<String> = pairs
        .map(|[constant, token]| {
            let (rate, p99) = (token.load.rate(), milliseconds(token.load.at(990)));
            let ratio = rate / constant.load.rate();
            format!("{rate:.0}/s on {} ({ratio:.2} of a constant, p99 {p99})", token.connections)
        })
        .collect();
    format!("serving: {}; {} to {}", figures.join(", "), mebibytes(before), mebibytes(after))
}

fn each(line: &Line) -> Duration {
    let answers = u32::try_from(line.load.answers().max(1)).unwrap_or(u32::MAX);
    line.processor_time / answers
}

fn milliseconds(time: Duration) -> String {
    format!("{:.2} ms", time.as_secs_f64() * 1e3)
}

/// An amount of memory.
pub fn mebibytes(bytes: u64) -> String {
    format!("{:.1} MiB", bytes as f64 / 1_048_576.0)
}
