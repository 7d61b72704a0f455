//! Looking for servers.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mdns_sd::{ResolvedService, ServiceDaemon, ServiceEvent};

use super::{LanError, Notice, SERVICE};

/// Servers that are kept; more are nobody's local network.
pub const FOUND_MAX: usize = 64;
/// Addresses that are kept of each.
const ADDRESSES_MAX: usize = 8;
/// The last word of a search is awaited no longer than this.
const GOODBYE_MAX: Duration = Duration::from_millis(300);

/// A server that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// What it says of itself.
    pub notice: Notice,
    /// Where it is, the likeliest first; never empty.
    pub addresses: Vec<IpAddr>,
    /// Its port, for TCP and UDP both.
    pub port: u16,
}

type List = Arc<Mutex<BTreeMap<String, Found>>>;

/// A search that goes on until it is dropped.
pub struct Browser {
    daemon: ServiceDaemon,
    list: List,
}

impl Browser {
    /// Begins to look. `on_change` is called on a thread of its own after each change of the list: a server has come, has
    /// gone, or says something else.
    ///
    /// # Errors
    /// [`LanError`].
    pub fn start(on_change: impl Fn() + Send + 'static) -> Result<Self, LanError> {
        let daemon = ServiceDaemon::new()?;
        let events = daemon.browse(SERVICE)?;
        let list = List::default();
        let theirs = Arc::clone(&list);
        let hearing = move || {
            while let Ok(event) = events.recv() {
                let Ok(mut list) = theirs.lock() else { return };
                let is_changed = take(&mut list, event);
                drop(list);
                if is_changed {
                    on_change();
                }
            }
        };
        std::thread::Builder::new().name("lan".to_owned()).spawn(hearing).map_err(|error| {
            let _ = daemon.shutdown();
            LanError(mdns_sd::Error::Msg(error.to_string()))
        })?;
        Ok(Self { daemon, list })
    }

    /// The servers that are there now, by name.
    pub fn found(&self) -> Vec<Found> {
        let mut found: Vec<Found> = self.list.lock().map(|list| list.values().cloned().collect()).unwrap_or_default();
        found.sort_by(|a, b| (&a.notice.name, a.notice.pin).cmp(&(&b.notice.name, b.notice.pin)));
        found
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // With the daemon its events end, and with them the thread.
        if let Ok(done) = self.daemon.shutdown() {
            let _ = done.recv_timeout(GOODBYE_MAX);
        }
    }
}

/// Takes what was heard; says whether the list has changed.
fn take(list: &mut BTreeMap<String, Found>, event: ServiceEvent) -> bool {
    match event {
        ServiceEvent::ServiceResolved(service) => {
            let has_place = list.len() < FOUND_MAX || list.contains_key(&service.fullname);
            match found(&service).filter(|_| has_place) {
                Some(found) => list.insert(service.fullname, found.clone()) != Some(found),
                None => list.remove(&service.fullname).is_some(),
            }
        }
        ServiceEvent::ServiceRemoved(_, full_name) => list.remove(&full_name).is_some(),
        _ => false,
    }
}

fn found(service: &ResolvedService) -> Option<Found> {
    let notice = Notice::read(&service.txt_properties)?;
    let is_usable = |ip: &IpAddr| match ip {
        IpAddr::V4(ip) => !ip.is_unspecified() && !ip.is_multicast() && !ip.is_broadcast(),
        // An address of one link needs to be told which: nothing that can be typed or kept.
        IpAddr::V6(ip) => !ip.is_unspecified() && !ip.is_multicast() && !ip.is_unicast_link_local(),
    };
    let mut addresses: Vec<IpAddr> =
        service.addresses.iter().map(mdns_sd::ScopedIp::to_ip_addr).filter(is_usable).collect();
    // The same order for everybody; IPv4 first, since not every network at home carries the other everywhere.
    addresses.sort();
    addresses.truncate(ADDRESSES_MAX);
    (!addresses.is_empty() && service.port != 0).then_some(Found { notice, addresses, port: service.port })
}
