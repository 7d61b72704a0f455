//! Every protocol constant that a peer can see, in one place, with the reason for its value.
//!
//! Layer: lowest. Knows nothing else. `PROTOCOL.md` repeats these numbers; a test keeps both equal.

/// Protocol version spoken by this build. A peer one version behind is still understood.
pub const PROTOCOL_VERSION: u16 = 1;

/// Largest UDP payload, in bytes: below every common path MTU (IPv6 minimum 1280 less 48 of headers), so nothing is
/// ever fragmented by IP.
pub const DATAGRAM_MAX_BYTES: usize = 1200;
/// Hop header: kind 1, phase 1, connection id 4, counter 8.
pub const HOP_HEADER_BYTES: usize = 14;
/// AES-GCM tag, never truncated.
pub const TAG_BYTES: usize = 16;
/// Hop header and hop tag: the only bytes that differ between the receivers of one packet.
pub const HOP_PREFIX_BYTES: usize = HOP_HEADER_BYTES + TAG_BYTES;
/// Media header, in the clear, authenticated by both seals.
pub const MEDIA_HEADER_BYTES: usize = 28;
/// Largest SFrame header we emit: one configuration byte, key id of at most 4 bytes, counter of at most 3.
pub const SFRAME_HEADER_MAX_BYTES: usize = 8;
/// Media bytes that one datagram carries: what is left of it.
pub const FRAGMENT_PAYLOAD_MAX_BYTES: usize =
    DATAGRAM_MAX_BYTES - HOP_PREFIX_BYTES - MEDIA_HEADER_BYTES - SFRAME_HEADER_MAX_BYTES - TAG_BYTES;
/// Fragments of one frame: bounds the reassembly bitmap.
pub const FRAGMENTS_MAX: usize = 256;
/// Largest encoded frame, in bytes (about 286 kB: a 1080p screen picture at good quality).
pub const FRAME_MAX_BYTES: usize = FRAGMENTS_MAX * FRAGMENT_PAYLOAD_MAX_BYTES;

/// Longest encoded frame of sound, in bytes: 20 ms at 200 kbit/s. Bounds what a jitter buffer and a sender keep.
pub const VOICE_FRAME_MAX_BYTES: usize = 512;
/// Earlier frames that a voice packet brings again: more would cost more than they mend.
pub const VOICE_COPIES_MAX: usize = 2;
/// Size layers of one track.
pub const LAYERS_MAX: usize = 4;
/// Packets that one parity group protects: a frame of more fragments has several groups, interleaved.
pub const PARITY_GROUP_PACKETS_MAX: usize = 64;
/// Parity packets of one group.
pub const PARITY_GROUP_PARITY_MAX: usize = 16;

/// Widest picture a receiver decodes, in pixels.
pub const PICTURE_WIDTH_MAX: u16 = 1920;
/// Highest picture a receiver decodes, in pixels.
pub const PICTURE_HEIGHT_MAX: u16 = 1088;

/// Sides of a block of a strip-coded picture, in pixels: one unit of a 4:2:0 JPEG.
pub const STRIP_BLOCK_PIXELS: u16 = 16;
/// Bytes of a strip before its runs of blocks.
pub const STRIP_HEADER_BYTES: usize = 7;
/// Sets of Huffman tables that a strip can name.
pub const STRIP_TABLE_SETS: u8 = 5;
/// Blocks of one strip: more than the smallest ones that fit a datagram.
pub const STRIP_BLOCKS_MAX: u16 = 512;
/// Runs of blocks of one strip: their number is a byte.
pub const STRIP_RUNS_MAX: usize = 255;

/// Participants of one room.
pub const ROOM_PARTICIPANTS_MAX: usize = 32;
/// Hosts of one room, its owner not among them.
pub const ROOM_HOSTS_MAX: usize = 16;
/// People who may not come into a room.
pub const ROOM_BANNED_MAX: usize = 64;
/// Breakout rooms of one room.
pub const BREAKOUTS_MAX: usize = 8;
/// Breakout rooms end this long after somebody said so, at most. **Units:** seconds.
pub const BREAKOUT_SECONDS_MAX: u16 = 3 * 3600;
/// Tracks that one participant publishes in one room: microphone, camera, screen, screen sound.
pub const TRACKS_MAX: usize = 4;
/// Rooms that one session is in at the same time.
pub const SESSION_ROOMS_MAX: usize = 8;

/// Longest login name, in bytes (ASCII `[a-z0-9_.-]`, at least [`USERNAME_MIN_BYTES`]).
pub const USERNAME_MAX_BYTES: usize = 20;
/// Shortest login name, in bytes.
pub const USERNAME_MIN_BYTES: usize = 3;
/// Longest display name, in bytes of UTF-8 (32 letters of Vietnamese fit).
pub const DISPLAY_NAME_MAX_BYTES: usize = 96;
/// Longest room name, in bytes of UTF-8.
pub const ROOM_NAME_MAX_BYTES: usize = 96;
/// Longest email label, in bytes (RFC 5321).
pub const EMAIL_MAX_BYTES: usize = 254;
/// Longest chat text, in bytes of UTF-8.
pub const CHAT_TEXT_MAX_BYTES: usize = 4000;
/// Messages of one page of history, or hits of one search.
pub const CHAT_PAGE_MAX: u8 = 100;
/// Longest text to search for, in bytes of UTF-8.
pub const CHAT_SEARCH_MAX_BYTES: usize = 200;
/// Longest name of a file, in bytes of UTF-8: with what a program puts behind it, a name on every file system.
pub const FILE_NAME_MAX_BYTES: usize = 200;
/// Bytes of a file in one control message: half of the longest one, so that nothing waits long behind it.
pub const FILE_CHUNK_MAX_BYTES: usize = 8192;
/// Bytes of a file that are asked for at once.
pub const FILE_RANGE_MAX_BYTES: u32 = 256 * 1024;
/// Bytes of a file that are sealed together, if only one person may read it.
pub const FILE_PIECE_BYTES: usize = 32 * 1024;
/// Rounds of PBKDF2 for a room's password, which the client does: a secret that many people know, tried a few times a session.
pub const ROOM_PASSWORD_ITERATIONS: u32 = 100_000;
/// Passwords of rooms that one session may have wrong; it is told no more after that.
pub const WRONG_PASSWORDS_MAX: u8 = 10;
/// Longest name of a client program, and of the device that it runs on.
pub const AGENT_MAX_BYTES: usize = 64;
/// Letters of the secret of a link (base32 of 128 bits).
pub const INVITATION_SECRET_BYTES: usize = 26;
/// Digits of a code that can be typed in place of a link.
pub const INVITATION_CODE_DIGITS: usize = 9;
/// For how long an invitation can be good: a year. **Units:** seconds.
pub const INVITATION_SECONDS_MAX: u32 = 31_536_000;
/// Longest sealed direct message: text, signature, key encapsulation and tag.
pub const DIRECT_SEALED_MAX_BYTES: usize = CHAT_TEXT_MAX_BYTES + 256;

/// Largest control frame before sign-in, in bytes of body: nothing longer is legal there.
pub const CONTROL_FRAME_ANONYMOUS_MAX_BYTES: usize = 4096;
/// Largest control frame after sign-in, in bytes of body.
pub const CONTROL_FRAME_MAX_BYTES: usize = 16 * 1024;
/// Bytes of the length prefix of a control frame.
pub const CONTROL_LENGTH_BYTES: usize = 4;

/// Rounds of PBKDF2-HMAC-SHA256 for a new password (OWASP 2023).
pub const PBKDF2_ITERATIONS: u32 = 600_000;
/// A client refuses fewer rounds: a false server could crack the proof offline.
pub const PBKDF2_ITERATIONS_MIN: u32 = 600_000;
/// A client refuses more rounds: a false server could burn a Raspberry Pi.
pub const PBKDF2_ITERATIONS_MAX: u32 = 5_000_000;

/// Packets that a replay window remembers (RFC 6479).
pub const REPLAY_WINDOW_PACKETS: usize = 1024;
/// A key changes after this many packets (half of what is allowed) ...
pub const KEY_PACKETS_ROTATE: u64 = 1 << 22;
/// ... and sealing refuses after this many (RFC 9001 section 6.6).
pub const KEY_PACKETS_MAX: u64 = 1 << 23;

const _: () = assert!(FRAGMENT_PAYLOAD_MAX_BYTES >= 1100, "headers eat too much of a datagram");
const _: () = assert!(FRAGMENTS_MAX <= u16::MAX as usize);
const _: () = assert!(VOICE_FRAME_MAX_BYTES < 1 << 10, "the length of a copy has ten bits");
const _: () = assert!(VOICE_FRAME_MAX_BYTES < FRAGMENT_PAYLOAD_MAX_BYTES, "a frame of sound is never cut");
const _: () = assert!(STRIP_RUNS_MAX <= u8::MAX as usize);
const _: () = assert!(STRIP_BLOCKS_MAX < 1 << 15, "a run's number has 15 bits");
const _: () = assert!(KEY_PACKETS_ROTATE < KEY_PACKETS_MAX);
const _: () = assert!(KEY_PACKETS_MAX <= 1 << 24, "the SFrame counter must fit three bytes");
const _: () = assert!(REPLAY_WINDOW_PACKETS.is_multiple_of(64));
const _: () = assert!(DIRECT_SEALED_MAX_BYTES + 64 <= CONTROL_FRAME_MAX_BYTES);
const _: () = assert!(CONTROL_FRAME_ANONYMOUS_MAX_BYTES <= CONTROL_FRAME_MAX_BYTES);
