//! The meeting: the server machine, and the queue of every signed-in connection.
//!
//! One thread owns it. A task brings an input by [`Hub::act`]; what follows from it is put into queues
//! before the next input is looked at, and what the store must do becomes a job.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;

use async_channel::{Receiver, Sender};
use hph_core::endpoint::relay::{RelayCommand, RelayReport};
use hph_core::endpoint::server::{RateLimits, ServerEvent, ServerMachine, ServerOutput, ServerStorage};
use hph_core::id::SessionId;
use hph_core::limits::{CONTROL_FRAME_MAX_BYTES, CONTROL_LENGTH_BYTES, DATAGRAM_MAX_BYTES};
use hph_core::wire::control::{ServerMessage, SignOutReason, emit_server};
use hph_platform::clock::Clock;
use hph_platform::tunnel::TunnelQueue;

use crate::jobs::Job;
use crate::relay::Relays;

/// Below this a connection is told state changes; above it they wait, and are told as they are by then.
const QUEUE_CALM_BYTES: usize = 64 * 1024;
/// Above this a connection is closed: its client does not read.
const QUEUE_MAX_BYTES: usize = 256 * 1024;

/// Datagrams inside the connection are written so many at once.
const DATAGRAMS_AT_ONCE_BYTES: usize = 4 * 1024;
/// A datagram as a control message: its length, its number and its own length come before it.
const TUNNELLED_FRAME_MAX_BYTES: usize = DATAGRAM_MAX_BYTES + CONTROL_LENGTH_BYTES + 4;

/// What waits to be written to one connection.
pub(crate) struct Queue {
    bytes: RefCell<Vec<u8>>,
    /// Datagrams that travel inside the connection.
    tunnel: RefCell<TunnelQueue>,
    /// A piece of a file, behind all else; and a bell that rings when it was taken.
    bulk: RefCell<Vec<u8>>,
    bulk_taken: (Sender<()>, Receiver<()>),
    is_closing: Cell<bool>,
    wake: (Sender<()>, Receiver<()>),
}

impl Queue {
    fn new() -> Rc<Self> {
        let (wake, bulk_taken) = (async_channel::bounded(1), async_channel::bounded(1));
        let (bytes, tunnel, bulk) = (RefCell::default(), RefCell::default(), RefCell::default());
        Rc::new(Self { bytes, tunnel, bulk, bulk_taken, is_closing: Cell::new(false), wake })
    }

    /// What waits, and whether it is the last; waits until there is something. Datagrams come after all that is said, and
    /// few at once, so that what is said next does not wait for them.
    pub(crate) async fn take(&self) -> (Vec<u8>, bool) {
        loop {
            let bytes = std::mem::take(&mut *self.bytes.borrow_mut());
            if !bytes.is_empty() || self.is_closing.get() {
                return (bytes, self.is_closing.get());
            }
            let datagrams = self.take_datagrams();
            if !datagrams.is_empty() {
                return (datagrams, false);
            }
            let piece = std::mem::take(&mut *self.bulk.borrow_mut());
            if !piece.is_empty() {
                let _ = self.bulk_taken.0.try_send(());
                return (piece, false);
            }
            let _ = self.wake.1.recv().await;
        }
    }

    /// Lets a piece of a file be written when there is nothing else, and waits until it can wait for that. False if the
    /// session is over.
    pub(crate) async fn put_bulk(&self, message: &ServerMessage<'_>) -> bool {
        while !self.bulk.borrow().is_empty() {
            if self.is_closing.get() || self.bulk_taken.1.recv().await.is_err() {
                return false;
            }
        }
        let mut frame = vec![0; CONTROL_FRAME_MAX_BYTES + CONTROL_LENGTH_BYTES];
        let Ok(len) = emit_server(message, &mut frame) else { return false };
        frame.truncate(len);
        *self.bulk.borrow_mut() = frame;
        self.wake();
        !self.is_closing.get()
    }

    fn take_datagrams(&self) -> Vec<u8> {
        let (mut queue, now) = (self.tunnel.borrow_mut(), Clock::now());
        let mut bytes = Vec::new();
        let mut frame = [0; TUNNELLED_FRAME_MAX_BYTES];
        while bytes.len() < DATAGRAMS_AT_ONCE_BYTES
            && let Some(datagram) = queue.pop(now)
        {
            if let Ok(len) = emit_server(&ServerMessage::Tunnelled { datagram: &datagram }, &mut frame) {
                bytes.extend_from_slice(&frame[..len]);
            }
        }
        bytes
    }

    /// Lets a datagram wait for its turn.
    pub(crate) fn tunnel(&self, datagram: &[u8]) {
        self.tunnel.borrow_mut().push(Clock::now(), datagram);
        self.wake();
    }

    /// Waits until nothing more is put into it. Not while somebody else waits in [`Self::take`].
    pub(crate) async fn until_closing(&self) {
        while !self.is_closing.get() {
            let _ = self.wake.1.recv().await;
        }
    }

    fn wake(&self) {
        let _ = self.wake.0.try_send(());
    }

    pub(crate) fn is_calm(&self) -> bool {
        self.bytes.borrow().len() < QUEUE_CALM_BYTES
    }

    fn close(&self) {
        self.is_closing.set(true);
        self.bulk_taken.0.close();
        self.wake();
    }
}

/// Memory of so many things, for as long as the process lives: the machines borrow it for good.
pub(crate) fn table<T: Default>(len: usize) -> &'static mut [T] {
    Box::leak((0..len).map(|_| T::default()).collect())
}

/// The machine and what belongs to it.
pub(crate) struct Meeting {
    pub machine: ServerMachine<'static>,
    queues: HashMap<SessionId, Rc<Queue>>,
    pub relays: Relays,
    frame: Vec<u8>,
}

impl Meeting {
    /// Allocates everything that the server will ever hold of sessions and rooms, once.
    pub fn new(relays: Relays, sessions_max: usize, rooms_max: usize, limits: RateLimits, seed: [u8; 32]) -> Self {
        let storage =
            ServerStorage { sessions: table(sessions_max), rooms: table(rooms_max), calls: table(sessions_max) };
        Self {
            machine: ServerMachine::new(storage, limits, relays.shards(), seed),
            queues: HashMap::with_capacity(sessions_max),
            relays,
            frame: vec![0; CONTROL_FRAME_MAX_BYTES + CONTROL_LENGTH_BYTES],
        }
    }

    /// Runs one input through the machine, then tells everybody what changed. Gives the jobs that follow.
    pub fn act<R>(&mut self, input: impl FnOnce(&mut ServerMachine<'static>, &mut Output<'_>) -> R) -> (R, Vec<Job>) {
        let mut jobs = Vec::new();
        let mut too_slow = Vec::new();
        let Self { machine, queues, relays, frame } = self;
        let mut output = Output { queues, relays, frame, jobs: &mut jobs, too_slow: &mut too_slow };
        let result = input(machine, &mut output);
        while let Some(slow) = output.too_slow.pop() {
            machine.close_session(slow, SignOutReason::TooSlow, &mut output);
        }
        output.tell_changes(machine);
        self.close_ended(&jobs);
        (result, jobs)
    }

    /// A queue for a session that was just opened.
    pub fn open_queue(&mut self, session: SessionId) -> Rc<Queue> {
        let queue = Queue::new();
        self.queues.insert(session, Rc::clone(&queue));
        queue
    }

    /// The queue of a session.
    pub fn queue(&self, session: SessionId) -> Option<Rc<Queue>> {
        self.queues.get(&session).map(Rc::clone)
    }

    /// Brings what the relay threads left for control connections to their queues. What is left for a session that is gone
    /// by now is lost.
    pub fn pass_tunnelled(&mut self) {
        let mut datagram = [0; DATAGRAM_MAX_BYTES];
        while let Some((session, len)) = self.relays.next_tunnelled(&mut datagram) {
            if let Some(queue) = self.queues.get(&session) {
                queue.tunnel(&datagram[..len]);
            }
        }
    }

    /// How much of the session's queue is free for messages that can wait.
    pub fn is_calm(&self, session: SessionId) -> bool {
        self.queues.get(&session).is_some_and(|queue| queue.is_calm())
    }

    fn close_ended(&mut self, jobs: &[Job]) {
        for job in jobs {
            if let Job::Closed { session } = job
                && let Some(queue) = self.queues.remove(session)
            {
                queue.close();
            }
        }
    }
}

/// Where the machine's output goes: queues, relay threads, jobs.
pub(crate) struct Output<'a> {
    queues: &'a mut HashMap<SessionId, Rc<Queue>>,
    relays: &'a Relays,
    frame: &'a mut [u8],
    jobs: &'a mut Vec<Job>,
    too_slow: &'a mut Vec<SessionId>,
}

impl Output<'_> {
    /// The next thing that a relay thread reports.
    pub(crate) fn next_report(&self) -> Option<(usize, RelayReport)> {
        self.relays.next_report()
    }

    /// Tells each calm connection all that changed since it was told last.
    fn tell_changes(&mut self, machine: &mut ServerMachine<'static>) {
        let calm: Vec<SessionId> =
            self.queues.iter().filter(|(_, queue)| queue.is_calm()).map(|(session, _)| *session).collect();
        for session in calm {
            while self.queues.get(&session).is_some_and(|queue| queue.is_calm()) && machine.poll_control(session, self)
            {
            }
        }
    }
}

impl ServerOutput for Output<'_> {
    fn control(&mut self, to: SessionId, message: &ServerMessage<'_>) {
        let Some(queue) = self.queues.get(&to) else { return };
        let Ok(len) = emit_server(message, self.frame) else { return };
        let mut bytes = queue.bytes.borrow_mut();
        if bytes.len() + len > QUEUE_MAX_BYTES {
            self.too_slow.push(to);
        } else {
            bytes.extend_from_slice(&self.frame[..len]);
        }
        drop(bytes);
        queue.wake();
    }

    fn relay(&mut self, command: &RelayCommand) {
        self.relays.tell(command);
    }

    fn event(&mut self, event: ServerEvent<'_>) {
        self.jobs.push(Job::from(event));
    }
}
