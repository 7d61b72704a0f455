//! The devices that may sign in to one's account: seeing them, and letting one never in again.

use hph_client::core::wire::control::DevicePublic;
use hph_client::engine::{AccountCommand, AccountEvent, Command, Event as EngineEvent};
use hph_client::safety::Code;

use crate::effect::{Effects, engine};
use crate::ids::Ids;
use crate::trouble::Trouble;

/// Devices of one account: a server that tells more is not believed.
const LISTED_MAX: usize = 200;

/// A device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    /// Its Ed25519 key.
    pub sign: [u8; 32],
    /// Its fingerprint, to be compared.
    pub fingerprint: String,
    /// What it calls itself.
    pub name: String,
    /// When it signed in first. **Units:** milliseconds since 1970.
    pub first_seen_ms: u64,
    /// When it signed in last. **Units:** milliseconds since 1970.
    pub last_seen_ms: u64,
    /// Whether it is signed in now.
    pub is_here: bool,
    /// Whether it is this one.
    pub is_this: bool,
}

/// What happens in the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// The list is looked at: it is asked for.
    List,
    /// Let that one never in again? It is asked once more before it is done.
    Ask([u8; 32]),
    /// Yes.
    Revoke,
    /// No.
    Cancel,
}

/// The list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sessions {
    /// The devices, this one first, then those that were here last.
    pub devices: Vec<Device>,
    /// The one that is asked about.
    pub asked: Option<[u8; 32]>,
    /// What the server refused.
    pub problem: Option<Trouble>,
    /// Our own key on this machine, if it is known.
    pub own: Option<DevicePublic>,
    listing: Option<u32>,
    coming: Vec<Device>,
    revoking: Option<(u32, [u8; 32])>,
}

impl Sessions {
    /// Nothing is known yet but our own key.
    pub fn of(own: Option<DevicePublic>) -> Self {
        Self { own, ..Self::default() }
    }

    /// Whether the list is being told.
    pub const fn is_loading(&self) -> bool {
        self.listing.is_some()
    }

    /// Takes an event.
    pub fn handle(&mut self, event: Event, ids: &mut Ids, effects: &mut Effects) {
        match event {
            Event::List => {
                let request = ids.request();
                (self.listing, self.coming, self.problem, self.asked) = (Some(request), Vec::new(), None, None);
                engine(effects, Command::Account(AccountCommand::ListDevices { request }));
            }
            // This device is not locked out by itself: it can be signed out.
            Event::Ask(sign) => {
                let is_other = |device: &&Device| device.sign == sign && !device.is_this;
                self.asked = self.devices.iter().find(is_other).map(|device| device.sign);
            }
            Event::Cancel => self.asked = None,
            Event::Revoke => {
                let Some(sign) = self.asked.take().filter(|_| self.revoking.is_none()) else { return };
                let request = ids.request();
                (self.revoking, self.problem) = (Some((request, sign)), None);
                engine(effects, Command::Account(AccountCommand::RevokeDevice { request, sign }));
            }
        }
    }

    /// Takes what the engine says, if it answers what was asked here.
    pub fn handle_engine(&mut self, event: &EngineEvent) {
        match event {
            EngineEvent::Account(AccountEvent::Device {
                request,
                device,
                name,
                first_seen_ms,
                last_seen_ms,
                is_here,
            }) if self.listing == Some(*request) && self.coming.len() < LISTED_MAX => {
                self.coming.push(Device {
                    sign: device.sign,
                    fingerprint: Code::of_device(device).to_string(),
                    name: name.clone(),
                    first_seen_ms: *first_seen_ms,
                    last_seen_ms: *last_seen_ms,
                    is_here: *is_here,
                    is_this: self.own.as_ref() == Some(device),
                });
            }
            EngineEvent::Account(AccountEvent::DevicesAll { request }) if self.listing == Some(*request) => {
                self.listing = None;
                self.devices = std::mem::take(&mut self.coming);
                self.devices.sort_by_key(|device| std::cmp::Reverse((device.is_this, device.last_seen_ms)));
            }
            EngineEvent::Account(AccountEvent::Done { request }) => {
                if let Some((_, sign)) = self.revoking.take_if(|(asked, _)| asked == request) {
                    self.devices.retain(|device| device.sign != sign);
                }
            }
            EngineEvent::Refused { request, reason } => {
                let was_listing = self.listing.take_if(|asked| asked == request).is_some();
                let was_revoking = self.revoking.take_if(|(asked, _)| asked == request).is_some();
                if was_listing || was_revoking {
                    self.problem = Some(Trouble::of_refusal(*reason));
                }
            }
            EngineEvent::Lost { .. } => (self.listing, self.revoking) = (None, None),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use hph_client::core::wire::control::Refusal;

    use super::*;
    use crate::effect::Effect;

    fn key(byte: u8) -> DevicePublic {
        DevicePublic { seal: [byte; 32], sign: [byte; 32] }
    }

    fn tell(sessions: &mut Sessions, request: u32, byte: u8, last_seen_ms: u64) {
        let (device, name) = (key(byte), format!("hph-desktop {byte}"));
        sessions.handle_engine(&EngineEvent::Account(AccountEvent::Device {
            request,
            device,
            name,
            first_seen_ms: 1,
            last_seen_ms,
            is_here: byte == 1,
        }));
    }

    fn listed() -> (Sessions, Ids) {
        let mut sessions = Sessions { own: Some(key(1)), ..Sessions::default() };
        let mut ids = Ids::new(1);
        sessions.handle(Event::List, &mut ids, &mut Vec::new());
        for (byte, last) in [(2, 20), (1, 10), (3, 30)] {
            tell(&mut sessions, 1, byte, last);
        }
        assert!(sessions.is_loading() && sessions.devices.is_empty());
        tell(&mut sessions, 7, 9, 90);
        sessions.handle_engine(&EngineEvent::Account(AccountEvent::DevicesAll { request: 1 }));
        (sessions, ids)
    }

    #[test]
    fn this_device_stands_first_and_is_not_locked_out_by_itself() {
        let (mut sessions, mut ids) = listed();
        let order: Vec<u8> = sessions.devices.iter().map(|device| device.sign[0]).collect();
        assert_eq!((order, sessions.devices[0].is_this), (vec![1, 3, 2], true));
        sessions.handle(Event::Ask([1; 32]), &mut ids, &mut Vec::new());
        assert_eq!(sessions.asked, None);
    }

    #[test]
    fn another_is_revoked_after_a_question_and_is_gone_when_the_server_says_so() {
        let (mut sessions, mut ids) = listed();
        let mut effects = Vec::new();
        sessions.handle(Event::Revoke, &mut ids, &mut effects);
        assert!(effects.is_empty(), "nobody was asked about");
        sessions.handle(Event::Ask([2; 32]), &mut ids, &mut effects);
        sessions.handle(Event::Cancel, &mut ids, &mut effects);
        sessions.handle(Event::Revoke, &mut ids, &mut effects);
        assert!(effects.is_empty());
        sessions.handle(Event::Ask([2; 32]), &mut ids, &mut effects);
        sessions.handle(Event::Revoke, &mut ids, &mut effects);
        let asked = |effect: &Effect| match effect {
            Effect::Engine(Command::Account(AccountCommand::RevokeDevice { request, sign })) => Some((*request, *sign)),
            _ => None,
        };
        assert_eq!(effects.iter().filter_map(asked).collect::<Vec<_>>(), [(2, [2; 32])]);
        assert_eq!(sessions.devices.len(), 3);
        sessions.handle_engine(&EngineEvent::Refused { request: 2, reason: Refusal::Storage });
        assert_eq!((sessions.devices.len(), sessions.problem), (3, Some(Trouble::of_refusal(Refusal::Storage))));
        sessions.handle(Event::Ask([2; 32]), &mut ids, &mut effects);
        sessions.handle(Event::Revoke, &mut ids, &mut effects);
        sessions.handle_engine(&EngineEvent::Account(AccountEvent::Done { request: 3 }));
        assert_eq!((sessions.devices.len(), sessions.problem), (2, None));
    }
}
