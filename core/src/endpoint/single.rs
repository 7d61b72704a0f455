//! A server in one piece: the control plane and one packet plane, for drivers that have one thread and for whoever
//! wants to see the whole at once, such as a simulation, a fuzzer or a microcontroller.

use core::net::SocketAddr;

use super::relay::{
    Budgets, HandOver, HopLog, RelayCommand, RelayMachine, RelayOutput, RelayReport, RelayRoom, RelaySessionPlace,
    RelayStorage, RepairFigures, Shards,
};
use super::server::{
    Identity, OpenRoom, RateLimits, Scope, ServerEvent, ServerMachine, ServerOutput, ServerStorage, StoredChange,
    StoredChat,
};
use crate::error::{DropReason, Full};
use crate::id::{RoomId, SessionId};
use crate::limits::{DATAGRAM_MAX_BYTES, HOP_PREFIX_BYTES};
use crate::media::cache::PacketCache;
use crate::media::feedback::Downstream;
use crate::room::roles::Rules;
use crate::stats::DropCounters;
use crate::time::Instant;
use crate::wire::control::{Act, ClientMessage, Refusal, ServerMessage, SignOutReason};

/// Where both planes put what follows from an input.
pub trait SingleOutput {
    /// As [`ServerOutput::control`].
    fn control(&mut self, to: SessionId, message: &ServerMessage<'_>);
    /// As [`RelayOutput::datagram`], without the lane.
    fn datagram(&mut self, to: SocketAddr, prefix: &[u8; HOP_PREFIX_BYTES], payload: &[u8]);
    /// As [`ServerOutput::event`].
    fn event(&mut self, event: ServerEvent<'_>);
}

/// Memory that the caller lends to the packet plane: as many places as the control plane has.
pub struct SingleStorage<'a> {
    /// For the control plane.
    pub server: ServerStorage<'a>,
    /// One place per session.
    pub relay_sessions: &'a mut [RelaySessionPlace],
    /// One place per room.
    pub relay_rooms: &'a mut [RelayRoom],
    /// As [`RelayStorage::cache`].
    pub relay_cache: PacketCache<'a>,
    /// As [`RelayStorage::logs`].
    pub relay_logs: &'a mut [HopLog],
}

/// Both planes. Each method is that of [`ServerMachine`] or [`RelayMachine`]; commands are applied at once.
pub struct SingleServer<'a> {
    control: ServerMachine<'a>,
    relay: RelayMachine<'a>,
}

/// The control plane's output: commands go to the packet plane, the rest to the caller.
struct ToRelay<'x, 'a, O> {
    relay: &'x mut RelayMachine<'a>,
    out: &'x mut O,
}

impl<O: SingleOutput> ServerOutput for ToRelay<'_, '_, O> {
    fn control(&mut self, to: SessionId, message: &ServerMessage<'_>) {
        self.out.control(to, message);
    }

    fn relay(&mut self, command: &RelayCommand) {
        self.relay.apply(command);
    }

    fn event(&mut self, event: ServerEvent<'_>) {
        self.out.event(event);
    }
}

/// The packet plane's output. With one shard nothing is ever handed over. Reports go to the control plane at once.
struct FromRelay<'x, 'a, O> {
    now: Instant,
    control: &'x mut ServerMachine<'a>,
    out: &'x mut O,
    command: Option<RelayCommand>,
}

impl<O: SingleOutput> RelayOutput for FromRelay<'_, '_, O> {
    fn datagram(&mut self, _: usize, to: SocketAddr, prefix: &[u8; HOP_PREFIX_BYTES], payload: &[u8]) {
        self.out.datagram(to, prefix, payload);
    }

    fn tunnel(&mut self, session: SessionId, prefix: &[u8; HOP_PREFIX_BYTES], payload: &[u8]) {
        let mut datagram = [0; DATAGRAM_MAX_BYTES];
        let len_bytes = HOP_PREFIX_BYTES.saturating_add(payload.len());
        let Some(datagram) = datagram.get_mut(..len_bytes) else { return };
        for (to, from) in datagram.iter_mut().zip(prefix.iter().chain(payload)) {
            *to = *from;
        }
        self.out.control(session, &ServerMessage::Tunnelled { datagram });
    }

    fn report(&mut self, report: &RelayReport) {
        let mut out = Later { out: &mut *self.out, command: &mut self.command };
        self.control.handle_report(self.now, 0, report, &mut out);
    }

    fn hand_over(&mut self, _: usize, _: HandOver, _: &[u8]) {}

    fn hand_over_whole(&mut self, _: usize, _: SocketAddr, _: &[u8]) {}

    fn tell(&mut self, _: usize, _: u16, _: Downstream) {}
}

/// The control plane's output while the packet plane is busy. One report leads to one command at most.
struct Later<'x, O> {
    out: &'x mut O,
    command: &'x mut Option<RelayCommand>,
}

impl<O: SingleOutput> ServerOutput for Later<'_, O> {
    fn control(&mut self, to: SessionId, message: &ServerMessage<'_>) {
        self.out.control(to, message);
    }

    fn relay(&mut self, command: &RelayCommand) {
        *self.command = Some(*command);
    }

    fn event(&mut self, event: ServerEvent<'_>) {
        self.out.event(event);
    }
}

impl<'a> SingleServer<'a> {
    /// A server without sessions and rooms. `seed` is 32 bytes of entropy.
    pub fn new(storage: SingleStorage<'a>, limits: RateLimits, seed: [u8; 32]) -> Self {
        let relay = RelayStorage {
            sessions: storage.relay_sessions,
            rooms: storage.relay_rooms,
            cache: storage.relay_cache,
            logs: storage.relay_logs,
        };
        // Both draw random numbers, and never the same ones.
        let relay_seed = seed.map(|byte| !byte);
        Self {
            control: ServerMachine::new(storage.server, limits, Shards::ONE, seed),
            relay: RelayMachine::new(relay, 0, Shards::ONE, limits.datagrams, relay_seed),
        }
    }

    /// [`RelayMachine::set_budgets`].
    pub const fn set_budgets(&mut self, budgets: Budgets) {
        self.relay.set_budgets(budgets);
    }

    /// [`ServerMachine::add_room`].
    ///
    /// # Errors
    /// As there.
    pub fn add_room(&mut self, id: RoomId, name: &str, chat_latest: u64) -> Result<(), Full> {
        self.control.add_room(id, name, chat_latest)
    }

    /// [`ServerMachine::open_session`].
    ///
    /// # Errors
    /// As there.
    pub fn open_session(
        &mut self,
        now: Instant,
        identity: Identity,
        exporter: &[u8; 32],
        out: &mut impl SingleOutput,
    ) -> Result<SessionId, Refusal> {
        self.split(out, |control, out| control.open_session(now, identity, exporter, out))
    }

    /// [`ServerMachine::close_session`].
    pub fn close_session(&mut self, id: SessionId, reason: SignOutReason, out: &mut impl SingleOutput) {
        self.split(out, |control, out| control.close_session(id, reason, out));
    }

    /// [`ServerMachine::handle_control`].
    pub fn handle_control(
        &mut self,
        now: Instant,
        from: SessionId,
        message: &ClientMessage<'_>,
        out: &mut impl SingleOutput,
    ) {
        self.split(out, |control, out| control.handle_control(now, from, message, out));
        self.settle(now, out);
        if let ClientMessage::Tunnelled { datagram } = *message {
            let mut copy = [0; DATAGRAM_MAX_BYTES];
            let Some(copy) = copy.get_mut(..datagram.len()) else { return };
            copy.copy_from_slice(datagram);
            // The reason why it was dropped is counted.
            let _ = self.with_relay(now, out, |relay, out| relay.handle_tunnelled(now, from, copy, out));
        }
    }

    /// [`RelayMachine::handle_datagram`].
    ///
    /// # Errors
    /// As there.
    pub fn handle_datagram(
        &mut self,
        now: Instant,
        from: SocketAddr,
        bytes: &mut [u8],
        out: &mut impl SingleOutput,
    ) -> Result<(), DropReason> {
        self.with_relay(now, out, |relay, out| relay.handle_datagram(now, from, bytes, out))
    }

    /// [`ServerMachine::handle_timeout`] and [`RelayMachine::handle_timeout`].
    pub fn handle_timeout(&mut self, now: Instant, out: &mut impl SingleOutput) {
        self.split(out, |control, out| control.handle_timeout(now, out));
        self.settle(now, out);
        self.with_relay(now, out, |relay, out| relay.handle_timeout(now, out));
    }

    /// The earlier of [`ServerMachine::poll_timeout`] and [`RelayMachine::poll_timeout`].
    pub fn poll_timeout(&self) -> Instant {
        self.control.poll_timeout().min(self.relay.poll_timeout())
    }

    /// [`RelayMachine::repair`].
    pub const fn repair(&self) -> &RepairFigures {
        self.relay.repair()
    }

    /// [`ServerMachine::poll_control`].
    pub fn poll_control(&mut self, id: SessionId, out: &mut impl SingleOutput) -> bool {
        self.split(out, |control, out| control.poll_control(id, out))
    }

    /// [`ServerMachine::room_opened`].
    pub fn room_opened(
        &mut self,
        session: SessionId,
        request: u32,
        room: (RoomId, &str, u64),
        how: OpenRoom,
        out: &mut impl SingleOutput,
    ) {
        self.split(out, |control, out| control.room_opened(session, request, room, how, out));
    }

    /// [`ServerMachine::refuse`].
    pub fn refuse(&mut self, session: SessionId, request: u64, reason: Refusal, out: &mut impl SingleOutput) {
        self.split(out, |control, out| control.refuse(session, request, reason, out));
    }

    /// [`ServerMachine::chat_stored`].
    pub fn chat_stored(&mut self, author: SessionId, chat: &StoredChat<'_>, out: &mut impl SingleOutput) {
        self.split(out, |control, out| control.chat_stored(author, chat, out));
    }

    /// [`ServerMachine::chat_changed`].
    pub fn chat_changed(&mut self, author: SessionId, change: &StoredChange<'_>, out: &mut impl SingleOutput) {
        self.split(out, |control, out| control.chat_changed(author, change, out));
    }

    /// [`ServerMachine::set_staff`].
    pub fn set_staff<'n>(
        &mut self,
        room: RoomId,
        owner: &str,
        hosts: impl Iterator<Item = &'n str>,
        banned: impl Iterator<Item = &'n str>,
    ) {
        self.control.set_staff(room, owner, hosts, banned);
    }

    /// [`ServerMachine::set_rules`].
    pub fn set_rules(&mut self, room: RoomId, rules: Rules) {
        self.control.set_rules(room, rules);
    }

    /// [`ServerMachine::moderation_stored`].
    pub fn moderation_stored(&mut self, session: SessionId, request: u32, out: &mut impl SingleOutput) {
        self.split(out, |control, out| control.moderation_stored(session, request, out));
    }

    /// [`ServerMachine::set_scope`].
    pub fn set_scope(&mut self, session: SessionId, scope: Scope) {
        self.control.set_scope(session, scope);
    }

    /// [`ServerMachine::govern`].
    ///
    /// # Errors
    /// As there.
    pub fn govern(
        &mut self,
        room: RoomId,
        act: Act,
        whom: &str,
        by: &str,
        out: &mut impl SingleOutput,
    ) -> Result<(), Refusal> {
        self.split(out, |control, out| control.govern(room, act, whom, by, out))
    }

    /// [`ServerMachine::drop_room`].
    pub fn drop_room(&mut self, room: RoomId, out: &mut impl SingleOutput) {
        self.split(out, |control, out| control.drop_room(room, out));
    }

    /// [`ServerMachine::breakout_opened`].
    pub fn breakout_opened(
        &mut self,
        asked: (SessionId, u32),
        room: RoomId,
        breakout: (RoomId, &str),
        by: &str,
        out: &mut impl SingleOutput,
    ) {
        self.split(out, |control, out| control.breakout_opened(asked, room, breakout, by, out));
    }

    /// [`ServerMachine::direct_stored`].
    pub fn direct_stored(
        &mut self,
        author: SessionId,
        reference: u64,
        to: &str,
        message: &ServerMessage<'_>,
        is_new: bool,
        out: &mut impl SingleOutput,
    ) {
        self.split(out, |control, out| control.direct_stored(author, reference, to, message, is_new, out));
    }

    /// Dropped datagrams by reason.
    pub const fn drops(&self) -> &DropCounters {
        self.relay.drops()
    }

    /// Media datagrams sent on, one per receiver.
    pub const fn forwarded(&self) -> u64 {
        self.relay.forwarded()
    }

    /// [`RelayMachine::settle`].
    fn settle(&mut self, now: Instant, out: &mut impl SingleOutput) {
        self.with_relay(now, out, |relay, out| relay.settle(now, out));
    }

    fn with_relay<O: SingleOutput, R>(
        &mut self,
        now: Instant,
        out: &mut O,
        input: impl FnOnce(&mut RelayMachine<'a>, &mut FromRelay<'_, 'a, O>) -> R,
    ) -> R {
        let mut out = FromRelay { now, control: &mut self.control, out, command: None };
        let result = input(&mut self.relay, &mut out);
        if let Some(command) = out.command {
            self.relay.apply(&command);
        }
        result
    }

    fn split<O: SingleOutput, R>(
        &mut self,
        out: &mut O,
        input: impl FnOnce(&mut ServerMachine<'a>, &mut ToRelay<'_, 'a, O>) -> R,
    ) -> R {
        input(&mut self.control, &mut ToRelay { relay: &mut self.relay, out })
    }
}

/// What the control plane tells without being changed.
impl<'a> core::ops::Deref for SingleServer<'a> {
    type Target = ServerMachine<'a>;

    fn deref(&self) -> &ServerMachine<'a> {
        &self.control
    }
}
