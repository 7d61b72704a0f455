//! What the machines say, kept until the world has dealt with it.

use std::net::SocketAddr;

use hph_core::endpoint::client::{ClientEvent, ClientOutput};
use hph_core::endpoint::server::{HistoryPage, OpenRoom, ServerEvent};
use hph_core::endpoint::single::SingleOutput;
use hph_core::error::Full;
use hph_core::id::{RoomId, SessionId, Slot, TrackId};
use hph_core::limits::{CONTROL_FRAME_MAX_BYTES, HOP_PREFIX_BYTES, TRACKS_MAX};
use hph_core::wire::control::{
    ClientMessage, Parsed, ServerMessage, SignOutReason, TrackInfo, emit_client, emit_server, parse_server,
};

/// A whole control frame, length first.
pub type Frame = Vec<u8>;

/// Writes a client's message as it goes over the wire.
pub fn client_frame(message: &ClientMessage<'_>) -> Frame {
    emit(|space| emit_client(message, space))
}

/// Writes a server's message as it goes over the wire.
pub fn server_frame(message: &ServerMessage<'_>) -> Frame {
    emit(|space| emit_server(message, space))
}

/// Tries with little space first: most messages are short.
fn emit(write: impl Fn(&mut [u8]) -> Result<usize, Full>) -> Frame {
    for space_bytes in [512, CONTROL_FRAME_MAX_BYTES] {
        let mut frame = vec![0; space_bytes];
        if let Ok(len) = write(&mut frame) {
            frame.truncate(len);
            return frame;
        }
    }
    panic!("a message does not fit a frame");
}

/// Reads a server's message; the server says nothing that its own codec refuses.
pub fn read_server(frame: &Frame) -> ServerMessage<'_> {
    match parse_server(&frame[4..]) {
        Ok(Parsed::Message(message)) => message,
        other => panic!("the server said {other:?}"),
    }
}

/// One thing that the server machine did.
#[derive(Debug)]
pub enum ServerDeed {
    /// It said this to a session.
    Control(SessionId, Frame),
    /// It sent this to an address.
    Datagram(SocketAddr, Vec<u8>),
    /// It ended a session.
    Closed(SessionId, SignOutReason),
    /// It asks its driver for something.
    Asked(Request),
}

/// What the server machine asks of the store.
#[derive(Clone, Debug)]
pub struct Request {
    /// For whom.
    pub session: SessionId,
    /// The request's number or the message's reference.
    pub number: u64,
    /// What.
    pub what: Wanted,
}

/// The kinds of [`Request`].
#[derive(Clone, Debug)]
#[allow(missing_docs, reason = "as the events of the same names")]
pub enum Wanted {
    OpenRoom { name: String, how: OpenRoom },
    StoreChat { room: RoomId, text: String },
    SyncChat { room: RoomId, after: u64 },
    ChangeChat { room: RoomId, target: u64, text: Option<String> },
    ReadHistory { page: HistoryPage },
    MarkRead,
    Moderated,
    StoreDirect { to: String, sealed: Vec<u8> },
    SyncDirect { after: u64 },
    LookUp { username: String },
}

/// Everything that one input made the server machine do, in order.
#[derive(Debug, Default)]
pub struct ServerDeeds(pub Vec<ServerDeed>);

impl SingleOutput for ServerDeeds {
    fn control(&mut self, to: SessionId, message: &ServerMessage<'_>) {
        self.0.push(ServerDeed::Control(to, server_frame(message)));
    }

    fn datagram(&mut self, to: SocketAddr, prefix: &[u8; HOP_PREFIX_BYTES], payload: &[u8]) {
        self.0.push(ServerDeed::Datagram(to, [prefix, payload].concat()));
    }

    fn event(&mut self, event: ServerEvent<'_>) {
        let asked = |session, number, what| ServerDeed::Asked(Request { session, number, what });
        self.0.push(match event {
            ServerEvent::Closed { session, reason } => ServerDeed::Closed(session, reason),
            ServerEvent::OpenRoom { session, request, name, how } => {
                asked(session, u64::from(request), Wanted::OpenRoom { name: name.into(), how })
            }
            ServerEvent::StoreChat { session, reference, room, text } => {
                asked(session, reference, Wanted::StoreChat { room, text: text.into() })
            }
            ServerEvent::SyncChat { session, room, after } => asked(session, 0, Wanted::SyncChat { room, after }),
            ServerEvent::ChangeChat { session, reference, room, target, text } => {
                asked(session, reference, Wanted::ChangeChat { room, target, text: text.map(Into::into) })
            }
            ServerEvent::ReadHistory { session, page } | ServerEvent::SearchChat { session, page, .. } => {
                asked(session, u64::from(page.request), Wanted::ReadHistory { page })
            }
            ServerEvent::Moderated { session, request, .. } | ServerEvent::PasswordSet { session, request, .. } => {
                asked(session, u64::from(request), Wanted::Moderated)
            }
            ServerEvent::ReadAudit { session, page } => asked(session, u64::from(page.request), Wanted::MarkRead),
            // Rooms here have no owner: nobody may.
            ServerEvent::OpenBreakout { session, request, .. } => asked(session, u64::from(request), Wanted::MarkRead),
            ServerEvent::DropRoom { .. } => return,
            // Their driver is tested by itself: nobody sends files here, but for Mallory.
            ServerEvent::OfferFile { session, offer } => asked(session, offer.reference, Wanted::MarkRead),
            ServerEvent::FetchFile { session, request, .. } | ServerEvent::DeleteFile { session, request, .. } => {
                asked(session, u64::from(request), Wanted::MarkRead)
            }
            ServerEvent::ListFiles { session, page } => asked(session, u64::from(page.request), Wanted::MarkRead),
            ServerEvent::MarkRead { session, .. } => asked(session, 0, Wanted::MarkRead),
            ServerEvent::Account { session, ask } => asked(session, u64::from(ask.request()), Wanted::MarkRead),
            ServerEvent::AskUnread { session, request } => asked(session, u64::from(request), Wanted::MarkRead),
            ServerEvent::StoreDirect { session, reference, to, sealed } => {
                asked(session, reference, Wanted::StoreDirect { to: to.into(), sealed: sealed.into() })
            }
            ServerEvent::SyncDirect { session, after } => asked(session, 0, Wanted::SyncDirect { after }),
            ServerEvent::LookUp { session, request, username } => {
                asked(session, u64::from(request), Wanted::LookUp { username: username.into() })
            }
        });
    }
}

/// One event of a client machine.
#[derive(Clone, Debug)]
#[allow(missing_docs, reason = "as the events of the same names")]
pub enum Note {
    Joined { request: u32, room: RoomId, slot: Slot },
    Left { room: RoomId },
    Participant(Seen),
    Gone { room: RoomId, slot: Slot },
    Chat { room: RoomId, id: u64, author: String, text: String },
    Changed { room: RoomId, id: u64, target: u64, text: Option<String> },
    Direct { id: u64, from: String, text: Option<String> },
    Frame { room: RoomId, slot: Slot, track: TrackId, frame: u32, bytes: Vec<u8> },
    Strip { room: RoomId, slot: Slot, track: TrackId, frame: u32, index: u16, bytes: Vec<u8> },
    Muted { room: RoomId, tracks: u8 },
    Up,
    Lost,
    Silent,
    Way,
    Said,
}

/// A participant as a client tells of it.
#[derive(Clone, Debug)]
#[allow(missing_docs, reason = "as the fields of the same names")]
pub struct Seen {
    pub room: RoomId,
    pub slot: Slot,
    pub member: u32,
    pub username: String,
    pub tracks: [TrackInfo; TRACKS_MAX],
    pub is_new: bool,
    pub is_me: bool,
}

/// Everything that one input made a client machine do.
#[derive(Debug, Default)]
pub struct ClientDeeds {
    /// Messages to the server.
    pub controls: Vec<Frame>,
    /// Datagrams to the server.
    pub datagrams: Vec<Vec<u8>>,
    /// Those of the messages that are datagrams inside the connection.
    pub tunnelled: Vec<Vec<u8>>,
    /// Events.
    pub notes: Vec<Note>,
}

impl ClientDeeds {
    /// Whether nothing happened.
    pub const fn is_empty(&self) -> bool {
        self.controls.is_empty() && self.datagrams.is_empty() && self.notes.is_empty()
    }
}

impl ClientOutput for ClientDeeds {
    fn control(&mut self, message: &ClientMessage<'_>) {
        self.controls.push(client_frame(message));
    }

    fn datagram(&mut self, bytes: &[u8]) {
        self.datagrams.push(bytes.to_vec());
    }

    fn tunnel(&mut self, bytes: &[u8]) {
        self.tunnelled.push(bytes.to_vec());
        self.control(&ClientMessage::Tunnelled { datagram: bytes });
    }

    fn event(&mut self, event: ClientEvent<'_>) {
        self.notes.push(match event {
            ClientEvent::Joined { request, room, slot, .. } => Note::Joined { request, room, slot },
            ClientEvent::Left { room, .. } => Note::Left { room },
            ClientEvent::Participant { room, info, is_new, is_me } => Note::Participant(Seen {
                room,
                slot: info.slot,
                member: info.member,
                username: info.username.into(),
                tracks: info.tracks,
                is_new,
                is_me,
            }),
            ClientEvent::ParticipantGone { room, slot, .. } => Note::Gone { room, slot },
            ClientEvent::Chat { room, id, author, text, .. } => {
                Note::Chat { room, id, author: author.into(), text: text.into() }
            }
            ClientEvent::ChatChanged { room, id, target, text, .. } => {
                Note::Changed { room, id, target, text: text.map(str::to_string) }
            }
            ClientEvent::Direct { id, from, text, .. } => {
                Note::Direct { id, from: from.into(), text: text.map(str::to_string) }
            }
            ClientEvent::Frame(frame) => Note::Frame {
                room: frame.room,
                slot: frame.slot,
                track: frame.track,
                frame: frame.frame,
                bytes: frame.bytes.to_vec(),
            },
            ClientEvent::Strip(strip) => Note::Strip {
                room: strip.room,
                slot: strip.slot,
                track: strip.track,
                frame: strip.frame,
                index: strip.index,
                bytes: strip.bytes.to_vec(),
            },
            ClientEvent::Muted { room, tracks, .. } => Note::Muted { room, tracks },
            ClientEvent::DatagramsUp => Note::Up,
            ClientEvent::DatagramsLost => Note::Lost,
            ClientEvent::ServerSilent => Note::Silent,
            ClientEvent::Tunnelled { .. } => Note::Way,
            ClientEvent::StripLost { .. } | ClientEvent::Moved { .. } | ClientEvent::Said(_) => Note::Said,
        });
    }
}
