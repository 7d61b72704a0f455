//! A participant: an engine, all that it said with the time, and all frames that came.

use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use hph_client::engine::{
    Account, CapturedFrame, Command, Engine, EngineConfig, EngineFigures, Event, FrameSender, IncomingMedia,
    new_reference,
};
use hph_core::id::{RoomId, Slot, TrackId};
use hph_core::time::Instant;
use hph_core::wire::control::{Codec, TrackInfo};
use hph_platform::clock::Clock;
use hph_platform::entropy;

use super::server::Target;
use super::wait;

/// Signing in makes a new account's PBKDF2, on a machine that is busy with other tests.
const SIGN_IN_LIMIT: Duration = Duration::from_secs(20);
/// Everything else of the kind that a server answers at once.
const ANSWER_LIMIT: Duration = Duration::from_secs(10);

/// A microphone that is on.
pub const SOUND: TrackInfo = TrackInfo { is_on: true, codec: Codec::Pcm16k, width: 0, height: 0 };
/// A camera that is on.
pub const PICTURES: TrackInfo = TrackInfo { is_on: true, codec: Codec::Jpeg, width: 320, height: 180 };

/// A whole frame of somebody else.
#[derive(Clone, Debug)]
pub struct Arrival {
    /// Its room.
    pub room: RoomId,
    /// Whose.
    pub slot: Slot,
    /// Which track.
    pub track: TrackId,
    /// Its number.
    pub frame: u32,
    /// Its content.
    pub bytes: Vec<u8>,
    /// When it was whole.
    pub at: Instant,
}

/// A guest with that name, on a device that nobody else has.
pub fn guest(target: &Target, name: &str) -> EngineConfig {
    let account = Account::Guest { display_name: name.to_owned(), email: String::new() };
    config(target, account)
}

/// Somebody with an account, which is made at the first sign-in.
pub fn member(target: &Target, username: &str, password: &str) -> EngineConfig {
    let account = Account::Password {
        username: username.to_owned(),
        password: password.to_owned(),
        email: String::new(),
        display_name: String::new(),
        may_register: true,
    };
    config(target, account)
}

fn config(target: &Target, account: Account) -> EngineConfig {
    EngineConfig {
        host: target.address.ip().to_string(),
        port: target.address.port(),
        trust: target.trust(),
        account,
        device_seed: entropy::array(),
        people: None,
        agent: "hph-tests".to_owned(),
        is_patient: false,
    }
}

/// A participant. Dropping it signs it out.
pub struct Person {
    /// The engine itself.
    pub engine: Engine,
    log: Arc<Mutex<Vec<(Instant, Event)>>>,
    arrivals: Arc<Mutex<Vec<Arrival>>>,
    seen: usize,
    pump: Option<JoinHandle<()>>,
}

impl Person {
    /// Starts the engine; it may or may not come to a session.
    ///
    /// # Panics
    /// If there are no more threads.
    pub fn start(config: EngineConfig) -> Self {
        let arrivals = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&arrivals);
        let sink = Box::new(move |media: &IncomingMedia<'_>| {
            let IncomingMedia::Frame(frame) = media else { return };
            let arrival = Arrival {
                room: frame.room,
                slot: frame.slot,
                track: frame.track,
                frame: frame.frame,
                bytes: frame.bytes.to_vec(),
                at: frame.complete_at,
            };
            sink.lock().expect("nobody panics").push(arrival);
        });
        let engine = Engine::start(config, sink, Arc::default()).expect("an engine");
        let log = Arc::new(Mutex::new(Vec::new()));
        let (events, written) = (engine.events().clone(), Arc::clone(&log));
        // Events are noted when they come, not when the test looks.
        let pump = std::thread::spawn(move || {
            while let Ok(event) = events.recv_blocking() {
                written.lock().expect("nobody panics").push((Clock::now(), event));
            }
        });
        Self { engine, log, arrivals, seen: 0, pump: Some(pump) }
    }

    /// Starts the engine and waits until it is signed in.
    ///
    /// # Panics
    /// If it is not signed in within twenty seconds.
    pub fn signed_in(config: EngineConfig) -> Self {
        let mut person = Self::start(config);
        person.wait("sign-in", SIGN_IN_LIMIT, |event| matches!(event, Event::SignedIn { .. }).then_some(()));
        person
    }

    /// Signs in and goes to the room of that name, which is made if there is none. Datagrams go both ways by then.
    ///
    /// # Panics
    /// If that does not come about.
    pub fn in_room(config: EngineConfig, room: &str) -> (Self, RoomId) {
        let mut person = Self::signed_in(config);
        let id = person.join(room);
        person.wait_for_datagrams();
        (person, id)
    }

    /// Goes to the room of that name, which is made if there is none.
    ///
    /// # Panics
    /// If it is not there within ten seconds.
    pub fn join(&mut self, room: &str) -> RoomId {
        self.send(Command::JoinNamed { request: 1, name: room.to_owned(), may_create: true });
        self.wait("place in the room", ANSWER_LIMIT, |event| match event {
            Event::Joined { room, .. } => Some(*room),
            _ => None,
        })
    }

    /// Waits until datagrams go both ways.
    ///
    /// # Panics
    /// If they do not within ten seconds.
    pub fn wait_for_datagrams(&self) {
        wait::until_so("datagrams", ANSWER_LIMIT, || {
            let log = self.log.lock().expect("nobody panics");
            let last = log.iter().rev().find_map(|(_, event)| match event {
                Event::Datagrams { is_up } => Some(*is_up),
                Event::SignedIn { .. } => Some(false),
                _ => None,
            });
            last == Some(true)
        });
    }

    /// Waits until somebody else with that name to show is in the room, and gives their place.
    ///
    /// # Panics
    /// If they are not within ten seconds.
    pub fn wait_for_person(&mut self, name: &str) -> Slot {
        self.wait(name, ANSWER_LIMIT, |event| match event {
            Event::Participant { participant, is_me: false, .. } if participant.display_name == name => {
                Some(participant.slot)
            }
            _ => None,
        })
    }

    /// Waits for an event, from the one after the last that was waited for. Gives what `pick` makes of it.
    ///
    /// # Panics
    /// If it does not come within `limit`; `what` names it.
    pub fn wait<T>(&mut self, what: &str, limit: Duration, pick: impl FnMut(&Event) -> Option<T>) -> T {
        self.wait_timed(what, limit, pick).1
    }

    /// As [`Self::wait`], with the time of the event.
    ///
    /// # Panics
    /// As there.
    pub fn wait_timed<T>(
        &mut self,
        what: &str,
        limit: Duration,
        mut pick: impl FnMut(&Event) -> Option<T>,
    ) -> (Instant, T) {
        let began = Clock::now();
        loop {
            let log = self.log.lock().expect("nobody panics");
            while let Some((at, event)) = log.get(self.seen) {
                self.seen += 1;
                if let Some(value) = pick(event) {
                    return (*at, value);
                }
            }
            assert!(wait::elapsed(began) < limit, "no {what} within {limit:?}, but:\n{:#?}", tail(&log));
            drop(log);
            wait::pause(Duration::from_millis(2));
        }
    }

    /// Everything that the engine said, with the time.
    ///
    /// # Panics
    /// Never in practice.
    pub fn log(&self) -> Vec<(Instant, Event)> {
        self.log.lock().expect("nobody panics").clone()
    }

    /// All room messages that were shown, in order: number and text.
    pub fn chats(&self) -> Vec<(u64, String)> {
        let events = self.log().into_iter().map(|(_, event)| event);
        let chat = |event| match event {
            Event::Chat { id, text, .. } => Some((id, text)),
            _ => None,
        };
        events.filter_map(chat).collect()
    }

    /// How many room messages were shown.
    ///
    /// # Panics
    /// Never in practice.
    pub fn chat_count(&self) -> usize {
        let log = self.log.lock().expect("nobody panics");
        log.iter().filter(|(_, event)| matches!(event, Event::Chat { .. })).count()
    }

    /// Whether something of the kind was said until now.
    ///
    /// # Panics
    /// Never in practice.
    pub fn has_seen(&self, is_it: impl Fn(&Event) -> bool) -> bool {
        self.log.lock().expect("nobody panics").iter().any(|(_, event)| is_it(event))
    }

    /// Frames of others that came until now.
    ///
    /// # Panics
    /// Never in practice.
    pub fn arrivals(&self) -> Vec<Arrival> {
        self.arrivals.lock().expect("nobody panics").clone()
    }

    /// How many frames of others came until now.
    ///
    /// # Panics
    /// Never in practice.
    pub fn arrival_count(&self) -> usize {
        self.arrivals.lock().expect("nobody panics").len()
    }

    /// Forgets the frames that came until now.
    ///
    /// # Panics
    /// Never in practice.
    pub fn clear_arrivals(&self) {
        self.arrivals.lock().expect("nobody panics").clear();
    }

    /// Gives a command.
    ///
    /// # Panics
    /// If the engine has ended.
    pub fn send(&self, command: Command) {
        assert!(self.engine.send(command.clone()), "the engine does not take {command:?}");
    }

    /// Says something in a room; gives the message's reference.
    pub fn say(&self, room: RoomId, text: &str) -> u64 {
        let reference = new_reference();
        self.send(Command::Chat { reference, room, text: text.to_owned() });
        reference
    }

    /// Says something and waits until the server has stored it.
    ///
    /// # Panics
    /// If it does not within ten seconds.
    pub fn say_stored(&mut self, room: RoomId, text: &str) -> u64 {
        let said = self.say(room, text);
        self.wait("stored message", ANSWER_LIMIT, |event| match event {
            Event::ChatStored { reference, id, .. } if *reference == said => Some(*id),
            _ => None,
        })
    }

    /// Switches a track and waits until the server confirms it.
    ///
    /// # Panics
    /// If it does not within ten seconds.
    pub fn switch(&mut self, room: RoomId, track: TrackId, info: TrackInfo) {
        self.send(Command::SetTrack { room, track, info });
        self.wait("confirmed track", ANSWER_LIMIT, |event| match event {
            Event::Participant { participant, is_me: true, .. } => {
                (participant.tracks.get(usize::from(track.0)) == Some(&info)).then_some(())
            }
            _ => None,
        });
    }

    /// Hands a frame to the engine. Its media time is its index.
    pub fn send_frame(&self, room: RoomId, track: TrackId, timestamp: u32, bytes: Vec<u8>) -> bool {
        send_frame(&self.engine.frames(), room, track, timestamp, bytes)
    }

    /// The engine's figures.
    pub fn figures(&self) -> EngineFigures {
        self.engine.figures()
    }

    /// Sends `payload(0)`, `payload(1)` and so on in one track, one every `interval`, until it is dropped.
    pub fn stream(
        &self,
        room: RoomId,
        track: TrackId,
        interval: Duration,
        mut payload: impl FnMut(u32) -> Vec<u8> + Send + 'static,
    ) -> Stream {
        let (stop, stopped) = async_channel::bounded::<()>(1);
        let frames = self.engine.frames();
        let thread = std::thread::spawn(move || {
            let began = Clock::now();
            let mut count = 0;
            while !stopped.is_closed() {
                send_frame(&frames, room, track, count, payload(count));
                count += 1;
                wait::pause((interval * count).saturating_sub(wait::elapsed(began)));
            }
            count
        });
        Stream { stop: Some(stop), thread: Some(thread) }
    }
}

impl Drop for Person {
    fn drop(&mut self) {
        let _ = self.engine.send(Command::Quit);
        if let Some(pump) = self.pump.take() {
            let _ = pump.join();
        }
    }
}

/// Frames that go out at an even rate.
pub struct Stream {
    stop: Option<async_channel::Sender<()>>,
    thread: Option<JoinHandle<u32>>,
}

impl Stream {
    /// Stops, and gives how many frames were handed to the engine.
    pub fn stop(mut self) -> u32 {
        self.halt()
    }

    fn halt(&mut self) -> u32 {
        if let Some(stop) = self.stop.take() {
            stop.close();
        }
        self.thread.take().and_then(|thread| thread.join().ok()).unwrap_or(0)
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.halt();
    }
}

fn send_frame(frames: &FrameSender, room: RoomId, track: TrackId, timestamp: u32, bytes: Vec<u8>) -> bool {
    let now = Clock::now();
    let level = if track.is_audio() { 30 } else { 127 };
    frames.send(CapturedFrame {
        room,
        track,
        layer: 0,
        timestamp,
        level,
        bytes,
        strips: None,
        captured_at: now,
        encoded_at: now,
    })
}

fn tail(log: &[(Instant, Event)]) -> &[(Instant, Event)] {
    &log[log.len().saturating_sub(20)..]
}
