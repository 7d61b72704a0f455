//! What the page does for the machine.

/// Where everything goes that follows from an input. Called while the input is handled: an implementation must not call
/// back.
pub trait Host {
    /// Bytes for the control connection, in order.
    fn control(&mut self, bytes: &[u8]);
    /// One datagram.
    fn datagram(&mut self, bytes: &[u8]);
    /// An event, a JSON object (see `events`).
    fn event(&mut self, json: &str);
    /// An Opus packet of somebody, for [`crate::Mixer::handle_decoded`], or [`crate::Mixer::handle_silence`] if it holds no sound.
    fn voice(&mut self, packet: &VoicePacket<'_>);
    /// What was heard from that place, or from all, is over: [`crate::Mixer::forget`].
    fn forget_voices(&mut self, slot: Option<u16>);
    /// Something new is to be seen of a picture.
    fn picture(&mut self, slot: u16, track: u8);
    /// A whole JPEG of somebody, that has passed the gate and is not larger than announced.
    fn jpeg(&mut self, slot: u16, track: u8, bytes: &[u8]);
    /// A piece of a file that was asked for.
    fn piece(&mut self, file: u64, from: u64, bytes: &[u8]);
}

/// An Opus packet of somebody.
#[derive(Clone, Copy, Debug)]
pub struct VoicePacket<'a> {
    /// Whose: place in the room.
    pub slot: u16,
    /// Which track.
    pub track: u8,
    /// Whether silence was before it.
    pub begins: bool,
    /// Media clock of its first sample, 48 kHz.
    pub timestamp: u32,
    /// Samples that it holds, at 48 kHz; none if it says that the voice pauses.
    pub samples: u32,
    /// The packet.
    pub bytes: &'a [u8],
}
