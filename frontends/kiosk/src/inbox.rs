//! What other threads tell the program.

use hph_client::link::Invitation;
use hph_presenters::signin::Offer;
use hph_presenters::trouble::Trouble;

use crate::devices::Opened;

/// A piece of news.
pub enum Note {
    /// What came of asking the server how one may sign in there.
    Answered {
        /// Name or address.
        host: String,
        /// For TCP and UDP.
        port: u16,
        /// What it offers, or why it can't be said.
        answer: Result<Offer, Trouble>,
    },
    /// A device was opened, or not.
    Opened(Opened),
    /// A loudspeaker can't be used, in the system's words.
    SpeakerFailed(String),
    /// There are new pictures.
    Pictures,
    /// The button on the wall was pressed.
    Button,
    /// An invitation was held in front of the camera.
    Shown(Invitation),
    /// The program is asked to end, by the service manager or at a terminal.
    End,
}

/// Where it is told, from any thread.
pub type Inbox = async_channel::Sender<Note>;

/// Tells it; nobody may listen any more.
pub fn tell(inbox: &Inbox, note: Note) {
    let _ = inbox.try_send(note);
}
