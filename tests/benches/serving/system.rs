//! What the system says of processes.

use std::fs;
use std::time::Duration;

/// In what Linux counts time on processors for programs (`USER_HZ`).
const TICK: Duration = Duration::from_millis(10);

/// Fields of `/proc/…/stat` behind the name and before the times (proc(5)).
const STATE_TO_USER_TIME: usize = 11;

/// How much of the machine's memory a process holds.
pub fn resident_bytes(process: u32) -> u64 {
    let status = read(process, "status");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("its memory");
    let kibibytes: u64 = line.trim().trim_end_matches(" kB").parse().expect("a number");
    kibibytes * 1_024
}

/// How long these processes have been on a processor.
pub fn processor_time(processes: &[u32]) -> Duration {
    processes.iter().copied().map(processor_time_of).sum()
}

/// The processes that a process has started, and that are still there.
pub fn children(process: u32) -> Vec<u32> {
    let children = read(process, &format!("task/{process}/children"));
    children.split_whitespace().map(|child| child.parse().expect("a number")).collect()
}

fn processor_time_of(process: u32) -> Duration {
    let stat = read(process, "stat");
    // The name of the program stands in parentheses and may hold anything.
    let (_, fields) = stat.rsplit_once(')').expect("the fields behind the name");
    let ticks = fields.split_whitespace().skip(STATE_TO_USER_TIME).take(2).map(|ticks| ticks.parse::<u32>());
    let ticks: u32 = ticks.sum::<Result<_, _>>().expect("time of the program, and of the system for it");
    TICK * ticks
}

fn read(process: u32, file: &str) -> String {
    fs::read_to_string(format!("/proc/{process}/{file}")).expect("a process that is there")
}
