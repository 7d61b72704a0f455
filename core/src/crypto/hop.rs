//! The hop seal: between one client and the server, over every datagram, in each direction with keys of its own.
//!
//! Media stays sealed from end to end, so the hop seal of a media datagram covers only its headers (`*_clear`): the
//! relay seals about hundred bytes per receiver, not the whole datagram. Control datagrams are encrypted (`*_body`).
//!
//! Wire: `kind u8 | phase u8 | connection u32 BE | counter u64 BE | tag 16 | rest`. Keys, from the TLS exporter
//! (label [`EXPORTER_LABEL`], RFC 8446 section 7.5):
//!
//! ```text
//! key  = HKDF-Expand-SHA256(exporter, "hph/1 hop " || "c2s" or "s2c" || " key"  || connection BE4 || generation BE4, 32)
//! salt = HKDF-Expand-SHA256(exporter, "hph/1 hop " || "c2s" or "s2c" || " salt" || connection BE4 || generation BE4, 12)
//! ```
//!
//! A generation is one key and its counter from 1 on; the wire's phase is its lowest byte. The whole generation goes
//! into the key: with the byte alone, the 257th key would be the first again and repeat its nonces.

use zeroize::Zeroizing;

use super::gmac::{CLEAR_MAX_BYTES, ClearBlocks, GmacKey, Masks};
use super::kdf::expand_sha256;
use super::replay::ReplayWindow;
use crate::error::DropReason;
use crate::limits::{HOP_HEADER_BYTES, HOP_PREFIX_BYTES, KEY_PACKETS_MAX, KEY_PACKETS_ROTATE, TAG_BYTES};
use crate::time::{Duration, Instant};

/// The label that the TLS exporter of the control connection is asked with, context empty, 32 bytes.
pub const EXPORTER_LABEL: &str = "EXPORTER-hph media v1";
/// Most bytes that `seal_clear` and `open_clear` authenticate after the hop header.
pub const HOP_CLEAR_MAX_BYTES: usize = CLEAR_MAX_BYTES;
/// A key changes after this long, however little it sealed.
pub const PHASE_MAX: Duration = Duration::from_secs(60 * 60);
/// The key before the current one still opens for this long: reordered packets of its last moments.
pub const PHASE_OVERLAP: Duration = Duration::from_secs(10);

/// Which way a packet goes. Each has keys of its own, so that nothing can be sent back to its sender.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Sealed by the client, opened by the server.
    ClientToServer,
    /// Sealed by the server, opened by the client.
    ServerToClient,
}

impl Direction {
    const fn label(self) -> &'static [u8] {
        match self {
            Self::ClientToServer => b"c2s",
            Self::ServerToClient => b"s2c",
        }
    }
}

/// The first 14 bytes of every datagram, in the clear and authenticated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HopHeader {
    /// What follows the hop tag; its values are the wire module's.
    pub kind: u8,
    /// Lowest byte of the key's generation.
    pub phase: u8,
    /// Which session this is.
    pub connection: u32,
    /// Packet number under this key, from 1.
    pub counter: u64,
}

impl HopHeader {
    /// Reads the header off the front of a datagram.
    ///
    /// # Errors
    /// [`DropReason::Length`] if there are fewer than [`HOP_HEADER_BYTES`].
    pub fn parse(datagram: &[u8]) -> Result<Self, DropReason> {
        let header = datagram.first_chunk::<HOP_HEADER_BYTES>().ok_or(DropReason::Length)?;
        let [kind, phase, c0, c1, c2, c3, counter @ ..] = *header;
        Ok(Self { kind, phase, connection: u32::from_be_bytes([c0, c1, c2, c3]), counter: u64::from_be_bytes(counter) })
    }

    /// Writes the header.
    pub fn emit(&self, out: &mut [u8; HOP_HEADER_BYTES]) {
        let [c0, c1, c2, c3] = self.connection.to_be_bytes();
        let [n0, n1, n2, n3, n4, n5, n6, n7] = self.counter.to_be_bytes();
        *out = [self.kind, self.phase, c0, c1, c2, c3, n0, n1, n2, n3, n4, n5, n6, n7];
    }

    fn to_bytes(self) -> [u8; HOP_HEADER_BYTES] {
        let mut bytes = [0; HOP_HEADER_BYTES];
        self.emit(&mut bytes);
        bytes
    }
}

/// What an accepted packet tells about itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opened {
    /// No packet sealed later was opened before: only such a packet may speak for its sender's address.
    pub is_newest: bool,
}

/// What all keys of one direction of one session are made from.
struct KeySource {
    exporter: Zeroizing<[u8; 32]>,
    connection: u32,
    direction: Direction,
}

impl KeySource {
    fn new(exporter: &[u8; 32], connection: u32, direction: Direction) -> Self {
        Self { exporter: Zeroizing::new(*exporter), connection, direction }
    }

    fn key(&self, generation: u32) -> GmacKey {
        GmacKey::new(&self.expand(b" key", generation), *self.expand(b" salt", generation))
    }

    fn expand<const N: usize>(&self, what: &[u8], generation: u32) -> Zeroizing<[u8; N]> {
        let (connection, generation) = (self.connection.to_be_bytes(), generation.to_be_bytes());
        let info = [b"hph/1 hop ", self.direction.label(), what, connection.as_slice(), generation.as_slice()];
        expand_sha256(&self.exporter, &info)
    }
}

/// The clear bytes of a packet, laid out to be sealed for many receivers or to be checked.
pub struct Clear(ClearBlocks);

impl Clear {
    /// Lays them out.
    ///
    /// # Errors
    /// [`DropReason::Length`] if there are more than [`HOP_CLEAR_MAX_BYTES`].
    pub fn new(clear: &[u8]) -> Result<Self, DropReason> {
        ClearBlocks::new(clear).map(Self).ok_or(DropReason::Length)
    }
}

/// Seals what leaves in one direction of one session. Not `Clone`: two of them would use one nonce twice.
pub struct HopSealer {
    source: KeySource,
    generation: u32,
    key: GmacKey,
    masks: Masks,
    counter: u64,
    /// When this key was first used.
    begun: Option<Instant>,
}

impl HopSealer {
    /// A sealer for `connection`, keyed by the TLS `exporter` of its control connection. Made once per exporter.
    pub fn new(exporter: &[u8; 32], connection: u32, direction: Direction) -> Self {
        let source = KeySource::new(exporter, connection, direction);
        let key = source.key(0);
        Self { source, generation: 0, key, masks: Masks::default(), counter: 0, begun: None }
    }

    /// Authenticates `clear` (at most [`HOP_CLEAR_MAX_BYTES`]), which the caller sends after the returned header and
    /// tag.
    ///
    /// # Errors
    /// [`DropReason::Length`] if `clear` is too long, [`DropReason::KeyExhausted`] if no key is left; neither uses
    /// up a counter.
    pub fn seal_clear(&mut self, now: Instant, kind: u8, clear: &[u8]) -> Result<[u8; HOP_PREFIX_BYTES], DropReason> {
        self.seal_laid_out(now, kind, &mut Clear::new(clear)?)
    }

    /// As [`Self::seal_clear`], for what is sealed for others too. The relay's hot path.
    ///
    /// # Errors
    /// [`DropReason::KeyExhausted`] if no key is left.
    pub fn seal_laid_out(
        &mut self,
        now: Instant,
        kind: u8,
        clear: &mut Clear,
    ) -> Result<[u8; HOP_PREFIX_BYTES], DropReason> {
        let header = self.begin(now, kind)?;
        let bytes = header.to_bytes();
        let tag = self.key.tag(header.counter, &bytes, &mut clear.0, &mut self.masks);
        Ok(prefix(&bytes, &tag))
    }

    /// Encrypts `body` in place, to be sent after the returned header and tag.
    ///
    /// # Errors
    /// [`DropReason::KeyExhausted`] if no key is left; `body` is then untouched.
    pub fn seal_body(&mut self, now: Instant, kind: u8, body: &mut [u8]) -> Result<[u8; HOP_PREFIX_BYTES], DropReason> {
        let header = self.begin(now, kind)?;
        let bytes = header.to_bytes();
        let tag = self.key.seal(header.counter, &bytes, body).ok_or(DropReason::Length)?;
        Ok(prefix(&bytes, &tag))
    }

    /// Takes the next counter, under the next key if this one has served its time.
    fn begin(&mut self, now: Instant, kind: u8) -> Result<HopHeader, DropReason> {
        let begun = *self.begun.get_or_insert(now);
        if self.counter >= KEY_PACKETS_ROTATE || now.since(begun) >= PHASE_MAX {
            self.rotate(now);
        }
        // Reached only if there is no next key.
        if self.counter >= KEY_PACKETS_MAX {
            return Err(DropReason::KeyExhausted);
        }
        self.counter = self.counter.saturating_add(1);
        Ok(HopHeader {
            kind,
            phase: phase_of(self.generation),
            connection: self.source.connection,
            counter: self.counter,
        })
    }

    /// Moves to the next key, if there is one: generations end before they repeat.
    fn rotate(&mut self, now: Instant) {
        if let Some(generation) = self.generation.checked_add(1) {
            self.generation = generation;
            self.key = self.source.key(generation);
            self.masks.clear();
            self.counter = 0;
            self.begun = Some(now);
        }
    }
}

/// A key with the counters that it has opened.
struct Opening {
    phase: u8,
    key: GmacKey,
    window: ReplayWindow,
}

impl Opening {
    fn new(source: &KeySource, generation: u32) -> Self {
        Self { phase: phase_of(generation), key: source.key(generation), window: ReplayWindow::new() }
    }
}

/// Which of the three keys a packet is for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Current,
    Next,
    Previous,
}

/// Opens what arrives in one direction of one session. A packet that is refused changes nothing at all in it.
///
/// It holds three keys: the current one, the one before for [`PHASE_OVERLAP`], and the next one, derived ahead so
/// that a forged phase byte costs no derivation.
pub struct HopOpener {
    source: KeySource,
    /// Generation of `current`.
    generation: u32,
    current: Opening,
    next: Opening,
    previous: Option<(Opening, Instant)>,
}

impl HopOpener {
    /// An opener for `connection`, keyed by the TLS `exporter` of its control connection.
    pub fn new(exporter: &[u8; 32], connection: u32, direction: Direction) -> Self {
        let source = KeySource::new(exporter, connection, direction);
        let (current, next) = (Opening::new(&source, 0), Opening::new(&source, 1));
        Self { source, generation: 0, current, next, previous: None }
    }

    /// Accepts a packet whose `clear` bytes (what `seal_clear` was given) are authenticated, not encrypted.
    ///
    /// # Errors
    /// [`DropReason::UnknownConnection`], [`DropReason::Phase`], [`DropReason::TooOld`], [`DropReason::Replayed`],
    /// [`DropReason::Length`] (more than [`HOP_CLEAR_MAX_BYTES`]) or [`DropReason::HopTag`].
    pub fn open_clear(
        &mut self,
        now: Instant,
        header: &HopHeader,
        tag: &[u8; TAG_BYTES],
        clear: &[u8],
    ) -> Result<Opened, DropReason> {
        let mut clear = ClearBlocks::new(clear).ok_or(DropReason::Length)?;
        self.open(now, header, |key| key.is_fitting(header.counter, &header.to_bytes(), &mut clear, tag))
    }

    /// Decrypts `body` in place. If the packet is refused, `body` is untouched.
    ///
    /// # Errors
    /// [`DropReason::UnknownConnection`], [`DropReason::Phase`], [`DropReason::TooOld`], [`DropReason::Replayed`]
    /// or [`DropReason::HopTag`].
    pub fn open_body(
        &mut self,
        now: Instant,
        header: &HopHeader,
        tag: &[u8; TAG_BYTES],
        body: &mut [u8],
    ) -> Result<Opened, DropReason> {
        self.open(now, header, |key| key.is_opened(header.counter, &header.to_bytes(), body, tag))
    }

    /// Whether a packet with that header may be opened at all: its key and its counter, before any work on its tag.
    ///
    /// # Errors
    /// As [`Self::open_clear`], but for [`DropReason::HopTag`] and [`DropReason::Length`].
    pub fn check(&mut self, now: Instant, header: &HopHeader) -> Result<(), DropReason> {
        if header.connection != self.source.connection {
            return Err(DropReason::UnknownConnection);
        }
        self.place(now, header.phase)?.1.window.check(header.counter)
    }

    fn open(
        &mut self,
        now: Instant,
        header: &HopHeader,
        is_fitting: impl FnOnce(&GmacKey) -> bool,
    ) -> Result<Opened, DropReason> {
        if header.connection != self.source.connection {
            return Err(DropReason::UnknownConnection);
        }
        let (place, opening) = self.place(now, header.phase)?;
        opening.window.check(header.counter)?;
        if !is_fitting(&opening.key) {
            return Err(DropReason::HopTag);
        }
        let is_newest = match place {
            Place::Previous => false,
            Place::Current => opening.window.is_newest(header.counter),
            Place::Next => true,
        };
        opening.window.commit(header.counter);
        if place == Place::Next {
            self.advance(now);
        }
        self.forget_previous(now);
        Ok(Opened { is_newest })
    }

    fn place(&mut self, now: Instant, phase: u8) -> Result<(Place, &mut Opening), DropReason> {
        if phase == self.current.phase {
            return Ok((Place::Current, &mut self.current));
        }
        if phase == self.next.phase {
            return Ok((Place::Next, &mut self.next));
        }
        match &mut self.previous {
            Some((previous, until)) if previous.phase == phase && now < *until => Ok((Place::Previous, previous)),
            _ => Err(DropReason::Phase),
        }
    }

    /// The next key has opened its first packet: it is the current one now.
    fn advance(&mut self, now: Instant) {
        self.generation = self.generation.saturating_add(1);
        let after = Opening::new(&self.source, self.generation.saturating_add(1));
        let current = core::mem::replace(&mut self.next, after);
        let previous = core::mem::replace(&mut self.current, current);
        self.previous = Some((previous, now + PHASE_OVERLAP));
    }

    fn forget_previous(&mut self, now: Instant) {
        if self.previous.as_ref().is_some_and(|(_, until)| now >= *until) {
            self.previous = None;
        }
    }
}

const fn phase_of(generation: u32) -> u8 {
    (generation & 0xff) as u8
}

fn prefix(header: &[u8; HOP_HEADER_BYTES], tag: &[u8; TAG_BYTES]) -> [u8; HOP_PREFIX_BYTES] {
    let mut prefix = [0; HOP_PREFIX_BYTES];
    let (front, back) = prefix.split_at_mut(HOP_HEADER_BYTES);
    front.copy_from_slice(header);
    back.copy_from_slice(tag);
    prefix
}

#[cfg(test)]
mod tests;
