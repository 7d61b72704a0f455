//! What other threads tell the program.

use std::path::PathBuf;

use hph_client::engine::FileTarget;
use hph_client::platform::screen::Screen;
use hph_presenters::prejoin::{self, Devices};
use hph_presenters::signin::Offer;
use hph_presenters::trouble::Trouble;

use crate::devices::Opened;
use crate::outside::NoChooser;
use crate::pictures::Pixels;

/// A piece of news.
pub enum Note {
    /// What came of asking a server how one may sign in there.
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
    /// The devices that are there.
    Devices(Devices),
    /// Of what is tried before a room.
    Tried(prejoin::Event),
    /// What can be shared.
    Screens(Vec<Screen>),
    /// A loudspeaker can't be used, in the system's words.
    SpeakerFailed(String),
    /// Files were chosen to be sent there, or there is nothing here to choose them in.
    Chosen(FileTarget, Result<Vec<PathBuf>, NoChooser>),
    /// A picture among the files was decoded, by the number of its file, or can't be.
    Decoded(u64, Option<Pixels>),
    /// There are new pictures.
    Pictures,
}

/// Where it is told, from any thread.
pub type Inbox = async_channel::Sender<Note>;

/// Tells it; nobody may listen any more.
pub fn tell(inbox: &Inbox, note: Note) {
    let _ = inbox.try_send(note);
}
