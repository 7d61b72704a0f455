//! Servers in the local network: looking for them, so that nobody types an address.
//!
//! What is found is a list for a person to choose from. Anybody in the network can put something on it; the key that comes
//! with an entry only makes sure that the server that is reached is the one that was chosen.

use std::net::IpAddr;

use async_channel::Receiver;
use hph_platform::lan::{Browser, Found};

pub use hph_platform::lan::LanError;

use crate::link::Invitation;
use crate::tls::Pin;

/// A server that says that it is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundServer {
    /// Its name, fit to be shown: one line of 1 to 96 bytes.
    pub name: String,
    /// Where to connect.
    pub address: IpAddr,
    /// For TCP and UDP both.
    pub port: u16,
    /// Rooms that it has.
    pub rooms: u32,
    /// People who are there.
    pub people: u32,
    /// The key that it says it has. The same server has the same pin at every address.
    pub pin: Pin,
}

impl FoundServer {
    /// An invitation to it, as if somebody had sent a link. Whoever has met the server before is warned by
    /// [`crate::pins`] if it has another key now.
    pub fn invitation(&self, room: Option<String>) -> Invitation {
        Invitation { host: self.address.to_string(), port: self.port, pin: Some(self.pin), room, given: None }
    }
}

impl From<Found> for FoundServer {
    fn from(found: Found) -> Self {
        let Found { notice, addresses, port } = found;
        let address = addresses.first().copied().unwrap_or(IpAddr::from([127, 0, 0, 1]));
        Self { name: notice.name, address, port, rooms: notice.rooms, people: notice.people, pin: notice.pin }
    }
}

/// A search that goes on until it is dropped.
pub struct Discovery {
    browser: Browser,
    changes: Receiver<()>,
}

impl Discovery {
    /// Begins to look. The first servers come within some tenths of a second.
    ///
    /// # Errors
    /// This machine has no network for that.
    pub fn start() -> Result<Self, LanError> {
        let (changed, changes) = async_channel::bounded(1);
        // One notice is enough, however much changes before it is taken.
        let browser = Browser::start(move || _ = changed.try_send(()))?;
        Ok(Self { browser, changes })
    }

    /// The servers that are there now, by name; at most [`hph_platform::lan::FOUND_MAX`].
    pub fn servers(&self) -> Vec<FoundServer> {
        self.browser.found().into_iter().map(FoundServer::from).collect()
    }

    /// Gets something after each change of the list: a server has come, has gone, or has other rooms or people.
    pub const fn changes(&self) -> &Receiver<()> {
        &self.changes
    }
}
