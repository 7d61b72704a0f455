//! What can happen to the device, and what it wants done.

use hph_client::link::Invitation;
use hph_presenters::app;
use hph_presenters::trouble::Trouble;

use super::Gone;
use crate::kept::Memory;
use crate::keyboard::Key;

/// What is in front.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Front {
    /// No server is known: how it can be told.
    SetUp,
    /// It is on the way to its server.
    Waiting {
        /// What keeps it.
        trouble: Option<Trouble>,
    },
    /// The server does not know it: its owner is asked to let it in.
    Pairing {
        /// Six digits in two groups, for the owner to type.
        code: String,
        /// For so long they are good. **Units:** seconds.
        seconds: u64,
        /// Why it is not known any more; none: it never was.
        why: Option<Trouble>,
    },
    /// Rooms, clock, status.
    Home,
    /// A room.
    Room,
    /// Nobody is there: a black screen.
    Dark,
    /// It ends again and again: the error, for a telephone's camera.
    Safe {
        /// In the program's own words.
        error: String,
    },
}

/// What lies over a room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sheet {
    /// Who is there.
    People,
    /// How loud it is.
    Volume,
}

/// What happens.
#[derive(Clone, Debug)]
pub enum Event {
    /// The engine, or a device, says something.
    Meeting(Box<app::Event>),
    /// Time has passed: at least four times a second.
    Tick,
    /// Somebody touches the screen.
    Touched,
    /// Go into the room of that name.
    Enter(String),
    /// Begin a meeting in the device's own room.
    Start,
    /// Go back into the room where the device always is.
    Return,
    /// Open the keyboard to type a room's name.
    OpenEntry,
    /// Close it.
    CloseEntry,
    /// A key of the keyboard on the screen.
    Key(Key),
    /// Open a sheet over the room; the same one again, or none, closes it.
    Sheet(Option<Sheet>),
    /// The microphone's button, on the screen or on the wall.
    Microphone,
    /// The camera's button.
    Camera,
    /// The button of sharing.
    Share,
    /// The hand's button.
    Hand,
    /// Leave the room.
    Leave,
    /// Louder or quieter. **Units:** percent.
    Volume(i32),
    /// The first call is answered, or declined.
    Answer(bool),
    /// The other language.
    Language,
    /// Try again, now.
    Retry,
    /// Which devices are gone while they are open, and come back by themselves.
    Gone(Gone),
    /// Close a message.
    CloseToast(u64),
    /// An invitation was held in front of the camera.
    Shown(Invitation),
    /// The program is asked to end.
    End,
}

impl From<app::Event> for Event {
    fn from(event: app::Event) -> Self {
        Self::Meeting(Box::new(event))
    }
}

/// What is to be done, in order.
pub type Effects = Vec<Effect>;

/// What is to be done.
#[derive(Clone, Debug)]
pub enum Effect {
    /// What a meeting wants done.
    Meeting(hph_presenters::Effect),
    /// Remember this.
    Keep(Memory),
    /// Keep this invitation, and begin anew with it.
    Enrol(Invitation),
    /// Microphone, camera or screen leave the room from now on, or no longer: the lamp.
    Live(bool),
    /// End, to be started anew.
    Restart,
}
