//! A server says that it is there.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use mdns_sd::{ServiceDaemon, ServiceInfo};

use super::{LanError, Notice, SERVICE};

/// The goodbye is on its way within this.
const GOODBYE_MAX: Duration = Duration::from_millis(300);

/// Says that a server is there, until it is dropped.
pub struct Announcer {
    daemon: ServiceDaemon,
    address: SocketAddr,
    told: Notice,
    full_name: String,
}

impl Announcer {
    /// Begins. `address` is where the server listens; on all addresses of the machine if its own is unspecified. Gives
    /// nothing for a server that only this machine reaches.
    ///
    /// # Errors
    /// [`LanError`].
    pub fn start(address: SocketAddr, notice: Notice) -> Result<Option<Self>, LanError> {
        if address.ip().is_loopback() {
            return Ok(None);
        }
        let daemon = ServiceDaemon::new()?;
        let mut announcer = Self { daemon, address, told: notice, full_name: String::new() };
        announcer.tell()?;
        Ok(Some(announcer))
    }

    /// Tells what is different now, if anything is.
    pub fn update(&mut self, rooms: u32, people: u32) {
        if (self.told.rooms, self.told.people) != (rooms, people) {
            (self.told.rooms, self.told.people) = (rooms, people);
            // The next change is told again.
            let _ = self.tell();
        }
    }

    fn tell(&mut self) -> Result<(), LanError> {
        let properties = self.told.properties();
        let (instance, host) = (self.told.instance(), self.told.host());
        let (ip, port) = (self.address.ip(), self.address.port());
        let ips: &[IpAddr] = if ip.is_unspecified() { &[] } else { &[ip] };
        let info = ServiceInfo::new(SERVICE, &instance, &host, ips, port, &properties[..])?;
        let mut info = if ip.is_unspecified() { info.enable_addr_auto() } else { info };
        // Its name holds its key: nobody else has it.
        info.set_requires_probe(false);
        self.full_name = info.get_fullname().to_owned();
        Ok(self.daemon.register(info)?)
    }
}

impl Drop for Announcer {
    fn drop(&mut self) {
        if let Ok(done) = self.daemon.unregister(&self.full_name) {
            let _ = done.recv_timeout(GOODBYE_MAX);
        }
        if let Ok(done) = self.daemon.shutdown() {
            let _ = done.recv_timeout(GOODBYE_MAX);
        }
    }
}
