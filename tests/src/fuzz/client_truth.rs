//! What the client machine says, checked as it says it.

use std::collections::{BTreeMap, BTreeSet};

use hph_core::crypto::hop::{HopHeader, HopOpener};
use hph_core::endpoint::client::{ClientEvent, ClientOutput};
use hph_core::id::{RoomId, Slot, TrackId};
use hph_core::limits::{
    CONTROL_FRAME_MAX_BYTES, CONTROL_LENGTH_BYTES, DATAGRAM_MAX_BYTES, HOP_HEADER_BYTES, HOP_PREFIX_BYTES,
};
use hph_core::time::Instant;
use hph_core::wire::control::{ClientMessage, Parsed, emit_client, parse_client};
use hph_core::wire::datagram::Kind;
use hph_core::wire::media::MediaLayout;

use super::reach;

/// Names a frame: room, place, track, layer, number.
pub type FrameKey = (RoomId, Slot, TrackId, u8, u32);

/// What is known of the client, of what it was told and of what it said.
#[derive(Default)]
pub struct ClientTruth {
    /// The server's keys for what the client sends; none while it is not signed in.
    pub opener: Option<HopOpener>,
    pub now: Instant,
    /// Frames that were handed out since somebody looked.
    pub frames: Vec<(FrameKey, Vec<u8>)>,
    /// Strips that were handed out, with their place in the frame.
    pub strips: Vec<(FrameKey, u16, Vec<u8>)>,
    /// The last chat message of each room that was handed out since the room was joined.
    chats: BTreeMap<RoomId, u64>,
    direct: u64,
    nonces: BTreeSet<(u8, u64)>,
}

impl ClientTruth {
    /// A new connection: new keys.
    pub fn handle_signed_in(&mut self, opener: HopOpener) {
        self.opener = Some(opener);
        self.nonces.clear();
    }

    /// What the client sends opens at the server.
    fn check_opens(&mut self, bytes: &[u8]) {
        let header = HopHeader::parse(bytes).expect("a client sends whole headers");
        assert!(self.nonces.insert((header.phase, header.counter)), "a nonce came twice");
        let opener = self.opener.as_mut().expect("datagrams only while signed in");
        let mut bytes = bytes.to_vec();
        let (prefix, payload) = bytes.split_at_mut(HOP_PREFIX_BYTES);
        let tag = prefix[HOP_HEADER_BYTES..].try_into().expect("a whole tag");
        let opened = match Kind::parse(header.kind) {
            Ok(Kind::Media) => {
                let layout = MediaLayout::parse(payload).expect("a client sends whole media headers");
                reach("frame sent");
                opener.open_clear(self.now, &header, tag, &payload[..layout.clear_len_bytes])
            }
            Ok(Kind::Hello | Kind::Response | Kind::Ping | Kind::Nack | Kind::Feedback) => {
                opener.open_body(self.now, &header, tag, payload)
            }
            other => panic!("the client sent {other:?}"),
        };
        assert!(opened.is_ok(), "the server refuses it: {opened:?}");
    }
}

impl ClientOutput for ClientTruth {
    fn control(&mut self, message: &ClientMessage<'_>) {
        assert!(message.is_legal(), "an illegal message: {message:?}");
        let mut frame = vec![0; CONTROL_LENGTH_BYTES + CONTROL_FRAME_MAX_BYTES];
        let len = emit_client(message, &mut frame).expect("every message fits in a frame");
        assert_eq!(parse_client(&frame[CONTROL_LENGTH_BYTES..len]), Ok(Parsed::Message(*message)));
        match message {
            ClientMessage::SenderKey { .. } => reach("key given"),
            ClientMessage::RequestKey { .. } => reach("key wanted"),
            ClientMessage::SyncChat { .. } => reach("chat wanted"),
            ClientMessage::LeaveRoom { .. } => reach("room refused"),
            _ => {}
        }
    }

    fn datagram(&mut self, bytes: &[u8]) {
        assert!(bytes.len() <= DATAGRAM_MAX_BYTES);
        self.check_opens(bytes);
    }

    fn event(&mut self, event: ClientEvent<'_>) {
        match event {
            ClientEvent::Joined { room, .. } => {
                self.chats.remove(&room);
                reach("joined");
            }
            ClientEvent::Left { room, .. } => {
                self.chats.remove(&room);
                reach("left");
            }
            ClientEvent::Chat { room, id, .. } => {
                let before = self.chats.insert(room, id);
                assert!(before.is_none_or(|before| before < id), "chat {id} after {before:?}");
                reach("chat shown");
            }
            ClientEvent::ChatChanged { room, id, .. } => {
                let before = self.chats.insert(room, id);
                assert!(before.is_none_or(|before| before < id), "change {id} after {before:?}");
                reach("change shown");
            }
            ClientEvent::Direct { id, text, .. } => {
                assert!(id > self.direct, "direct message {id} after {}", self.direct);
                self.direct = id;
                reach(if text.is_some() { "direct shown" } else { "direct not opened" });
            }
            ClientEvent::Frame(frame) => {
                reach(if frame.bytes.is_empty() { "empty frame" } else { "frame" });
                let key = (frame.room, frame.slot, frame.track, frame.layer, frame.frame);
                self.frames.push((key, frame.bytes.to_vec()));
            }
            ClientEvent::StripLost { .. } => reach("strip lost"),
            ClientEvent::Strip(strip) => {
                reach("strip");
                let key = (strip.room, strip.slot, strip.track, strip.layer, strip.frame);
                self.strips.push((key, strip.index, strip.bytes.to_vec()));
            }
            ClientEvent::Participant { is_new: true, .. } => reach("participant"),
            ClientEvent::ParticipantGone { .. } => reach("participant gone"),
            ClientEvent::Tunnelled { is_on } => reach(if is_on { "tunnel on" } else { "tunnel off" }),
            ClientEvent::DatagramsUp => reach("datagrams up"),
            ClientEvent::DatagramsLost => reach("datagrams lost"),
            ClientEvent::ServerSilent => reach("server silent"),
            ClientEvent::Participant { .. }
            | ClientEvent::Moved { .. }
            | ClientEvent::Muted { .. }
            | ClientEvent::Said(_) => {}
        }
    }
}
