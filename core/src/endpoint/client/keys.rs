//! Media keys: one sender key per participant and room, wrapped for each other device.
//!
//! An epoch is a generation (high byte) and a ratchet step (low byte). When somebody joins, everybody ratchets: the
//! newcomer gets the new step and can't open what was before. When somebody leaves, everybody makes a new generation,
//! wraps it for those who remain, and switches a moment later, within two seconds of the leave.

use zeroize::Zeroizing;

use super::room::ClientRoom;
use super::{ClientMachine, ClientOutput};
use crate::crypto::drbg::Drbg;
use crate::crypto::senderkey::{self, DeviceSecret, WRAP_BYTES};
use crate::crypto::sframe::SenderKey;
use crate::error::DropReason;
use crate::id::{RoomId, Slot};
use crate::limits::KEY_PACKETS_ROTATE;
use crate::time::{Duration, Instant};
use crate::wire::control::ClientMessage;

/// Several leaves within this time make one new key.
const ROTATE_AFTER: Duration = Duration::from_millis(400);
/// Others have this long to get a new key before it is used.
const SWITCH_AFTER: Duration = Duration::from_millis(600);
/// One key request per participant in this time.
pub(super) const KEY_REQUEST_INTERVAL: Duration = Duration::from_millis(500);

/// The key id that SFrame carries: the sender's place and the epoch.
pub(super) const fn key_id(slot: Slot, epoch: u16) -> u64 {
    (slot.0 as u64) << 16 | epoch as u64
}

/// Our own key in a room.
pub(super) struct OwnKey {
    base: Zeroizing<[u8; 32]>,
    pub epoch: u16,
    pub sealer: SenderKey,
    rotate_at: Option<Instant>,
    next: Option<NextKey>,
}

/// A key that the others are getting, to be used soon.
struct NextKey {
    base: Zeroizing<[u8; 32]>,
    epoch: u16,
    use_at: Instant,
}

impl OwnKey {
    fn new(base: Zeroizing<[u8; 32]>, slot: Slot, epoch: u16) -> Self {
        let sealer = SenderKey::new(base.as_slice(), key_id(slot, epoch));
        Self { base, epoch, sealer, rotate_at: None, next: None }
    }

    /// When this key wants to be looked after: a pending key is used before another one is made, so that leaves in a
    /// row don't put it off for ever.
    fn due_at(&self) -> Option<Instant> {
        self.next.as_ref().map(|next| next.use_at).or(self.rotate_at)
    }
}

impl ClientRoom {
    /// Makes a new key and uses it at once: our first one in this room, or one that nobody has yet.
    pub fn make_own_key(&mut self, slot: Slot, random: &mut Drbg) {
        self.generation = self.generation.wrapping_add(1);
        let epoch = u16::from_be_bytes([self.generation, 0]);
        self.own = Some(OwnKey::new(Zeroizing::new(random.array()), slot, epoch));
    }

    /// Somebody gets our key who must not open what was before. A key that has sealed nothing yet may be given as it is.
    pub fn ratchet_own_key(&mut self, random: &mut Drbg) {
        let Some((slot, _)) = self.joined else { return };
        let Some(own) = self.own.as_mut().filter(|own| own.sealer.packets() > 0) else { return };
        match own.epoch.to_be_bytes() {
            [generation, step] if step < u8::MAX => {
                own.epoch = u16::from_be_bytes([generation, step.saturating_add(1)]);
                own.base = Zeroizing::new(senderkey::ratchet(&own.base));
                own.sealer = SenderKey::new(own.base.as_slice(), key_id(slot, own.epoch));
            }
            // No step is left. Who is not given the new key asks for it.
            _ => self.make_own_key(slot, random),
        }
    }

    /// Somebody left: they must not open what comes.
    pub fn rotate_own_key_soon(&mut self, now: Instant) {
        if let Some(own) = self.own.as_mut() {
            own.rotate_at = own.rotate_at.or(Some(now + ROTATE_AFTER));
        }
    }

    /// Wraps our key, and the next one if there is one, for one participant.
    pub fn give_key(&self, device: &DeviceSecret, random: &mut Drbg, to: Slot, out: &mut impl ClientOutput) {
        let Some(own) = self.own.as_ref() else { return };
        self.give(device, random, to, own.epoch, &own.base, out);
        if let Some(next) = own.next.as_ref() {
            self.give(device, random, to, next.epoch, &next.base, out);
        }
    }

    fn give(
        &self,
        device: &DeviceSecret,
        random: &mut Drbg,
        to: Slot,
        epoch: u16,
        base: &[u8; 32],
        out: &mut impl ClientOutput,
    ) {
        let Some((slot, own_member)) = self.joined else { return };
        let member = self.members.get(usize::from(to.0)).and_then(Option::as_ref);
        let Some(member) = member.filter(|member| member.gone_at.is_none()) else { return };
        let info = wrap_info(self.id, slot, own_member, member.member, epoch);
        if let Ok(wrap) = senderkey::wrap(device, &member.device.seal, &info, base, random) {
            let message =
                ClientMessage::SenderKey { room: self.id, slot: to, member: member.member, epoch, wrap: &wrap };
            out.control(&message);
        }
    }

    /// Takes a key that another participant wrapped for us.
    pub fn take_key(&mut self, now: Instant, device: &DeviceSecret, from: Slot, epoch: u16, wrap: &[u8]) -> bool {
        let Some((_, own_member)) = self.joined else { return false };
        let room = self.id;
        let Some(member) = self.member_mut(from) else { return false };
        let Ok(wrap) = <&[u8; WRAP_BYTES]>::try_from(wrap) else { return false };
        let info = wrap_info(room, from, member.member, own_member, epoch);
        let Ok(base) = senderkey::unwrap(device, &member.device.seal, &info, wrap) else { return false };
        member.keys.insert(now, from, epoch, base);
        true
    }

    fn drive_key(&mut self, now: Instant, device: &DeviceSecret, random: &mut Drbg, out: &mut impl ClientOutput) {
        let Some((slot, _)) = self.joined else { return };
        let Some(own) = self.own.as_mut() else { return };
        if let Some(next) = own.next.take_if(|next| now >= next.use_at) {
            let rotate_at = own.rotate_at;
            *own = OwnKey::new(next.base, slot, next.epoch);
            own.rotate_at = rotate_at;
        }
        if own.next.is_some() {
            return;
        }
        let is_worn = own.sealer.packets() >= KEY_PACKETS_ROTATE;
        if own.rotate_at.take_if(|at| now >= *at).is_some() || is_worn {
            self.generation = self.generation.wrapping_add(1);
            let epoch = u16::from_be_bytes([self.generation, 0]);
            let base = Zeroizing::new(random.array());
            own.next = Some(NextKey { base: base.clone(), epoch, use_at: now + SWITCH_AFTER });
            for index in 0..self.members.len() {
                self.give(device, random, Slot(index as u16), epoch, &base, out);
            }
        }
    }
}

impl ClientMachine<'_> {
    pub(super) fn drive_keys(&mut self, now: Instant, out: &mut impl ClientOutput) {
        for room in self.rooms.iter_mut().filter_map(|place| place.room_mut()) {
            room.drive_key(now, &self.device, &mut self.random, out);
            room.forget_gone(now, &mut self.incoming);
            for member in room.members.iter_mut().flatten() {
                member.keys.forget_old(now);
            }
        }
    }

    pub(super) fn poll_keys(&self) -> Instant {
        let rooms = self.rooms.iter().filter_map(|place| place.room());
        let due = |room: &ClientRoom| {
            let own = room.own.as_ref().and_then(OwnKey::due_at).unwrap_or(Instant::NEVER);
            own.min(room.next_forgotten_at())
        };
        rooms.map(due).min().unwrap_or(Instant::NEVER)
    }

    /// Asks for a key that we lack, not too often.
    pub(super) fn request_key(
        &mut self,
        now: Instant,
        id: RoomId,
        slot: Slot,
        out: &mut impl ClientOutput,
    ) -> DropReason {
        let member = self.room_mut(id).and_then(|room| room.member_mut(slot));
        if let Some(member) = member
            && member.key_asked_at.is_none_or(|at| now.since(at) >= KEY_REQUEST_INTERVAL)
        {
            member.key_asked_at = Some(now);
            out.control(&ClientMessage::RequestKey { room: id, slot });
        }
        DropReason::UnknownKey
    }
}

/// Binds a wrapped key to its room, its giver, its taker and its epoch.
fn wrap_info(room: RoomId, from: Slot, from_member: u32, to_member: u32, epoch: u16) -> [u8; 32] {
    let mut info = *b"hph/1 sender key                ";
    let [r0, r1, r2, r3] = room.0.to_be_bytes();
    let [s0, s1] = from.0.to_be_bytes();
    let [f0, f1, f2, f3] = from_member.to_be_bytes();
    let [t0, t1, t2, t3] = to_member.to_be_bytes();
    let [e0, e1] = epoch.to_be_bytes();
    let bound = [r0, r1, r2, r3, s0, s1, f0, f1, f2, f3, t0, t1, t2, t3, e0, e1];
    if let Some(tail) = info.last_chunk_mut::<16>() {
        *tail = bound;
    }
    info
}
