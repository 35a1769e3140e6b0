use std::time::{Duration, Instant};

use futures::FutureExt as _;
use tokio::sync::oneshot::error::TryRecvError;
use zeroize::Zeroizing;

use super::super::timeouts::FAREWELL;
use super::*;
use crate::clock::SystemClock;
use crate::egress::EgressSettings;
use crate::journal::{Chain, MemoryJournal, Recorder, Retention};
use crate::keys::KeyRing;
use crate::runtime::{Artifact, CompileCache};
use crate::storage::MemoryStorage;

/// Room for one long-lived instance and no more, so that all calls meet there.
const ONE_LONG_LIVED: u32 = 4;

/// The built component over parts in memory, whose long-lived instance takes this many calls. The folder and the hold
/// are to be kept as long.
fn instances(most_calls: u64) -> (Arc<Instances>, Hold, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let clock: SharedClock = Arc::new(SystemClock::new());
    let keys = Arc::new(KeyRing::create(folder.path().join("keys.json"), clock.clone()).unwrap());
    let parts = Parts {
        storage: Observed::new(Arc::new(MemoryStorage::new(clock.clone())), clock.clone()),
        journal: Recorder::new(Arc::new(MemoryJournal::new(clock.clone())), Chain::new(None, keys.clone())),
        keys,
        ledger: None,
        retention: Retention::default(),
        deployment: Deployment::self_hosted("4.2.1", "https://prophecy.example.com"),
        egress: HttpClient::new(&EgressSettings::default(), clock.clone()).unwrap(),
        clock,
        counts: Default::default(),
        tickets: Default::default(),
    };
    // Beside the test program, so that the component is compiled once for all tests.
    let compiled = std::env::current_exe().unwrap().with_file_name("component-cache");
    let cache = CompileCache { folder: compiled, keys: vec![Zeroizing::new([7; 32])] };
    let program = Artifact::embedded().program(Some(&cache), ONE_LONG_LIVED).unwrap();
    let (mut instances, hold) = Instances::new(program, parts);
    Arc::get_mut(&mut instances).unwrap().most_calls = most_calls;
    (instances, hold, folder)
}

/// A call that takes this long.
async fn call(instances: &Arc<Instances>, takes: Duration) -> Result<(), Error> {
    let sleep = async move {
        tokio::time::sleep(takes).await;
        Ok(())
    };
    instances.call(&[], move |_, _| sleep.boxed()).await
}

/// How many instances there are.
fn alive(instances: &Instances) -> usize {
    instances.tasks.len()
}

#[tokio::test]
async fn an_instance_that_has_taken_its_calls_is_replaced_and_lets_those_at_work_end() {
    let (instances, _hold, _folder) = instances(2);
    let long = call(&instances, FAREWELL + Duration::from_millis(500));
    let others = async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        call(&instances, Duration::ZERO).await.unwrap();
        assert_eq!(alive(&instances), 1);
        call(&instances, Duration::ZERO).await.unwrap();
        assert_eq!(alive(&instances), 2, "a fresh one takes new calls while the former is still at work");
    };
    let (long, ()) = tokio::join!(long, others);
    long.unwrap();
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(alive(&instances), 1, "the former has ended with its last call");
}

/// A request that lasts must not keep more and more instances.
#[tokio::test]
async fn of_the_instances_that_were_replaced_only_so_many_are_kept_for_what_is_under_way() {
    let (instances, _hold, _folder) = instances(1);
    let most = instances.most_former();
    let mut lasting = Vec::new();
    for _ in 0..most + 2 {
        let instance = instances.instance(&[]).await.unwrap();
        let (held, ended) = oneshot::channel::<()>();
        let job: Job = Box::new(move |_, _| {
            let lasts = async move {
                let _held = held;
                std::future::pending().await
            };
            lasts.boxed()
        });
        assert!(instance.pass(job).await.is_ok());
        lasting.push(ended);
        drop(instance);
        call(&instances, Duration::ZERO).await.unwrap();
    }
    // The last one of them has taken its call, and is replaced by the next.
    call(&instances, Duration::ZERO).await.unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(alive(&instances), most + 1);
    let ended: Vec<bool> = lasting.iter_mut().map(|ended| ended.try_recv() == Err(TryRecvError::Closed)).collect();
    let expected: Vec<bool> = (0..most + 2).map(|number| number < 2).collect();
    assert_eq!(ended, expected, "the eldest end first");
}

#[tokio::test]
async fn a_host_that_ends_does_not_wait_for_requests_that_pass_through() {
    let (instances, _hold, _folder) = instances(MOST_CALLS);
    let job: Job = Box::new(|_, _| std::future::pending().boxed());
    assert!(instances.instance(&[]).await.unwrap().pass(job).await.is_ok());
    tokio::time::timeout(Duration::from_secs(5), instances.finish()).await.unwrap();
}

#[tokio::test]
async fn what_the_host_tells_an_instance_does_not_count_as_a_call() {
    let (instances, _hold, _folder) = instances(2);
    call(&instances, Duration::ZERO).await.unwrap();
    for _ in 0..10 {
        instances.invalidate("grant/1").await;
    }
    assert!(instances.long_lived[0].lock().await.as_ref().unwrap().is_open());
    call(&instances, Duration::ZERO).await.unwrap();
    assert!(!instances.long_lived[0].lock().await.as_ref().unwrap().is_open());
}

#[tokio::test]
async fn looking_what_is_to_be_renewed_ahead_makes_no_instance_and_does_not_count_as_a_call() {
    let (instances, _hold, _folder) = instances(2);
    assert_eq!(instances.due_within(Duration::MAX).await, []);
    assert!(instances.long_lived[0].lock().await.is_none());
    call(&instances, Duration::ZERO).await.unwrap();
    for _ in 0..10 {
        assert_eq!(instances.due_within(Duration::MAX).await, []);
    }
    assert!(instances.long_lived[0].lock().await.as_ref().unwrap().is_open());
    call(&instances, Duration::ZERO).await.unwrap();
    assert!(!instances.long_lived[0].lock().await.as_ref().unwrap().is_open());
}

#[tokio::test]
async fn after_a_trap_the_other_calls_get_a_moment_and_a_fresh_instance_takes_new_ones() {
    let (instances, _hold, _folder) = instances(MOST_CALLS);
    let began = Instant::now();
    let short = call(&instances, Duration::from_millis(300));
    let endless = call(&instances, Duration::from_secs(600));
    let trapping = async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        let trapped: Result<(), Error> =
            instances.call(&[], |_, _| async { wasmtime::bail!("as a trap does") }.boxed()).await;
        trapped.unwrap_err();
        call(&instances, Duration::ZERO).await.unwrap();
    };
    let (short, endless, ()) = tokio::join!(short, endless, trapping);
    short.unwrap();
    assert_eq!(endless.unwrap_err().case(), "unavailable");
    assert!(began.elapsed() < FAREWELL + Duration::from_secs(5), "{:?}", began.elapsed());
}

#[tokio::test]
async fn a_host_that_ends_does_what_it_was_asked_to_before() {
    let (instances, hold, _folder) = instances(MOST_CALLS);
    let ending = async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        drop(hold);
    };
    let (long, ()) = tokio::join!(call(&instances, FAREWELL + Duration::from_millis(500)), ending);
    long.unwrap();
    tokio::time::timeout(Duration::from_secs(5), instances.finish()).await.unwrap();
}

#[tokio::test]
async fn what_is_done_in_the_background_does_not_keep_a_host_from_ending() {
    let (instances, _hold, _folder) = instances(MOST_CALLS);
    instances.expire_every(Duration::from_secs(600));
    instances.renew_ahead_every(Duration::from_secs(600));
    call(&instances, Duration::ZERO).await.unwrap();
    tokio::time::timeout(Duration::from_secs(5), instances.finish()).await.unwrap();
}
