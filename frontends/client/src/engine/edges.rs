//! Our frames on their way out, and the two ends of a track: no first frame overtakes the word that the track is on, no
//! last one is overtaken by the word that it is off.

use std::collections::VecDeque;

use async_io::Timer;
use futures_lite::future;
use hph_core::endpoint::client::{ClientMachine, OutgoingFrame, Pieces};
use hph_core::time::{Duration, Instant};
use hph_platform::clock::Clock;

use super::session::{Output, SessionEnd, Shared};
use super::{CapturedFrame, EngineFigures};
use crate::media::Stages;

/// Frames that may wait for the server's word: a second of sound, and pictures beside it. Then the oldest gives way.
const WAITING_MAX: usize = 96;
/// And how long.
const WAIT_MAX: Duration = Duration::from_millis(1000);
/// Our last datagrams are waited for so long: on a network that loses the question too, the word goes all the same.
const SETTLE_MAX: Duration = Duration::from_millis(500);
/// The question whether they came is asked again after this long.
const SETTLE_RETRY: Duration = Duration::from_millis(60);
/// And the answer looked for this often.
const SETTLE_LOOK: std::time::Duration = std::time::Duration::from_millis(2);

/// Frames on their way out. One waits only until the server has confirmed that its track is on and datagrams have gone
/// both ways. When they no longer do it is dropped: nobody wants to hear late what was said while the network was away.
#[derive(Default)]
pub(super) struct FramesOut(VecDeque<(Instant, CapturedFrame)>);

impl FramesOut {
    fn push(&mut self, frame: CapturedFrame, figures: &mut EngineFigures) {
        if self.0.len() == WAITING_MAX {
            self.0.pop_front();
            figures.frames_unsent += 1;
        }
        self.0.push_back((Clock::now(), frame));
    }

    /// Sends what may go by now, in order, and gives up what has waited too long.
    pub fn send(&mut self, machine: &mut ClientMachine<'_>, out: &mut Output<'_>) {
        if self.0.is_empty() {
            return;
        }
        let now = Clock::now();
        self.0.retain(|(since, frame)| {
            if machine.may_send(frame.room, frame.track) {
                send_frame(machine, frame, *since, out);
                return false;
            }
            let is_over = now.since(*since) >= WAIT_MAX;
            out.figures.frames_unsent += u64::from(is_over);
            !is_over
        });
    }
}

fn send_frame(machine: &mut ClientMachine<'_>, frame: &CapturedFrame, since: Instant, out: &mut Output<'_>) {
    let began = Clock::now();
    let outgoing = OutgoingFrame {
        track: frame.track,
        layer: frame.layer,
        timestamp: frame.timestamp,
        level: frame.level,
        bytes: &frame.bytes,
        pieces: frame.strips.as_deref().map_or(Pieces::Fragments, Pieces::Strips),
    };
    if machine.send_frame(began, frame.room, &outgoing, out).is_err() {
        out.figures.frames_unsent += 1;
    } else if !frame.track.is_audio() {
        let ended = Clock::now();
        Stages::record(out.stages, |stages| {
            stages.encode.record(frame.encoded_at.since(frame.captured_at));
            stages.queue.record(since.since(frame.encoded_at));
            stages.seal_and_send.record(ended.since(since));
        });
    }
}

impl Shared<'_, '_> {
    pub async fn send_frames(&self) -> SessionEnd {
        loop {
            let Ok(frame) = self.ends.frames.recv().await else { return future::pending().await };
            self.send_frame(frame).await;
        }
    }

    async fn send_frame(&self, frame: CapturedFrame) {
        {
            let state = &mut *self.state.borrow_mut();
            state.frames_out.push(frame, &mut state.figures);
        }
        // Whatever happens, what may go goes.
        self.act(|_, _| ()).await;
    }

    /// Sends what was captured until now, and waits until the server has it: then what is said over the control
    /// connection does not overtake it. Bounded, and no wait at all while datagrams do not go both ways.
    pub async fn settle(&self) {
        while let Ok(frame) = self.ends.frames.try_recv() {
            self.send_frame(frame).await;
        }
        let began = Clock::now();
        let mut asked_at = None;
        while self.is_up() && Clock::now().since(began) < SETTLE_MAX {
            let now = Clock::now();
            // What waits for the server's word is asked after once it has gone out.
            let is_out = self.state.borrow().frames_out.0.is_empty();
            if is_out && asked_at.is_none_or(|at: Instant| now.since(at) >= SETTLE_RETRY) {
                asked_at = Some(now);
                self.act(|machine, out| machine.ping(now, out)).await;
            }
            Timer::after(SETTLE_LOOK).await;
            let settled_at = self.state.borrow().lasting.machine.link_stats().and_then(|link| link.settled_at);
            if asked_at.is_some() && settled_at >= asked_at {
                return;
            }
        }
    }

    fn is_up(&self) -> bool {
        self.state.borrow().lasting.machine.link_stats().is_some_and(|link| link.is_up)
    }
}
