//! Why something was refused. The core never logs: it names the reason, the driver counts and reports it.

/// Why a datagram was dropped. Each reason has a counter (see [`crate::stats`]) and a test.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum DropReason {
    /// Shorter than its headers, or longer than a datagram may be.
    Length,
    /// A kind that this version does not know.
    UnknownKind,
    /// No session has this connection id.
    UnknownConnection,
    /// The counter was seen before.
    Replayed,
    /// The counter is older than the replay window.
    TooOld,
    /// The hop tag does not fit: altered, or from a stranger.
    HopTag,
    /// A key phase that is neither current, previous nor next.
    Phase,
    /// The session sends more than it may.
    RateLimited,
    /// The sender is not in that room, or not in that place of it.
    NotInRoom,
    /// The room does not exist (any more).
    UnknownRoom,
    /// The track was not announced, or is switched off.
    UnknownTrack,
    /// The media header contradicts itself.
    MediaHeader,
    /// There is no end-to-end key of that sender and epoch.
    UnknownKey,
    /// The end-to-end tag does not fit.
    EndToEndTag,
    /// A key has sealed all it may; a new one is due.
    KeyExhausted,
    /// The fragment disagrees with the frame it claims to belong to.
    FragmentMismatch,
    /// The fragment, or its frame, was complete already.
    Duplicate,
    /// The frame's deadline passed before all its fragments came.
    Late,
    /// Every reassembly slot is taken by newer frames.
    ReassemblyFull,
    /// The address is not validated yet.
    UnvalidatedPath,
    /// Too many datagrams name the session from addresses that are not its own; the tag was not looked at.
    StrangeAddress,
    /// Nobody waits for this challenge or response.
    Unexpected,
    /// The sealed payload of a voice packet contradicts itself.
    VoicePacket,
    /// The strip of a picture contradicts itself, or its blocks do not decode.
    Strip,
    /// The strip belongs to a picture of another size than was announced.
    StripSize,
}

impl DropReason {
    /// Every reason, in the order of their numbers.
    pub const ALL: [Self; 25] = [
        Self::Length,
        Self::UnknownKind,
        Self::UnknownConnection,
        Self::Replayed,
        Self::TooOld,
        Self::HopTag,
        Self::Phase,
        Self::RateLimited,
        Self::NotInRoom,
        Self::UnknownRoom,
        Self::UnknownTrack,
        Self::MediaHeader,
        Self::UnknownKey,
        Self::EndToEndTag,
        Self::KeyExhausted,
        Self::FragmentMismatch,
        Self::Duplicate,
        Self::Late,
        Self::ReassemblyFull,
        Self::UnvalidatedPath,
        Self::StrangeAddress,
        Self::Unexpected,
        Self::VoicePacket,
        Self::Strip,
        Self::StripSize,
    ];

    /// A short name for counters and logs, in `snake_case`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Length => "length",
            Self::UnknownKind => "unknown_kind",
            Self::UnknownConnection => "unknown_connection",
            Self::Replayed => "replayed",
            Self::TooOld => "too_old",
            Self::HopTag => "hop_tag",
            Self::Phase => "phase",
            Self::RateLimited => "rate_limited",
            Self::NotInRoom => "not_in_room",
            Self::UnknownRoom => "unknown_room",
            Self::UnknownTrack => "unknown_track",
            Self::MediaHeader => "media_header",
            Self::UnknownKey => "unknown_key",
            Self::EndToEndTag => "end_to_end_tag",
            Self::KeyExhausted => "key_exhausted",
            Self::FragmentMismatch => "fragment_mismatch",
            Self::Duplicate => "duplicate",
            Self::Late => "late",
            Self::ReassemblyFull => "reassembly_full",
            Self::UnvalidatedPath => "unvalidated_path",
            Self::StrangeAddress => "strange_address",
            Self::Unexpected => "unexpected",
            Self::VoicePacket => "voice_packet",
            Self::Strip => "strip",
            Self::StripSize => "strip_size",
        }
    }
}

/// The peer's bytes are wrong: where it was noticed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed {
    /// What was being read, for example `"chat text"`.
    pub at: &'static str,
}

/// A named capacity is exhausted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Full {
    /// What is full, for example `"rooms"`.
    pub what: &'static str,
    /// How many fit.
    pub max: usize,
}
