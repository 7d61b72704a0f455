//! One signed-in session: several small loops over one machine, until any of them says that it is over.

mod datagrams;
mod files;
mod output;
mod trust;

use std::cell::RefCell;
use std::io;
use std::net::UdpSocket;
use std::time::Duration;

use async_channel::{Receiver, Sender};
use async_io::{Async, Timer};
use async_net::TcpStream;
use futures_lite::FutureExt;
use futures_lite::io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf, split};
use futures_rustls::client::TlsStream;
use hph_core::endpoint::client::{ClientEvent, ClientMachine, ClientOutput};
use hph_core::id::RoomId;
use hph_core::limits::{CONTROL_FRAME_MAX_BYTES, CONTROL_LENGTH_BYTES};
use hph_core::time::Instant;
use hph_core::wire::control::{ClientMessage, FrameReader, Parsed, ServerMessage, emit_client, parse_server};
use hph_platform::clock::Clock;
use hph_platform::entropy;
use hph_platform::tunnel::TunnelQueue;
use hph_platform::udp::Marking;

use super::connect::{self, Secured, Welcome};
use super::doors::room_key;
use super::edges::FramesOut;
use super::outbox::Target;
use super::run::{Ends, Lasting};
use super::{Command, EngineFigures, Event, FailReason, FileFailure, why};
use datagrams::open_socket;
pub(super) use output::Output;
pub(super) use trust::SafetyCodes;

/// The machine's timers are looked at this often at least.
const TICK_MAX: hph_core::time::Duration = hph_core::time::Duration::from_millis(20);

/// Datagrams inside the connection are written so many at once.
const DATAGRAMS_AT_ONCE_BYTES: usize = 4 * 1024;

/// How a session ended.
pub(crate) enum SessionEnd {
    Quit,
    Elsewhere,
    Revoked,
    Lost(String),
}

/// Keeps a command for when there is a session: what would be lost otherwise.
pub(crate) fn keep(lasting: &mut Lasting<'_>, command: Command, now: Instant) {
    match command {
        Command::Chat { reference, room, text } => {
            lasting.outbox.push(now, reference, Target::Room(room), text);
        }
        Command::EditChat { reference, room, id, text } => {
            lasting.outbox.push(now, reference, Target::Edit(room, id), text);
        }
        Command::DeleteChat { reference, room, id } => {
            lasting.outbox.push(now, reference, Target::Delete(room, id), String::new());
        }
        Command::AllDirects => lasting.machine.want_all_directs(now, &mut Nowhere),
        Command::SetTrack { room, track, info } => {
            lasting.machine.set_track(room, track, info, &mut Nowhere);
        }
        Command::WatchLobby(is_on) => lasting.machine.watch_lobby(is_on, &mut Nowhere),
        Command::Leave(room) => lasting.machine.leave(room, &mut Nowhere),
        Command::JoinNamed { .. }
        | Command::Join { .. }
        | Command::CreateRoom { .. }
        | Command::Direct { .. }
        | Command::AcceptKey { .. }
        | Command::Account(_)
        | Command::MarkRead { room: RoomId(0), .. }
        | Command::Unread { .. } => {
            // Nobody types hundreds of these while waiting for a connection.
            if lasting.early.len() < 64 {
                lasting.early.push(command);
            }
        }
        Command::SendFile { request, to, path } => _ = lasting.transfers.send(request, to, path),
        Command::FetchFile { request, file, folder } => _ = lasting.transfers.fetch(now, request, file, folder),
        Command::StopFile { request } => _ = lasting.transfers.stop(request),
        Command::Want { .. }
        | Command::ListFiles { .. }
        | Command::DeleteFile { .. }
        | Command::History { .. }
        | Command::MarkRead { .. }
        | Command::Moderate { .. }
        | Command::Enter { .. }
        | Command::SetPassword { .. }
        | Command::RaiseHand { .. }
        | Command::React { .. }
        | Command::Breakout { .. }
        | Command::Audit { .. }
        | Command::Call { .. }
        | Command::AnswerCall { .. }
        | Command::CancelCall(_)
        | Command::Quit => {}
    }
}

struct Nowhere;

impl ClientOutput for Nowhere {
    fn control(&mut self, _: &ClientMessage<'_>) {}
    fn datagram(&mut self, _: &[u8]) {}
    fn event(&mut self, _: ClientEvent<'_>) {}
}

/// What the loops share.
pub(super) struct Shared<'s, 'm> {
    pub state: RefCell<State<'s, 'm>>,
    socket: Async<UdpSocket>,
    wake: (Sender<()>, Receiver<()>),
    /// Rings when the machine wants to be woken earlier than it said.
    alarm: (Sender<()>, Receiver<()>),
    /// Rings when there is somebody to remember.
    met: (Sender<()>, Receiver<()>),
    /// Rings when there is something to be done about files.
    files: (Sender<()>, Receiver<()>),
    pub ends: &'s Ends,
}

pub(super) struct State<'s, 'm> {
    pub lasting: &'s mut Lasting<'m>,
    bytes: Vec<u8>,
    /// Datagrams that travel inside the connection.
    tunnel: TunnelQueue,
    /// A piece of a file, behind all else.
    bulk: Vec<u8>,
    frame: Vec<u8>,
    pub figures: EngineFigures,
    pub frames_out: FramesOut,
    marking: Marking,
    end: Option<SessionEnd>,
    next_look_up: u32,
    /// When the machine's timers are looked at next.
    wakes_at: Instant,
}

impl State<'_, '_> {
    /// What is to be written next: all that is said, or else a few datagrams that travel inside the connection, so that
    /// what is said next does not wait for many; or else a piece of a file.
    fn take_bytes(&mut self) -> Vec<u8> {
        if !self.bytes.is_empty() {
            return std::mem::take(&mut self.bytes);
        }
        let (now, mut bytes) = (Clock::now(), Vec::new());
        while bytes.len() < DATAGRAMS_AT_ONCE_BYTES
            && let Some(datagram) = self.tunnel.pop(now)
        {
            if let Ok(len) = emit_client(&ClientMessage::Tunnelled { datagram: &datagram }, &mut self.frame) {
                bytes.extend_from_slice(&self.frame[..len]);
            }
        }
        if bytes.is_empty() { std::mem::take(&mut self.bulk) } else { bytes }
    }
}

/// Serves the session until it ends.
pub(crate) async fn serve(
    ends: &Ends,
    lasting: &mut Lasting<'_>,
    secured: Secured,
    welcome: &Welcome,
    frames: &mut FrameReader<'_>,
) -> SessionEnd {
    let socket = match open_socket(secured.peer) {
        Ok(socket) => socket,
        Err(error) => return SessionEnd::Lost(error.to_string()),
    };
    let (mut reader, mut writer) = split(secured.stream);
    let early = std::mem::take(&mut lasting.early);
    // Counts go on where the last connection ended.
    let figures = ends.figures.lock().map(|figures| figures.clone()).unwrap_or_default();
    let figures = EngineFigures { is_up: false, ..figures };
    let shared = Shared {
        state: RefCell::new(State {
            lasting,
            bytes: Vec::new(),
            tunnel: TunnelQueue::default(),
            bulk: Vec::new(),
            frame: vec![0; CONTROL_FRAME_MAX_BYTES + CONTROL_LENGTH_BYTES],
            figures,
            frames_out: FramesOut::default(),
            marking: Marking::new(socket.get_ref()),
            end: None,
            // Apart from the numbers that frontends choose.
            next_look_up: 1 << 31,
            wakes_at: Instant::NEVER,
        }),
        socket,
        wake: async_channel::bounded(1),
        alarm: async_channel::bounded(1),
        met: async_channel::bounded(1),
        files: async_channel::bounded(1),
        ends,
    };
    let signed_in = Event::SignedIn {
        username: welcome.username.clone(),
        display_name: welcome.display_name.clone(),
        server_name: welcome.server_name.clone(),
        pin: secured.pin,
    };
    let _ = ends.events.send(signed_in).await;
    let session = welcome.signed_in.session;
    shared
        .act(|machine, out| {
            machine.handle_signed_in(Clock::now(), session, &welcome.username, &secured.media, out);
        })
        .await;
    // Whatever the last connection took with it goes again; to a room once we are back in it.
    shared.state.borrow_mut().lasting.outbox.resend(Clock::now(), |_| true);
    shared.state.borrow_mut().lasting.transfers.begin_again(Clock::now());
    for command in early {
        shared.obey(command).await;
    }
    let ended = shared
        .read(&mut reader, frames)
        .or(shared.write(&mut writer))
        .or(shared.receive())
        .or(shared.send_frames())
        .or(shared.obey_commands())
        .or(shared.tick())
        .or(shared.publish())
        .or(shared.remember_people())
        .or(shared.carry_files())
        .await;
    shared.publish_now();
    if matches!(ended, SessionEnd::Quit) {
        shared.say_goodbye(&mut writer).await;
    }
    ended
}

impl Shared<'_, '_> {
    /// Runs one input through the machine and passes on what follows.
    pub async fn act<R>(&self, input: impl FnOnce(&mut ClientMachine<'_>, &mut Output<'_>) -> R) -> R {
        let mut events = Vec::new();
        let result = self.act_now(input, &mut events);
        for event in events {
            // A frontend that is behind holds this loop up, not the others.
            let _ = self.ends.events.send(event).await;
        }
        result
    }

    fn act_now<R>(
        &self,
        input: impl FnOnce(&mut ClientMachine<'_>, &mut Output<'_>) -> R,
        events: &mut Vec<Event>,
    ) -> R {
        let state = &mut *self.state.borrow_mut();
        let Lasting { machine, outbox, transfers, doors, sink, people, safety, .. } = &mut *state.lasting;
        let mut output = Output {
            bytes: &mut state.bytes,
            tunnel: &mut state.tunnel,
            frame: &mut state.frame,
            socket: &self.socket,
            marking: &mut state.marking,
            figures: &mut state.figures,
            sink,
            stages: &self.ends.stages,
            guidance: &self.ends.guidance,
            events,
            outbox,
            transfers,
            doors,
            people,
            safety,
            end: &mut state.end,
            keys: Vec::new(),
        };
        let result = input(machine, &mut output);
        let keys = std::mem::take(&mut output.keys);
        for (request, device) in keys {
            let Some(waiting) = output.outbox.asked_keys(request) else { continue };
            let Target::Person { username, .. } = &waiting.target else { continue };
            let (reference, username, text) = (waiting.reference, username.clone(), waiting.text.clone());
            let sent = output.may_seal(&username, device).and_then(|()| {
                let sent = machine.send_direct(reference, &username, &device, &text, &mut output);
                sent.map_err(|_| FailReason::Refused(hph_core::wire::control::Refusal::Invalid))
            });
            if let Err(reason) = sent {
                output.outbox.acknowledge(reference);
                output.message_failed(reference, reason);
            }
        }
        if output.transfers.take_news() {
            let _ = self.files.0.try_send(());
        }
        if output.people.has_unsaved() {
            let _ = self.met.0.try_send(());
        }
        self.send_waiting(machine, &mut output, &mut state.next_look_up);
        state.frames_out.send(machine, &mut output);
        if state.frames_out.due_at() < state.wakes_at {
            let _ = self.alarm.0.try_send(());
        }
        let _ = self.wake.0.try_send(());
        result
    }

    /// Sends messages that are due: to rooms that we are in, to people whose keys we ask for.
    fn send_waiting(&self, machine: &ClientMachine<'_>, output: &mut Output<'_>, next_look_up: &mut u32) {
        let now = Clock::now();
        let may_go = |target: &Target| match target {
            Target::Room(room) | Target::Edit(room, _) | Target::Delete(room, _) => machine.is_joined(*room),
            Target::Person { .. } => true,
        };
        let mut messages = Vec::new();
        while let Some(message) = output.outbox.next_due(now, may_go) {
            if let Target::Person { request, .. } = &mut message.target {
                *next_look_up = next_look_up.wrapping_add(1) | 1 << 31;
                *request = *next_look_up;
            }
            messages.push(message.clone());
        }
        for message in messages {
            let (reference, text) = (message.reference, message.text.as_str());
            match &message.target {
                Target::Room(room) => output.control(&ClientMessage::SendChat { reference, room: *room, text }),
                Target::Edit(room, id) => {
                    output.control(&ClientMessage::EditChat { reference, room: *room, id: *id, text });
                }
                Target::Delete(room, id) => {
                    output.control(&ClientMessage::DeleteChat { reference, room: *room, id: *id });
                }
                Target::Person { username, request } => {
                    output.control(&ClientMessage::LookUp { request: *request, username });
                }
            }
        }
    }

    async fn read(&self, reader: &mut ReadHalf<TlsStream<TcpStream>>, frames: &mut FrameReader<'_>) -> SessionEnd {
        loop {
            match frames.next_frame() {
                Ok(Some(body)) => match parse_server(body) {
                    Ok(Parsed::Message(message)) => {
                        if let ServerMessage::Tunnelled { datagram } = message {
                            let mut state = self.state.borrow_mut();
                            state.figures.datagrams.1 += 1;
                            state.figures.bytes.1 += datagram.len() as u64;
                        }
                        self.act(|machine, out| machine.handle_control(Clock::now(), &message, out)).await;
                        if let Some(end) = self.state.borrow_mut().end.take() {
                            return end;
                        }
                    }
                    Ok(Parsed::Unknown { .. }) => {}
                    Err(error) => return SessionEnd::Lost(format!("the server sent nonsense: {}", error.at)),
                },
                Ok(None) => match reader.read(frames.space()).await {
                    Ok(0) => return SessionEnd::Lost(why::CLOSED.to_owned()),
                    Ok(len) => frames.advance(len),
                    Err(error) => return SessionEnd::Lost(connect::why(&error)),
                },
                Err(error) => return SessionEnd::Lost(format!("the server sent nonsense: {}", error.at)),
            }
        }
    }

    async fn write(&self, writer: &mut WriteHalf<TlsStream<TcpStream>>) -> SessionEnd {
        loop {
            let bytes = self.state.borrow_mut().take_bytes();
            // There is a place for the next piece of a file.
            let _ = self.files.0.try_send(());
            if bytes.is_empty() {
                let _ = self.wake.1.recv().await;
                continue;
            }
            let written = async {
                writer.write_all(&bytes).await?;
                writer.flush().await
            };
            if let Err(error) = written.await {
                return SessionEnd::Lost(connect::why(&error));
            }
        }
    }

    async fn say_goodbye(&self, writer: &mut WriteHalf<TlsStream<TcpStream>>) {
        let bytes = std::mem::take(&mut self.state.borrow_mut().bytes);
        let saying = async {
            writer.write_all(&bytes).await?;
            writer.close().await
        };
        let too_late = async {
            Timer::after(Duration::from_millis(500)).await;
            io::Result::Ok(())
        };
        let _ = saying.or(too_late).await;
    }

    async fn obey_commands(&self) -> SessionEnd {
        loop {
            match self.ends.commands.recv().await {
                Ok(Command::Quit) | Err(_) => {
                    self.settle().await;
                    self.act(|_, out| out.control(&ClientMessage::SignOut)).await;
                    return SessionEnd::Quit;
                }
                Ok(command) => self.obey(command).await,
            }
        }
    }

    async fn obey(&self, command: Command) {
        let now = Clock::now();
        match command {
            Command::Chat { reference, room, text } => self.post(now, reference, Target::Room(room), text).await,
            Command::Direct { reference, to, text } => {
                self.post(now, reference, Target::Person { username: to, request: 0 }, text).await;
            }
            Command::EditChat { reference, room, id, text } => {
                self.post(now, reference, Target::Edit(room, id), text).await;
            }
            Command::DeleteChat { reference, room, id } => {
                self.post(now, reference, Target::Delete(room, id), String::new()).await;
            }
            Command::SendFile { request, to, path } => {
                let is_taken = self.state.borrow_mut().lasting.transfers.send(request, to, path);
                self.begin_file(request, is_taken).await;
            }
            Command::FetchFile { request, file, folder } => {
                let is_taken = self.state.borrow_mut().lasting.transfers.fetch(now, request, file, folder);
                self.begin_file(request, is_taken).await;
            }
            Command::StopFile { request } => _ = self.state.borrow_mut().lasting.transfers.stop(request),
            Command::Enter { request, room, password } => {
                let salt = self.state.borrow().lasting.doors.salt(room);
                let Some(salt) = salt else { return };
                let key = smol::unblock(move || room_key(&password, &salt)).await;
                self.act(|_, out| {
                    out.doors.say(request, room, salt, key);
                    out.control(&ClientMessage::Enter { request, room, key });
                })
                .await;
            }
            Command::SetPassword { request, room, password } => {
                let salt = entropy::array();
                let key = smol::unblock(move || room_key(&password, &salt)).await;
                self.act(|_, out| out.control(&ClientMessage::SetPassword { request, room, salt, key })).await;
            }
            Command::AllDirects => self.act(|machine, out| machine.want_all_directs(now, out)).await,
            Command::WatchLobby(is_on) => self.act(|machine, out| machine.watch_lobby(is_on, out)).await,
            Command::Leave(room) => {
                self.settle().await;
                self.act(|machine, out| machine.leave(room, out)).await;
            }
            Command::SetTrack { room, track, info } => {
                if !info.is_on {
                    self.settle().await;
                }
                self.act(|machine, out| machine.set_track(room, track, info, out)).await;
            }
            Command::AcceptKey { username, device, is_compared } => {
                self.accept_key(username, device, is_compared).await;
            }
            other => self.act(|_, out| out.say(&other)).await,
        }
    }

    async fn begin_file(&self, request: u32, is_taken: bool) {
        if is_taken {
            let _ = self.files.0.try_send(());
        } else {
            let _ = self.ends.events.send(Event::FileFailed { request, reason: FileFailure::TooMany }).await;
        }
    }

    async fn post(&self, now: Instant, reference: u64, target: Target, text: String) {
        let is_legal = matches!(target, Target::Delete(..)) || hph_core::wire::text::is_chat_text(&text);
        let is_taken = is_legal && self.state.borrow_mut().lasting.outbox.push(now, reference, target, text);
        if is_taken {
            self.act(|_, _| ()).await;
        } else {
            let reason = FailReason::Refused(hph_core::wire::control::Refusal::Invalid);
            let _ = self.ends.events.send(Event::MessageFailed { reference, reason }).await;
        }
    }

    async fn tick(&self) -> SessionEnd {
        let mut events = Vec::new();
        loop {
            let now = Clock::now();
            self.act_now(|machine, out| machine.handle_timeout(now, out), &mut events);
            for event in events.drain(..) {
                let _ = self.ends.events.try_send(event);
            }
            let (end, due) = {
                let mut state = self.state.borrow_mut();
                let uplink = state.lasting.machine.uplink(now);
                self.ends.guidance.set_uplink(uplink.and_then(|(bound, _)| bound));
                if let Some(loss) = state.lasting.machine.loss_stats() {
                    let lost = u32::from(loss.up.loss) + u32::from(loss.downstream.loss);
                    self.ends.guidance.set_loss(lost as f32 / 65536.0, f32::from(loss.up.burst) / 16.0);
                }
                let due_at = state.lasting.machine.poll_timeout().min(state.frames_out.due_at());
                state.wakes_at = due_at.min(now + TICK_MAX);
                (state.end.take(), state.wakes_at.since(now).as_micros())
            };
            if let Some(end) = end {
                return end;
            }
            let alarm = async {
                let _ = self.alarm.1.recv().await;
            };
            let timer = async {
                Timer::after(Duration::from_micros(due)).await;
            };
            timer.or(alarm).await;
        }
    }
}
