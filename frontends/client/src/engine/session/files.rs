//! Files beside the meeting: read from the disk and written to it elsewhere than on the engine's thread, sent behind all else.

use std::sync::Arc;
use std::time::Duration;

use async_io::Timer;
use futures_lite::FutureExt;
use hph_core::id::RoomId;
use hph_core::limits::{CONTROL_FRAME_MAX_BYTES, CONTROL_LENGTH_BYTES, FILE_CHUNK_MAX_BYTES};
use hph_core::time::{Duration as Span, Instant};
use hph_core::wire::control::{ClientMessage, emit_client};
use hph_platform::clock::Clock;

use super::{SessionEnd, Shared};
use crate::engine::transfers::{Ready, Step, UploadStage};
use crate::engine::{Event, FileFailure, FileTarget};
use crate::files::{Kept, Source};

/// Whatever waits is looked at this often at least.
const LOOK_AGAIN: Span = Span::from_millis(1000);
/// If the round trip grows by this over what it was at best, a file fills somebody's queue, and waits.
const QUEUE_MAX: Span = Span::from_millis(60);
const QUEUE_PAUSE: Duration = Duration::from_millis(20);
const QUEUE_PAUSES_MAX: u32 = 5;
/// The round trip is looked at after so many bytes that are sent.
const LOOKED_AFTER_BYTES: u64 = 64 * 1024;
/// The best round trip is forgotten after this: the way may be another one.
const BEST_KEPT: Span = Span::from_secs(60);

/// The shortest round trip lately.
#[derive(Default)]
struct Best {
    rtt: Option<Span>,
    at: Instant,
}

impl Best {
    /// Whether datagrams wait because of us, as far as can be told.
    fn is_queue_long(&mut self, now: Instant, rtt: Span) -> bool {
        if rtt == Span::ZERO {
            return false;
        }
        let is_old = now.since(self.at) > BEST_KEPT;
        let best = self.rtt.filter(|best| !is_old && *best <= rtt);
        if best.is_none() {
            (self.rtt, self.at) = (Some(rtt), now);
        }
        best.is_some_and(|best| rtt.as_micros() > best.as_micros() + QUEUE_MAX.as_micros())
    }
}

impl Shared<'_, '_> {
    /// Sends and fetches files, one step after the other, for as long as the session lasts.
    pub(super) async fn carry_files(&self) -> SessionEnd {
        let mut best = Best::default();
        loop {
            let now = Clock::now();
            let step = {
                let mut state = self.state.borrow_mut();
                let lasting = &mut *state.lasting;
                let machine = &lasting.machine;
                lasting.transfers.next_step(now, |room| machine.is_joined(room))
            };
            match step {
                Ok(step) => {
                    let is_time_to_look = match &step {
                        Step::Send { from, .. } => from % LOOKED_AFTER_BYTES < FILE_CHUNK_MAX_BYTES as u64,
                        step => matches!(step, Step::Ask { .. }),
                    };
                    if is_time_to_look {
                        self.wait_for_queue(&mut best).await;
                    }
                    self.take_step(step).await;
                }
                Err(again) => {
                    let wait = again.since(now).min(LOOK_AGAIN).as_micros();
                    let timer = async { _ = Timer::after(Duration::from_micros(wait)).await };
                    let news = async { _ = self.files.1.recv().await };
                    timer.or(news).await;
                }
            }
        }
    }

    /// Voices and pictures go over the same line: while they would wait for us, we do.
    async fn wait_for_queue(&self, best: &mut Best) {
        // Whatever the cause is: a file is not held up for ever, and on a busy machine everything takes longer.
        for _ in 0..QUEUE_PAUSES_MAX {
            let link = self.state.borrow().lasting.machine.link_stats();
            let is_long = link.is_some_and(|link| link.is_up && best.is_queue_long(Clock::now(), link.rtt));
            if !is_long {
                return;
            }
            Timer::after(QUEUE_PAUSE).await;
        }
    }

    async fn take_step(&self, step: Step) {
        match step {
            Step::Prepare { request, path, key } => {
                let prepared = smol::unblock(move || {
                    let mut source = Source::open(&path, key.as_ref())?;
                    let prepared = source.prepare()?;
                    Ok::<_, std::io::Error>(Ready { source: Arc::new(source), prepared })
                });
                match prepared.await {
                    Ok(ready) => self.with_upload(request, |upload| {
                        upload.stage = UploadStage::Offer { ready, at: Clock::now() };
                    }),
                    Err(error) => self.fail_upload(request, &error).await,
                }
            }
            Step::Offer { reference, to, name, size, sha256 } => {
                let (room, to, name) = match &to {
                    FileTarget::Room(room) => (*room, "", name.as_str()),
                    FileTarget::Person(to) => (RoomId(0), to.as_str(), ""),
                };
                self.say_file(&ClientMessage::OfferFile { reference, room, to, name, size, sha256 });
            }
            Step::Send { request, source, file, from } => {
                match smol::unblock(move || source.read(from, FILE_CHUNK_MAX_BYTES)).await {
                    Ok(bytes) if !bytes.is_empty() => {
                        self.put_bulk(&ClientMessage::FileChunk { file, from, bytes: &bytes }).await;
                        let len = bytes.len() as u64;
                        self.with_upload(request, |upload| {
                            if let UploadStage::Sending { sent, .. } = &mut upload.stage
                                && *sent == from
                            {
                                *sent += len;
                            }
                        });
                    }
                    Ok(_) => self.fail_upload(request, &std::io::ErrorKind::UnexpectedEof.into()).await,
                    Err(error) => self.fail_upload(request, &error).await,
                }
            }
            Step::Open { request, remote, folder } => match smol::unblock(move || Kept::open(&remote, &folder)).await {
                Ok((kept, have)) => self.with_download(request, |download| {
                    download.kept = Some(Arc::new(kept));
                    (download.done, download.asked) = (have, have);
                }),
                Err(error) => self.fail_download(request, &error).await,
            },
            Step::Ask { request, file, from, count } => {
                self.say_file(&ClientMessage::FetchFile { request, file, from, count });
            }
            Step::Write { request, kept, from, bytes } => self.keep(request, kept, from, bytes).await,
            Step::Finish { request } => self.finish(request),
        }
    }

    async fn keep(&self, request: u32, kept: Arc<Kept>, from: u64, bytes: Vec<u8>) {
        let len = bytes.len() as u64;
        match smol::unblock(move || kept.write(from, &bytes)).await {
            Ok(()) => {
                let mut progress = None;
                self.with_download(request, |download| {
                    if download.done == from && download.arrived.pop_front().is_some() {
                        download.done += len;
                        progress = Some((download.done, download.remote.stored_size()));
                    }
                });
                if let Some((done, total)) = progress {
                    let _ = self.ends.events.try_send(Event::FileProgress { request, done, total });
                }
            }
            Err(error) => self.fail_download(request, &error).await,
        }
    }

    /// Goes on if the session ends meanwhile: what is whole shall not be asked for again.
    fn finish(&self, request: u32) {
        let kept = {
            let mut state = self.state.borrow_mut();
            let downloads = &mut state.lasting.transfers.downloads;
            let index = downloads.iter().position(|download| download.request == request);
            index.and_then(|index| downloads.remove(index)).and_then(|download| download.kept)
        };
        let Some(kept) = kept else { return };
        let events = self.ends.events.clone();
        let finishing = smol::unblock(move || {
            let event = match kept.finish() {
                Ok(path) => Event::FileFetched { request, path },
                Err(error) => Event::FileFailed { request, reason: failure(&error) },
            };
            let _ = events.send_blocking(event);
        });
        finishing.detach();
    }

    fn with_upload(&self, request: u32, change: impl FnOnce(&mut crate::engine::transfers::Upload)) {
        let mut state = self.state.borrow_mut();
        let uploads = &mut state.lasting.transfers.uploads;
        uploads.iter_mut().find(|upload| upload.request == request).map(change);
    }

    fn with_download(&self, request: u32, change: impl FnOnce(&mut crate::engine::transfers::Download)) {
        let mut state = self.state.borrow_mut();
        let downloads = &mut state.lasting.transfers.downloads;
        downloads.iter_mut().find(|download| download.request == request).map(change);
    }

    async fn fail_upload(&self, request: u32, error: &std::io::Error) {
        self.state.borrow_mut().lasting.transfers.uploads.retain(|upload| upload.request != request);
        let _ = self.ends.events.send(Event::FileFailed { request, reason: failure(error) }).await;
    }

    async fn fail_download(&self, request: u32, error: &std::io::Error) {
        self.state.borrow_mut().lasting.transfers.downloads.retain(|download| download.request != request);
        let _ = self.ends.events.send(Event::FileFailed { request, reason: failure(error) }).await;
    }

    fn say_file(&self, message: &ClientMessage<'_>) {
        // The server would end a session that says anything else.
        if message.is_legal() {
            let mut state = self.state.borrow_mut();
            let state = &mut *state;
            if let Ok(len) = emit_client(message, &mut state.frame) {
                state.bytes.extend_from_slice(&state.frame[..len]);
            }
        }
        let _ = self.wake.0.try_send(());
    }

    /// Lets a piece of a file be written when there is nothing else, once the last one was.
    async fn put_bulk(&self, message: &ClientMessage<'_>) {
        while !self.state.borrow().bulk.is_empty() {
            let _ = self.files.1.recv().await;
        }
        let mut frame = vec![0; CONTROL_FRAME_MAX_BYTES + CONTROL_LENGTH_BYTES];
        let Ok(len) = emit_client(message, &mut frame) else { return };
        frame.truncate(len);
        self.state.borrow_mut().bulk = frame;
        let _ = self.wake.0.try_send(());
    }
}

fn failure(error: &std::io::Error) -> FileFailure {
    if error.kind() == std::io::ErrorKind::InvalidData {
        FileFailure::Damaged
    } else {
        FileFailure::Disk(error.to_string())
    }
}
