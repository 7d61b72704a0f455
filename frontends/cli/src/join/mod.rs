//! `hph join`: a participant. It sends a camera and a microphone, shows and records what others send, and takes typed
//! lines as chat and commands.

mod act;
mod asking;
mod breakout;
mod devices;
mod files;
mod line;
mod summary;
mod trust;
mod voice;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use hph_client::breakout::Split;
use hph_client::core::id::{CallId, RoomId, TrackId};
use hph_client::core::time::Instant;
use hph_client::core::wire::control::{CallOutcome, DevicePublic, LeaveReason, Refusal};
use hph_client::engine::{AccountEvent, Command, Event};
use hph_client::link::Invitation;
use hph_client::media::{ReceiverConfig, RecorderConfig, VideoCodec};
use hph_client::platform::clock::Clock;
use hph_client::tiles::{Layout, Tiles};
use serde_json::json;

use crate::exit::{Exit, Failure};
use crate::history::{Desk, Marks, Pending};
use crate::identity::{Who, parse_target};
use crate::lang;
use crate::object::{object, track_name};
use crate::output::Output;
use crate::refusal::{not_joined, refused};
use crate::screen::ScreenArgs;
use crate::session::{Input, Session, Wishes};
use crate::sources::{Size, Video, parse_codec, source_failure};
use crate::text::parse_duration;
pub use act::find_person;
use asking::{Asking, Next};
use breakout::Following;
use devices::{Devices, Sources};
pub use line::Line;
use summary::{Counts, Totals};
use trust::Comparison;
use voice::VoiceArgs;

/// Getting in takes no longer than this.
const ENTER_MAX: Duration = Duration::from_secs(30);
/// Messages that are still on their way when we leave get this long.
const FLUSH_MAX: Duration = Duration::from_secs(3);
/// While so many messages are not acknowledged, no more lines are read.
const PENDING_MAX: usize = 32;

/// What `hph join` can be told.
#[derive(clap::Args, Clone, Debug)]
pub struct Args {
    /// Invitation link, or HOST[:PORT]; without it the server is looked for in the local network
    #[arg(value_name = "LINK", value_parser = parse_target)]
    link: Option<Invitation>,
    /// Room to enter; several may be given. The first one gets camera and microphone [default: the link's]
    #[arg(long = "room", value_name = "ROOM")]
    rooms: Vec<String>,
    /// Fail if the room does not exist, instead of making it
    #[arg(long)]
    no_create: bool,
    /// Camera: its name or a part of it (see hph devices), default, MJPEG or Y4M file, folder of JPEGs, or test[:WxH@FPS]
    #[arg(long, value_name = "NAME|default|FILE|DIR|test")]
    video: Option<Video>,
    /// What the camera is asked for; it gives what it has next to that [default: 1280x720]
    #[arg(long, value_name = "WxH")]
    video_size: Option<Size>,
    /// How pictures are sent: strips of what has changed, or every picture a whole JPEG
    #[arg(long, value_name = "strips|jpeg", default_value = "strips", value_parser = parse_codec)]
    codec: VideoCodec,
    /// Pictures a second of a camera, and of files that do not say
    #[arg(long = "video-fps", alias = "fps", value_name = "N", default_value_t = 30, value_parser = clap::value_parser!(u16).range(1..=60))]
    fps: u16,
    /// Play files once instead of over and over
    #[arg(long)]
    once: bool,
    /// Play files over and over: the default
    #[arg(long = "loop", conflicts_with = "once")]
    is_looped: bool,
    /// How pictures of others are shown or recorded, and so in which size they come
    #[arg(long, value_enum, default_value_t)]
    view: View,
    /// Begin with the microphone off
    #[arg(long)]
    muted: bool,
    /// Begin with the camera off
    #[arg(long)]
    camera_off: bool,
    /// Record what others send: pictures, sound and a timeline
    #[arg(long, value_name = "DIR")]
    record: Option<PathBuf>,
    /// Where fetched files go (/fetch)
    #[arg(long, value_name = "DIR", default_value = ".")]
    into: PathBuf,
    /// Leave after this time in the room
    #[arg(long = "for", value_name = "TIME", value_parser = parse_duration)]
    time: Option<Duration>,
    /// Say this when in the room; several may be given
    #[arg(long, value_name = "TEXT")]
    chat: Vec<String>,
    /// Take every call
    #[arg(long)]
    auto_accept: bool,
    #[command(flatten)]
    voice: VoiceArgs,
    #[command(flatten)]
    screen: ScreenArgs,
    #[command(flatten)]
    who: Who,
}

/// How pictures of others are laid out.
#[derive(clap::ValueEnum, Clone, Copy, Debug, Default)]
enum View {
    /// Whoever speaks large, the others small
    Speaker,
    /// All of one size
    #[default]
    Grid,
    /// No pictures
    None,
}

impl From<View> for Layout {
    fn from(view: View) -> Self {
        match view {
            View::Speaker => Self::Speaker,
            View::Grid => Self::Grid,
            View::None => Self::None,
        }
    }
}

/// A room that we asked for and are not in yet.
struct Wanted {
    name: String,
    request: Option<u32>,
    /// Whether camera and microphone go on there.
    has_devices: bool,
}

struct Meeting<'a> {
    session: Session<'a>,
    args: &'a Args,
    sources: Sources,
    wanted: Vec<Wanted>,
    devices: BTreeMap<RoomId, Devices>,
    /// The screen that somebody is asked for.
    asking: Option<Asking>,
    /// Where typed messages go.
    current: Option<RoomId>,
    /// Messages that are not acknowledged.
    pending: Pending,
    /// A line that was taken and waits for its turn.
    held: Option<String>,
    my_calls: Vec<CallId>,
    /// A room that is being split.
    split: Option<Split>,
    /// Where we were sent and are not yet.
    following: Option<Following>,
    /// The safety code that was shown last.
    comparison: Option<Comparison>,
    /// Keys that are not those that people had, and are not accepted.
    changed: BTreeMap<String, DevicePublic>,
    desk: Desk,
    marks: Marks,
    /// Files that were told of, and those on their way.
    files: files::Files,
    has_entered: bool,
    tiles: Tiles,
    totals: Totals,
    counts: Counts,
    began: Instant,
}

/// Runs the command.
///
/// # Errors
/// Any [`Failure`].
pub async fn run(args: &Args, has_lines: bool, may_ask: bool, out: &Output) -> Result<Exit, Failure> {
    let mut rooms = args.rooms.clone();
    rooms.extend(args.link.as_ref().and_then(|link| link.room.clone()).filter(|_| args.rooms.is_empty()));
    let is_kiosk = args.link.as_ref().is_some_and(|link| args.who.is_kiosk(link)) || args.who.kiosk;
    if rooms.is_empty() && !is_kiosk {
        return Err(Failure::usage("which room? --room ROOM"));
    }
    args.video.as_ref().map_or(Ok(()), |video| video.check(out))?;
    args.voice.check(out)?;
    args.screen.check(out)?;
    let found = if args.link.is_none() { Some(crate::find::choose(may_ask, out).await?) } else { None };
    let Some(link) = args.link.as_ref().or(found.as_ref()) else { return Err(Failure::usage("which server?")) };
    let wishes = Wishes {
        lines: has_lines,
        rooms: true,
        receiver: ReceiverConfig {
            recording: args.record.clone().map(|folder| RecorderConfig { folder }),
            speaker: args.voice.speaker(),
            voice: args.voice.config(),
        },
        may_ask,
        // Nobody knows when the owner comes to approve it.
        limit: Some(ENTER_MAX).filter(|_| !args.who.kiosk),
        ..Wishes::default()
    };
    let session = Session::start(&args.who, link, wishes, out)?;
    let name = args.who.name.as_deref().or(args.who.user.as_deref()).unwrap_or("hph");
    let sources = Sources {
        camera: args.video.as_ref().map(|video| video.spec(name, args.video_size, args.fps, !args.once)),
        codec: args.codec,
        microphone: args.voice.microphone(name, !args.once),
        voice: args.voice.config(),
        shared: session.voice(),
        screen: args.screen.spec(),
    };
    let wanted = (0..).zip(rooms).map(|(index, name)| Wanted { name, request: None, has_devices: index == 0 });
    let meeting = Meeting {
        session,
        args,
        sources,
        wanted: wanted.collect(),
        devices: BTreeMap::new(),
        asking: None,
        current: None,
        pending: Pending::default(),
        held: None,
        my_calls: Vec::new(),
        split: None,
        following: None,
        comparison: None,
        changed: BTreeMap::new(),
        desk: Desk::default(),
        marks: Marks::default(),
        files: files::Files::default(),
        has_entered: false,
        tiles: Tiles::new(args.view.into()),
        totals: Totals::default(),
        counts: Counts::default(),
        began: Clock::now(),
    };
    meeting.live(has_lines).await
}

impl Meeting<'_> {
    async fn live(mut self, has_lines: bool) -> Result<Exit, Failure> {
        // Typed before there is a room to say it in: it waits.
        self.session.takes_lines = false;
        if has_lines {
            self.session.send(Command::WatchLobby(true));
        }
        let lived = loop {
            match self.step().await {
                Ok(None) => {}
                Ok(Some(exit)) => break Ok(exit),
                Err(failure) => break Err(failure),
            }
        };
        self.leave(lived).await
    }

    /// One input; how to end if it is the last.
    async fn step(&mut self) -> Result<Option<Exit>, Failure> {
        let input = match self.next().await {
            Next::Input(input) => input?,
            Next::Answer(answer) => {
                self.take_answer(answer);
                return Ok(None);
            }
        };
        match input {
            Input::Event(event) => {
                self.take(&event)?;
                self.desk.take(&event, &mut self.session);
                self.files.take(&event, self.session.out);
                self.lay_out(&event);
            }
            Input::Line(text) => self.held = Some(text),
            // Somebody who types and presses Ctrl-D leaves; a pipe that ends has said all that it had to say.
            Input::LinesEnd if crate::terminal::is_interactive() => return Ok(Some(Exit::Ok)),
            Input::LinesEnd => {}
            Input::Stop(exit) => return Ok(Some(exit)),
            Input::TimeUp if self.has_entered => return Ok(Some(Exit::Ok)),
            Input::TimeUp => return Err(timed_out(ENTER_MAX, self.session.out)),
            Input::Tick => self.tick(),
        }
        let looks_back = |text: &String| Line::parse(text).is_some_and(|line| line.looks_back());
        let must_wait = !self.pending.is_empty() && self.held.as_ref().is_some_and(looks_back);
        let exit = self.held.take_if(|_| !must_wait).and_then(|text| self.obey(&text));
        let has_place = self.pending.len() < PENDING_MAX && self.held.is_none() && !self.desk.is_busy();
        self.session.takes_lines = self.has_entered && has_place;
        Ok(exit)
    }

    fn take(&mut self, event: &Event) -> Result<(), Failure> {
        self.split_on(event);
        match event {
            Event::Breakout { news, .. } => self.note_moved(news),
            Event::SignedIn { .. } => {
                self.counts.connections += 1;
                self.ask_in();
            }
            Event::Account(AccountEvent::OnlyRoom { name, .. }) if self.wanted.is_empty() && !self.has_entered => {
                self.wanted.push(Wanted { name: name.clone(), request: None, has_devices: true });
                self.ask_in();
            }
            Event::Joined { request, room, .. } => self.entered(*request, *room)?,
            Event::Left { room, reason } => {
                self.stop_asking(*room);
                self.devices.remove(room);
                if self.current == Some(*room) {
                    self.current = self.devices.keys().next().copied();
                }
                let is_put_out = matches!(reason, LeaveReason::RoomClosed | LeaveReason::Removed);
                if is_put_out && self.devices.is_empty() && self.wanted.is_empty() {
                    let is_removed = *reason == LeaveReason::Removed;
                    let reason = if is_removed { Refusal::Forbidden } else { Refusal::NoSuchRoom };
                    return Err(refused(reason, self.session.out));
                }
            }
            Event::Refused { request, .. } if self.desk.is_refused(*request) => {}
            Event::Refused { request, reason } => {
                let index = self.wanted.iter().position(|wanted| wanted.request == Some(*request));
                if let Some(wanted) = index.map(|index| self.wanted.remove(index))
                    && self.devices.is_empty()
                    && self.wanted.is_empty()
                {
                    return Err(not_joined(&wanted.name, *reason, self.session.out));
                }
            }
            Event::Participant { room, participant, is_me: true, .. } => {
                if let Some(devices) = self.devices.get_mut(room) {
                    devices.confirmed(&participant.tracks);
                }
            }
            // However long a host lets us wait.
            Event::Waiting { .. } if !self.has_entered => self.session.set_deadline(None),
            // What a host has switched off is closed here too: no camera runs for nobody.
            Event::Muted { room, tracks, .. } => tracks.iter().for_each(|track| self.close(*room, *track)),
            Event::Chat { .. } => self.counts.chats_received += 1,
            Event::ChatStored { reference, room, id } => {
                self.counts.chats_stored += u64::from(self.pending.stored(*reference, *room, *id));
            }
            Event::DirectStored { reference, .. } => {
                self.counts.chats_stored += u64::from(self.pending.remove(*reference));
            }
            Event::MessageFailed { reference, .. } => {
                self.counts.chats_failed += u64::from(self.pending.remove(*reference));
            }
            Event::Safety { room, safety } => self.tell_safety(*room, safety),
            Event::PersonKey { username, device, key } => self.note_key(username, device, *key),
            Event::Ringing { call, room, .. } if self.args.auto_accept => self.accept(*call, *room),
            Event::CallState { request, call, outcome } if *request != 0 => {
                self.my_calls.retain(|known| known != call);
                if *outcome == CallOutcome::Ringing {
                    self.my_calls.push(*call);
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// Says how large pictures are shown, when that may have changed.
    fn lay_out(&mut self, event: &Event) {
        match event {
            Event::SignedIn { .. } | Event::Joined { .. } => self.tiles.forget(),
            Event::Participant { .. } | Event::ParticipantGone { .. } | Event::Speaker { .. } => {
                for command in self.tiles.update(&self.session.view) {
                    self.session.send(command);
                }
            }
            _ => {}
        }
    }

    /// Asks to be let into the rooms that are still wanted.
    fn ask_in(&mut self) {
        for wanted in &mut self.wanted {
            let request = self.session.engine.request();
            wanted.request = Some(request);
            let name = wanted.name.clone();
            self.session.send(Command::JoinNamed { request, name, may_create: !self.args.no_create });
        }
    }

    fn entered(&mut self, request: u32, room: RoomId) -> Result<(), Failure> {
        // After a reconnect the engine has announced our tracks already, as they were.
        if self.devices.contains_key(&room) {
            return Ok(());
        }
        self.devices.insert(room, Devices::default());
        self.follow(room);
        let index = self.wanted.iter().position(|wanted| wanted.request == Some(request));
        let wanted = index.map(|index| self.wanted.remove(index));
        let has_devices = wanted.is_some_and(|wanted| wanted.has_devices);
        if has_devices || self.current.is_none() || self.has_entered {
            self.current = Some(room);
        }
        if has_devices {
            let tracks = [
                (TrackId::MICROPHONE, self.args.muted),
                (TrackId::CAMERA, self.args.camera_off),
                (TrackId::SCREEN, self.args.screen.screen_off),
            ];
            for (track, is_off) in tracks {
                if !is_off {
                    self.open(room, track)
                        .map_err(|error| source_failure(&track_name(track), &error, self.session.out))?;
                }
            }
            for text in &self.args.chat {
                self.say(room, text.clone());
            }
        }
        if !self.has_entered && self.wanted.is_empty() {
            self.has_entered = true;
            self.began = Clock::now();
            self.session.set_deadline(self.args.time);
        }
        Ok(())
    }

    /// Once a second: sources that have ended, figures, the progress row.
    fn tick(&mut self) {
        let over: Vec<(RoomId, TrackId)> =
            self.devices.iter().flat_map(|(room, devices)| devices.over().map(|track| (*room, track))).collect();
        for (room, track) in over {
            self.close(room, track);
            let out = self.session.out;
            let name = track_name(track);
            let told = || object("source_over", json!({"room": room.0, "track": name}));
            out.data(told, || match track {
                TrackId::SCREEN => out.lang.text(&lang::SCREEN_OVER).to_owned(),
                _ => out.lang.fill(&lang::SOURCE_OVER, &[&name]),
            });
        }
        for (room, devices) in &mut self.devices {
            for (track, is_lost) in devices.lost() {
                let out = self.session.out;
                let (kind, phrase) =
                    if is_lost { ("source_lost", &lang::SOURCE_LOST) } else { ("source_back", &lang::SOURCE_BACK) };
                let name = track_name(track);
                let told = || object(kind, json!({"room": room.0, "track": name}));
                out.data(told, || out.lang.fill(phrase, &[&name]));
            }
        }
        self.marks.tell(&self.session);
        let figures = self.session.engine.figures();
        self.totals.take(&figures, &self.session.view);
        if let Some(room) = self.current.and_then(|room| self.session.view.rooms.get(&room)) {
            let seconds = Clock::now().since(self.began).as_micros() / 1_000_000;
            self.session.out.progress(&self.totals.progress(room, &figures, seconds, self.session.out.lang));
        }
    }

    /// Closes the devices, lets messages arrive, says goodbye, tells the figures.
    async fn leave(mut self, lived: Result<Exit, Failure>) -> Result<Exit, Failure> {
        let out = self.session.out;
        let rooms: Vec<RoomId> = self.devices.keys().copied().collect();
        for room in rooms {
            for track in [TrackId::SCREEN, TrackId::CAMERA, TrackId::MICROPHONE] {
                self.close(room, track);
            }
        }
        self.marks.tell(&self.session);
        self.session.takes_lines = false;
        self.session.set_deadline(Some(FLUSH_MAX));
        while lived.is_ok() && !self.pending.is_empty() {
            match self.session.next().await {
                Ok(Input::Event(event)) => {
                    let _ = self.take(&event);
                }
                Ok(Input::TimeUp | Input::Stop(_)) | Err(_) => break,
                Ok(_) => {}
            }
        }
        if lived.is_ok() {
            out.detail(out.lang.text(&lang::LEAVING));
        }
        let Self { session, devices, mut totals, counts, began, has_entered, .. } = self;
        let view = session.view.clone();
        let closed = session.close().await;
        // Why it ended matters more than a recording that is not complete.
        let closed = match (closed, &lived) {
            (Ok(closed), _) => closed,
            (Err(failure), Ok(_)) => return Err(failure),
            (Err(_), Err(_)) => return lived,
        };
        totals.take(&closed.figures, &view);
        let seconds = Clock::now().since(began).as_micros() as f64 / 1e6;
        let summary =
            summary::Summary { closed: &closed, view: &view, devices: &devices, totals: &totals, counts, seconds };
        if has_entered {
            summary.tell(out);
        }
        lived
    }
}

/// It took too long.
pub fn timed_out(limit: Duration, out: &Output) -> Failure {
    Failure::new(Exit::TimedOut, "E-TIME-01", out.lang.fill(&lang::E_TIME, &[&limit.as_secs_f32()]))
}
