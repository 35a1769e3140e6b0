//! Timing single calls.

use std::time::{Duration, Instant};

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion};
use tokio::runtime::Runtime;

/// A group whose measured part is short beside what each call needs around it. Criterion counts the measured time
/// only, so its usual three and five seconds would take minutes.
pub fn brief_group<'a>(criterion: &'a mut Criterion, name: &str) -> BenchmarkGroup<'a, WallTime> {
    let mut group = criterion.benchmark_group(name);
    group.sample_size(20);
    group.warm_up_time(Duration::from_millis(10));
    group.measurement_time(Duration::from_millis(200));
    group
}

/// A runtime as the host's program has one.
pub fn runtime() -> Runtime {
    Runtime::new().expect("a runtime")
}

/// Makes calls one after the other and gives Criterion's measure for them: as many times their median.
pub async fn median(calls: u64, mut call: impl AsyncFnMut() -> Duration) -> Duration {
    let mut times = Times::default();
    for _ in 0..calls {
        times.add(call().await);
    }
    times.total_by_median()
}

/// The times of single calls.
#[derive(Default)]
pub struct Times(Vec<Duration>);

impl Times {
    /// Notes one.
    pub fn add(&mut self, time: Duration) {
        self.0.push(time);
    }

    /// Criterion's measure for them: as many times their median.
    pub fn total_by_median(mut self) -> Duration {
        self.0.sort_unstable();
        let median = self.0.get(self.0.len() / 2).copied().unwrap_or_default();
        median * u32::try_from(self.0.len()).unwrap_or(u32::MAX)
    }
}

/// How long something took.
pub async fn timed<R>(call: impl Future<Output = R>) -> Duration {
    let began = Instant::now();
    let result = call.await;
    let took = began.elapsed();
    drop(result);
    took
}
