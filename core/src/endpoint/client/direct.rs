//! Direct messages: sealed for the receiver's device, signed by the sender's, and shown once.

use super::{ClientEvent, ClientMachine, ClientOutput};
use crate::crypto::senderkey::{self, DIRECT_OVERHEAD_BYTES, DeviceKeys};
use crate::error::Malformed;
use crate::limits::{CHAT_TEXT_MAX_BYTES, DIRECT_SEALED_MAX_BYTES, USERNAME_MAX_BYTES};
use crate::time::Instant;
use crate::wire::control::{ClientMessage, DevicePublic, ServerMessage};
use crate::wire::text;

/// The message's reference stands before its text, inside the seal.
const REFERENCE_BYTES: usize = 8;
/// Longest text of a direct message.
pub const DIRECT_TEXT_MAX_BYTES: usize = CHAT_TEXT_MAX_BYTES - REFERENCE_BYTES;
/// `hph/1 direct`, both names, and a separator after each.
const INFO_MAX_BYTES: usize = 16 + 2 * (USERNAME_MAX_BYTES + 1);

/// The references of the last direct messages: a server that plays one again is not believed.
pub(super) struct SeenReferences {
    ring: [u64; 256],
    next: u8,
}

impl Default for SeenReferences {
    fn default() -> Self {
        Self { ring: [0; 256], next: 0 }
    }
}

impl SeenReferences {
    fn is_new(&mut self, reference: u64) -> bool {
        if self.ring.contains(&reference) {
            return false;
        }
        if let Some(place) = self.ring.get_mut(usize::from(self.next)) {
            *place = reference;
        }
        self.next = self.next.wrapping_add(1);
        true
    }
}

impl ClientMachine<'_> {
    /// Seals and sends a direct message. `device` is the receiver's, from [`ClientMessage::LookUp`]; `reference` is a
    /// random number, not zero, the same for every resend.
    ///
    /// # Errors
    /// [`Malformed`] for a text that is not allowed, or keys that nothing can be sealed for.
    pub fn send_direct(
        &mut self,
        reference: u64,
        to: &str,
        device: &DevicePublic,
        body: &str,
        out: &mut impl ClientOutput,
    ) -> Result<(), Malformed> {
        if !text::is_chat_text(body) || body.len() > DIRECT_TEXT_MAX_BYTES {
            return Err(Malformed { at: "direct message" });
        }
        let mut plain = [0; CHAT_TEXT_MAX_BYTES];
        let len_bytes = REFERENCE_BYTES.saturating_add(body.len());
        let filled = plain.get_mut(..len_bytes).ok_or(Malformed { at: "direct message" })?;
        let (head, rest) = filled.split_at_mut(REFERENCE_BYTES);
        head.copy_from_slice(&reference.to_be_bytes());
        rest.copy_from_slice(body.as_bytes());

        let (info, info_len) = direct_info(&self.username, to);
        let info = info.get(..info_len).unwrap_or_default();
        let mut sealed = [0; DIRECT_SEALED_MAX_BYTES];
        let len = senderkey::seal_direct(&self.device, &device.seal, info, filled, &mut self.random, &mut sealed)
            .map_err(|_| Malformed { at: "receiver's key" })?;
        let sealed = sealed.get(..len).unwrap_or_default();
        out.control(&ClientMessage::SendDirect { reference, to, sealed });
        Ok(())
    }

    /// Takes the next direct message; asks again if one is missing.
    pub(super) fn handle_direct(&mut self, now: Instant, message: &ServerMessage<'_>, out: &mut impl ClientOutput) {
        let ServerMessage::Direct { id, from, ref device, time_ms, sealed } = *message else { return };
        if !self.directs.is_next(now, id) {
            if let Some(after) = self.directs.after_gap(now) {
                let after = self.directs_after(after);
                out.control(&ClientMessage::SyncDirect { after });
            }
            return;
        }
        self.knows_directs = true;
        let mut plain = [0; CHAT_TEXT_MAX_BYTES];
        let text = match self.open_direct(from, device, sealed, &mut plain) {
            Some((reference, text)) if self.direct_seen.is_new(reference) => Some(text),
            Some(_) => return,
            None => None,
        };
        out.event(ClientEvent::Direct { id, from, device: *device, time_ms, text });
    }

    fn open_direct<'p>(
        &self,
        from: &str,
        device: &DevicePublic,
        sealed: &[u8],
        plain: &'p mut [u8],
    ) -> Option<(u64, &'p str)> {
        let (info, info_len) = direct_info(from, &self.username);
        let sender = DeviceKeys { seal: device.seal, sign: device.sign };
        let len = senderkey::open_direct(&self.device, &sender, info.get(..info_len)?, sealed, plain).ok()?;
        let (reference, body) = plain.get(..len)?.split_first_chunk::<REFERENCE_BYTES>()?;
        let body = core::str::from_utf8(body).ok().filter(|body| text::is_chat_text(body))?;
        Some((u64::from_be_bytes(*reference), body))
    }
}

/// Binds a message to its two ends.
fn direct_info(from: &str, to: &str) -> ([u8; INFO_MAX_BYTES], usize) {
    let mut info = [0; INFO_MAX_BYTES];
    let parts = [b"hph/1 direct".as_slice(), b"\0", from.as_bytes(), b"\0", to.as_bytes()];
    let mut len: usize = 0;
    for (to, from) in info.iter_mut().zip(parts.into_iter().flatten()) {
        *to = *from;
        len = len.saturating_add(1);
    }
    (info, len)
}

const _: () = assert!(CHAT_TEXT_MAX_BYTES + DIRECT_OVERHEAD_BYTES <= DIRECT_SEALED_MAX_BYTES);
