//! How many connections may be open without having signed in.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::Source;

/// Counts the connections that have no identity yet. Clones share the count.
///
/// **Bound:** the table has one place for every connection allowed, allocated once.
#[derive(Clone, Debug)]
pub struct ConnectionLimits {
    total_max: usize,
    per_source_max: usize,
    open: Arc<Mutex<Vec<Source>>>,
}

impl ConnectionLimits {
    /// `total_max` connections at once, of which `per_source_max` from one IPv4 address or IPv6 /64. Loopback may
    /// take them all: what runs there is this machine itself.
    pub fn new(total_max: usize, per_source_max: usize) -> Self {
        Self { total_max, per_source_max, open: Arc::new(Mutex::new(Vec::with_capacity(total_max))) }
    }

    /// Admits a new connection until the guard is dropped: at sign-in, or when it closes. None if there are too many.
    pub fn admit(&self, address: IpAddr) -> Option<ConnectionGuard> {
        let source = Source::of(address);
        let per_source_max = if address.to_canonical().is_loopback() { self.total_max } else { self.per_source_max };
        let mut open = self.lock();
        let of_source = open.iter().filter(|&&other| other == source).count();
        if open.len() >= self.total_max || of_source >= per_source_max {
            return None;
        }
        open.push(source);
        drop(open);
        Some(ConnectionGuard { limits: self.clone(), source })
    }

    /// How many connections without an identity are open now.
    pub fn count(&self) -> usize {
        self.lock().len()
    }

    fn release(&self, source: Source) {
        let mut open = self.lock();
        if let Some(index) = open.iter().position(|&other| other == source) {
            open.swap_remove(index);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Source>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One admitted connection. Dropping it gives the place back.
#[derive(Debug)]
#[must_use = "the place is given back when the guard is dropped"]
pub struct ConnectionGuard {
    limits: ConnectionLimits,
    source: Source,
}

impl Drop for ConnectionGuard {
    fn drop(&mut self) {
        self.limits.release(self.source);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn one_source_gets_only_its_share_and_a_closed_connection_frees_a_place() {
        let limits = ConnectionLimits::new(64, 8);
        let mut guards: Vec<_> = (0..8).filter_map(|_| limits.admit(address("192.0.2.7"))).collect();
        assert_eq!(guards.len(), 8);
        assert!(limits.admit(address("192.0.2.7")).is_none());
        assert!(limits.admit(address("::ffff:192.0.2.7")).is_none(), "the same address in other clothes");
        assert!(limits.admit(address("192.0.2.8")).is_some());
        guards.pop();
        assert!(limits.admit(address("192.0.2.7")).is_some());
        drop(guards);
        assert_eq!(limits.count(), 0);
    }

    #[test]
    fn the_total_bounds_many_sources_and_loopback_may_use_all_of_it() {
        let limits = ConnectionLimits::new(64, 8);
        let guards: Vec<_> = (0..100).filter_map(|_| limits.admit(address("127.0.0.1"))).collect();
        assert_eq!(guards.len(), 64);
        assert!(limits.admit(address("192.0.2.7")).is_none());
        drop(guards);
        let guards: Vec<_> = (0..200u8).filter_map(|i| limits.admit(IpAddr::from([10, 0, 0, i]))).collect();
        assert_eq!(guards.len(), 64);
    }
}
