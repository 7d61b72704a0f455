//! One page's client: sign-in, then the machine, until the connection is over, and again.

use hph_core::crypto::scram::salted_password;
use hph_core::crypto::senderkey::DeviceSecret;
use hph_core::endpoint::client::{ClientEvent, ClientMachine, OutgoingFrame, Pieces};
use hph_core::endpoint::signin::client::{ClientSignIn, Credentials, SignInError, SignInStep};
use hph_core::id::{CallId, RoomId, Slot, TrackId};
use hph_core::limits::{CONTROL_FRAME_MAX_BYTES, CONTROL_LENGTH_BYTES, FRAGMENT_PAYLOAD_MAX_BYTES};
use hph_core::media::red::{RedSender, RedundancyPolicy, opus_samples};
use hph_core::time::{Duration, Instant};
use hph_core::wire::control::{
    AccountAsk, AccountTold, Act, ClientMessage, Codec, DevicePublic, FrameReader, Parsed, ServerMessage, TrackInfo,
    is_secret, parse_server,
};

use crate::events;
use crate::host::Host;
use crate::output::{Output, say};
use crate::paced::{Paced, pace, relieved};
use crate::pictures::Pictures;
use crate::publish::Publisher;
use crate::storage;
use crate::voices::Voices;

/// What we call ourselves.
const AGENT: &str = "hph-web";
/// Kept free of pictures: voice with its copies, and control. **Units:** bits a second.
const SOUND_BPS: u32 = 150_000;
/// Until anything was reported of our way, pictures take no more than this: a TCP connection takes whatever it is given, and hands it
/// out seconds later, voices behind it. **Units:** bits a second.
const UNKNOWN_WAY_BPS: u32 = 600_000;
/// The clock of captured sound may differ so much from the page's before the stream begins anew. **Units:** samples.
const DRIFT_MAX: u32 = 960;

/// It is looked so often whether pictures have holes.
const HOLES_INTERVAL: Duration = Duration::from_millis(250);

/// How to sign in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Account {
    /// Only asks who the server is and how one may sign in.
    None,
    /// As a guest with that name.
    Guest {
        /// Name to show.
        display_name: String,
    },
    /// By password.
    Password {
        /// Login name.
        username: String,
        /// The password, in NFKC.
        password: String,
        /// Name to show; empty keeps the stored one.
        display_name: String,
        /// Whether a new account may be made.
        may_register: bool,
    },
    /// With the token of an earlier sign-in.
    Token {
        /// Login name.
        username: String,
        /// The token.
        token: [u8; 32],
    },
}

enum Phase {
    /// No connection, or one that is of no further use.
    Over,
    Asking,
    SigningIn {
        machine: Box<ClientSignIn<'static>>,
        password: String,
        media: [u8; 32],
    },
    SignedIn,
}

/// The client of one page, for as long as the page lives.
pub struct Client<H> {
    host: H,
    machine: ClientMachine<'static>,
    device: &'static DeviceSecret,
    /// Texts that a sign-in borrows: each is kept once, so that trying again takes nothing more.
    texts: Vec<&'static str>,
    /// The secret of an invitation, or its digits, to be presented first.
    ticket: Option<&'static str>,
    phase: Phase,
    memory: Vec<u8>,
    pending: Vec<u8>,
    voices: Voices,
    pictures: Pictures,
    publishers: Vec<Publisher>,
    paced: Paced,
    /// The room that is shown: what comes of others is not put together.
    room: RoomId,
    red: RedSender,
    copies: RedundancyPolicy,
    /// Where the next frame of our voice begins on the media clock; none after a silence.
    voice_at: Option<u32>,
    /// When it is looked next whether pictures have holes.
    holes_at: Instant,
    /// Origin of our media clocks.
    origin: Instant,
}

impl<H: Host> Client<H> {
    /// A client that is not connected. `device` is the seed of the device's keys, `seed` fresh entropy.
    pub fn new(host: H, now: Instant, device: &[u8; 32], seed: [u8; 32]) -> Self {
        let mut machine = ClientMachine::new(storage::allocate(), DeviceSecret::from_seed(device), seed);
        machine.set_over_tcp();
        Self {
            host,
            machine,
            device: Box::leak(Box::new(DeviceSecret::from_seed(device))),
            texts: Vec::new(),
            ticket: None,
            phase: Phase::Over,
            memory: vec![0; CONTROL_FRAME_MAX_BYTES + CONTROL_LENGTH_BYTES],
            pending: Vec::new(),
            voices: Voices::default(),
            pictures: Pictures::default(),
            publishers: Vec::new(),
            paced: Paced::default(),
            room: RoomId::default(),
            red: RedSender::new(),
            copies: RedundancyPolicy::new(),
            voice_at: None,
            holes_at: now,
            origin: now,
        }
    }

    /// What the page is.
    pub const fn host(&mut self) -> &mut H {
        &mut self.host
    }

    /// What somebody was given is presented with each connection from now on; nothing, and what can be none, is not.
    pub fn set_ticket(&mut self, secret: &str) {
        self.ticket = is_secret(secret).then(|| self.keep(secret));
    }

    /// A connection is open. `exported` is what its end at the gateway derived from it (PROTOCOL.md section 3): 32 bytes for
    /// the datagrams' keys, 32 for the binding. `entropy` is fresh.
    pub fn connected(&mut self, account: Account, exported: (&[u8; 32], &[u8; 32]), entropy: ([u8; 18], [u8; 16])) {
        self.pending.clear();
        let (media, binding) = exported;
        let mut password = String::new();
        let credentials = match account {
            Account::None => None,
            Account::Guest { display_name } => {
                Some(Credentials::Guest { display_name: self.keep(&display_name), email: "" })
            }
            Account::Password { username, password: given, display_name, may_register } => {
                password = given;
                let (username, display_name) = (self.keep(&username), self.keep(&display_name));
                Some(Credentials::Password { username, email: "", display_name, may_register })
            }
            Account::Token { username, token } => Some(Credentials::Token { username: self.keep(&username), token }),
        };
        self.phase = match credentials {
            None => Phase::Asking,
            Some(credentials) => {
                let machine = ClientSignIn::new(credentials, self.device, *binding, entropy);
                let machine = Box::new(machine.with_ticket(self.ticket));
                Phase::SigningIn { machine, password, media: *media }
            }
        };
        say(&mut self.host, &ClientSignIn::hello(AGENT));
    }

    /// The connection is gone.
    pub fn disconnected(&mut self) {
        self.phase = Phase::Over;
        self.pending.clear();
        self.machine.handle_disconnected();
        self.paced.clear();
        self.voices.forget(None, &mut self.host);
        self.pictures.forget(None);
        self.voice_at = None;
    }

    /// Bytes came over the control connection.
    pub fn handle_control(&mut self, now: Instant, mut bytes: &[u8]) {
        let mut memory = std::mem::take(&mut self.memory);
        let mut frames = FrameReader::new(&mut memory, CONTROL_FRAME_MAX_BYTES);
        let pending = std::mem::take(&mut self.pending);
        if let Some(space) = frames.space().get_mut(..pending.len()) {
            space.copy_from_slice(&pending);
            frames.advance(pending.len());
        }
        loop {
            match frames.next_frame() {
                Ok(Some(body)) => match parse_server(body) {
                    Ok(Parsed::Message(message)) => self.hear(now, &message),
                    Ok(Parsed::Unknown { .. }) => {}
                    Err(_) => self.end("malformed"),
                },
                Ok(None) if bytes.is_empty() => break,
                Ok(None) => {
                    let space = frames.space();
                    let (head, rest) = bytes.split_at(bytes.len().min(space.len()));
                    space[..head.len()].copy_from_slice(head);
                    frames.advance(head.len());
                    bytes = rest;
                }
                Err(_) => {
                    self.end("malformed");
                    break;
                }
            }
        }
        self.pending = frames.unread().to_vec();
        self.memory = memory;
    }

    /// One datagram came. What is wrong with it is counted.
    pub fn handle_datagram(&mut self, now: Instant, bytes: &mut [u8]) {
        if matches!(self.phase, Phase::SignedIn) {
            self.act(now, |machine, out| {
                let _ = machine.handle_datagram(now, bytes, out);
            });
        }
    }

    /// Pings, retries, key changes. **Units:** gives the microseconds until it wants to be called again, 20 ms at most.
    pub fn tick(&mut self, now: Instant) -> u64 {
        if matches!(self.phase, Phase::SignedIn) {
            self.act(now, |machine, out| machine.handle_timeout(now, out));
            if let Some(loss) = self.machine.loss_stats() {
                let lost = f32::from(loss.up.loss) + f32::from(loss.downstream.loss);
                self.copies.update(now, lost / 65536.0, f32::from(loss.up.burst) / 16.0);
            }
            if now >= self.holes_at {
                self.holes_at = now + HOLES_INTERVAL;
                for (slot, track) in self.pictures.take_holes(now) {
                    let (room, slot, track) = (self.room, Slot(slot), TrackId(track));
                    say(&mut self.host, &ClientMessage::RequestRefresh { room, slot, track });
                }
            }
        }
        self.send_paced(now);
        let picture = self.paced.wait(now).map_or(20_000, Duration::as_micros);
        self.machine.poll_timeout().since(now).as_micros().min(picture).min(20_000)
    }

    /// Sends the packets of our pictures that are due.
    fn send_paced(&mut self, now: Instant) {
        while let Some(packet) = self.paced.pop(now) {
            let sent =
                self.act(now, |machine, out| machine.send_sealed(now, &packet.payload, packet.clear_len_bytes, out));
            let (track, layer) = packet.of;
            let publisher = self.publishers.iter_mut().find(|publisher| publisher.track == track);
            if let (Err(_), Some(publisher)) = (sent, publisher) {
                publisher.refresh(1 << layer);
            }
        }
    }

    /// Says something that needs no state here; false if it is not allowed.
    pub fn say(&mut self, message: &ClientMessage<'_>) -> bool {
        let may = matches!(self.phase, Phase::SignedIn) && message.is_legal();
        if may {
            say(&mut self.host, message);
        }
        may
    }

    /// Push the lobby to us, or stop.
    pub fn watch_lobby(&mut self, now: Instant, is_on: bool) {
        self.act(now, |machine, out| machine.watch_lobby(is_on, out));
    }

    /// Leaves a room.
    pub fn leave(&mut self, now: Instant, room: u32) {
        self.act(now, |machine, out| machine.leave(RoomId(room), out));
        self.voices.forget(None, &mut self.host);
        self.pictures.forget(None);
        self.publishers.clear();
        self.paced.clear();
        self.voice_at = None;
    }

    /// Announces a track of ours, or switches it off.
    pub fn set_track(&mut self, now: Instant, room: u32, track: u8, is_on: bool, (width, height): (u16, u16)) {
        let track = TrackId(track);
        let codec = if track.is_audio() { Codec::Opus } else { Codec::Strips };
        self.publishers.retain(|publisher| publisher.track != track);
        if is_on && !track.is_audio() {
            self.publishers.push(Publisher::new(track));
        }
        if track.is_audio() {
            self.voice_at = None;
        }
        let info = TrackInfo { is_on, codec, width, height };
        self.act(now, |machine, out| machine.set_track(RoomId(room), track, info, out));
    }

    /// How wide the tile is that shows a picture; 0: it is not shown.
    pub fn want(&mut self, room: u32, slot: u16, track: u8, width: u16) {
        self.say(&ClientMessage::Subscribe { room: RoomId(room), slot: Slot(slot), track: TrackId(track), width });
    }

    /// Seals a direct message for a device and sends it; false if it is not allowed.
    pub fn send_direct(&mut self, now: Instant, reference: u64, to: &str, device: &DevicePublic, text: &str) -> bool {
        matches!(self.phase, Phase::SignedIn)
            && self.act(now, |machine, out| machine.send_direct(reference, to, device, text, out)).is_ok()
    }

    /// Does what a host may.
    pub fn moderate(&mut self, request: u32, room: u32, act: u8, whom: &str) -> bool {
        let Some(&act) = Act::ALL.get(usize::from(act)) else { return false };
        self.say(&ClientMessage::Moderate { request, room: RoomId(room), act, whom })
    }

    /// Answers a call.
    pub fn answer_call(&mut self, call: u32, accept: bool) -> bool {
        self.say(&ClientMessage::AnswerCall { call: CallId(call), accept })
    }

    /// The code that everybody in the room sees alike, if nobody stands between; none if we are not in it.
    pub fn safety_code(&self, room: u32) -> Option<[u8; 16]> {
        self.machine.safety_code(RoomId(room))
    }

    /// Sends an Opus packet of our voice, captured at `at`; its level is that of RFC 6464. Whether it was sent.
    pub fn send_voice(&mut self, now: Instant, room: u32, at: Instant, level: u8, packet: &[u8]) -> bool {
        let Some(samples) = opus_samples(packet) else { return false };
        let captured = (at.since(self.origin).as_micros() * 6 / 125) as u32;
        let near = |expected: &u32| captured.wrapping_sub(*expected).cast_signed().unsigned_abs() <= DRIFT_MAX;
        let timestamp = self.voice_at.filter(near).unwrap_or(captured);
        self.voice_at = Some(timestamp.wrapping_add(samples));
        let mut payload = [0; FRAGMENT_PAYLOAD_MAX_BYTES];
        let Ok(len) = self.red.emit(self.copies.current(), timestamp, packet, &mut payload) else { return false };
        if !self.machine.may_send(RoomId(room), TrackId::MICROPHONE) {
            return false;
        }
        let frame = OutgoingFrame {
            track: TrackId::MICROPHONE,
            layer: 0,
            timestamp,
            level,
            bytes: &payload[..len],
            pieces: Pieces::Fragments,
        };
        self.act(now, |machine, out| machine.send_frame(now, RoomId(room), &frame, out)).is_ok()
    }

    /// The microphone is closed: tells it, so that nobody invents how the voice goes on.
    pub fn end_voice(&mut self, now: Instant, room: u32, toc: u8) {
        for _ in 0..2 {
            self.send_voice(now, room, now, 127, &[toc & !3]);
        }
        self.voice_at = None;
    }

    /// Encodes and sends a picture, captured at `at`: RGBA, `width` times `height` pixels.
    pub fn send_picture(&mut self, now: Instant, room: u32, track: u8, at: Instant, size: (u16, u16), rgba: &[u8]) {
        let (room, track) = (RoomId(room), TrackId(track));
        if !self.machine.may_send(room, track) || rgba.len() != usize::from(size.0) * usize::from(size.1) * 4 {
            return;
        }
        let pictures = self.publishers.len().max(1) as u32;
        let uplink = self.machine.uplink(now);
        let (granted, uplink_bps) = match uplink {
            Some((Some(bound), figures)) => {
                let pictures_bps = bound.saturating_sub(SOUND_BPS);
                (relieved(pictures_bps, figures.queue_delay), relieved(figures.pace_bps, figures.queue_delay))
            }
            _ => (UNKNOWN_WAY_BPS, 2 * UNKNOWN_WAY_BPS),
        };
        let granted = self.paced.net_of(granted / pictures);
        let timestamp = (at.since(self.origin).as_micros() * 9 / 100) as u32;
        let Self { machine, publishers, paced, .. } = self;
        let Some(publisher) = publishers.iter_mut().find(|publisher| publisher.track == track) else { return };
        let pace_bps = pace(uplink_bps, publisher.max_bps());
        publisher.picture(size.0, size.1, rgba);
        publisher.encode(now, timestamp, granted, |layer, frame| {
            let (mut bytes, pieces) = (0, Pieces::Strips(&frame.strips));
            let outgoing = OutgoingFrame { track, layer, timestamp, level: 127, bytes: &frame.bytes, pieces };
            let sealed = machine.seal_frame(now, room, &outgoing, |payload, clear_len_bytes| {
                bytes += paced.push(now, pace_bps, (track, layer), payload, clear_len_bytes);
            });
            paced.note(frame.bytes.len(), bytes);
            sealed.is_ok()
        });
        self.send_paced(now);
    }

    /// A picture as it is now: sides, media clock, RGBA. Nothing if nothing is new in it, unless `force` is set.
    pub fn draw(&mut self, slot: u16, track: u8, force: bool) -> Option<(u16, u16, u32, &[u8])> {
        self.pictures.draw(slot, track, force)
    }

    /// Figures for the page, as a JSON object: the path, levels of voices of the last 300 ms, pictures, drops.
    pub fn figures(&self, now: Instant) -> String {
        let levels: Vec<_> = self
            .voices
            .levels(now - Duration::from_millis(300))
            .map(|(slot, level)| format!("[{slot},{},{}]", level & 127, level >> 7))
            .collect();
        let pictures: Vec<_> = self
            .pictures
            .stats()
            .map(|(slot, track, seen, newest, strips, at)| {
                format!("[{slot},{track},{seen},{newest},{strips},{}]", now.since(at).as_micros() / 1000)
            })
            .collect();
        let drops: Vec<_> =
            self.machine.drops().iter().map(|(reason, count)| format!("\"{}\":{count}", reason.name())).collect();
        let link = self.machine.link_stats();
        let (is_up, is_tunnelled) = link.map_or((false, false), |link| (link.is_up, link.is_tunnelled));
        let rtt = link.map_or(0, |link| link.rtt.as_micros());
        let loss = self.machine.loss_stats().unwrap_or_default();
        let uplink = self.machine.uplink(now).map_or_else(String::new, |(bound, figures)| {
            let queue_us = figures.queue_delay.as_micros();
            format!("{},{},{queue_us},{}", bound.unwrap_or(0), figures.arriving_bps, figures.pace_bps)
        });
        format!(
            "{{\"is_up\":{is_up},\"is_tunnelled\":{is_tunnelled},\"rtt_us\":{rtt},\"loss_up\":{},\"loss_down\":{},\
             \"uplink\":[{uplink}],\"levels\":[{}],\"pictures\":[{}],\"drops\":{{{}}}}}",
            loss.up.loss,
            loss.down_loss,
            levels.join(","),
            pictures.join(","),
            drops.join(",")
        )
    }

    /// Runs one input through the machine.
    fn act<R>(&mut self, now: Instant, input: impl FnOnce(&mut ClientMachine<'static>, &mut Output<'_, H>) -> R) -> R {
        let Self { host, voices, pictures, publishers, room, machine, .. } = self;
        let mut output = Output { now, host, voices, pictures, publishers, room };
        input(machine, &mut output)
    }

    fn hear(&mut self, now: Instant, message: &ServerMessage<'_>) {
        match &mut self.phase {
            Phase::Over => {}
            Phase::Asking => self.hear_unknown(message),
            Phase::SigningIn { .. } => self.sign_in(now, message),
            Phase::SignedIn => self.act(now, |machine, out| machine.handle_control(now, message, out)),
        }
    }

    /// What a server says to somebody who only asks.
    fn hear_unknown(&mut self, message: &ServerMessage<'_>) {
        match *message {
            ServerMessage::Hello { name, methods, .. } => {
                self.host.event(&events::hello(name, methods));
                if let Some(secret) = self.ticket {
                    say(&mut self.host, &ClientMessage::Account(AccountAsk::Present { secret }));
                }
            }
            ServerMessage::Account(AccountTold::Presented { .. }) => {
                if let Some(json) = events::of(&ClientEvent::Said(message)) {
                    self.host.event(&json);
                }
            }
            ServerMessage::Refused { reason, retry_after_s, .. } => {
                self.host.event(&events::ticket_refused(reason.code(), retry_after_s));
            }
            _ => {}
        }
    }

    fn sign_in(&mut self, now: Instant, message: &ServerMessage<'_>) {
        let Phase::SigningIn { machine, password, media } = &mut self.phase else { return };
        let mut step = machine.handle_control(message, |message| say(&mut self.host, message));
        if let Ok(SignInStep::SaltPassword { salt, iterations }) = step {
            let salted = salted_password(password, &salt, iterations);
            step = machine.handle_salted_password(&salted, |message| say(&mut self.host, message));
        }
        match step {
            Ok(SignInStep::Wait | SignInStep::SaltPassword { .. } | SignInStep::PairingCode(..)) => {}
            Ok(SignInStep::Done(signed_in)) => {
                let ServerMessage::Welcome { username, display_name, .. } = *message else { return };
                let sign = self.device.keys().sign;
                let welcome = events::welcome(username, display_name, machine.server_name(), &sign, signed_in.token);
                let media = *media;
                self.phase = Phase::SignedIn;
                self.host.event(&welcome);
                self.act(now, |machine, out| machine.handle_signed_in(now, signed_in.session, username, &media, out));
            }
            Err(error) => {
                let (why, retry_after_s) = match error {
                    SignInError::Refused { reason, retry_after_s } => (reason.code(), retry_after_s),
                    SignInError::FalseServer => ("false_server", 0),
                    SignInError::Iterations => ("iterations", 0),
                    SignInError::Unexpected => ("unexpected", 0),
                };
                self.phase = Phase::Over;
                self.host.event(&events::sign_in_failed(why, retry_after_s));
            }
        }
    }

    fn end(&mut self, why: &str) {
        self.phase = Phase::Over;
        self.host.event(&events::broken(why));
    }

    /// Keeps a text for good, once.
    fn keep(&mut self, text: &str) -> &'static str {
        if let Some(known) = self.texts.iter().find(|known| **known == text) {
            return known;
        }
        let kept: &'static str = text.to_owned().leak();
        self.texts.push(kept);
        kept
    }
}
