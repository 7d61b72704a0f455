//! The functions that the page calls, and those that it gives: raw memory on both sides, and nothing else here.
//!
//! The page writes what a call needs to the memory at `input` first. Numbers are the page's, `f64` where they need more than
//! 32 bits; times are microseconds on the page's monotonic clock. All run on one thread, and none of the page's functions
//! calls back into these: so the one client is never borrowed twice.
#![allow(unsafe_code, missing_docs, reason = "the boundary; ARCHITECTURE.md says what is called when")]

mod account;
mod breakouts;
mod chat;
mod files;
mod mixer;

use std::cell::RefCell;
use std::collections::HashMap;

use hph_core::id::{RoomId, TrackId};
use hph_core::time::Instant;
use hph_core::wire::control::{ClientMessage, DevicePublic, RoomAsk};
use hph_platform::level::{VoiceDetector, audio_level};
use sha2::Sha256;

use crate::client::{Account, Client};
use crate::host::{Host, VoicePacket};

/// A picture of 1920x1088 as RGBA, the longest that a call needs.
const INPUT_BYTES: usize = 1920 * 1088 * 4;

#[link(wasm_import_module = "host")]
unsafe extern "C" {
    fn host_control(bytes: *const u8, len: usize);
    fn host_datagram(bytes: *const u8, len: usize);
    fn host_event(bytes: *const u8, len: usize);
    fn host_voice(slot: u32, track: u32, begins: u32, timestamp: u32, samples: u32, bytes: *const u8, len: usize);
    fn host_forget_voices(slot: i32);
    fn host_picture(slot: u32, track: u32);
    fn host_jpeg(slot: u32, track: u32, bytes: *const u8, len: usize);
    fn host_piece(file: f64, from: f64, bytes: *const u8, len: usize);
}

struct Page;

impl Host for Page {
    fn control(&mut self, bytes: &[u8]) {
        // SAFETY: the page reads `len` bytes before it returns.
        unsafe { host_control(bytes.as_ptr(), bytes.len()) }
    }

    fn datagram(&mut self, bytes: &[u8]) {
        // SAFETY: as above.
        unsafe { host_datagram(bytes.as_ptr(), bytes.len()) }
    }

    fn event(&mut self, json: &str) {
        // SAFETY: as above.
        unsafe { host_event(json.as_ptr(), json.len()) }
    }

    fn voice(&mut self, packet: &VoicePacket<'_>) {
        let VoicePacket { slot, track, begins, timestamp, samples, bytes } = *packet;
        // SAFETY: as above.
        unsafe {
            host_voice(slot.into(), track.into(), begins.into(), timestamp, samples, bytes.as_ptr(), bytes.len());
        }
    }

    fn forget_voices(&mut self, slot: Option<u16>) {
        // SAFETY: takes numbers only.
        unsafe { host_forget_voices(slot.map_or(-1, i32::from)) }
    }

    fn picture(&mut self, slot: u16, track: u8) {
        // SAFETY: takes numbers only.
        unsafe { host_picture(slot.into(), track.into()) }
    }

    fn jpeg(&mut self, slot: u16, track: u8, bytes: &[u8]) {
        // SAFETY: as above.
        unsafe { host_jpeg(slot.into(), track.into(), bytes.as_ptr(), bytes.len()) }
    }

    fn piece(&mut self, file: u64, from: u64, bytes: &[u8]) {
        // SAFETY: as above.
        unsafe { host_piece(file as f64, from as f64, bytes.as_ptr(), bytes.len()) }
    }
}

struct State {
    client: Client<Page>,
    detector: VoiceDetector,
    /// The last half of what the detector judges, and what it said last.
    half: Option<Vec<i16>>,
    is_voice: bool,
    figures: String,
    /// Hashes of files that are read or come.
    hashes: HashMap<u32, Sha256>,
}

thread_local! {
    static INPUT: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
    static STATE: RefCell<Option<State>> = const { RefCell::new(None) };
}

/// Runs with the client and the first `len` bytes of the input; the default before `create`.
fn with<R: Default>(len: usize, act: impl FnOnce(&mut State, &mut [u8]) -> R) -> R {
    INPUT.with_borrow_mut(|input| {
        STATE.with_borrow_mut(|state| match (state, input.get_mut(..len)) {
            (Some(state), Some(input)) => act(state, input),
            _ => R::default(),
        })
    })
}

fn at(us: f64) -> Instant {
    Instant::from_micros(us as u64)
}

fn text(bytes: &[u8]) -> &str {
    str::from_utf8(bytes).unwrap_or_default()
}

/// Two texts, one behind the other.
fn texts(bytes: &[u8], first: usize) -> (&str, &str) {
    let (first, second) = bytes.split_at(first.min(bytes.len()));
    (text(first), text(second))
}

fn array<const N: usize>(bytes: &[u8], from: usize) -> [u8; N] {
    bytes.get(from..).and_then(|rest| rest.first_chunk()).copied().unwrap_or([0; N])
}

/// Where the page writes what a call needs.
#[unsafe(no_mangle)]
extern "C" fn input() -> *mut u8 {
    INPUT.with_borrow_mut(|input| {
        if input.is_empty() {
            input.resize(INPUT_BYTES, 0);
        }
        input.as_mut_ptr()
    })
}

/// Input: the device's seed, 32 bytes; entropy, 32 bytes.
#[unsafe(no_mangle)]
extern "C" fn create(now: f64) {
    INPUT.with_borrow(|input| {
        let client = Client::new(Page, at(now), &array(input, 0), array(input, 32));
        STATE.set(Some(State {
            client,
            detector: VoiceDetector::new(),
            half: None,
            is_voice: false,
            figures: String::new(),
            hashes: HashMap::new(),
        }));
    });
}

/// Input: 32 bytes for the datagrams' keys, 32 for the binding, 34 of entropy; then, as `kind` says, nothing (0), the name
/// to show (1), login name, password and name to show (2; 3: an account may be made), token and login name (4).
#[unsafe(no_mangle)]
extern "C" fn connected(kind: u32, first: usize, second: usize, len: usize) {
    with(len, |state, input| {
        let (media, binding) = (array(input, 0), array(input, 32));
        let entropy = (array(input, 64), array(input, 82));
        let rest = input.get(98..).unwrap_or_default();
        let account = match kind {
            1 => Account::Guest { display_name: text(rest).to_owned() },
            2 | 3 => {
                let (username, others) = rest.split_at(first.min(rest.len()));
                let (password, display_name) = texts(others, second);
                Account::Password {
                    username: text(username).to_owned(),
                    password: password.to_owned(),
                    display_name: display_name.to_owned(),
                    may_register: kind == 3,
                }
            }
            4 => {
                Account::Token { token: array(rest, 0), username: text(rest.get(32..).unwrap_or_default()).to_owned() }
            }
            _ => Account::None,
        };
        state.client.connected(account, (&media, &binding), entropy);
        // The password is needed no longer here.
        input.fill(0);
    });
}

#[unsafe(no_mangle)]
extern "C" fn disconnected() {
    with(0, |state, _| state.client.disconnected());
}

#[unsafe(no_mangle)]
extern "C" fn handle_control(now: f64, len: usize) {
    with(len, |state, input| state.client.handle_control(at(now), input));
}

#[unsafe(no_mangle)]
extern "C" fn handle_datagram(now: f64, len: usize) {
    with(len, |state, input| state.client.handle_datagram(at(now), input));
}

#[unsafe(no_mangle)]
extern "C" fn tick(now: f64) -> f64 {
    with(0, |state, _| state.client.tick(at(now)) as f64)
}

#[unsafe(no_mangle)]
extern "C" fn sign_out() {
    with(0, |state, _| state.client.say(&ClientMessage::SignOut));
}

#[unsafe(no_mangle)]
extern "C" fn watch_lobby(now: f64, is_on: bool) {
    with(0, |state, _| state.client.watch_lobby(at(now), is_on));
}

#[unsafe(no_mangle)]
extern "C" fn join_named(request: u32, may_create: bool, len: usize) -> bool {
    with(len, |state, input| state.client.say(&ClientMessage::JoinNamed { request, name: text(input), may_create }))
}

#[unsafe(no_mangle)]
extern "C" fn join(request: u32, room: u32) -> bool {
    with(0, |state, _| state.client.say(&ClientMessage::JoinRoom { request, room: RoomId(room) }))
}

#[unsafe(no_mangle)]
extern "C" fn leave(now: f64, room: u32) {
    with(0, |state, _| state.client.leave(at(now), room));
}

#[unsafe(no_mangle)]
extern "C" fn set_track(now: f64, room: u32, track: u8, is_on: bool, width: u16, height: u16) {
    with(0, |state, _| state.client.set_track(at(now), room, track, is_on, (width, height)));
}

#[unsafe(no_mangle)]
extern "C" fn want(room: u32, slot: u16, track: u8, width: u16) {
    with(0, |state, _| state.client.want(room, slot, track, width));
}

#[unsafe(no_mangle)]
extern "C" fn chat(reference: u64, room: u32, len: usize) -> bool {
    with(len, |state, input| {
        state.client.say(&ClientMessage::SendChat { reference, room: RoomId(room), text: text(input) })
    })
}

#[unsafe(no_mangle)]
extern "C" fn look_up(request: u32, len: usize) -> bool {
    with(len, |state, input| state.client.say(&ClientMessage::LookUp { request, username: text(input) }))
}

/// Input: the receiver's keys, 64 bytes; login name, text.
#[unsafe(no_mangle)]
extern "C" fn send_direct(now: f64, reference: u64, name: usize, len: usize) -> bool {
    with(len, |state, input| {
        let device = DevicePublic { seal: array(input, 0), sign: array(input, 32) };
        let (to, words) = texts(input.get(64..).unwrap_or_default(), name);
        state.client.send_direct(at(now), reference, to, &device, words)
    })
}

#[unsafe(no_mangle)]
extern "C" fn raise_hand(room: u32, is_up: bool) -> bool {
    with(0, |state, _| state.client.say(&ClientMessage::RaiseHand { room: RoomId(room), is_up }))
}

#[unsafe(no_mangle)]
extern "C" fn react(request: u32, room: u32, reaction: u8) -> bool {
    let ask = RoomAsk::React { request, room: RoomId(room), reaction };
    with(0, |state, _| state.client.say(&ClientMessage::InRoom(ask)))
}

#[unsafe(no_mangle)]
extern "C" fn moderate(request: u32, room: u32, act: u8, len: usize) -> bool {
    with(len, |state, input| state.client.moderate(request, room, act, text(input)))
}

#[unsafe(no_mangle)]
extern "C" fn call(request: u32, room: u32, len: usize) -> bool {
    with(len, |state, input| state.client.say(&ClientMessage::Call { request, to: text(input), room: RoomId(room) }))
}

#[unsafe(no_mangle)]
extern "C" fn answer_call(call: u32, accept: bool) -> bool {
    with(0, |state, _| state.client.answer_call(call, accept))
}

#[unsafe(no_mangle)]
extern "C" fn mark_read(room: u32, id: f64) -> bool {
    with(0, |state, _| state.client.say(&ClientMessage::MarkRead { room: RoomId(room), id: id as u64 }))
}

/// Somebody's picture is wanted whole.
#[unsafe(no_mangle)]
extern "C" fn request_refresh(room: u32, slot: u16, track: u8) -> bool {
    with(0, |state, _| {
        let slot = hph_core::id::Slot(slot);
        state.client.say(&ClientMessage::RequestRefresh { room: RoomId(room), slot, track: TrackId(track) })
    })
}

#[unsafe(no_mangle)]
extern "C" fn send_voice(now: f64, room: u32, captured: f64, level: u8, len: usize) -> bool {
    with(len, |state, input| state.client.send_voice(at(now), room, at(captured), level, input))
}

#[unsafe(no_mangle)]
extern "C" fn end_voice(now: f64, room: u32, toc: u8) {
    with(0, |state, _| state.client.end_voice(at(now), room, toc));
}

/// Input: RGBA.
#[unsafe(no_mangle)]
extern "C" fn send_picture(now: f64, room: u32, track: u8, captured: f64, width: u16, height: u16) {
    let len = usize::from(width) * usize::from(height) * 4;
    with(len, |state, input| {
        state.client.send_picture(at(now), room, track, at(captured), (width, height), input);
    });
}

/// Input: 10 ms of samples, 32-bit floats of the machine. Level and voice bit as RFC 6464 has them.
#[unsafe(no_mangle)]
extern "C" fn level(samples: usize) -> u8 {
    with(samples * 4, |state, input| {
        let (floats, _) = input.as_chunks::<4>();
        let block: Vec<i16> = floats.iter().map(|bytes| (f32::from_le_bytes(*bytes) * 32_767.0) as i16).collect();
        let level = audio_level(&block);
        // Whether it is voice is judged by 20 ms.
        state.half = match state.half.take() {
            None => Some(block),
            Some(half) => {
                (_, state.is_voice) = state.detector.handle_block(&[half, block].concat());
                None
            }
        };
        level.min(127) | u8::from(state.is_voice) << 7
    })
}

/// Puts sides (two 16-bit numbers), media clock (32 bits) and the address of the RGBA (32 bits) to the input; whether there
/// is a picture with anything new in it, or `force` is set and there is one.
#[unsafe(no_mangle)]
extern "C" fn draw(slot: u16, track: u8, force: bool) -> bool {
    with(12, |state, input| {
        let Some((width, height, timestamp, rgba)) = state.client.draw(slot, track, force) else { return false };
        let address = rgba.as_ptr() as usize as u32;
        input[..2].copy_from_slice(&width.to_le_bytes());
        input[2..4].copy_from_slice(&height.to_le_bytes());
        input[4..8].copy_from_slice(&timestamp.to_le_bytes());
        input[8..12].copy_from_slice(&address.to_le_bytes());
        true
    })
}

/// Puts the code's 16 bytes to the input; whether there is one.
#[unsafe(no_mangle)]
extern "C" fn safety_code(room: u32) -> bool {
    with(16, |state, input| {
        let code = state.client.safety_code(room);
        if let Some(code) = code {
            input.copy_from_slice(&code);
        }
        code.is_some()
    })
}

/// Figures as a JSON object: puts their address and length (32 bits each) to the input.
#[unsafe(no_mangle)]
extern "C" fn figures(now: f64) {
    with(8, |state, input| {
        state.figures = state.client.figures(at(now));
        let (address, len) = (state.figures.as_ptr() as usize as u32, state.figures.len() as u32);
        input[..4].copy_from_slice(&address.to_le_bytes());
        input[4..].copy_from_slice(&len.to_le_bytes());
    });
}
