//! The edge gateway beside what else could stand in the path: nothing, nginx as a plain reverse proxy, a plain reverse proxy
//! of the same parts as the gateway's HTTP, and nginx that asks our forward-auth about each request. All of them in one run,
//! before one workspace.
//!
//! The workspace is in this process, with the clients, and costs next to nothing. Eight people send requests, each of them
//! with a personal access token that is in hand; the answer says whose token the request carried, and is looked at.

mod nginx;
mod plain;
mod report;
mod setup;
mod upstream;

use self::nginx::{KEPT_ALIVE, Nginx, WORKERS};
use self::plain::PlainProxy;
pub use self::plain::run as proxy;
use self::report::{Measured, find};
use self::setup::Gateway;
use self::upstream::Upstream;
use crate::load::{Bound, Target};
use crate::report::{heading, line};
use crate::{AT_MOST, WARM_UP, run};

/// How many connections there are at once.
const CONNECTIONS: [usize; 3] = [1, 16, 128];

/// Something that can stand in the path.
struct Way {
    name: &'static str,
    targets: Vec<Target>,
    /// What does its work, without clients and workspace.
    processes: Vec<u32>,
}

/// Measures all ways, and gives what was wrong.
pub async fn measure(bound: Bound) -> Vec<String> {
    let upstream = Upstream::start().await;
    let gateway = Gateway::start(upstream.address).await;
    let nginx = Nginx::start(upstream.address, gateway.address);
    let plain = PlainProxy::start(upstream.address);
    println!(
        "gateway: one process, an instance of the component for each processor, reused from request to request; tokens in hand"
    );
    match &nginx {
        Some(_) => println!("nginx: {WORKERS} workers, each keeps up to {KEPT_ALIVE} connections to what is behind it"),
        None => println!("skipped: there is no nginx here, neither to compare with nor to ask forward-auth"),
    }
    let ways = ways(&upstream, &gateway, nginx.as_ref(), &plain);
    for way in &ways {
        run(&way.processes, &way.targets, 16, Bound { requests: WARM_UP, time: AT_MOST }).await;
    }

    println!("{}", heading(report::PLAIN));
    let mut all: Vec<Measured> = Vec::new();
    for connections in CONNECTIONS {
        for way in &ways {
            let measured = run(&way.processes, &way.targets, connections, bound).await;
            println!("{}", line(way.name, &measured, find(&all, report::PLAIN, connections)));
            all.push(Measured { way: way.name, line: measured });
        }
    }
    println!("{}", report::memory(gateway.process(), nginx.as_ref().map(Nginx::workers).unwrap_or_default()));
    drop(nginx);
    gateway.end();
    println!("{}", report::aims(&all));
    all.into_iter().flat_map(|measured| measured.line.load.wrong).collect()
}

/// What can be measured here, the plain reverse proxy before what is compared with it.
fn ways(upstream: &Upstream, gateway: &Gateway, nginx: Option<&Nginx>, plain: &PlainProxy) -> Vec<Way> {
    let targets = gateway.by_own_tokens(upstream.address);
    let mut ways = vec![Way { name: report::DIRECT, targets, processes: Vec::new() }];
    if let Some(nginx) = nginx {
        let targets = gateway.by_own_tokens(nginx.plain);
        ways.push(Way { name: report::PLAIN, targets, processes: nginx.workers() });
    }
    let targets = gateway.by_own_tokens(plain.address);
    ways.push(Way { name: report::HYPER, targets, processes: vec![plain.process()] });
    let targets = gateway.by_api_tokens(gateway.address);
    ways.push(Way { name: report::GATEWAY, targets, processes: vec![gateway.process()] });
    if let Some(nginx) = nginx {
        let targets = gateway.by_api_tokens(nginx.asking);
        let processes = [nginx.workers(), vec![gateway.process()]].concat();
        ways.push(Way { name: report::FORWARD_AUTH, targets, processes });
    }
    ways
}
