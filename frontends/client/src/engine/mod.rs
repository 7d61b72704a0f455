//! The engine: one thread that keeps a session alive. Commands go in, events come out, frames go both ways.

mod account;
mod connect;
mod doors;
mod edges;
mod event;
mod file;
mod guidance;
mod known;
mod offer;
mod outbox;
mod run;
mod session;
mod transfers;
mod translate;
pub mod why;

use std::io;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use async_channel::{Receiver, Sender, TrySendError, WeakSender};
use hph_core::id::{CallId, RoomId, Slot, TrackId};
use hph_core::limits::TRACKS_MAX;
use hph_core::time::Instant;
use hph_core::wire::control::{Act, DevicePublic, TrackInfo};

pub use account::{Account, AccountCommand, AccountEvent, InvitationInfo};
pub use event::{EndReason, Event, FailReason, MicrophoneRemark, Participant};
pub use file::{FileFailure, FileTarget};
pub use guidance::{Demand, Guidance, LostStrip};
pub use hph_core::endpoint::client::{IncomingFrame, IncomingStrip, LossStats};
pub use hph_core::media::nack::GapStats;
pub use hph_core::media::rate::{RateFigures, RateReason, RateState};
pub use hph_core::room::reaction::{REACTION_SHOWN, Reaction};
pub use hph_core::room::roles::Role;
pub use offer::{Offer, ask};

use crate::breakout::BreakoutAct;
use crate::files::RemoteFile;
use crate::media::Stages;
use crate::people::PeopleStore;
use crate::tls::Trust;

/// Commands that may wait for the engine.
const COMMANDS_MAX: usize = 256;
/// Events that may wait for the frontend; then the engine reads no more control messages until it catches up.
const EVENTS_MAX: usize = 1024;
/// Frames that may wait to be sent: about one from every source. Then the newest is dropped.
const FRAMES_MAX: usize = 16;

/// What the engine needs to know.
#[derive(Clone)]
pub struct EngineConfig {
    /// Server's name or address.
    pub host: String,
    /// Its port, for TCP and UDP.
    pub port: u16,
    /// Which key it must have.
    pub trust: Trust,
    /// Who we are.
    pub account: Account,
    /// The device's secret, from [`crate::device`].
    pub device_seed: [u8; 32],
    /// Where the keys of people are remembered; without it they are not, and everybody's is taken as it comes.
    pub people: Option<PeopleStore>,
    /// Program name and version.
    pub agent: String,
    /// Whether to go on trying if the first connection fails.
    pub is_patient: bool,
}

/// What the user wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Send a file. It goes on after a lost connection.
    SendFile {
        /// Comes back in [`Event::FileProgress`], [`Event::FileSent`] and [`Event::FileFailed`].
        request: u32,
        /// For whom.
        to: FileTarget,
        /// Which.
        path: PathBuf,
    },
    /// Fetch a file into a folder, under its own name or the next one that is free. It goes on after a lost connection.
    FetchFile {
        /// Comes back in [`Event::FileProgress`], [`Event::FileFetched`] and [`Event::FileFailed`].
        request: u32,
        /// Which.
        file: RemoteFile,
        /// Where to.
        folder: PathBuf,
    },
    /// Give a file up that is being sent or fetched.
    StopFile {
        /// The request that began it.
        request: u32,
    },
    /// Take a file away from the server: one of ours, or any in a room where we keep order.
    DeleteFile {
        /// Comes back in [`Event::FileGone`] or [`Event::Refused`].
        request: u32,
        /// Its number.
        file: u64,
    },
    /// Ask for the files of a room that we are in, the newest first.
    ListFiles {
        /// Comes back in the answers.
        request: u32,
        /// Which room.
        room: RoomId,
        /// Only files before this one; 0: from the newest.
        before: u64,
        /// So many at most, 1 to [`hph_core::limits::CHAT_PAGE_MAX`].
        count: u8,
    },
    /// Push the lobby, or stop.
    WatchLobby(bool),
    /// Make a room without entering it.
    CreateRoom {
        /// Comes back in the answer.
        request: u32,
        /// Its name.
        name: String,
    },
    /// Enter a room by its name.
    JoinNamed {
        /// Comes back in the answer.
        request: u32,
        /// Its name.
        name: String,
        /// Whether to make it if there is none.
        may_create: bool,
    },
    /// Enter a room.
    Join {
        /// Comes back in the answer.
        request: u32,
        /// Which.
        room: RoomId,
    },
    /// Leave a room.
    Leave(RoomId),
    /// Announce a track or switch it.
    SetTrack {
        /// In which room.
        room: RoomId,
        /// Which.
        track: TrackId,
        /// Its state.
        info: TrackInfo,
    },
    /// Say how large somebody's track is shown, or that it is not.
    Want {
        /// In which room.
        room: RoomId,
        /// Whose.
        slot: Slot,
        /// Which.
        track: TrackId,
        /// Width of its tile in pixels; 0: not at all. For sound any other number means that it is wanted.
        width: u16,
    },
    /// Say something in a room.
    Chat {
        /// Comes back in [`Event::ChatStored`] or [`Event::MessageFailed`].
        reference: u64,
        /// Where.
        room: RoomId,
        /// What.
        text: String,
    },
    /// Give a message of ours another text.
    EditChat {
        /// Comes back in [`Event::ChatStored`] or [`Event::MessageFailed`].
        reference: u64,
        /// Where.
        room: RoomId,
        /// Which message.
        id: u64,
        /// Its new text.
        text: String,
    },
    /// Take a message back: one of ours, or any in a room that we made.
    DeleteChat {
        /// As in [`Self::EditChat`].
        reference: u64,
        /// Where.
        room: RoomId,
        /// Which message.
        id: u64,
    },
    /// Look up older messages of a room that we are in, newest first.
    History {
        /// Comes back in the answers. One look-up at a time: the server refuses a second one.
        request: u32,
        /// Where.
        room: RoomId,
        /// Only messages before this one; 0: from the newest.
        before: u64,
        /// So many at most, 1 to [`hph_core::limits::CHAT_PAGE_MAX`].
        count: u8,
        /// Only those with all these words, whatever their case and diacritics; those in quotation marks stand together.
        words: Option<String>,
    },
    /// We have read up to this message, on whatever device.
    MarkRead {
        /// Which room; 0: direct messages.
        room: RoomId,
        /// Number of the last message.
        id: u64,
    },
    /// Ask what we have not read.
    Unread {
        /// Comes back in the answers.
        request: u32,
    },
    /// Keep order in a room.
    Moderate {
        /// Comes back in [`Event::Moderated`] or [`Event::Refused`].
        request: u32,
        /// Which room.
        room: RoomId,
        /// What to do.
        act: Act,
        /// To whom: a login name; nothing if it is done to the room.
        whom: String,
    },
    /// Say the password of a room that wants one ([`Event::PasswordWanted`]). It is said again after a lost connection.
    Enter {
        /// As in the event: comes back in [`Event::Joined`], [`Event::Waiting`] or [`Event::Refused`].
        request: u32,
        /// Which room.
        room: RoomId,
        /// The password.
        password: String,
    },
    /// Give a room where we keep order a password.
    SetPassword {
        /// Comes back in [`Event::Moderated`] or [`Event::Refused`].
        request: u32,
        /// Which room.
        room: RoomId,
        /// The password.
        password: String,
    },
    /// Raise our hand, or lower it.
    RaiseHand {
        /// In which room.
        room: RoomId,
        /// Whether it is up.
        is_up: bool,
    },
    /// Show a sign to everybody in a room, one a second.
    React {
        /// Comes back in [`Event::Refused`].
        request: u32,
        /// In which room.
        room: RoomId,
        /// Which.
        reaction: Reaction,
    },
    /// Do something about breakout rooms.
    Breakout {
        /// Comes back in [`Event::Moderated`] or [`Event::Refused`].
        request: u32,
        /// The room that they belong to, or one of them: where we are.
        room: RoomId,
        /// What.
        act: BreakoutAct,
    },
    /// Ask what was done to keep order in a room of ours, the newest first.
    Audit {
        /// Comes back in the answers.
        request: u32,
        /// Which room.
        room: RoomId,
        /// Only entries before this one; 0: from the newest.
        before: u64,
        /// So many at most, 1 to [`hph_core::limits::CHAT_PAGE_MAX`].
        count: u8,
    },
    /// Ask for all direct messages that the server keeps, also those that were read before.
    AllDirects,
    /// Say something to one person.
    Direct {
        /// Comes back in [`Event::DirectStored`] or [`Event::MessageFailed`].
        reference: u64,
        /// Login name.
        to: String,
        /// What.
        text: String,
    },
    /// Ask somebody to come to a room.
    Call {
        /// Comes back in the answer.
        request: u32,
        /// Login name.
        to: String,
        /// To which room.
        room: RoomId,
    },
    /// Answer a call.
    AnswerCall {
        /// Which.
        call: CallId,
        /// Whether to come.
        accept: bool,
    },
    /// Hang up.
    CancelCall(CallId),
    /// Accept somebody's key as theirs. [`Event::PersonKey`] says what it is then.
    AcceptKey {
        /// Login name.
        username: String,
        /// The key.
        device: DevicePublic,
        /// Whether it was compared with them.
        is_compared: bool,
    },
    /// About accounts: devices, invitations.
    Account(AccountCommand),
    /// Sign out and end.
    Quit,
}

/// A frame of ours on its way to the network.
#[derive(Clone, Debug)]
pub struct CapturedFrame {
    /// In which room.
    pub room: RoomId,
    /// Which track.
    pub track: TrackId,
    /// Size layer, 0 the full picture.
    pub layer: u8,
    /// Capture time on the media clock.
    pub timestamp: u32,
    /// RFC 6464 level; 127 for pictures.
    pub level: u8,
    /// The encoded frame.
    pub bytes: Vec<u8>,
    /// Which of its bytes are a strip each, of 1 to [`hph_core::limits::FRAGMENT_PAYLOAD_MAX_BYTES`]; none if the frame
    /// is of use only as a whole.
    pub strips: Option<Vec<Range<usize>>>,
    /// When it was captured.
    pub captured_at: Instant,
    /// When it was encoded.
    pub encoded_at: Instant,
}

/// Where captured frames go.
#[derive(Clone)]
pub struct FrameSender {
    frames: Sender<CapturedFrame>,
    /// Weak: a device that is on must not keep the events open after the engine's end.
    events: WeakSender<Event>,
    guidance: Arc<Guidance>,
}

impl FrameSender {
    /// Hands a frame to the engine; false if the network can't keep up and the frame was dropped, or the engine ended.
    pub fn send(&self, frame: CapturedFrame) -> bool {
        !matches!(self.frames.try_send(frame), Err(TrySendError::Full(_) | TrySendError::Closed(_)))
    }

    /// What the network grants and what others want of our pictures.
    pub fn guidance(&self) -> Arc<Guidance> {
        Arc::clone(&self.guidance)
    }

    /// Tells the frontend something about our microphone, if it still listens.
    pub fn remark(&self, room: RoomId, remark: MicrophoneRemark) {
        if let Some(events) = self.events.upgrade() {
            let _ = events.try_send(Event::Microphone { room, remark });
        }
    }
}

/// What came of somebody's track.
#[derive(Clone, Copy, Debug)]
pub enum IncomingMedia<'a> {
    /// A whole frame.
    Frame(IncomingFrame<'a>),
    /// A strip of a picture, as soon as it is there.
    Strip(IncomingStrip<'a>),
    /// What somebody announced of their tracks; before anything of them comes.
    Tracks {
        /// Which room.
        room: RoomId,
        /// Whose.
        slot: Slot,
        /// Number of their membership: another one is somebody else.
        member: u32,
        /// Their tracks, by [`TrackId`].
        tracks: &'a [TrackInfo; TRACKS_MAX],
    },
    /// Nothing more will come: somebody has left, or we have left the room.
    Gone {
        /// Which room.
        room: RoomId,
        /// Who; nobody in particular if it is over for us.
        slot: Option<Slot>,
    },
}

/// Takes what others send, on the engine's thread: it must not wait.
pub type FrameSink = Box<dyn FnMut(&IncomingMedia<'_>) + Send>;

/// A track of somebody: in which room, whose, which.
pub type RemoteTrack = (RoomId, Slot, TrackId);

/// Figures of a running engine.
#[derive(Clone, Debug, Default)]
pub struct EngineFigures {
    /// Datagrams sent and received.
    pub datagrams: (u64, u64),
    /// Bytes sent and received in datagrams.
    pub bytes: (u64, u64),
    /// Frames of others that came whole, and that were lost.
    pub frames: (u64, u64),
    /// The same for each track, since its owner came into the room.
    pub tracks: Vec<(RemoteTrack, (u64, u64))>,
    /// Packets of each remote track and layer that is not sound: what was lost, and what repair made of it.
    pub repair: Vec<(RemoteTrack, GapStats)>,
    /// Loss of both directions, and of those who receive from us.
    pub loss: LossStats,
    /// Own packets that were sent again.
    pub resent: u64,
    /// Own strips that somebody did not get in time and that are therefore coded anew.
    pub lost_strips: u64,
    /// Own frames that were not sent.
    pub frames_unsent: u64,
    /// Smoothed round-trip time. **Units:** microseconds.
    pub rtt_us: u64,
    /// Whether datagrams go both ways.
    pub is_up: bool,
    /// Whether they travel inside the TCP connection.
    pub is_tunnelled: bool,
    /// Own datagrams that were given up because the TCP connection was too slow for them.
    pub tunnel_dropped: u64,
    /// Dropped datagrams by reason.
    pub drops: Vec<(&'static str, u64)>,
    /// What our way to the server carries, as the rate controller sees it; none while signed out.
    pub uplink: Option<RateFigures>,
}

impl EngineFigures {
    /// What repair made of the packets of all remote tracks together.
    pub fn repaired(&self) -> GapStats {
        self.repair.iter().fold(GapStats::default(), |sum, (_, track)| sum + *track)
    }
}

/// A running engine. Dropping it ends the session.
pub struct Engine {
    commands: Sender<Command>,
    events: Receiver<Event>,
    frames: FrameSender,
    stages: Arc<Mutex<Stages>>,
    figures: Arc<Mutex<EngineFigures>>,
    thread: Option<JoinHandle<()>>,
    next_request: u32,
}

impl Engine {
    /// Starts the engine. It hands whole frames to `sink` and records into `stages`, where the frontend records its own.
    ///
    /// # Errors
    /// The operating system starts no more threads.
    pub fn start(config: EngineConfig, sink: FrameSink, stages: Arc<Mutex<Stages>>) -> io::Result<Self> {
        let (commands, command_queue) = async_channel::bounded(COMMANDS_MAX);
        let (event_sender, events) = async_channel::bounded(EVENTS_MAX);
        let (frame_sender, frame_queue) = async_channel::bounded(FRAMES_MAX);
        let guidance = Arc::new(Guidance::default());
        let frames =
            FrameSender { frames: frame_sender, events: event_sender.downgrade(), guidance: Arc::clone(&guidance) };
        let figures = Arc::new(Mutex::new(EngineFigures::default()));
        let ends = run::Ends {
            commands: command_queue,
            events: event_sender,
            frames: frame_queue,
            stages: Arc::clone(&stages),
            figures: Arc::clone(&figures),
            guidance,
        };
        let thread = std::thread::Builder::new()
            .name("engine".to_owned())
            .spawn(move || smol::block_on(run::run(config, ends, sink)))?;
        Ok(Self { commands, events, frames, stages, figures, thread: Some(thread), next_request: 1 })
    }

    /// Gives a command; false if the engine has ended or can take no more now.
    pub fn send(&self, command: Command) -> bool {
        self.commands.try_send(command).is_ok()
    }

    /// A number for a request.
    pub fn request(&mut self) -> u32 {
        self.next_request = self.next_request.wrapping_add(1).max(1);
        self.next_request
    }

    /// Events in order; closed after [`Event::Ended`].
    pub const fn events(&self) -> &Receiver<Event> {
        &self.events
    }

    /// Where captured frames go.
    pub fn frames(&self) -> FrameSender {
        self.frames.clone()
    }

    /// How long each stage takes.
    pub fn stages(&self) -> Arc<Mutex<Stages>> {
        Arc::clone(&self.stages)
    }

    /// Figures of at most a quarter of a second ago.
    pub fn figures(&self) -> EngineFigures {
        self.figures.lock().map(|figures| figures.clone()).unwrap_or_default()
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        let _ = self.commands.try_send(Command::Quit);
        self.commands.close();
        self.events.close();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// A number for a message: random, so that it is unique among all that its author ever sends.
pub fn new_reference() -> u64 {
    // The high bit keeps it apart from request numbers.
    u64::from_be_bytes(hph_platform::entropy::array()) | 1 << 63
}
