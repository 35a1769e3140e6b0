//! How many connections there may be at once: in all, and from one address. What one client holds open, others lack.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

/// Connections at once.
const MOST: usize = 4_096;

/// Connections at once from one address that is not a proxy's.
const MOST_OF_ONE: usize = 512;

/// The connections there are.
#[derive(Clone, Default)]
pub(super) struct Connections {
    open: Arc<Mutex<HashMap<IpAddr, usize>>>,
}

/// A connection's place. It is free again when this is dropped.
pub(super) struct Place {
    open: Connections,
    address: IpAddr,
}

impl Connections {
    /// Takes a place; none when there is none left.
    pub(super) fn take(&self, address: IpAddr, is_proxy: bool) -> Option<Place> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let total: usize = open.values().sum();
        let of_one = open.get(&address).copied().unwrap_or_default();
        if total >= MOST || (of_one >= MOST_OF_ONE && !is_proxy) {
            return None;
        }
        open.insert(address, of_one.saturating_add(1));
        Some(Place { open: self.clone(), address })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.open.open.lock().unwrap_or_else(PoisonError::into_inner);
        match open.get_mut(&self.address) {
            Some(count) if *count > 1 => *count = count.saturating_sub(1),
            _ => drop(open.remove(&self.address)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_address_cannot_take_the_places_of_all() {
        let connections = Connections::default();
        let greedy: Vec<_> = (0..MOST).map_while(|_| connections.take([192, 0, 2, 1].into(), false)).collect();
        assert_eq!(greedy.len(), MOST_OF_ONE);
        assert!(connections.take([192, 0, 2, 2].into(), false).is_some());
        drop(greedy);
        assert!(connections.take([192, 0, 2, 1].into(), false).is_some());
    }

    #[test]
    fn a_proxy_may_take_all_places_but_no_more() {
        let connections = Connections::default();
        let places: Vec<_> = (0..MOST + 1).map_while(|_| connections.take([192, 0, 2, 1].into(), true)).collect();
        assert_eq!(places.len(), MOST);
        assert!(connections.take([192, 0, 2, 2].into(), false).is_none());
    }
}
