//! The administrator: registers what is needed, changes the client secret, changes master keys.

use std::rc::Rc;
use std::time::Duration;

use fabric_auth_guest::contract::administration::{AppConnectionSettings, RefreshTokenPolicy};
use fabric_auth_guest::contract::{Authentication, FabricKind, FabricSettings, IdentityKind};
use zeroize::Zeroizing;

use super::{FABRIC, TEAM, cluster_admin};
use crate::books::{Books, CLIENT_ID};
use crate::faults::Fault;
use crate::host::call;
use crate::workspace::{ROOT, change_client_secret};
use crate::world::World;

/// Registers app connection and fabric, before anything goes wrong.
pub(crate) async fn set_up(world: &Rc<World>) {
    let secret = change_client_secret(world, false);
    let registered = set_secret(world, secret).await;
    let fabric = FabricSettings {
        name: FABRIC.to_owned(),
        kind: FabricKind::Spark,
        workspace: ROOT.to_owned(),
        team: TEAM.to_owned(),
        authentication: Authentication::Oauth,
        app_connection: None,
        service_principal_client_id: None,
        service_principal_secret_expires_in: None,
        scopes: Vec::new(),
        service_principal_scopes: Vec::new(),
        compute: None,
        metadata_crawl_identity: IdentityKind::Person,
    };
    let made =
        match call(world, 0, move |core| async move { core.put_fabric(&cluster_admin(), fabric, None, None).await }) {
            Some(calling) => matches!(calling.answer.await, Ok(Ok(_))),
            None => false,
        };
    if !registered || !made {
        world.monitor.broken(world, "set up", "app connection or fabric could not be registered".to_owned());
    }
}

async fn set_secret(world: &Rc<World>, secret: String) -> bool {
    let settings = AppConnectionSettings {
        name: "main".to_owned(),
        client_id: CLIENT_ID.to_owned(),
        confidential: true,
        default: true,
        scopes: Vec::new(),
        refresh_token_policy: RefreshTokenPolicy::Unknown,
        refresh_token_lifetime: None,
    };
    let host = world.rng.below(world.hosts.len());
    let setting = call(world, host, move |core| async move {
        core.set_app_connection(&cluster_admin(), settings, Some(Zeroizing::new(secret))).await
    });
    match setting {
        Some(setting) => matches!(setting.answer.await, Ok(Ok(()))),
        None => false,
    }
}

/// Now and then changes something.
pub(crate) async fn work(world: Rc<World>) {
    while world.busy.get() {
        world.timers.sleep(world.rng.seconds(30, 240)).await;
        if !world.busy.get() {
            return;
        }
        if world.strikes(0.1, Fault::AppSecretChanged) {
            change_app_secret(&world).await;
        }
        if world.strikes(0.2, Fault::KeyRotated) {
            world.keys.rotate(&world.rng);
            reseal(&world).await;
        }
    }
}

/// At Databricks first and a while later here, with both taken for a while or not; or here first.
async fn change_app_secret(world: &Rc<World>) {
    match world.rng.below(4) {
        0 => set_late(world, false).await,
        1 => set_late(world, true).await,
        2 => {
            world.faults.count(Fault::AppSecretAhead);
            let secret = Books::secret(&world.rng, "dose");
            set_for_certain(world, &secret).await;
            world.timers.sleep(world.rng.seconds(1, 120)).await;
            *world.books.client_secrets.borrow_mut() = vec![secret];
        }
        _ => {
            world.faults.count(Fault::AppSecretMistyped);
            set_for_certain(world, &Books::secret(&world.rng, "dose")).await;
            world.timers.sleep(world.rng.seconds(1, 120)).await;
            set_late(world, true).await;
        }
    }
}

async fn set_late(world: &Rc<World>, overlap: bool) {
    let secret = change_client_secret(world, overlap);
    world.timers.sleep(world.rng.seconds(1, 120)).await;
    set_for_certain(world, &secret).await;
    if overlap {
        world.timers.sleep(world.rng.seconds(1, 120)).await;
        world.books.client_secrets.borrow_mut().retain(|taken| *taken == secret);
    }
}

async fn set_for_certain(world: &Rc<World>, secret: &str) {
    while !set_secret(world, secret.to_owned()).await {
        world.timers.sleep(Duration::from_secs(5)).await;
    }
}

async fn reseal(world: &Rc<World>) {
    let mut after: Option<String> = None;
    for _ in 0..50 {
        let cursor = after.clone();
        let host = world.rng.below(world.hosts.len());
        let resealing =
            call(world, host, move |core| async move { core.reseal(&cluster_admin(), cursor.as_deref()).await });
        let answer = match resealing {
            Some(resealing) => resealing.answer.await.ok(),
            None => None,
        };
        match answer {
            Some(Ok(progress)) => match progress.next {
                Some(next) => after = Some(next),
                None => return,
            },
            _ => world.timers.sleep(Duration::from_secs(3)).await,
        }
    }
}
