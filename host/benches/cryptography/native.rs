//! The workload as a program: `native <what> <times>` prints how many nanoseconds it took.

mod workload;

use std::hint::black_box;
use std::time::Instant;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let what = arguments.next();
    let work = match what.as_deref() {
        Some("pkce_pair") => workload::pkce_pair,
        Some("seal_and_open") => workload::seal_and_open,
        _ => panic!("no such work"),
    };
    let times: u64 = arguments.next().and_then(|times| times.parse().ok()).expect("how many times");
    let began = Instant::now();
    for _ in 0..times {
        black_box(work());
    }
    println!("{}", began.elapsed().as_nanos());
}
