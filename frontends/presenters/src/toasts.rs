//! What is told in passing, and calls that ring.

use std::collections::VecDeque;
use std::path::PathBuf;

use hph_client::core::id::{CallId, RoomId};
use hph_client::core::time::{Duration, Instant};
use hph_client::core::wire::control::Act;
use hph_client::engine::FileFailure;

use crate::text::when;
use crate::time::{Now, ms, seconds_until};
use crate::trouble::Trouble;

/// Toasts that are seen at the same time.
pub const SHOWN_MAX: usize = 3;
/// How long a toast stays that is no error.
pub const STAYS: Duration = ms(5000);
/// Toasts that wait for a place; the oldest one goes first.
const WAITING_MAX: usize = 8;
/// Calls that ring at the same time; more are not told.
const INCOMING_MAX: usize = 8;
/// Missed calls that are kept.
const MISSED_MAX: usize = 20;

/// What a toast tells. The frontend has the sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// Something went wrong. It stays until it is closed.
    Trouble(Trouble),
    /// Something went wrong with a device; `detail` is what the system says, such as which program holds it.
    DeviceTrouble {
        /// What.
        trouble: Trouble,
        /// In the system's words.
        detail: String,
    },
    /// We talk, and nobody hears it.
    TalkingWhileMuted,
    /// Our microphone gives nothing.
    NoMicrophoneSignal,
    /// Our microphone distorts.
    Clipping,
    /// A device is gone; it is waited for.
    DeviceGone,
    /// It is back.
    DeviceBack,
    /// A host has switched our microphone off.
    MutedBy(String),
    /// A host has switched our camera or screen off.
    VideoStoppedBy(String),
    /// A host asks us to switch our microphone on.
    UnmuteAsked {
        /// In which room.
        room: RoomId,
        /// Name of the host.
        by: String,
    },
    /// We have spoken for a while with our hand up.
    LowerHand,
    /// Somebody came.
    Came(String),
    /// Somebody left.
    Went(String),
    /// Somebody raised their hand.
    HandUp(String),
    /// Something that we did to keep order is done.
    Done {
        /// What.
        act: Act,
        /// Name of whom, or nothing.
        whom: String,
    },
    /// The microphone was closed because another room came to the front.
    LeftBehind(String),
    /// A direct message came while its thread was not in front.
    Direct {
        /// Login name of the sender.
        from: String,
        /// Name of the sender.
        name: String,
    },
    /// Somebody waits to be let into a room.
    Knock {
        /// Which room.
        room: RoomId,
        /// Login name.
        username: String,
        /// Name to show.
        name: String,
    },
    /// Somebody put a file on the shelf of the room in front.
    FileCame {
        /// Name of the sender.
        from: String,
        /// Name of the file.
        name: String,
    },
    /// A file was fetched, and is there.
    FileFetched(PathBuf),
    /// A file was not sent, or not fetched.
    FileFailed {
        /// Its name.
        name: String,
        /// Why.
        reason: FileFailure,
    },
    /// Somebody calls: said by the desktop, since the window shows it itself.
    Called {
        /// Name of the caller.
        name: String,
        /// Name of the room.
        room: String,
    },
    /// A call that we made was declined, not answered, or its callee is gone.
    CallDeclined(String),
    /// See [`Self::CallDeclined`].
    CallNotAnswered(String),
    /// We were sent to the breakout room of that name; nothing if nobody said it.
    SentToBreakout(String),
    /// We were sent back to the room that the breakout rooms belong to.
    BackFromBreakout,
    /// The breakout rooms end.
    BreakoutsEnd {
        /// In so many seconds.
        seconds: u16,
    },
    /// A host says something to everybody in the breakout rooms.
    BreakoutsTold {
        /// Name of the host.
        by: String,
        /// What.
        text: String,
    },
    /// Something was copied.
    Copied,
    /// Somebody's key is another one than before.
    KeyChanged(String),
    /// We are connected again.
    Reconnected,
    /// The message of a command in the chat, for instance its help.
    Info(String),
}

impl Notice {
    /// Whether it stays until it is closed.
    pub const fn is_error(&self) -> bool {
        matches!(self, Self::Trouble(_) | Self::DeviceTrouble { .. } | Self::KeyChanged(_) | Self::FileFailed { .. })
    }
}

/// How something can be undone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Undo {
    /// In which room.
    pub room: RoomId,
    /// What undoes it.
    pub act: Act,
    /// Login name, or nothing.
    pub whom: String,
}

/// One toast.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Toast {
    /// Its number.
    pub id: u64,
    /// What it tells.
    pub notice: Notice,
    /// What its button undoes.
    pub undo: Option<Undo>,
    /// Until when it is seen; none: until it is closed.
    pub until: Option<Instant>,
}

/// All toasts.
#[derive(Clone, Debug, Default)]
pub struct Toasts {
    shown: Vec<Toast>,
    waiting: VecDeque<(Notice, Option<Undo>)>,
    next: u64,
}

impl Toasts {
    /// Tells something. What is seen already is seen for longer, not twice.
    pub fn push(&mut self, notice: Notice, now: Instant) {
        self.add(notice, None, now);
    }

    /// Tells that something was done which can be undone.
    pub fn push_undoable(&mut self, notice: Notice, undo: Undo, now: Instant) {
        self.add(notice, Some(undo), now);
    }

    fn add(&mut self, notice: Notice, undo: Option<Undo>, now: Instant) {
        if let Some(toast) = self.shown.iter_mut().find(|toast| toast.notice == notice) {
            (toast.until, toast.undo) = (until(&notice, now), undo);
            return;
        }
        if self.waiting.iter().any(|(other, _)| *other == notice) {
            return;
        }
        // An error takes the place of what would go anyway.
        if notice.is_error() && self.shown.len() >= SHOWN_MAX {
            let first = self.shown.iter().position(|toast| toast.until.is_some());
            first.map(|index| self.shown.remove(index));
        }
        self.waiting.push_back((notice, undo));
        if self.waiting.len() > WAITING_MAX {
            self.waiting.pop_front();
        }
        self.fill(now);
    }

    fn fill(&mut self, now: Instant) {
        while self.shown.len() < SHOWN_MAX
            && let Some((notice, undo)) = self.waiting.pop_front()
        {
            self.next += 1;
            let until = until(&notice, now);
            self.shown.push(Toast { id: self.next, notice, undo, until });
        }
    }

    /// Closes a toast; gives what it could have undone.
    pub fn close(&mut self, id: u64, now: Instant) -> Option<Undo> {
        let index = self.shown.iter().position(|toast| toast.id == id)?;
        let toast = self.shown.remove(index);
        self.fill(now);
        toast.undo
    }

    /// What is no longer so needs no telling.
    pub fn withdraw(&mut self, now: Instant, is_over: impl Fn(&Notice) -> bool) {
        self.shown.retain(|toast| !is_over(&toast.notice));
        self.waiting.retain(|(notice, _)| !is_over(notice));
        self.fill(now);
    }

    /// Time has passed.
    pub fn tick(&mut self, now: Instant) {
        self.shown.retain(|toast| toast.until.is_none_or(|until| until > now));
        self.fill(now);
    }

    /// Those that are seen, the oldest first.
    pub fn shown(&self) -> &[Toast] {
        &self.shown
    }

    /// When the next one goes.
    pub fn deadline(&self) -> Option<Instant> {
        self.shown.iter().filter_map(|toast| toast.until).min()
    }
}

fn until(notice: &Notice, now: Instant) -> Option<Instant> {
    (!notice.is_error()).then(|| now + STAYS)
}

/// A call that rings here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Incoming {
    /// Its number.
    pub call: CallId,
    /// Login name of the caller.
    pub from: String,
    /// Name of the caller.
    pub name: String,
    /// To which room.
    pub room: RoomId,
    /// Name of the room.
    pub room_name: String,
    /// When it began.
    pub began: Instant,
    /// Until when it rings.
    pub until: Instant,
}

impl Incoming {
    /// Seconds that are left.
    pub const fn left_s(&self, now: Instant) -> u64 {
        seconds_until(self.until, now)
    }

    /// How much of the time is left, 0 to 1: for a ring that closes.
    pub fn left(&self, now: Instant) -> f32 {
        let whole = self.until.since(self.began).as_micros().max(1);
        self.until.since(now).as_micros() as f32 / whole as f32
    }
}

/// A call that was not answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missed {
    /// Login name of the caller.
    pub from: String,
    /// Name of the caller.
    pub name: String,
    /// When it began. **Units:** milliseconds since 1970.
    pub unix_ms: u64,
}

impl Missed {
    /// When it began, for people.
    pub fn time(&self, now: &Now) -> String {
        when::clock(self.unix_ms, now)
    }
}

/// Calls, both ways.
#[derive(Clone, Debug, Default)]
pub struct Calls {
    /// Those that ring here.
    pub incoming: Vec<Incoming>,
    /// Those that ring elsewhere: our request, the number once it is known, whom.
    pub outgoing: Vec<Outgoing>,
    /// Those that were not answered, the newest first.
    pub missed: VecDeque<Missed>,
    /// Whether nothing rings.
    pub is_quiet: bool,
}

/// A call of ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outgoing {
    /// Our request.
    pub request: u32,
    /// Its number, once it rings.
    pub call: Option<CallId>,
    /// Login name of whom.
    pub to: String,
}

impl Calls {
    /// Somebody calls. False if nothing is to ring.
    pub fn ring(&mut self, incoming: Incoming) -> bool {
        if self.incoming.iter().any(|known| known.call == incoming.call) {
            return !self.is_quiet;
        }
        let has_room = self.incoming.len() < INCOMING_MAX;
        if has_room {
            self.incoming.push(incoming);
        }
        has_room && !self.is_quiet
    }

    /// A call is over here: it was answered, or is no more. `is_missed` if nobody answered it.
    pub fn end(&mut self, call: CallId, is_missed: bool, now: Now) -> Option<Incoming> {
        let index = self.incoming.iter().position(|known| known.call == call)?;
        let incoming = self.incoming.remove(index);
        if is_missed {
            let rang_ms = now.at.since(incoming.began).as_micros() / 1000;
            let unix_ms = now.unix_ms.saturating_sub(rang_ms);
            self.missed.push_front(Missed { from: incoming.from.clone(), name: incoming.name.clone(), unix_ms });
            self.missed.truncate(MISSED_MAX);
        }
        Some(incoming)
    }

    /// Time has passed: what has rung long enough was missed. Whether anything ended.
    pub fn tick(&mut self, now: Now) -> bool {
        let over: Vec<CallId> =
            self.incoming.iter().filter(|call| call.until <= now.at).map(|call| call.call).collect();
        over.iter().for_each(|call| _ = self.end(*call, true, now));
        !over.is_empty()
    }
}

#[cfg(test)]
mod tests;
