//! After the storm: everything must be well again, soon.

use std::collections::{BTreeMap, BTreeSet};

use hph_core::error::DropReason;
use hph_core::id::{RoomId, Slot, TrackId};
use hph_core::wire::control::ClientMessage;

use super::actions::track_info;
use super::oracle::{FrameKey, Membership};
use super::world::{Happening, World};
use super::{MS, Report, SECOND};

/// After the last fault everything is well within this time, keys included. **Units:** microseconds.
const RECOVERY_MAX_US: u64 = 7 * SECOND;
/// After that, keys that are missing are noticed by the packets that they do not open. **Units:** microseconds.
const KEYS_MAX_US: u64 = 2 * SECOND;
/// The track that everybody has on in the end.
const TRACK: TrackId = TrackId::MICROPHONE;

impl World<'_> {
    /// Stops all faults, waits until all is well, and shows that media flows.
    ///
    /// # Panics
    /// If something is still wrong after nine seconds.
    pub fn run_calm(&mut self) -> Report {
        let began_us = self.now_us;
        self.calm_down();
        let deadline_us = began_us + RECOVERY_MAX_US;
        // Until then some have not yet noticed that they are unwell.
        self.run_until(self.now_us + 500 * MS);
        while let Err(what) = self.is_well() {
            assert!(self.now_us < deadline_us, "not well after {} s: {what}", RECOVERY_MAX_US / SECOND);
            self.switch_on();
            self.run_until(self.now_us + 50 * MS);
        }
        let recovery_us = self.now_us - began_us;
        self.want_all();
        let end_us = self.now_us + KEYS_MAX_US;
        while self.now_us < end_us {
            self.send_round();
            self.run_until(self.now_us + 500 * MS);
        }
        self.check_media();
        self.check_moving();
        self.run_until(self.now_us + 300 * MS);
        if let Err(what) = self.is_well() {
            panic!("well, and then not any more: {what}");
        }
        let tapped = self.mallory.check(&self.oracle);
        Report {
            trace: self.oracle.trace,
            end_us: self.now_us,
            frames_delivered: self.oracle.frames_delivered,
            chats_shown: self.oracle.chats_shown,
            datagrams: self.oracle.datagrams,
            tapped,
            drops: self.drops(),
            recovery_us,
        }
    }

    fn run_until(&mut self, end_us: u64) {
        while self.step(end_us) {}
    }

    fn calm_down(&mut self) {
        self.is_calm = true;
        self.weather = self.weather.calm();
        for path in self.paths.iter_mut().flatten() {
            path.cut_until_us = 0;
        }
        self.stalled_until_us.fill(0);
        self.evict_mallory();
        for client in 0..self.clients.len() {
            let is_second = self.plan.is_account_shared && client == 1;
            self.clients[client].wants_online = !is_second;
            if is_second {
                self.disconnect(client);
            }
            self.schedule(self.now_us + MS, Happening::Reconnect { client });
        }
    }

    /// Wants every track again.
    fn want_all(&mut self) {
        for client in 0..self.clients.len() {
            for (room, slot, track) in std::mem::take(&mut self.clients[client].unwanted) {
                self.say(client, &ClientMessage::Subscribe { room, slot, track, width: u16::MAX });
            }
        }
    }

    /// Switches the track on in every room, once.
    fn switch_on(&mut self) {
        for client in 0..self.clients.len() {
            let rooms = self.clients[client].wanted.clone();
            self.clients[client].is_on.retain(|room| rooms.contains(room));
            for room in rooms {
                if self.clients[client].is_on.insert(room) {
                    self.set_track(client, room, TRACK, true);
                }
            }
        }
    }

    /// Says what is not well yet.
    fn is_well(&self) -> Result<(), String> {
        let calling: BTreeSet<u32> = self.clients.iter().flat_map(|client| client.calling.iter().copied()).collect();
        let ringing: BTreeSet<u32> = self.clients.iter().flat_map(|client| client.ringing.iter().copied()).collect();
        demand(calling == ringing, "a call has one end only")?;
        (0..self.clients.len()).filter(|client| self.clients[*client].wants_online).try_for_each(|client| {
            self.is_client_well(client).map_err(|what| format!("{}: {what}", self.clients[client].username))
        })?;
        self.have_same_codes()
    }

    /// Everybody in a room has the same safety code: keys are given to the same devices.
    fn have_same_codes(&self) -> Result<(), String> {
        let mut codes = BTreeMap::new();
        for client in &self.clients {
            for (room, view) in &client.rooms {
                let code = client.machine.safety_code(*room).ok_or("has no safety code")?;
                demand(*codes.entry(*room).or_insert(code) == code, "has another safety code")?;
                let devices = client.machine.devices_in_room(*room).count();
                demand(devices == view.roster.len(), "gives keys to others than it sees")?;
            }
        }
        Ok(())
    }

    fn is_client_well(&self, client: usize) -> Result<(), String> {
        let this = &self.clients[client];
        let truth = self.oracle.session_of(&this.username).ok_or("is not signed in")?;
        demand(this.is_signed_in && this.is_up, "is not up")?;
        demand(this.machine.link_stats().is_some_and(|stats| stats.is_up), "has no datagrams")?;
        demand(truth.address == Some(this.address), "is elsewhere for the server")?;
        demand(this.rooms.keys().eq(&this.wanted), "is not in its rooms")?;
        demand(this.rooms.keys().eq(truth.rooms.keys()), "is in other rooms for the server")?;
        for (room, view) in &this.rooms {
            demand(truth.rooms[room] == (view.slot, view.member), "is in another place")?;
            let roster: BTreeMap<Slot, (&str, u32)> =
                view.roster.iter().map(|(slot, person)| (*slot, (person.username.as_str(), person.member))).collect();
            let expected: BTreeMap<Slot, (&str, u32)> = self.oracle.roster(*room).collect();
            demand(roster == expected, &format!("sees {roster:?}, not {expected:?}"))?;
            let is_on = |slot: &Slot| view.roster[slot].tracks[usize::from(TRACK.0)] == track_info(true);
            demand(view.roster.keys().all(is_on), "does not see all tracks on")?;
            let latest = self.store.room(*room).map_or(0, |room| room.chats.len() as u64);
            demand(this.chats_seen[room] == latest, "has not read all")?;
            let chats = self.store.room(*room).map(|room| room.chats.as_slice()).unwrap_or_default();
            // What is no longer kept may have been changed without anybody's being told.
            let oldest = latest.saturating_sub(self.plan.history_max);
            let seen = this.texts_seen.iter().filter(|((of, id), _)| of == room && *id > oldest);
            let is_present =
                |((_, id), text): (&(RoomId, u64), &Option<String>)| chats[*id as usize - 1].text() == text.as_deref();
            demand(seen.into_iter().all(is_present), "shows a text that was changed")?;
        }
        demand(this.chats_pending.is_empty(), "has said something that is not stored")?;
        let directs = self.store.direct_latest(&this.username);
        demand(this.direct_last == directs, "has not read all direct messages")?;
        self.is_lobby_well(client)
    }

    fn is_lobby_well(&self, client: usize) -> Result<(), String> {
        let Some(lobby) = &self.clients[client].lobby else { return Ok(()) };
        demand(lobby.is_complete, "has no whole lobby")?;
        let people: BTreeSet<&str> = lobby.people.values().map(String::as_str).collect();
        let expected: BTreeSet<&str> = self.oracle.sessions.values().map(|session| session.username.as_str()).collect();
        demand(people == expected && lobby.people.len() == expected.len(), "sees other people online")?;
        let is_counted = |&(room, people): &(RoomId, u16)| self.oracle.roster(room).count() == usize::from(people);
        demand(lobby.rooms.values().all(is_counted), "sees other numbers of people")?;
        let rooms: BTreeSet<RoomId> = lobby.rooms.values().map(|(room, _)| *room).collect();
        let used = self.oracle.sessions.values().flat_map(|session| session.rooms.keys());
        demand(used.into_iter().all(|room| rooms.contains(room)), "does not see a room")
    }

    /// Whether the server has said that the client's track is on.
    fn is_track_on(&self, client: usize, room: RoomId) -> bool {
        let view = &self.clients[client].rooms[&room];
        view.roster.get(&view.slot).is_some_and(|own| own.tracks[usize::from(TRACK.0)].is_on)
    }

    /// Everybody sends a frame in every room.
    fn send_round(&mut self) -> Vec<FrameKey> {
        let mut sent = Vec::new();
        for client in 0..self.clients.len() {
            let rooms: Vec<RoomId> = self.clients[client].rooms.keys().copied().collect();
            for room in rooms {
                let len = 1 + self.random.below(1500) as usize;
                let key = self.send_frame(client, room, TRACK, len, None);
                let is_on = self.is_track_on(client, room);
                assert!(key.is_some() || !is_on, "who is in a room with a track on can send");
                sent.extend(key.filter(|_| is_on));
            }
        }
        sent
    }

    fn check_media(&mut self) {
        let unknown = self.unknown_keys();
        let mut sent = Vec::new();
        for _ in 0..3 {
            sent.extend(self.send_round());
            self.run_until(self.now_us + 60 * MS);
        }
        self.run_until(self.now_us + 500 * MS);
        self.check_delivered(&sent, None);
        assert_eq!(self.unknown_keys(), unknown, "keys are missing");
    }

    /// While one comes and goes, the others miss nothing; and who has come is heard from the first frame on.
    fn check_moving(&mut self) {
        let has_company = |client: &usize| !self.clients[*client].rooms.is_empty();
        let Some(mover) = (0..self.clients.len()).find(has_company) else { return };
        let Some((room, view)) = self.clients[mover].rooms.first_key_value() else { return };
        let (room, left) = (*room, view.member);
        self.leave(mover, room);
        self.clients[mover].joining.clear();
        let is_back_at_us = self.now_us + 100 * MS + self.random.below(1500) * MS;
        let mut sent = Vec::new();
        while self.now_us < is_back_at_us + 1800 * MS {
            sent.extend(self.send_round());
            let is_away = !self.clients[mover].wanted.contains(&room);
            if is_away && self.now_us >= is_back_at_us && self.clients[mover].joining.is_empty() {
                let request = self.clients[mover].next_request();
                self.clients[mover].joining.insert(request);
                self.say(mover, &ClientMessage::JoinRoom { request, room });
            }
            self.run_until(self.now_us + 130 * MS);
            self.switch_on();
        }
        self.run_until(self.now_us + 300 * MS);
        let now = self.membership(mover, room).expect("the one who moved is back");
        sent.retain(|key| key.0 != (now.0, room, left));
        self.check_delivered(&sent, Some(now));
    }

    /// Every frame has reached everybody in its room, but for `newcomer`.
    fn check_delivered(&self, sent: &[FrameKey], newcomer: Option<Membership>) {
        for client in 0..self.clients.len() {
            for room in self.clients[client].rooms.keys() {
                let receiver = self.membership(client, *room).expect("a member");
                let others = sent.iter().filter(|key| key.0.1 == *room && key.0 != receiver);
                for key in others.filter(|_| newcomer != Some(receiver)) {
                    assert!(
                        self.oracle.is_delivered(receiver, *key),
                        "{key:?} did not reach {receiver:?}; dropped there {:?}, by the server {:?}",
                        self.clients[client].machine.drops().iter().collect::<Vec<_>>(),
                        self.server.machine.drops().iter().collect::<Vec<_>>(),
                    );
                }
            }
        }
    }

    fn drops(&self) -> [[u64; DropReason::ALL.len()]; 2] {
        let by_clients = |reason| self.clients.iter().map(|client| client.machine.drops().of(reason)).sum();
        [DropReason::ALL.map(by_clients), DropReason::ALL.map(|reason| self.server.machine.drops().of(reason))]
    }

    fn unknown_keys(&self) -> u64 {
        self.clients.iter().map(|client| client.machine.drops().of(DropReason::UnknownKey)).sum()
    }
}

fn demand(is_so: bool, else_what: &str) -> Result<(), String> {
    if is_so { Ok(()) } else { Err(else_what.to_string()) }
}
