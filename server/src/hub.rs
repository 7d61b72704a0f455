//! The hub: everything that the server's tasks share. It lives on one thread and is never locked.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::rc::Rc;

use hph_core::endpoint::relay::RelayReport;
use hph_core::endpoint::server::ServerMachine;
use hph_core::id::{RoomId, SessionId};
use hph_core::limits::{CONTROL_FRAME_MAX_BYTES, CONTROL_LENGTH_BYTES};
use hph_core::wire::control::{DevicePublic, FrameReader, Refusal, ServerMessage, SignOutReason};
use hph_platform::clock::Clock;
use smol::LocalExecutor;

use crate::accounts::Accounts;
use crate::blobs::Blobs;
use crate::calendar::Calendar;
use crate::config::ServerConfig;
use crate::history::Readers;
use crate::meeting::{Meeting, Output, Queue};
use crate::notice::{Notice, Notices};
use crate::relay::RelayFigures;
use crate::shelf::Shelf;
use crate::store::StoreHandle;
use crate::throttle::{ConnectionGuard, ConnectionLimits, LoginThrottle};
use crate::turns::Turns;

/// What all tasks of a server share.
pub(crate) struct Hub {
    pub config: ServerConfig,
    pub store: StoreHandle,
    pub secret: [u8; 32],
    /// Gateways that know it say where browsers are.
    pub gateway_key: [u8; 32],
    pub logins: RefCell<LoginThrottle>,
    pub strangers: ConnectionLimits,
    pub is_stopping: Cell<bool>,
    /// Messages are told in the order in which they are stored.
    pub turns: Turns,
    /// What people look up, and how far they have read.
    pub readers: Readers,
    /// Attempts to sign in by password.
    pub sign_in_attempts: Cell<u64>,
    /// Attempts of any kind that were refused, by reason.
    pub sign_in_failures: RefCell<BTreeMap<&'static str, u64>>,
    /// Connections of strangers for whom there was no place.
    pub turned_away: Cell<u64>,
    /// Times that no connection could be taken.
    pub accept_failures: Cell<u64>,
    /// Since 1970, when it began. **Units:** milliseconds.
    pub began_ms: u64,
    calendar: RefCell<Calendar>,
    /// Files on their way.
    pub shelf: Shelf,
    /// What the owner hears.
    pub notices: Notices,
    /// Codes, pairings, revocations.
    pub accounts: Accounts,
    meeting: RefCell<Meeting>,
    /// Where control frames are read, of whichever connection has its turn.
    incoming: RefCell<Vec<u8>>,
    executor: Rc<LocalExecutor<'static>>,
}

impl Hub {
    pub fn new(
        config: ServerConfig,
        store: StoreHandle,
        gateway_key: [u8; 32],
        accounts: Accounts,
        meeting: Meeting,
        notices: Notices,
        executor: Rc<LocalExecutor<'static>>,
    ) -> Rc<Self> {
        let strangers =
            ConnectionLimits::new(config.unauthenticated_max as usize, config.unauthenticated_per_source_max as usize);
        Rc::new(Self {
            secret: store.server_secret(),
            shelf: Shelf::new(Blobs::new(&config.data_dir)),
            gateway_key,
            notices,
            accounts,
            config,
            store,
            logins: RefCell::new(LoginThrottle::new(Clock::now())),
            strangers,
            is_stopping: Cell::new(false),
            sign_in_attempts: Cell::new(0),
            sign_in_failures: RefCell::new(BTreeMap::from([(Refusal::SignIn.code(), 0), (Refusal::TooFast.code(), 0)])),
            turned_away: Cell::new(0),
            accept_failures: Cell::new(0),
            began_ms: Clock::unix_time_ms(),
            calendar: RefCell::new(Calendar::new(Clock::unix_time_ms(), Clock::now())),
            turns: Turns::default(),
            readers: Readers::default(),
            meeting: RefCell::new(meeting),
            incoming: RefCell::new(vec![0; CONTROL_FRAME_MAX_BYTES + CONTROL_LENGTH_BYTES]),
            executor,
        })
    }

    /// Runs one input through the machine and starts the jobs that follow.
    pub fn act<R>(self: &Rc<Self>, input: impl FnOnce(&mut ServerMachine<'static>, &mut Output<'_>) -> R) -> R {
        let (result, jobs) = self.meeting.borrow_mut().act(input);
        for job in jobs {
            self.spawn(Rc::clone(self).run_job(job));
        }
        result
    }

    /// Lends the memory for incoming frames, with `pending` at its beginning. Not while it is lent already.
    pub fn with_incoming<R>(&self, pending: &[u8], work: impl FnOnce(&mut FrameReader<'_>) -> R) -> R {
        let mut memory = self.incoming.borrow_mut();
        let mut frames = FrameReader::new(&mut memory, CONTROL_FRAME_MAX_BYTES);
        if let Some(space) = frames.space().get_mut(..pending.len()) {
            space.copy_from_slice(pending);
            frames.advance(pending.len());
        }
        work(&mut frames)
    }

    /// Runs a task beside the others.
    pub fn spawn(&self, task: impl Future<Output = ()> + 'static) {
        self.executor.spawn(task).detach();
    }

    /// Takes what the relay threads found out since the last time.
    pub fn hear_relays(self: &Rc<Self>) {
        let Some(first) = self.next_report() else { return };
        self.act(|machine, out| {
            let rest = std::iter::from_fn(|| out.next_report());
            for (shard, report) in std::iter::once(first).chain(rest).collect::<Vec<_>>() {
                machine.handle_report(Clock::now(), shard, &report, out);
            }
        });
    }

    /// Brings a datagram that came inside a control connection to the packet plane.
    pub fn tunnel(&self, session: SessionId, datagram: &[u8]) {
        self.meeting.borrow_mut().relays.tunnel(session, datagram);
    }

    /// Brings datagrams from the packet planes to control connections, for ever.
    pub async fn pass_tunnelled(&self) {
        let bell = self.meeting.borrow().relays.tunnelled();
        while bell.recv().await.is_ok() {
            self.meeting.borrow_mut().pass_tunnelled();
        }
    }

    fn next_report(&self) -> Option<(usize, RelayReport)> {
        self.meeting.borrow().relays.next_report()
    }

    /// A queue for a session that was just opened.
    pub fn open_queue(&self, session: SessionId) -> Rc<Queue> {
        self.notices.tell(&Notice::SignedIn { peer: session });
        self.meeting.borrow_mut().open_queue(session)
    }

    /// What waits for a session's connection.
    pub fn queue(&self, session: SessionId) -> Option<Rc<Queue>> {
        self.meeting.borrow().queue(session)
    }

    /// Whether a session keeps order in a room.
    pub fn is_host(&self, session: SessionId, room: RoomId) -> bool {
        self.meeting.borrow().machine.is_host(session, room)
    }

    /// Says something to a session, if it is still there.
    pub fn say(self: &Rc<Self>, session: SessionId, message: &ServerMessage<'_>) {
        use hph_core::endpoint::server::ServerOutput;
        self.act(|_, out| out.control(session, message));
    }

    /// Refuses a request of a session.
    pub fn refuse(self: &Rc<Self>, session: SessionId, request: u64, reason: Refusal) {
        self.act(|machine, out| machine.refuse(session, request, reason, out));
    }

    /// The login name of a session.
    pub fn username(&self, session: SessionId) -> Option<String> {
        self.names(session).map(|(username, _)| username)
    }

    /// The login name and the name to show of a session.
    pub fn names(&self, session: SessionId) -> Option<(String, String)> {
        let meeting = self.meeting.borrow();
        let identity = meeting.machine.identity(session)?;
        Some((identity.username.to_string(), identity.display_name.to_string()))
    }

    /// The device keys of a session.
    pub fn device(&self, session: SessionId) -> Option<DevicePublic> {
        Some(self.meeting.borrow().machine.identity(session)?.device)
    }

    /// Whether somebody with that login name is signed in.
    pub fn is_online(&self, username: &str) -> bool {
        self.meeting.borrow().machine.session_of(username).is_some()
    }

    /// Whether the session is still signed in.
    pub fn is_open(&self, session: SessionId) -> bool {
        self.meeting.borrow().machine.identity(session).is_some()
    }

    /// Whether the session is in that room.
    pub fn is_in_room(&self, session: SessionId, room: RoomId) -> bool {
        self.meeting.borrow().machine.is_in_room(session, room)
    }

    /// Whether the session's connection takes more.
    pub fn is_calm(&self, session: SessionId) -> bool {
        self.meeting.borrow().is_calm(session)
    }

    /// How many rooms there are, and how many people are signed in.
    pub fn counts(&self) -> (u32, u32) {
        let meeting = self.meeting.borrow();
        let count = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        (count(meeting.machine.rooms().count()), count(meeting.machine.sessions().count()))
    }

    /// Every room, and how many are in it.
    pub fn people_in_rooms(&self) -> Vec<(RoomId, usize)> {
        self.meeting.borrow().machine.rooms().map(|(id, _, people)| (id, people)).collect()
    }

    /// Names of the rooms that a session is in.
    pub fn rooms_of(&self, session: SessionId) -> Vec<String> {
        let meeting = self.meeting.borrow();
        let rooms = meeting.machine.rooms().filter(|(id, ..)| meeting.machine.is_in_room(session, *id));
        rooms.map(|(_, name, _)| name.to_owned()).collect()
    }

    /// The session of somebody.
    pub fn session_of(&self, username: &str) -> Option<SessionId> {
        self.meeting.borrow().machine.session_of(username)
    }

    /// Ends somebody's session, if they have one; they may sign in again.
    pub fn end_session(self: &Rc<Self>, username: &str) -> bool {
        let session = self.session_of(username);
        if let Some(session) = session {
            self.act(|machine, out| machine.close_session(session, SignOutReason::Asked, out));
        }
        session.is_some()
    }

    /// Everybody who is signed in.
    pub fn sessions(&self) -> Vec<SessionId> {
        self.meeting.borrow().machine.sessions().collect()
    }

    /// Figures until now.
    pub fn figures(&self) -> RelayFigures {
        self.meeting.borrow().relays.figures()
    }

    /// Whether every relay thread took a turn since this was asked last.
    pub fn are_relays_turning(&self) -> bool {
        self.meeting.borrow_mut().relays.are_turning()
    }

    /// The time by which it is judged what is too old. **Units:** milliseconds since 1970.
    pub fn believed_time_ms(&self) -> u64 {
        self.calendar.borrow_mut().believe(Clock::unix_time_ms(), Clock::now())
    }

    /// A place for somebody who has not signed in, if there is one.
    pub fn admit(&self, address: IpAddr) -> Option<ConnectionGuard> {
        let guard = self.strangers.admit(address);
        self.turned_away.set(self.turned_away.get() + u64::from(guard.is_none()));
        guard
    }

    /// Counts an attempt to sign in that was refused.
    pub fn count_sign_in_failure(&self, reason: Refusal) {
        *self.sign_in_failures.borrow_mut().entry(reason.code()).or_default() += 1;
    }

    /// Whether every relay thread still runs.
    pub fn is_relaying(&self) -> bool {
        self.meeting.borrow().relays.is_well()
    }

    /// Stops the relay threads. Gives the last figures.
    pub fn stop_relays(&self) -> RelayFigures {
        self.meeting.borrow_mut().relays.stop()
    }
}
