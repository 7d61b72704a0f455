//! A session as commands use it: one stream of inputs (events, typed lines, signals, time), with all the talk about the
//! connection already done.

use std::fs::File;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_channel::Receiver;
use hph_client::core::wire::control::DevicePublic;
use hph_client::engine::{Account, AccountEvent, Command, Engine, EngineFigures, Event, RemoteTrack};
use hph_client::link::Invitation;
use hph_client::media::{self, ReceiverConfig, ReceiverFigures, Stages, VoiceFigures, VoiceShared, VoiceStages};
use hph_client::people::KeyState;
use hph_client::pins::PinStore;
use hph_client::safety::Code;
use hph_client::tls::{Pin, Trust, fingerprint};
use hph_client::view::MeetingView;
use smol::Timer;
use smol::future::{FutureExt, pending};
use smol::stream::StreamExt;

use crate::exit::{Exit, Failure};
use crate::identity::{Identity, Who, pin_failure, server_of};
use crate::lang;
use crate::object;
use crate::output::Output;
use crate::refusal::end_failure;
use crate::show::Rows;
use crate::signals;
use crate::terminal;
use crate::text::one_row;

/// Ticks come this often.
const TICK: Duration = Duration::from_secs(1);
/// Leaving takes no longer than this.
const FAREWELL_MAX: Duration = Duration::from_secs(3);

/// What a command wants of its session.
#[derive(Clone, Debug, Default)]
pub struct Wishes {
    /// Typed or piped lines.
    pub lines: bool,
    /// The lobby's changes as data.
    pub lobby: bool,
    /// What happens in rooms as data.
    pub rooms: bool,
    /// What to do with pictures and sound of others.
    pub receiver: ReceiverConfig,
    /// Whether questions may be asked at the terminal.
    pub may_ask: bool,
    /// Time for the whole command, or until [`Session::set_deadline`] says otherwise.
    pub limit: Option<Duration>,
}

/// What happens to a command.
#[derive(Debug)]
pub enum Input {
    /// The engine's word. The view has it already.
    Event(Event),
    /// A line of standard input.
    Line(String),
    /// There are no more lines.
    LinesEnd,
    /// A signal, or nobody reads our data: leave, and end so.
    Stop(Exit),
    /// The deadline has passed.
    TimeUp,
    /// Another second.
    Tick,
}

/// What is left of a session.
pub struct Closed {
    /// Of the engine.
    pub figures: EngineFigures,
    /// What was received, by track.
    pub received: Vec<(RemoteTrack, ReceiverFigures)>,
    /// How long everything took.
    pub stages: Stages,
    /// How each voice fared.
    pub voices: Vec<(RemoteTrack, VoiceFigures)>,
    /// How long everything took for voices.
    pub voice_stages: VoiceStages,
    /// Frames that came faster than they could be decoded.
    pub overrun: u64,
}

/// A session.
pub struct Session<'a> {
    /// The engine.
    pub engine: Engine,
    /// The meeting after the last input.
    pub view: MeetingView,
    /// Whether lines are taken now; while not, whoever writes them waits.
    pub takes_lines: bool,
    /// Where words go.
    pub out: &'a Output,
    target: &'a Invitation,
    pins: PinStore,
    /// Has the password of rooms that want one.
    who: Who,
    is_first_use: bool,
    pin: Option<Pin>,
    rows: Rows,
    wishes: Wishes,
    stages: Arc<Mutex<Stages>>,
    receiver: media::Receiver,
    lines: Option<Receiver<String>>,
    stops: Receiver<Exit>,
    ticks: Timer,
    deadline: Option<Timer>,
    /// Released when the session ends.
    _device_lock: Option<File>,
}

impl<'a> Session<'a> {
    /// Starts to connect.
    ///
    /// # Errors
    /// Whatever is wrong before anything is sent.
    pub fn start(who: &Who, target: &'a Invitation, wishes: Wishes, out: &'a Output) -> Result<Self, Failure> {
        let identity = who.identity(target, wishes.may_ask, out)?;
        Self::start_with(identity, who, target, wishes, out)
    }

    /// The same as somebody in particular.
    ///
    /// # Errors
    /// As there.
    pub fn start_as(
        who: &Who,
        account: Account,
        target: &'a Invitation,
        wishes: Wishes,
        out: &'a Output,
    ) -> Result<Self, Failure> {
        Self::start_with(who.identity_of(account, target, out)?, who, target, wishes, out)
    }

    fn start_with(
        identity: Identity,
        who: &Who,
        target: &'a Invitation,
        wishes: Wishes,
        out: &'a Output,
    ) -> Result<Self, Failure> {
        let Identity { config, pins, device_lock } = identity;
        let internal = |error: std::io::Error| Failure::new(Exit::Failed, "E-SYS-01", error);
        let stops = signals::stop_requests().map_err(internal)?;
        let stages = Arc::new(Mutex::new(Stages::default()));
        let receiver = media::Receiver::start(wishes.receiver.clone(), Arc::clone(&stages));
        let receiver = receiver.map_err(|error| recording_failure(&error, out))?;
        let is_first_use = config.trust == Trust::FirstUse;
        let engine = Engine::start(config, receiver.sink(), Arc::clone(&stages)).map_err(internal)?;
        let lines = if wishes.lines { Some(terminal::lines().map_err(internal)?) } else { None };
        let deadline = wishes.limit.map(Timer::after);
        Ok(Self {
            engine,
            view: MeetingView::default(),
            takes_lines: true,
            out,
            target,
            pins,
            who: who.clone(),
            is_first_use,
            pin: None,
            rows: Rows::default(),
            wishes,
            stages,
            receiver,
            lines,
            stops,
            ticks: Timer::interval(TICK),
            deadline,
            _device_lock: device_lock,
        })
    }

    /// What loudspeaker, microphones and this command share.
    pub fn voice(&self) -> VoiceShared {
        self.receiver.voice()
    }

    /// How each voice fares.
    pub fn voices(&self) -> Vec<(RemoteTrack, VoiceFigures)> {
        self.receiver.voices()
    }

    /// Replaces the deadline.
    pub fn set_deadline(&mut self, limit: Option<Duration>) {
        self.deadline = limit.map(Timer::after);
    }

    /// The key that the server has proved.
    pub const fn pin(&self) -> Option<Pin> {
        self.pin
    }

    /// Gives a command to the engine; says so if it can't take one.
    pub fn send(&self, command: Command) {
        if !self.engine.send(command) {
            self.out.talk(self.out.lang.text(&lang::BUSY));
        }
    }

    /// The next input.
    ///
    /// # Errors
    /// The session ended, not by us.
    pub async fn next(&mut self) -> Result<Input, Failure> {
        if self.out.is_closed() {
            return Ok(Input::Stop(Exit::Ok));
        }
        let input = self.wait().await;
        match &input {
            Input::Event(Event::Ended(reason)) => {
                self.out.progress("");
                if let Some(failure) = end_failure(reason, self.target, self.out) {
                    return Err(failure);
                }
            }
            Input::Event(event) => {
                self.talk(event)?;
                self.show(event);
                self.view.apply(event);
            }
            Input::LinesEnd => self.lines = None,
            Input::TimeUp => self.deadline = None,
            _ => {}
        }
        Ok(input)
    }

    async fn wait(&mut self) -> Input {
        let Self { engine, lines, stops, ticks, deadline, takes_lines, .. } = self;
        let stop = async {
            match stops.recv().await {
                Ok(exit) => Input::Stop(exit),
                Err(_) => pending().await,
            }
        };
        let line = async {
            match lines {
                Some(lines) if *takes_lines => lines.recv().await.map_or(Input::LinesEnd, Input::Line),
                _ => pending().await,
            }
        };
        let time_up = async {
            match deadline {
                Some(timer) => timer.await,
                None => pending().await,
            };
            Input::TimeUp
        };
        let event = async {
            match engine.events().recv().await {
                Ok(event) => Input::Event(event),
                Err(_) => pending().await,
            }
        };
        let tick = async {
            ticks.next().await;
            Input::Tick
        };
        stop.or(time_up).or(tick).or(event).or(line).await
    }

    /// Talk about the connection, on standard error.
    fn talk(&mut self, event: &Event) -> Result<(), Failure> {
        let (out, lang) = (self.out, self.out.lang);
        match event {
            Event::Connecting { attempt: 0 } => {
                let row = lang.fill(&lang::CONNECTING, &[&server_of(self.target)]);
                out.detail(&row);
                out.progress(&row);
            }
            Event::Connecting { attempt } => out.progress(&lang.fill(&lang::CONNECTING_AGAIN, &[attempt])),
            Event::SignedIn { username, display_name, server_name, pin } => {
                out.progress("");
                self.pin = Some(*pin);
                let remembered = self.pins.remember(&self.target.host, self.target.port, *pin);
                remembered.map_err(|error| pin_failure(error, self.target, out))?;
                if std::mem::take(&mut self.is_first_use) {
                    out.talk(&lang.fill(&lang::FIRST_CONTACT, &[&server_of(self.target), &fingerprint(pin)]));
                }
                let me = crate::text::person(display_name, username);
                out.talk(&lang.fill(&lang::SIGNED_IN, &[&one_row(server_name), &me]));
            }
            Event::Lost { why, retry_in } => {
                let seconds = format!("{:.1}", retry_in.as_secs_f32());
                out.talk(&lang.fill(&lang::LOST, &[&crate::refusal::loss(why, lang), &seconds]));
            }
            Event::PersonKey { username, device, key } => self.talk_of_key(username, device, *key),
            Event::PasswordWanted { request, room } => {
                let password = self.who.room_password(self.wishes.may_ask, out)?;
                let password = password
                    .ok_or_else(|| Failure::new(Exit::Rejected, "E-REF-04", lang.text(&lang::R_PASSWORD_WANTED)))?;
                self.send(Command::Enter { request: *request, room: *room, password });
            }
            Event::Account(AccountEvent::PairingCode { code, .. }) => {
                out.talk(&lang.fill(&lang::PAIRING_CODE, &[code, code]));
            }
            Event::Waiting { name, .. } => out.talk(&lang.fill(&lang::WAITING, &[&one_row(name)])),
            Event::KeysUnusable { why } => out.warn(&lang.fill(&lang::KEYS_UNUSABLE, &[why])),
            Event::Datagrams { is_up: true } => out.detail(lang.text(&lang::MEDIA_UP)),
            Event::Datagrams { is_up: false } => out.talk(lang.text(&lang::MEDIA_DOWN)),
            Event::Tunnelled { is_on: true } => out.talk(lang.text(&lang::TUNNEL_ON)),
            Event::Tunnelled { is_on: false } => out.talk(lang.text(&lang::TUNNEL_OFF)),
            _ => {}
        }
        Ok(())
    }

    /// A key that was not seen before is remembered quietly; a changed one is what somebody who listens in would cause.
    fn talk_of_key(&self, username: &str, device: &DevicePublic, key: KeyState) {
        let (out, lang) = (self.out, self.out.lang);
        let (username, code) = (one_row(username), Code::of_device(device));
        match key {
            KeyState::New => out.detail(&lang.fill(&lang::KEY_NEW, &[&username, &code])),
            KeyState::Changed => out.warn(
                &lang.fill(&lang::KEY_CHANGED, &[&username, &code, &username, &server_of(self.target), &username]),
            ),
            KeyState::Seen => out.talk(&lang.fill(&lang::KEY_ACCEPTED, &[&username])),
            KeyState::Compared => out.talk(&lang.fill(&lang::KEY_COMPARED, &[&username])),
            KeyState::NotKept | KeyState::Unreadable => {}
        }
    }

    /// The event as data, if the command wants it.
    fn show(&mut self, event: &Event) {
        let is_lobby = matches!(
            event,
            Event::LobbyRoom { .. }
                | Event::LobbyRoomGone { .. }
                | Event::LobbyPerson { .. }
                | Event::LobbyPersonGone { .. }
                | Event::LobbyComplete
        );
        // Programs must not miss these either, whatever they asked for.
        let is_alarm = matches!(event, Event::PersonKey { .. } | Event::KeysUnusable { .. });
        // Whoever asked for it shows it, in its own order.
        let is_answer = matches!(
            event,
            Event::ChatFound { .. } | Event::ChatFoundAll { .. } | Event::Unread { .. } | Event::UnreadAll { .. }
        );
        let is_wanted = is_alarm || !is_answer && if is_lobby { self.wishes.lobby } else { self.wishes.rooms };
        if !is_wanted {
            return;
        }
        if self.out.is_json() {
            if let Some(object) = object::of_event(event, &self.view) {
                self.out.object(|| object);
            }
        } else if let Some(row) = self.rows.of_event(event, &self.view, self.out) {
            self.out.print(&row);
        }
    }

    /// Signs out and waits until everything received is decoded and recorded. A second signal ends the wait.
    ///
    /// # Errors
    /// The recording is not complete.
    pub async fn close(self) -> Result<Closed, Failure> {
        self.out.progress("");
        // It may have ended already.
        let _ = self.engine.send(Command::Quit);
        let ended =
            async { while self.engine.events().recv().await.is_ok_and(|event| !matches!(event, Event::Ended(_))) {} };
        let impatience = async {
            let _ = self.stops.recv().await;
        };
        let too_late = async {
            Timer::after(FAREWELL_MAX).await;
        };
        ended.or(impatience).or(too_late).await;
        let figures = self.engine.figures();
        drop(self.engine);
        let overrun = self.receiver.overrun();
        let (voices, voice_stages) = (self.receiver.voices(), self.receiver.voice().stages());
        let received = self.receiver.finish().map_err(|error| recording_failure(&error, self.out))?;
        let stages = self.stages.lock().map(|stages| stages.clone()).unwrap_or_default();
        Ok(Closed { figures, received, stages, voices, voice_stages, overrun })
    }
}

fn recording_failure(error: &std::io::Error, out: &Output) -> Failure {
    Failure::new(Exit::Device, "E-DEV-02", out.lang.fill(&lang::E_RECORDING, &[error]))
}
