//! What a presenter wants done. The frontend carries it out in order and answers with events, where there is an answer.

use hph_client::core::id::{RoomId, Slot, TrackId};
use hph_client::engine::{Account, Command, FileTarget};
use hph_client::files::RemoteFile;
use hph_client::tls::Pin;

/// Effects in the order in which they are to be carried out.
pub type Effects = Vec<Effect>;

/// Where and as whom to sign in.
#[derive(Clone)]
pub struct Connection {
    /// Name or address.
    pub host: String,
    /// For TCP and UDP.
    pub port: u16,
    /// Which key it must have, if the invitation says so or it is known from before.
    pub pin: Option<Pin>,
    /// As whom.
    pub account: Account,
}

impl std::fmt::Debug for Connection {
    /// Without the password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connection").field("host", &self.host).field("port", &self.port).finish_non_exhaustive()
    }
}

/// What is to be done.
#[derive(Clone, Debug)]
pub enum Effect {
    /// Give the engine a command. If it takes none: [`crate::app::Event::EngineBusy`].
    Engine(Command),
    /// Ask a server how one may sign in there; the answer is [`crate::signin::Event::Offered`] or
    /// [`crate::signin::Event::Unreachable`].
    Ask {
        /// Name or address.
        host: String,
        /// For TCP and UDP.
        port: u16,
        /// Which key it must have.
        pin: Option<Pin>,
    },
    /// Start an engine; one that runs is ended first.
    Connect(Box<Connection>),
    /// End the engine.
    Disconnect,
    /// Start a meeting on this machine and go there: "try it without a server".
    StartDemo,
    /// Open the device of a track and announce it, held until the server has confirmed it. If it fails:
    /// [`crate::app::Event::TrackFailed`].
    OpenTrack {
        /// In which room.
        room: RoomId,
        /// Which.
        track: TrackId,
    },
    /// Close the device of a track, at once, and announce that.
    CloseTrack {
        /// In which room.
        room: RoomId,
        /// Which.
        track: TrackId,
    },
    /// Hold or release the key of push-to-talk (`VoiceShared::hold_key`).
    HoldKey(bool),
    /// Set how loud somebody is.
    Volume {
        /// In which room.
        room: RoomId,
        /// Who.
        slot: Slot,
        /// 100 is as they came.
        percent: u32,
    },
    /// List devices; the answer is [`crate::prejoin::Event::Devices`].
    ListDevices,
    /// Show the picture of the camera of that id before joining; none: stop. Troubles come as
    /// [`crate::prejoin::Event::Check`].
    Preview(Option<String>),
    /// Listen to the microphone of that id before joining, for its level; none: stop.
    Meter(Option<String>),
    /// Play the chime on the loudspeaker of that id; empty: the machine's own choice.
    Chime(String),
    /// Record five seconds, then play them.
    RecordAndReplay {
        /// Microphone; empty: the machine's own choice.
        microphone: String,
        /// Loudspeaker; empty: the machine's own choice.
        speaker: String,
    },
    /// Take the devices and the sound processing that [`crate::settings::Settings`] say from now on: tracks that are on
    /// are closed and opened anew.
    ApplyDevices,
    /// Keep what [`crate::app::App::memory`] says.
    Remember,
    /// Put a text on the clipboard.
    Copy(String),
    /// Ring for a call, or stop.
    Ring(bool),
    /// Ask for the user's attention outside the window, for this.
    Notify(crate::toasts::Notice),
    /// Put the focus there.
    Focus(Focus),
    /// Fill the screen, or no longer.
    FullScreen(bool),
    /// Let the user choose what is shared; then [`crate::room::Event::ShareChosen`].
    PickScreen,
    /// Let the user choose files to send there; then [`crate::files::Event::Chosen`].
    PickFiles(FileTarget),
    /// Give [`Command::FetchFile`] with the folder where this machine keeps what is fetched.
    FetchFile {
        /// The request.
        request: u32,
        /// Which.
        file: RemoteFile,
    },
    /// Give [`Command::FetchFile`] with a folder of the program's own, which is gone with it: the file is only looked at.
    FetchPicture {
        /// The request.
        request: u32,
        /// Which.
        file: RemoteFile,
    },
    /// Decode a picture that was fetched, within bounds and not on the thread that draws, and show it small; then
    /// [`crate::previews::Event::Decoded`].
    DecodePicture {
        /// The number of the file.
        file: u64,
        /// Where it is. It is no longer needed then.
        path: std::path::PathBuf,
    },
    /// A picture is shown no longer.
    ForgetPicture(u64),
    /// Collect diagnostics, redacted, and show them before they are saved.
    CollectDiagnostics,
    /// End the program.
    Quit,
}

/// Where the focus can be put.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Focus {
    /// The stage: single letters are shortcuts there.
    Stage,
    /// The line in which one writes.
    Composer,
    /// The search of the lobby, the people, or the palette, whichever is open.
    Search,
    /// The password, with all of it selected.
    Password,
    /// The first field of the screen.
    First,
}

/// Gives commands for the engine the form of effects.
pub fn engine(effects: &mut Effects, command: Command) {
    effects.push(Effect::Engine(command));
}
