//! Devices that show a code and wait for the owner to approve it.

use std::net::IpAddr;

use hph_core::time::{Duration, Instant};
use hph_platform::entropy;

use crate::store::Device;

/// A code is good for so long.
const VALID: Duration = Duration::from_secs(600);
/// Devices that wait at a time: all, and those of one address.
const WAITING_MAX: usize = 32;
const WAITING_PER_ADDRESS_MAX: usize = 4;
/// Codes of six digits.
const CODES: u32 = 1_000_000;

struct Waiting {
    code: u32,
    username: String,
    device: Device,
    address: IpAddr,
    until: Instant,
}

/// Who waits, and with which code. **Bound:** [`WAITING_MAX`].
#[derive(Default)]
pub(crate) struct Pairings(Vec<Waiting>);

impl Pairings {
    /// The code of a device, and for how many seconds it is good: the same as long as it is. None if too many wait.
    pub fn code_for(&mut self, now: Instant, address: IpAddr, username: &str, device: Device) -> Option<(u32, u16)> {
        self.0.retain(|waiting| waiting.until > now);
        let known = self.0.iter().find(|waiting| waiting.username == username && waiting.device == device);
        if let Some(waiting) = known {
            return Some((waiting.code, seconds(waiting.until.since(now))));
        }
        let from_there = self.0.iter().filter(|waiting| waiting.address == address).count();
        if self.0.len() >= WAITING_MAX || from_there >= WAITING_PER_ADDRESS_MAX {
            return None;
        }
        let mut code = u32::from_be_bytes(entropy::array()) % CODES;
        while self.0.iter().any(|waiting| waiting.code == code) {
            code = (code + 1) % CODES;
        }
        let (username, until) = (username.to_owned(), now + VALID);
        self.0.push(Waiting { code, username, device, address, until });
        Some((code, seconds(VALID)))
    }

    /// The owner has approved a code: whose it is.
    pub fn take(&mut self, now: Instant, code: u32) -> Option<(String, Device)> {
        let index = self.0.iter().position(|waiting| waiting.code == code && waiting.until > now)?;
        let Waiting { username, device, .. } = self.0.swap_remove(index);
        Some((username, device))
    }
}

fn seconds(time: Duration) -> u16 {
    u16::try_from(time.as_micros() / 1_000_000).unwrap_or(u16::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Instant {
        Instant::from_micros(seconds * 1_000_000)
    }

    fn device(number: u8) -> Device {
        Device { seal: [number; 32], sign: [number; 32] }
    }

    #[test]
    fn a_device_keeps_its_code_until_it_is_taken_or_too_old() {
        let here = IpAddr::from([192, 0, 2, 1]);
        let mut pairings = Pairings::default();
        let (code, seconds) = pairings.code_for(at(0), here, "kiosk-a", device(1)).expect("a code");
        assert!(code < CODES && seconds == 600);
        assert_eq!(pairings.code_for(at(9), here, "kiosk-a", device(1)), Some((code, 591)));
        assert_eq!(pairings.take(at(9), (code + 1) % CODES), None);
        assert_eq!(pairings.take(at(600), code), None, "too old");
        assert_eq!(pairings.take(at(9), code), Some(("kiosk-a".to_owned(), device(1))));
        assert_eq!(pairings.take(at(9), code), None, "once");
    }

    #[test]
    fn few_wait_of_one_address_and_of_all() {
        let mut pairings = Pairings::default();
        let mut ask = |address: u8, number: u8, now| {
            pairings.code_for(at(now), IpAddr::from([192, 0, 2, address]), &number.to_string(), device(number))
        };
        assert_eq!((0..9).filter(|number| ask(1, *number, 0).is_some()).count(), WAITING_PER_ADDRESS_MAX);
        assert_eq!((9..99).filter(|number| ask(*number, *number, 0).is_some()).count(), WAITING_MAX - 4);
        assert!(ask(200, 200, 601).is_some(), "who is gone waits no longer");
    }
}
