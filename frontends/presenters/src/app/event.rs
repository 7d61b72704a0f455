//! What can happen to the program, and where one can be in it.

use hph_client::core::id::{CallId, RoomId, TrackId};
use hph_client::core::wire::control::DevicePublic;
use hph_client::engine::{self as client, Command};

use crate::diagnostics::Reading;
use crate::keys::{Action, Chord};
use crate::trouble::Trouble;
use crate::{chat, door, files, invites, lobby, people, prejoin, previews, room, sessions, settings, signin};

/// Where one is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Screen {
    /// Choosing a server.
    #[default]
    First,
    /// Signing in.
    SignIn,
    /// The rooms and people of a server.
    Lobby,
    /// Before a room.
    PreJoin,
    /// The room in front.
    Room,
    /// After a room: one can go back in.
    Left,
    /// It is over for good, for this reason.
    Ended(Trouble),
}

/// What lies over the screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sheet {
    /// The settings.
    Settings,
    /// How the connection is.
    Diagnostics,
    /// Every key.
    Help,
    /// The palette.
    Palette,
    /// Invitations to the room in front.
    Invitations,
}

/// How a call is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// With the camera on.
    Video,
    /// With the camera off.
    Voice,
    /// Not.
    Decline,
}

/// What happens.
#[derive(Clone, Debug)]
pub enum Event {
    /// The engine says something.
    Engine(client::Event),
    /// The engine took no command now: give the command back.
    EngineBusy(Command),
    /// Time has passed: call it at [`super::App::deadline`], and at least once a second.
    Tick,
    /// First screen and signing in.
    SignIn(signin::Event),
    /// The lobby.
    Lobby(lobby::Event),
    /// Before a room. Devices are listed, chosen and tried by the same events in a room.
    PreJoin(prejoin::Event),
    /// The room in front.
    Room(room::Event),
    /// A room, in front or not: sizes, levels, pictures and figures of it.
    InRoom(RoomId, room::Event),
    /// Messages.
    Chat(chat::Event),
    /// Breakout rooms of the meeting in front: what is wanted. In a move the person is a login name.
    Breakout(hph_client::breakout::BreakoutWish),
    /// Everybody in the room in front.
    People(people::Event),
    /// Files: those of the room in front, and those that one person sends another.
    Files(files::Event),
    /// The sheet of invitations.
    Invites(invites::Event),
    /// The devices of one's account.
    Sessions(sessions::Event),
    /// Pictures among the files.
    Previews(previews::Event),
    /// The closed door of a room.
    Door(door::Event),
    /// The sheet of settings.
    Settings(settings::Event),
    /// Prepare for a room of that name, or go in at once where one always does.
    Join {
        /// Its name.
        name: String,
        /// Whether to make it if there is none.
        may_create: bool,
        /// Go in without preparing.
        is_at_once: bool,
    },
    /// Go in, as it was prepared.
    Enter,
    /// Go in again, after one has left.
    Rejoin,
    /// Bring a room to the front.
    Front(RoomId),
    /// Go to the lobby; the rooms go on.
    ToLobby,
    /// Open a sheet, or close it.
    Sheet(Option<Sheet>),
    /// What is searched for in the palette.
    PaletteText(String),
    /// Do something.
    Action(Action),
    /// A key goes down.
    KeyDown {
        /// Which.
        chord: Chord,
        /// Whether the keyboard repeats it.
        is_repeat: bool,
        /// Whether a field has the focus in which one types.
        is_typing: bool,
    },
    /// A key goes up.
    KeyUp(Chord),
    /// The stage has lost the focus, or the window is no longer in front: keys that are held are let go.
    FocusLost,
    /// Whether the window is in front.
    WindowActive(bool),
    /// Close a toast.
    CloseToast(u64),
    /// Undo what a toast tells.
    Undo(u64),
    /// Call somebody to the room in front, or to a new one.
    Call(String),
    /// Answer a call.
    AnswerCall(CallId, Answer),
    /// Stop calling.
    CancelCall(CallId),
    /// Take somebody's key as theirs.
    AcceptKey {
        /// Login name.
        username: String,
        /// The key.
        device: DevicePublic,
        /// Whether it was compared with them.
        is_compared: bool,
    },
    /// A device could not be opened, or is gone for good; with what the system says.
    TrackFailed {
        /// In which room.
        room: RoomId,
        /// Which.
        track: TrackId,
        /// In the system's words.
        detail: String,
    },
    /// Another device could not be opened; with what the system says.
    DeviceFailed(Trouble, String),
    /// What was read from the engine, once a second.
    Reading(Box<Reading>),
    /// Sign out.
    SignOut,
    /// End the program.
    Quit,
}
