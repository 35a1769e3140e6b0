//! Names to addresses, and the check on every address.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::vec;

use hyper_util::client::legacy::connect::dns::Name;
use tower_service::Service;

use super::address::Reach;
use super::error::SendError;

/// The one name that stands for this machine. RFC 6761 section 6.3 reserves it.
const LOOPBACK_NAME: &str = "localhost";

/// Resolves a name by the operating system and drops the addresses that a connection may not go to.
///
/// The addresses that remain are the ones connected to, so a name server cannot answer one thing to the check and
/// another to the connection.
#[derive(Clone, Debug)]
pub struct Resolver {
    allow_private_addresses: bool,
    allow_loopback_http: bool,
}

impl Resolver {
    /// Makes a resolver. `allow_private_addresses` lets names resolve into internal networks, as Databricks' front-end
    /// private link has it; `allow_loopback_http` lets `localhost`, and no other name, resolve to this machine.
    pub fn new(allow_private_addresses: bool, allow_loopback_http: bool) -> Self {
        Self { allow_private_addresses, allow_loopback_http }
    }

    /// Keeps of the addresses of `name` those that a connection may go to, in their order.
    ///
    /// # Errors
    ///
    /// [`SendError::DestinationNotFound`] when there was no address to begin with,
    /// [`SendError::DestinationIpProhibited`] when none is left.
    pub fn admit(&self, name: &str, found: Vec<SocketAddr>) -> Result<Vec<SocketAddr>, SendError> {
        if found.is_empty() {
            return Err(SendError::DestinationNotFound);
        }
        let admitted: Vec<_> = found.into_iter().filter(|address| self.admits(name, address.ip())).collect();
        if admitted.is_empty() { Err(SendError::DestinationIpProhibited) } else { Ok(admitted) }
    }

    fn admits(&self, name: &str, address: IpAddr) -> bool {
        let reach = Reach::of(address);
        if name.eq_ignore_ascii_case(LOOPBACK_NAME) {
            return reach == Reach::Loopback && self.allow_loopback_http;
        }
        match reach {
            Reach::Public => true,
            Reach::Private => self.allow_private_addresses,
            Reach::Loopback | Reach::Never => false,
        }
    }
}

/// The addresses of a name, with port 0: the connector puts in the port of the URL.
pub struct Addresses(vec::IntoIter<SocketAddr>);

impl fmt::Debug for Addresses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.as_slice()).finish()
    }
}

impl Iterator for Addresses {
    type Item = SocketAddr;

    fn next(&mut self) -> Option<SocketAddr> {
        self.0.next()
    }
}

impl Service<Name> for Resolver {
    type Response = Addresses;
    type Error = SendError;
    type Future = Pin<Box<dyn Future<Output = Result<Addresses, SendError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), SendError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let resolver = self.clone();
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await.map_err(lookup_failure)?;
            resolver.admit(name.as_str(), found.collect()).map(|addresses| Addresses(addresses.into_iter()))
        })
    }
}

/// The operating system does not tell a name that does not exist from a name server that does not answer, so neither
/// can this.
fn lookup_failure(_: io::Error) -> SendError {
    SendError::DnsError
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admit(resolver: &Resolver, name: &str, addresses: &[&str]) -> Result<Vec<String>, SendError> {
        let found = addresses.iter().map(|address| SocketAddr::new(address.parse().unwrap(), 0)).collect();
        let admitted = resolver.admit(name, found)?;
        Ok(admitted.into_iter().map(|address| address.ip().to_string()).collect())
    }

    const WORKSPACE: &str = "dbc-1.cloud.databricks.com";

    #[test]
    fn of_several_addresses_the_public_ones_remain_in_order() {
        let found = ["10.0.0.1", "8.8.8.8", "127.0.0.1", "2606:4700::1111", "169.254.169.254"];
        let kept = admit(&Resolver::new(false, false), WORKSPACE, &found);
        assert_eq!(kept, Ok(vec!["8.8.8.8".into(), "2606:4700::1111".into()]));
    }

    #[test]
    fn a_name_with_nothing_but_internal_addresses_is_prohibited() {
        let kept = admit(&Resolver::new(false, true), WORKSPACE, &["10.0.0.1", "127.0.0.1", "fd00::1"]);
        assert_eq!(kept, Err(SendError::DestinationIpProhibited));
    }

    #[test]
    fn private_link_needs_private_addresses_and_gets_nothing_else() {
        let resolver = Resolver::new(true, true);
        assert_eq!(admit(&resolver, WORKSPACE, &["10.0.0.1"]), Ok(vec!["10.0.0.1".into()]));
        for refused in ["127.0.0.1", "::1", "169.254.169.254", "fd00:ec2::254", "fe80::1", "0.0.0.0"] {
            assert_eq!(admit(&resolver, WORKSPACE, &[refused]), Err(SendError::DestinationIpProhibited), "{refused}");
        }
    }

    #[test]
    fn localhost_is_this_machine_or_nothing() {
        let resolver = Resolver::new(true, true);
        assert_eq!(admit(&resolver, "localhost", &["8.8.8.8", "::1"]), Ok(vec!["::1".into()]));
        assert_eq!(admit(&resolver, "localhost", &["10.0.0.1"]), Err(SendError::DestinationIpProhibited));
        let without = Resolver::new(true, false);
        assert_eq!(admit(&without, "localhost", &["127.0.0.1"]), Err(SendError::DestinationIpProhibited));
    }

    #[test]
    fn a_name_without_addresses_is_not_found() {
        assert_eq!(admit(&Resolver::new(false, false), WORKSPACE, &[]), Err(SendError::DestinationNotFound));
    }

    #[tokio::test]
    async fn the_service_checks_what_the_operating_system_answers() {
        let name: Name = "localhost".parse().unwrap();
        let allowed = Resolver::new(false, true).call(name.clone()).await.unwrap();
        assert!(allowed.collect::<Vec<_>>().iter().all(|address| address.ip().is_loopback()));
        let refused = Resolver::new(false, false).call(name).await;
        assert_eq!(refused.err(), Some(SendError::DestinationIpProhibited));
    }
}
