//! A screen that the desktop asks somebody for. That takes as long as a person takes, and the meeting goes on meanwhile.

use std::future::pending;
use std::io;

use hph_client::core::id::{RoomId, TrackId};
use hph_client::engine::Command;
use hph_client::media::{CameraSpec, Capture};
use serde_json::json;

use super::Meeting;
use crate::exit::Failure;
use crate::lang;
use crate::object::{object, track_name};
use crate::session::Input;
use crate::sources::trouble;

/// The answer that is awaited. Dropping it gives that up; what is chosen all the same is closed at once.
pub(super) struct Asking {
    room: RoomId,
    answer: smol::Task<io::Result<Capture>>,
}

/// What comes next.
pub(super) enum Next {
    Input(Result<Input, Failure>),
    Answer(io::Result<Capture>),
}

impl Meeting<'_> {
    /// The session's next input, or the answer. Whichever is not given is not lost.
    pub(super) async fn next(&mut self) -> Next {
        let Self { session, asking, .. } = self;
        let answer = async {
            match asking {
                Some(asking) => Next::Answer((&mut asking.answer).await),
                None => pending().await,
            }
        };
        smol::future::or(answer, async { Next::Input(session.next().await) }).await
    }

    /// Has the desktop ask what to share in a room; does nothing while it asks, or while a screen is shared there.
    pub(super) fn ask(&mut self, room: RoomId, screen: CameraSpec) {
        let is_shared = self.devices.get_mut(&room).is_none_or(|devices| devices.is_open(TrackId::SCREEN));
        if is_shared || self.asking.is_some() {
            return;
        }
        let (frames, codec) = (self.session.engine.frames(), self.sources.codec);
        let answer = smol::unblock(move || Capture::camera_held(&screen, codec, TrackId::SCREEN, room, frames));
        self.asking = Some(Asking { room, answer });
        self.tell(&lang::SCREEN_ASKED);
    }

    /// Gives up asking for a screen for a room.
    pub(super) fn stop_asking(&mut self, room: RoomId) {
        self.asking.take_if(|asking| asking.room == room);
    }

    /// Shares what was chosen, or says why not: nobody is thrown out for declining.
    pub(super) fn take_answer(&mut self, answer: io::Result<Capture>) {
        let Some(Asking { room, .. }) = self.asking.take() else { return };
        let out = self.session.out;
        match answer {
            Ok(capture) => {
                let info = capture.info();
                if let Some(devices) = self.devices.get_mut(&room) {
                    devices.put_screen(capture);
                    self.session.send(Command::SetTrack { room, track: TrackId::SCREEN, info });
                }
            }
            Err(error) => {
                let (why, advice) = trouble(&error, out.lang);
                let track = track_name(TrackId::SCREEN);
                out.object(|| {
                    object("source_failed", json!({"room": room.0, "track": track, "why": error.to_string()}))
                });
                out.talk(&out.lang.fill(&lang::E_SOURCE, &[&track, &why]));
                out.talk(advice);
            }
        }
    }
}
