//! Our frames on their way out, and the two ends of a track: no first frame overtakes the word that the track is on, no
//! last one is overtaken by the word that it is off.

use std::collections::VecDeque;

use async_io::Timer;
use futures_lite::future;
use hph_core::endpoint::client::{ClientMachine, OutgoingFrame, Pieces};
use hph_core::id::{RoomId, TrackId};
use hph_core::limits::HOP_PREFIX_BYTES;
use hph_core::media::pace::Pacer;
use hph_core::time::{Duration, Instant};
use hph_platform::clock::Clock;

use super::session::{Output, SessionEnd, Shared};
use super::{CapturedFrame, EngineFigures, Guidance};
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

/// Which pictures: room, track, size layer.
type Pictures = (RoomId, TrackId, u8);

/// A packet of a picture that waits for its turn.
struct Paced {
    due: Instant,
    payload: Vec<u8>,
    clear_len_bytes: usize,
    of: Pictures,
}

/// Frames on their way out. One waits only until the server has confirmed that its track is on and datagrams have gone
/// both ways. When they no longer do it is dropped: nobody wants to hear late what was said while the network was away.
///
/// Sound leaves at once, the packets of pictures not faster than our way to the server carries them.
#[derive(Default)]
pub(super) struct FramesOut {
    unconfirmed: VecDeque<(Instant, CapturedFrame)>,
    pacer: Pacer,
    paced: VecDeque<Paced>,
}

impl FramesOut {
    fn push(&mut self, frame: CapturedFrame, figures: &mut EngineFigures, guidance: &Guidance) {
        if self.unconfirmed.len() == WAITING_MAX
            && let Some((_, oldest)) = self.unconfirmed.pop_front()
        {
            give_up(&oldest, figures, guidance);
        }
        self.unconfirmed.push_back((Clock::now(), frame));
    }

    /// Sends what may go by now, in order, and gives up what has waited too long.
    pub fn send(&mut self, machine: &mut ClientMachine<'_>, out: &mut Output<'_>) {
        if self.unconfirmed.is_empty() && self.paced.is_empty() {
            return;
        }
        let now = Clock::now();
        let Self { unconfirmed, pacer, paced } = self;
        unconfirmed.retain(|(since, frame)| {
            if machine.may_send(frame.room, frame.track) {
                if frame.track.is_audio() {
                    send_sound(machine, frame, out);
                } else {
                    seal_picture(machine, frame, *since, (&mut *pacer, &mut *paced), out);
                }
                return false;
            }
            let is_over = now.since(*since) >= WAIT_MAX;
            if is_over {
                give_up(frame, out.figures, out.guidance);
            }
            !is_over
        });
        while let Some(packet) = self.paced.pop_front_if(|packet| packet.due <= now) {
            if machine.send_sealed(now, &packet.payload, packet.clear_len_bytes, out).is_err() {
                ask_refresh(packet.of, out.guidance);
            }
        }
    }

    /// When the next packet leaves.
    pub fn due_at(&self) -> Instant {
        self.paced.front().map_or(Instant::NEVER, |packet| packet.due)
    }

    fn is_empty(&self) -> bool {
        self.unconfirmed.is_empty() && self.paced.is_empty()
    }
}

/// A frame is not sent. What its encoder believes others have of a picture they do not have.
fn give_up(frame: &CapturedFrame, figures: &mut EngineFigures, guidance: &Guidance) {
    figures.frames_unsent += 1;
    if frame.strips.is_some() {
        ask_refresh((frame.room, frame.track, frame.layer), guidance);
    }
}

fn ask_refresh((room, track, layer): Pictures, guidance: &Guidance) {
    guidance.ask_refresh(room, track, 1 << layer);
}

fn send_sound(machine: &mut ClientMachine<'_>, frame: &CapturedFrame, out: &mut Output<'_>) {
    if machine.send_frame(Clock::now(), frame.room, &outgoing(frame), out).is_err() {
        out.figures.frames_unsent += 1;
    }
}

/// Seals a picture and puts its packets behind those that wait.
fn seal_picture(
    machine: &mut ClientMachine<'_>,
    frame: &CapturedFrame,
    since: Instant,
    (pacer, paced): (&mut Pacer, &mut VecDeque<Paced>),
    out: &mut Output<'_>,
) {
    let now = Clock::now();
    let of = (frame.room, frame.track, frame.layer);
    let uplink_bps = machine.uplink(now).map_or(0, |(_, figures)| figures.pace_bps);
    let pace_bps = out.guidance.pace_bps(frame.room, frame.track).map_or(uplink_bps, |bps| bps.min(uplink_bps));
    let mut packets_bytes = 0;
    let sealed = |payload: &[u8], clear_len_bytes| {
        packets_bytes += payload.len() + HOP_PREFIX_BYTES;
        let due = pacer.schedule(now, payload.len(), pace_bps);
        paced.push_back(Paced { due, payload: payload.to_vec(), clear_len_bytes, of });
    };
    if machine.seal_frame(now, frame.room, &outgoing(frame), sealed).is_err() {
        return give_up(frame, out.figures, out.guidance);
    }
    out.guidance.note_packets(frame.room, frame.track, frame.bytes.len(), packets_bytes);
    let leaves_at = paced.back().map_or(now, |last| last.due).max(Clock::now());
    Stages::record(out.stages, |stages| {
        stages.encode.record(frame.encoded_at.since(frame.captured_at));
        stages.queue.record(since.since(frame.encoded_at));
        stages.seal_and_send.record(leaves_at.since(since));
    });
}

fn outgoing(frame: &CapturedFrame) -> OutgoingFrame<'_> {
    OutgoingFrame {
        track: frame.track,
        layer: frame.layer,
        timestamp: frame.timestamp,
        level: frame.level,
        bytes: &frame.bytes,
        pieces: frame.strips.as_deref().map_or(Pieces::Fragments, Pieces::Strips),
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
            state.frames_out.push(frame, &mut state.figures, &self.ends.guidance);
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
            let is_out = self.state.borrow().frames_out.is_empty();
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
