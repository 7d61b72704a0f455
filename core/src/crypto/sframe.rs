//! The end-to-end seal of media: SFrame (RFC 9605), cipher suite 0x0005, AES_256_GCM_SHA512_128, one seal per packet.
//!
//! Per packet and not per frame, so that nothing unauthenticated is ever reassembled. The seal is symmetric: it
//! proves that *a* holder of the key sealed, not which one (RFC 9605 section 7.2).

use super::aead::CounterAead;
use super::kdf::{expand_sha512, extract_sha512};
use super::replay::ReplayWindow;
use crate::error::DropReason;
use crate::limits::{KEY_PACKETS_MAX, TAG_BYTES};

/// AES_256_GCM_SHA512_128 in the registry of RFC 9605 section 8.1.
const CIPHER_SUITE: u16 = 0x0005;
/// Longest SFrame header: configuration byte, key id and counter of 8 bytes each.
pub const SFRAME_HEADER_BYTES_MAX: usize = 17;
/// Most metadata that is authenticated with a packet.
pub const METADATA_MAX_BYTES: usize = 64;
/// Values below this stand in the configuration byte itself.
const INLINE_END: u64 = 8;

/// Which key, and which packet under it (RFC 9605 section 4.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SframeHeader {
    /// Key id: names sender and epoch.
    pub kid: u64,
    /// Packet number under this key, from 0.
    pub counter: u64,
}

impl SframeHeader {
    /// Reads a header off the front of `bytes` and tells how many it took, 1 to 17.
    ///
    /// # Errors
    /// [`DropReason::Length`] if `bytes` end within it, [`DropReason::MediaHeader`] if a number is written longer
    /// than it needs to be: one header has one form.
    pub fn parse(bytes: &[u8]) -> Result<(Self, usize), DropReason> {
        let (&config, rest) = bytes.split_first().ok_or(DropReason::Length)?;
        let (kid, rest) = parse_number(config >> 4, rest)?;
        let (counter, rest) = parse_number(config & 0x0f, rest)?;
        Ok((Self { kid, counter }, bytes.len().saturating_sub(rest.len())))
    }

    /// Writes the header in its shortest form and returns its length, 1 to 17 bytes.
    pub fn emit(&self, out: &mut [u8; SFRAME_HEADER_BYTES_MAX]) -> usize {
        let (kid_nibble, kid_len) = number_form(self.kid);
        let (counter_nibble, counter_len) = number_form(self.counter);
        let kid = self.kid.to_be_bytes();
        let counter = self.counter.to_be_bytes();
        let config = [kid_nibble << 4 | counter_nibble];
        let bytes = config.iter().chain(kid.iter().skip(8 - kid_len)).chain(counter.iter().skip(8 - counter_len));
        for (out, byte) in out.iter_mut().zip(bytes) {
            *out = *byte;
        }
        1 + kid_len + counter_len
    }
}

/// One half of the configuration byte, and how many bytes of the number follow it.
fn number_form(value: u64) -> (u8, usize) {
    if value < INLINE_END {
        return (value as u8, 0);
    }
    let len = (u64::BITS - value.leading_zeros()).div_ceil(8);
    (0x08 | (len - 1) as u8, len as usize)
}

fn parse_number(nibble: u8, bytes: &[u8]) -> Result<(u64, &[u8]), DropReason> {
    let low = nibble & 0x07;
    if nibble & 0x08 == 0 {
        return Ok((u64::from(low), bytes));
    }
    let len = usize::from(low) + 1;
    let (number, rest) = bytes.split_at_checked(len).ok_or(DropReason::Length)?;
    let value = number.iter().fold(0_u64, |value, &byte| value << 8 | u64::from(byte));
    if number_form(value).1 == len { Ok((value, rest)) } else { Err(DropReason::MediaHeader) }
}

/// Derives key and salt of `kid` (RFC 9605 section 4.4.2).
fn derive(base_key: &[u8], kid: u64) -> CounterAead {
    let secret = extract_sha512(base_key);
    let (kid, suite) = (kid.to_be_bytes(), CIPHER_SUITE.to_be_bytes());
    let key = expand_sha512(&secret, &[b"SFrame 1.0 Secret key ", &kid, &suite]);
    CounterAead::new(&key, *expand_sha512(&secret, &[b"SFrame 1.0 Secret salt ", &kid, &suite]))
}

/// Header and metadata in one piece, as associated data (RFC 9605 section 4.4.3).
struct Associated {
    bytes: [u8; SFRAME_HEADER_BYTES_MAX + METADATA_MAX_BYTES],
    len: usize,
}

impl Associated {
    fn new(header: &[u8], metadata: &[u8]) -> Result<Self, DropReason> {
        if header.len() > SFRAME_HEADER_BYTES_MAX || metadata.len() > METADATA_MAX_BYTES {
            return Err(DropReason::Length);
        }
        let mut bytes = [0; SFRAME_HEADER_BYTES_MAX + METADATA_MAX_BYTES];
        for (out, byte) in bytes.iter_mut().zip(header.iter().chain(metadata)) {
            *out = *byte;
        }
        Ok(Self { bytes, len: header.len() + metadata.len() })
    }

    fn as_slice(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or(&self.bytes)
    }
}

/// Seals the media of one sender for one epoch. Not `Clone`: two of them would use one nonce twice.
pub struct SenderKey {
    aead: CounterAead,
    kid: u64,
    counter: u64,
}

impl SenderKey {
    /// The key that `base_key` gives for `kid`. The caller makes only one from the same pair.
    pub fn new(base_key: &[u8], kid: u64) -> Self {
        Self { aead: derive(base_key, kid), kid, counter: 0 }
    }

    /// Encrypts `plaintext` in place; authenticates the header and `metadata` (at most [`METADATA_MAX_BYTES`]) with
    /// it. Writes the SFrame header to `header_out` and returns its length and the tag.
    ///
    /// # Errors
    /// [`DropReason::KeyExhausted`] after [`KEY_PACKETS_MAX`] packets, [`DropReason::Length`] for too much metadata.
    /// The plaintext is then untouched and no counter used up.
    pub fn seal(
        &mut self,
        metadata: &[u8],
        plaintext: &mut [u8],
        header_out: &mut [u8; SFRAME_HEADER_BYTES_MAX],
    ) -> Result<(usize, [u8; TAG_BYTES]), DropReason> {
        if self.counter >= KEY_PACKETS_MAX {
            return Err(DropReason::KeyExhausted);
        }
        let header = SframeHeader { kid: self.kid, counter: self.counter };
        let header_len = header.emit(header_out);
        let associated = Associated::new(header_out.get(..header_len).unwrap_or_default(), metadata)?;
        self.counter = self.counter.saturating_add(1);
        let tag = self.aead.seal(header.counter, associated.as_slice(), plaintext).ok_or(DropReason::Length)?;
        Ok((header_len, tag))
    }

    /// Packets sealed so far; a new key is due at [`crate::limits::KEY_PACKETS_ROTATE`].
    pub const fn packets(&self) -> u64 {
        self.counter
    }

    /// The key id that it writes.
    pub const fn kid(&self) -> u64 {
        self.kid
    }
}

/// Opens the media of one sender for one epoch, each packet once.
pub struct ReceiverKey {
    aead: CounterAead,
    kid: u64,
    window: ReplayWindow,
}

impl ReceiverKey {
    /// The key that `base_key` gives for `kid`.
    pub fn new(base_key: &[u8], kid: u64) -> Self {
        Self { aead: derive(base_key, kid), kid, window: ReplayWindow::new() }
    }

    /// Decrypts `ciphertext` in place. `header` is what [`SframeHeader::parse`] made of `header_bytes`.
    ///
    /// # Errors
    /// [`DropReason::UnknownKey`] if the header names another key, [`DropReason::TooOld`], [`DropReason::Replayed`],
    /// [`DropReason::Length`] for too much metadata, [`DropReason::EndToEndTag`]. The ciphertext and this key are
    /// then untouched.
    pub fn open(
        &mut self,
        header: &SframeHeader,
        header_bytes: &[u8],
        metadata: &[u8],
        tag: &[u8; TAG_BYTES],
        ciphertext: &mut [u8],
    ) -> Result<(), DropReason> {
        if header.kid != self.kid {
            return Err(DropReason::UnknownKey);
        }
        self.window.check(header.counter)?;
        let associated = Associated::new(header_bytes, metadata)?;
        if !self.aead.is_opened(header.counter, associated.as_slice(), ciphertext, tag) {
            return Err(DropReason::EndToEndTag);
        }
        self.window.commit(header.counter);
        Ok(())
    }

    /// The key id that it answers to.
    pub const fn kid(&self) -> u64 {
        self.kid
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::testing::hex;

    // RFC 9605 appendix C.3, cipher suite 0x0005.
    const KID: u64 = 0x0123;
    const COUNTER: u64 = 0x4567;
    const BASE_KEY: &str = "000102030405060708090a0b0c0d0e0f";
    const METADATA: &[u8] = b"IETF SFrame WG";
    const PLAINTEXT: &[u8; 21] = b"draft-ietf-sframe-enc";
    const SEALED: &str = "990123456794f509d36e9beacb0e261d99c7d1e972f1fed787d4049f17ca21353c1cc24d56ceabced279";

    fn pair() -> (SenderKey, ReceiverKey) {
        (SenderKey::new(&[5; 32], 77), ReceiverKey::new(&[5; 32], 77))
    }

    type Packet = ([u8; 17], usize, [u8; 16], [u8; 5]);

    fn seal(sender: &mut SenderKey) -> Packet {
        let (mut header, mut body) = ([0; 17], *b"media");
        let (len, tag) = sender.seal(b"meta", &mut body, &mut header).unwrap();
        (header, len, tag, body)
    }

    fn open(receiver: &mut ReceiverKey, packet: &Packet) -> Result<[u8; 5], DropReason> {
        let (bytes, len, tag, mut body) = *packet;
        let (header, parsed) = SframeHeader::parse(&bytes[..len]).unwrap();
        assert_eq!(parsed, len);
        let before = receiver.window.clone();
        let result = receiver.open(&header, &bytes[..len], b"meta", &tag, &mut body);
        if result.is_err() {
            assert_eq!((body, &receiver.window), (packet.3, &before), "a refused packet changes nothing");
        }
        result.map(|()| body)
    }

    /// RFC 9605 appendix C.1.
    #[test]
    fn headers_are_written_and_read_as_in_the_rfc() {
        let known = [
            (0, 0, "00"),
            (0, 1, "01"),
            (0, 255, "08ff"),
            (0, 256, "090100"),
            (1, 0, "10"),
            (255, 0, "80ff"),
            (255, 255, "88ffff"),
            (256, 65536, "9a0100010000"),
            (65536, 72_057_594_037_927_936, "af0100000100000000000000"),
            (16_777_215, 0, "a0ffffff"),
            (4_294_967_295, 4_294_967_295, "bbffffffffffffffff"),
            (u64::MAX, 281_474_976_710_656, "feffffffffffffffff01000000000000"),
            (u64::MAX, u64::MAX, "ffffffffffffffffffffffffffffffffff"),
        ];
        for (kid, counter, encoded) in known {
            let header = SframeHeader { kid, counter };
            let mut bytes = [0; 17];
            let len = header.emit(&mut bytes);
            assert_eq!(len, encoded.len() / 2);
            for (i, byte) in bytes[..len].iter().enumerate() {
                assert_eq!(*byte, hex::<1>(&encoded[2 * i..2 * i + 2])[0], "{encoded}");
            }
            assert_eq!(SframeHeader::parse(&bytes), Ok((header, len)));
            for short in 0..len {
                assert_eq!(SframeHeader::parse(&bytes[..short]), Err(DropReason::Length));
            }
        }
    }

    #[test]
    fn a_number_written_longer_than_needed_is_refused() {
        let long: [&[u8]; 6] = [
            &[0x80, 0x07],
            &[0x08, 0x00],
            &[0x90, 0x00, 0xff],
            &[0x09, 0x00, 0xff],
            &[0x0a, 0, 1, 0],
            &[0x88, 0xff, 7],
        ];
        for bytes in long {
            assert_eq!(SframeHeader::parse(bytes), Err(DropReason::MediaHeader), "{bytes:x?}");
        }
    }

    #[test]
    fn whatever_is_read_is_written_back_the_same() {
        let mut random = crate::crypto::drbg::Drbg::from_seed([9; 32]);
        for _ in 0..20_000 {
            let mut bytes: [u8; 17] = random.array();
            // Zeros in front make the refused forms common.
            bytes[1] &= (random.next_u32() % 2 * 255) as u8;
            if let Ok((header, len)) = SframeHeader::parse(&bytes) {
                let mut again = [0; 17];
                assert_eq!(header.emit(&mut again), len);
                assert_eq!(again[..len], bytes[..len]);
            }
        }
    }

    #[test]
    fn the_key_derivation_is_the_rfc_s() {
        let base_key: [u8; 16] = hex(BASE_KEY);
        let known: [u8; 64] = hex(concat!(
            "0fc3ea6de6aac97a35f194cf9bed94d4b5230f1cb45a785c9fe5dce9c188938a",
            "b6ba005bc4c0a19181599e9d1bcf7b74aca48b60bf5e254e546d809313e083a3"
        ));
        assert_eq!(*extract_sha512(&base_key), known);
        let derived = derive(&base_key, KID);
        assert_eq!(derived.nonce(0), hex("84991c167b8cd23c93708ec7"));
        assert_eq!(derived.nonce(COUNTER), hex("84991c167b8cd23c9370cba0"));
        let key = hex("d3e27b0d4a5ae9e55df01a70e6d4d28d969b246e2936f4b7a5d9b494da6b9633");
        let known = CounterAead::new(&key, derived.nonce(0));
        assert_eq!(derived.seal(1, b"", &mut []), known.seal(1, b"", &mut []));
    }

    #[test]
    fn the_rfc_s_packet_is_sealed_and_opened() {
        let base_key: [u8; 16] = hex(BASE_KEY);
        let sealed: [u8; 42] = hex(SEALED);

        let mut sender = SenderKey::new(&base_key, KID);
        sender.counter = COUNTER;
        let (mut body, mut header) = (*PLAINTEXT, [0; 17]);
        let (len, tag) = sender.seal(METADATA, &mut body, &mut header).unwrap();
        assert_eq!(&header[..len], &sealed[..5]);
        assert_eq!(&body, &sealed[5..26]);
        assert_eq!(&tag, &sealed[26..]);

        let (header, len) = SframeHeader::parse(&sealed).unwrap();
        assert_eq!(header, SframeHeader { kid: KID, counter: COUNTER });
        let mut receiver = ReceiverKey::new(&base_key, KID);
        assert_eq!(receiver.open(&header, &sealed[..len], METADATA, &tag, &mut body), Ok(()));
        assert_eq!(&body, PLAINTEXT);
    }

    #[test]
    fn packets_open_in_any_order_and_each_once() {
        let (mut sender, mut receiver) = pair();
        let (first, second) = (seal(&mut sender), seal(&mut sender));
        assert_eq!(sender.packets(), 2);
        for packet in [second, first] {
            assert_eq!(open(&mut receiver, &packet).as_ref(), Ok(b"media"));
            assert_eq!(open(&mut receiver, &packet), Err(DropReason::Replayed));
        }
        sender.counter = 3000;
        assert!(open(&mut receiver, &seal(&mut sender)).is_ok());
        assert_eq!(open(&mut receiver, &first), Err(DropReason::TooOld));
    }

    #[test]
    fn every_change_is_refused_and_the_true_packet_still_opens() {
        let (mut sender, mut receiver) = pair();
        let packet = seal(&mut sender);
        for bit in 0..128 {
            let mut forged = packet;
            forged.2[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(open(&mut receiver, &forged), Err(DropReason::EndToEndTag));
        }
        for bit in 0..40 {
            let mut forged = packet;
            forged.3[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(open(&mut receiver, &forged), Err(DropReason::EndToEndTag));
        }
        let (bytes, len, tag, mut body) = packet;
        let (header, _) = SframeHeader::parse(&bytes[..len]).unwrap();
        assert_eq!(receiver.open(&header, &bytes[..len], b"mete", &tag, &mut body), Err(DropReason::EndToEndTag));
        let later = SframeHeader { counter: 1, ..header };
        assert_eq!(receiver.open(&later, &bytes[..len], b"meta", &tag, &mut body), Err(DropReason::EndToEndTag));
        let other = SframeHeader { kid: 78, ..header };
        assert_eq!(receiver.open(&other, &bytes[..len], b"meta", &tag, &mut body), Err(DropReason::UnknownKey));
        assert_eq!(open(&mut receiver, &packet).as_ref(), Ok(b"media"));
    }

    #[test]
    fn a_used_up_key_and_too_much_metadata_are_refused_before_anything_is_done() {
        let (mut sender, mut receiver) = pair();
        let (mut body, mut header) = (*b"media", [0; 17]);
        let long = [0; METADATA_MAX_BYTES + 1];
        assert_eq!(sender.seal(&long, &mut body, &mut header), Err(DropReason::Length));
        assert_eq!((sender.packets(), &body), (0, b"media"));
        let first = SframeHeader { kid: 77, counter: 0 };
        assert_eq!(receiver.open(&first, &header, &long, &[0; 16], &mut body), Err(DropReason::Length));
        assert_eq!(receiver.open(&first, &[0; 18], b"", &[0; 16], &mut body), Err(DropReason::Length));
        sender.counter = KEY_PACKETS_MAX - 1;
        let (_, len, ..) = seal(&mut sender);
        assert!(len <= crate::limits::SFRAME_HEADER_MAX_BYTES);
        assert_eq!(sender.seal(b"", &mut body, &mut header), Err(DropReason::KeyExhausted));
        assert_eq!(&body, b"media");
    }
}
