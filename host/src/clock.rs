//! Time, as everything in the host asks for it, so that tests and demonstrations can move it.
//!
//! Two clocks are told apart. The *system* clock knows the date, and may be stepped by whoever runs the machine. The
//! *monotonic* clock only grows and also counts the time the machine is suspended: whatever measures how long
//! something lasted goes by it. Its readings mean something only within one [`Clock::boot_id`].

use std::{
    fmt,
    sync::Arc,
    time::{Duration, SystemTime},
};

use futures::future::BoxFuture;
use tokio::sync::watch;

/// A clock that is handed around.
pub type SharedClock = Arc<dyn Clock>;

/// What time it is and how to wait.
pub trait Clock: Send + Sync + 'static {
    /// The date and time. May be stepped in either direction at any moment.
    fn system(&self) -> SystemTime;

    /// Time since an instant that is fixed for one [`boot_id`](Self::boot_id). Never goes back, and counts suspend
    /// wherever the platform can (Linux: `CLOCK_BOOTTIME`).
    fn monotonic(&self) -> Duration;

    /// Names the epoch of [`monotonic`](Self::monotonic): two readings may be compared only if they were taken under
    /// the same name. On Linux all processes of one boot share it; elsewhere each process has its own.
    fn boot_id(&self) -> &str;

    /// Completes once [`monotonic`](Self::monotonic) has reached the given reading, at once if it already has. After
    /// a suspend it may be up to a second late.
    fn sleep_until(&self, monotonic: Duration) -> BoxFuture<'static, ()>;
}

/// Timers of the async runtime stand still while the machine is suspended. Waiting in pieces of this length and
/// looking at the clock after each bounds how late a sleeper wakes after a resume.
const LONGEST_PIECE: Duration = Duration::from_secs(1);

/// The clocks of the operating system.
#[derive(Clone, Debug)]
pub struct SystemClock {
    boot_id: Arc<str>,
}

impl SystemClock {
    /// The machine's clocks. Reads the name of the current boot once.
    pub fn new() -> Self {
        Self { boot_id: machine_boot_id().unwrap_or_else(random_boot_id) }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    fn system(&self) -> SystemTime {
        SystemTime::now()
    }

    fn monotonic(&self) -> Duration {
        since_boot()
    }

    fn boot_id(&self) -> &str {
        &self.boot_id
    }

    fn sleep_until(&self, monotonic: Duration) -> BoxFuture<'static, ()> {
        Box::pin(async move {
            loop {
                let remaining = monotonic.saturating_sub(since_boot());
                if remaining.is_zero() {
                    return;
                }
                tokio::time::sleep(remaining.min(LONGEST_PIECE)).await;
            }
        })
    }
}

/// Real time plus an offset that can be moved. Clones share the offset, so that one moves the time of all.
///
/// Its boot id is its own: no other clock has the same offset, so no reading of another clock compares with its.
#[derive(Clone)]
pub struct MovableClock {
    boot_id: Arc<str>,
    offset: Arc<watch::Sender<Offset>>,
}

/// How far a [`MovableClock`] is from real time.
#[derive(Clone, Copy, Default)]
struct Offset {
    /// By which both clocks are ahead.
    advanced: Duration,
    /// By which the system clock alone was stepped, in seconds.
    system_stepped: i64,
}

impl MovableClock {
    /// A clock that shows real time until it is moved.
    pub fn new() -> Self {
        Self { boot_id: random_boot_id(), offset: Arc::new(watch::Sender::new(Offset::default())) }
    }

    /// Moves both clocks forward and wakes the sleepers whose time has come.
    pub fn advance(&self, by: Duration) {
        self.offset.send_modify(|offset| offset.advanced = offset.advanced.saturating_add(by));
    }

    /// Steps the system clock alone, forward or back, as an administrator or a time server may. Nobody wakes.
    pub fn step_system(&self, seconds: i64) {
        self.offset.send_modify(|offset| offset.system_stepped = offset.system_stepped.saturating_add(seconds));
    }
}

impl Default for MovableClock {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for MovableClock {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let offset = *self.offset.borrow();
        formatter
            .debug_struct("MovableClock")
            .field("advanced", &offset.advanced)
            .field("system_stepped", &offset.system_stepped)
            .finish_non_exhaustive()
    }
}

impl Clock for MovableClock {
    fn system(&self) -> SystemTime {
        let offset = *self.offset.borrow();
        let now = SystemTime::now();
        let step = Duration::from_secs(offset.system_stepped.unsigned_abs());
        let stepped = if offset.system_stepped < 0 { now.checked_sub(step) } else { now.checked_add(step) };
        stepped.and_then(|time| time.checked_add(offset.advanced)).unwrap_or(now)
    }

    fn monotonic(&self) -> Duration {
        since_boot().saturating_add(self.offset.borrow().advanced)
    }

    fn boot_id(&self) -> &str {
        &self.boot_id
    }

    fn sleep_until(&self, monotonic: Duration) -> BoxFuture<'static, ()> {
        let clock = self.clone();
        let mut moved = self.offset.subscribe();
        Box::pin(async move {
            loop {
                // Marked as seen before the clock is read: a move after the reading wakes the wait below.
                moved.mark_unchanged();
                let remaining = monotonic.saturating_sub(clock.monotonic());
                if remaining.is_zero() {
                    return;
                }
                tokio::select! {
                    () = tokio::time::sleep(remaining.min(LONGEST_PIECE)) => {}
                    // Cannot fail: `clock` holds the sender.
                    _ = moved.changed() => {}
                }
            }
        })
    }
}

#[cfg(target_os = "linux")]
fn since_boot() -> Duration {
    let reading = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    Duration::try_from(reading).unwrap_or_default()
}

#[cfg(not(target_os = "linux"))]
fn since_boot() -> Duration {
    static START: std::sync::LazyLock<std::time::Instant> = std::sync::LazyLock::new(std::time::Instant::now);
    START.elapsed()
}

#[cfg(target_os = "linux")]
fn machine_boot_id() -> Option<Arc<str>> {
    let text = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    let name = text.trim();
    (!name.is_empty()).then(|| Arc::from(name))
}

#[cfg(not(target_os = "linux"))]
fn machine_boot_id() -> Option<Arc<str>> {
    // `since_boot` counts from the start of the process, so only this process may compare its readings.
    None
}

fn random_boot_id() -> Arc<str> {
    // The standard library seeds each of these from the operating system: enough for a name that is no secret, and
    // unlike asking the system directly it cannot fail.
    use std::hash::{BuildHasher, RandomState};
    let half = || RandomState::new().hash_one(std::process::id());
    Arc::from(format!("{:016x}{:016x}", half(), half()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_system_clock_agrees_with_the_machine() {
        let clock = SystemClock::new();
        let before = clock.monotonic();
        std::thread::sleep(Duration::from_millis(5));
        let lasted = clock.monotonic() - before;
        assert!(lasted >= Duration::from_millis(5) && lasted < Duration::from_secs(30), "{lasted:?}");
        assert!(clock.system().duration_since(SystemTime::UNIX_EPOCH).unwrap() > Duration::from_secs(1_700_000_000));
    }

    #[test]
    fn one_boot_has_one_name_but_each_movable_clock_has_its_own() {
        if cfg!(target_os = "linux") {
            assert_eq!(SystemClock::new().boot_id(), SystemClock::new().boot_id());
        }
        let movable = MovableClock::new();
        assert_ne!(movable.boot_id(), MovableClock::new().boot_id());
        assert_eq!(movable.boot_id(), movable.clone().boot_id());
    }

    #[test]
    fn an_advance_moves_both_clocks_of_every_clone() {
        let clock = MovableClock::new();
        let (monotonic, system) = (clock.monotonic(), clock.system());
        clock.clone().advance(Duration::from_secs(3600));
        assert!(clock.monotonic() - monotonic >= Duration::from_secs(3600));
        assert!(clock.system().duration_since(system).unwrap() >= Duration::from_secs(3600));
    }

    #[test]
    fn a_step_moves_the_system_clock_alone_and_both_ways() {
        let clock = MovableClock::new();
        let monotonic = clock.monotonic();
        clock.step_system(-7200);
        assert!(SystemTime::now().duration_since(clock.system()).unwrap() >= Duration::from_secs(7190));
        clock.step_system(14_400);
        assert!(clock.system().duration_since(SystemTime::now()).unwrap() >= Duration::from_secs(7190));
        assert!(clock.monotonic() - monotonic < Duration::from_secs(60));
    }

    #[tokio::test]
    async fn a_sleeper_wakes_when_the_clock_is_moved_past_it_and_not_before() {
        let clock = MovableClock::new();
        let sleeper = tokio::spawn(clock.sleep_until(clock.monotonic() + Duration::from_secs(3600)));
        tokio::task::yield_now().await;
        clock.advance(Duration::from_secs(1800));
        tokio::time::sleep(Duration::from_millis(20)).await;
        assert!(!sleeper.is_finished());
        clock.advance(Duration::from_secs(1800));
        tokio::time::timeout(Duration::from_secs(5), sleeper).await.unwrap().unwrap();
    }

    #[tokio::test]
    async fn a_sleep_that_is_over_ends_at_once() {
        for clock in [Arc::new(SystemClock::new()) as SharedClock, Arc::new(MovableClock::new())] {
            clock.sleep_until(clock.monotonic()).await;
            let until = clock.monotonic() + Duration::from_millis(10);
            clock.sleep_until(until).await;
            assert!(clock.monotonic() >= until);
        }
    }
}
