//! Starting the service, and ending it in order.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt as _;

use super::access::{Access, Attempts};
use super::gateway::{self, Limits};
use super::metrics::Metrics;
use super::records::{RecordStore, Records};
use super::router::router;
use super::settings::ServiceSettings;
use super::state::{Origin, Parts, Service};
use super::transport::{BindError, Listener};
use crate::clock::SharedClock;
use crate::contract::Error;
use crate::database::Backend;
use crate::fabric_auth::FabricAuth;
use crate::keys::KeyRing;

/// How often what has ended is forgotten in the store, and the rest signed anew after a key has changed.
const CLEAR_OUT_EVERY: Duration = Duration::from_secs(600);

/// What a service is made of.
pub struct ServiceParts<'a> {
    /// The host, built over the same database and the same key ring.
    pub host: FabricAuth,
    /// The database.
    pub database: &'a dyn Backend,
    /// The key ring.
    pub keys: KeyRing,
    /// The clock that the host goes by.
    pub clock: SharedClock,
    /// The tenant that the service is for.
    pub tenant: String,
    /// Where browsers find the service: scheme, host and port (`deployment.base_url`).
    pub base_url: String,
    /// The deployment's redirect URLs, the default first.
    pub redirect_urls: Vec<String>,
    /// What the operator has set.
    pub settings: ServiceSettings,
}

/// A service that listens.
pub struct Running {
    listener: Listener,
    gateway: Option<Listener>,
    service: Service,
}

/// Why a service cannot begin.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServiceError {
    /// Everybody could read what is sent.
    #[error(
        "service.listen or gateway.listen is {0}, where plain http could be read on its way. Give service.tls_certificate_file and \
         service.tls_key_file, or name the reverse proxy in front in service.trusted_proxies"
    )]
    Exposed(SocketAddr),
    /// The base URL is no origin.
    #[error(
        "deployment.base_url is {0:?}; the service needs it without a path, such as \"https://prophecy.example.com\""
    )]
    BaseUrl(String),
    /// The port or the certificate cannot be used.
    #[error("service: {0}")]
    NotBound(#[from] BindError),
}

impl Running {
    /// Binds the port; from then on clients can connect, and are served once [`serve`](Self::serve) is called.
    ///
    /// # Errors
    /// [`ServiceError`].
    pub async fn bind(parts: ServiceParts<'_>) -> Result<Self, ServiceError> {
        let settings = Arc::new(parts.settings);
        let gateway = settings.gateway.as_ref();
        let addresses = [Some(settings.listen), gateway.map(|gateway| gateway.listen)];
        if let Some(exposed) = addresses.into_iter().flatten().find(|address| settings.is_exposed(*address)) {
            return Err(ServiceError::Exposed(exposed));
        }
        let origin = Origin::of(&parts.base_url).ok_or_else(|| ServiceError::BaseUrl(parts.base_url.clone()))?;
        let listener = Listener::bind(settings.clone(), settings.listen).await?;
        let gateway_listener = match gateway {
            Some(gateway) => Some(Listener::bind(settings.clone(), gateway.listen).await?),
            None => None,
        };
        let storage = parts.database.storage();
        let records =
            RecordStore::new(storage.clone(), Arc::new(parts.keys.clone()), parts.clock.clone(), &parts.tenant);
        let service = Service::new(Parts {
            access: Access::new(records.clone(), parts.clock.clone(), settings.session_life),
            attempts: Attempts::new(),
            sign_ins: Records::new(records.clone(), "sign-in"),
            records,
            metrics: Metrics::new(&parts.host),
            limits: gateway.map(Limits::new),
            ledger: parts.database.ledger(),
            storage,
            host: parts.host,
            keys: parts.keys,
            clock: parts.clock,
            tenant: parts.tenant,
            origin,
            redirect_urls: parts.redirect_urls,
            settings,
        });
        Ok(Self { listener, gateway: gateway_listener, service })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.listener.address()
    }

    /// Where the gateway listens, where there is one.
    pub fn gateway_address(&self) -> Option<SocketAddr> {
        self.gateway.as_ref().map(Listener::address)
    }

    /// Serves until `stop` completes; then takes no new connection, ends the requests that have begun and returns. The
    /// host is not ended: [`FabricAuth::finish`] waits for renewals.
    pub async fn serve(self, stop: impl Future<Output = ()>) {
        let stop = stop.shared();
        let forwarding = async {
            if let Some(listener) = self.gateway {
                listener.serve(gateway::router(&self.service), stop.clone()).await;
            }
        };
        let serving = self.listener.serve(router(&self.service), stop.clone());
        tokio::select! {
            _ = async { tokio::join!(serving, forwarding) } => {}
            () = clear_out(&self.service) => {}
        }
    }
}

/// Looks through the service's records from time to time. Never completes.
async fn clear_out(service: &Service) {
    loop {
        service.clock.sleep_until(service.clock.monotonic().saturating_add(CLEAR_OUT_EVERY)).await;
        let cleared: Result<(), Error> = async {
            service.access.clear_out().await?;
            super::console::clear_out(service).await?;
            service.records.sign_anew().await.map(drop)
        }
        .await;
        if let Err(error) = cleared {
            tracing::warn!(%error, "records of the service could not be looked through");
        }
    }
}
