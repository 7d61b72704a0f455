//! Who is sent which size of a picture, and what the control plane is told.

use super::*;

const ROOM_INDEX: u16 = 0;

/// A room of clients with cameras of 1280 pixels, driven packet by packet.
struct Meeting {
    relay: Relay,
    clients: Vec<Client>,
    now: u64,
    /// Bytes that each client was sent, and by sender and size.
    got: Vec<u64>,
    sizes: std::collections::BTreeMap<(u16, u8), std::collections::BTreeSet<usize>>,
    reports: Vec<RelayReport>,
}

impl Meeting {
    fn new(people: u32) -> Self {
        let mut relay = Relay::new(1);
        let clients = (0..people).map(|index| relay.client(index)).collect();
        let got = std::vec![0; people as usize];
        Self { relay, clients, now: 1, got, sizes: Default::default(), reports: Vec::new() }
    }

    fn budget(&mut self, receiver_bps: u32, room_bps: u32) {
        self.relay.machines[0].set_budgets(Budgets { receiver_bps, room_bps });
    }

    fn show(&mut self, receiver: u16, sender: u16, width: u16) {
        let (receiver, sender) = (Slot(receiver), Slot(sender));
        let track = TrackId::CAMERA;
        self.relay.apply(RelayCommand::Subscribe { room_index: ROOM_INDEX, receiver, sender, track, width });
    }

    /// For `ms`, every 10 ms a packet of each given (sender, size, bytes a packet).
    fn run(&mut self, ms: u64, streams: &[(usize, u8, usize)]) {
        self.got.fill(0);
        self.sizes.clear();
        self.reports.clear();
        for _ in 0..ms / 10 {
            self.now += 10;
            for (sender, layer, bytes) in streams {
                let now = at_ms(self.now);
                // Paths are kept alive as by pings.
                for index in 0..self.clients.len() {
                    if self.now % 1000 < 10 {
                        let ping = self.clients[index].ping(now);
                        let _ = self.relay.home(&self.clients[index], now, self.clients[index].address, &ping);
                    }
                }
                let client = &mut self.clients[*sender];
                (client.layer, client.bytes) = (*layer, *bytes);
                let packet = client.media(now, ROOM, Slot(*sender as u16), TrackId::CAMERA);
                let address = client.address;
                let (result, deeds) = self.relay.home(&self.clients[*sender], now, address, &packet);
                assert_eq!(result, Ok(()));
                let is_media = |sent: &(usize, SocketAddr, Vec<u8>)| sent.2[0] == Kind::Media as u8;
                for (lane, _, datagram) in deeds.sent.into_iter().filter(is_media) {
                    self.got[lane] += datagram.len() as u64;
                    self.sizes.entry((*sender as u16, *layer)).or_default().insert(lane);
                }
                self.reports.extend(deeds.reports);
            }
        }
    }

    fn receivers(&self, sender: u16, layer: u8) -> Vec<usize> {
        self.sizes.get(&(sender, layer)).into_iter().flatten().copied().collect()
    }

    /// The sizes that the control plane was last told are wanted of a sender, and the bound.
    fn wanted(&self, of: u16) -> Option<(u8, u32)> {
        self.reports.iter().rev().find_map(|report| match report {
            RelayReport::Wanted { sender, layers, max_bps, .. } if sender.0 == of => Some((*layers, *max_bps)),
            _ => None,
        })
    }
}

#[test]
fn each_receiver_is_sent_the_size_that_its_tile_needs() {
    let mut meeting = Meeting::new(4);
    meeting.show(1, 0, 1280);
    meeting.show(2, 0, 200);
    meeting.show(3, 0, 0);
    meeting.run(400, &[(0, 0, 1000), (0, 2, 100)]);
    meeting.run(400, &[(0, 0, 1000), (0, 2, 100)]);
    assert_eq!(meeting.receivers(0, 0), [1]);
    assert_eq!(meeting.receivers(0, 2), [2], "and the third shows nothing");
    meeting.run(1000, &[(0, 0, 1000), (0, 2, 100)]);
    assert_eq!(meeting.wanted(0).map(|(layers, _)| layers), Some(0b101));
}

#[test]
fn a_size_that_is_not_sent_yet_is_stood_in_for_and_asked_for() {
    let mut meeting = Meeting::new(2);
    meeting.show(1, 0, 300);
    meeting.run(1000, &[(0, 0, 1000)]);
    assert_eq!(meeting.receivers(0, 0), [1]);
    assert_eq!(meeting.wanted(0).map(|(layers, _)| layers), Some(0b100));
    meeting.run(20, &[(0, 0, 1000), (0, 2, 100)]);
    meeting.run(500, &[(0, 0, 1000), (0, 2, 100)]);
    assert_eq!((meeting.receivers(0, 0), meeting.receivers(0, 2)), (std::vec![], std::vec![1]));
    // And when it ends, the other one serves again.
    meeting.run(2000, &[(0, 0, 1000)]);
    assert_eq!(meeting.receivers(0, 0), [1]);
}

#[test]
fn where_all_are_silent_a_way_that_was_lost_is_tried_again() {
    let mut meeting = Meeting::new(2);
    meeting.show(1, 0, 1280);
    let sizes = [(0, 0, 1000), (0, 2, 100)];
    meeting.run(1000, &sizes);
    let session = meeting.clients[1].session;
    let (sent_at, now) = (at_ms(meeting.now - 20), at_ms(meeting.now));
    let mut report = crate::media::rate::RateReport::default();
    report.add(&crate::media::rate::PacketReport { sent_at, size_bytes: 1000, arrived_us: Some(7_000) });
    meeting.relay.machines[0].session_mut(session).unwrap().rate.handle_report(now, &report);
    // Nothing comes back any more.
    meeting.run(4000, &sizes);
    assert_eq!(meeting.wanted(0).map(|(layers, _)| layers), Some(0));
    // Now its sender sends nothing, and nobody speaks.
    let mut again = None;
    for ms in (0..4000).step_by(100) {
        let now = at_ms(meeting.now + ms);
        let ping = meeting.clients[1].ping(now);
        let address = meeting.clients[1].address;
        meeting.reports = meeting.relay.home(&meeting.clients[1], now, address, &ping).1.reports;
        again = again.or(meeting.wanted(0).filter(|(layers, _)| *layers != 0));
    }
    assert!(again.is_some());
}

#[test]
fn what_nobody_shows_is_sent_to_nobody_and_its_sender_is_told() {
    let mut meeting = Meeting::new(3);
    meeting.show(1, 0, 0);
    meeting.show(2, 0, 0);
    meeting.run(300, &[(0, 0, 1000)]);
    assert_eq!(meeting.got, [0, 0, 0]);
    assert_eq!(meeting.wanted(0).map(|(layers, _)| layers), Some(0));
}

#[test]
fn who_begins_with_a_size_has_a_whole_picture_asked_for() {
    let mut meeting = Meeting::new(3);
    meeting.show(2, 0, 0);
    meeting.run(300, &[(0, 0, 1000)]);
    meeting.show(2, 0, 1280);
    meeting.run(300, &[(0, 0, 1000)]);
    let refresh = RelayReport::Refresh { room_index: ROOM_INDEX, sender: Slot(0), track: TrackId::CAMERA, layers: 1 };
    assert_eq!(meeting.reports.iter().filter(|report| **report == refresh).count(), 1, "{:?}", meeting.reports);
    meeting.run(300, &[(0, 0, 1000)]);
    assert!(!meeting.reports.contains(&refresh));
}

#[test]
fn eight_people_with_cameras_fit_twenty_megabits_with_the_speaker_large_and_the_others_small() {
    let mut meeting = Meeting::new(8);
    meeting.budget(20_000_000, 20_000_000);
    meeting.relay.apply(RelayCommand::Speaker { room_index: ROOM_INDEX, slot: Some(Slot(3)) });
    for receiver in 0..8 {
        for sender in (0..8).filter(|sender| *sender != receiver) {
            meeting.show(receiver, sender, if sender == 3 { 1280 } else { 320 });
        }
    }
    // Everybody sends what is wanted: small pictures of 150 kbit/s, a full one that would take 5 Mbit/s and keeps within
    // its bound.
    let mut wanted = [(1, 0); 8];
    let mut totals = Vec::new();
    for _ in 0..60 {
        let mut streams = Vec::new();
        for (sender, (layers, bound)) in wanted.iter().enumerate() {
            let full = if *bound == 0 { 5_000_000 } else { *bound.min(&5_000_000) };
            let packets = full / 8 / 100 / 1000 + 1;
            let bytes = (full / 8 / 100 / packets) as usize;
            let large = (sender, 0, bytes.saturating_sub(90).max(1));
            streams.extend(std::iter::repeat_n(large, if layers & 1 != 0 { packets as usize } else { 0 }));
            streams.extend((layers & 2 != 0).then_some((sender, 1, 500)));
            streams.extend((layers & 4 != 0).then_some((sender, 2, 100)));
        }
        meeting.run(200, &streams);
        for (sender, wanted) in wanted.iter_mut().enumerate() {
            *wanted = meeting.wanted(sender as u16).unwrap_or(*wanted);
        }
        totals.push(meeting.got.iter().sum::<u64>() * 8 * 5);
    }
    assert_eq!(meeting.receivers(3, 0).len(), 7, "all the others have the speaker large: {wanted:?}");
    for sender in (0..8).filter(|sender| *sender != 3) {
        assert_eq!(meeting.receivers(sender, 2).len(), 7, "and everybody else small");
    }
    let settled = &totals[30..];
    let (least, most) = (settled.iter().min().unwrap(), settled.iter().max().unwrap());
    assert!(*least > 10_000_000 && *most <= 20_000_000, "{totals:?}");
}

#[test]
fn a_sender_that_does_not_keep_within_its_bound_is_shown_smaller() {
    let mut meeting = Meeting::new(2);
    meeting.budget(1_500_000, u32::MAX);
    meeting.show(1, 0, 1280);
    let streams = [(0, 0, 1000), (0, 0, 1000), (0, 0, 1000), (0, 1, 300)];
    meeting.run(4000, &streams);
    meeting.run(2000, &streams);
    assert_eq!((meeting.receivers(0, 0), meeting.receivers(0, 1)), (std::vec![], std::vec![1]));
    assert!(meeting.got[1] * 8 / 2 < 1_500_000);
}

#[test]
fn sound_is_sent_whatever_the_budget_is() {
    let mut meeting = Meeting::new(2);
    meeting.budget(0, 0);
    let (slot, track) = (Slot(0), TrackId::MICROPHONE);
    meeting.relay.apply(RelayCommand::SetTrack { room_index: ROOM_INDEX, slot, track, is_on: true, width: 0 });
    let packet = meeting.clients[0].media(at_ms(5), ROOM, slot, track);
    let (_, deeds) = meeting.relay.home(&meeting.clients[0], at_ms(5), meeting.clients[0].address, &packet);
    assert_eq!(deeds.sent.iter().filter(|sent| sent.2[0] == Kind::Media as u8).count(), 1);
    meeting.run(500, &[(0, 0, 1000)]);
    assert_eq!(meeting.got, [0, 0], "and pictures are not");
}

#[test]
fn what_a_microphone_sends_is_reported_now_and_then() {
    let mut meeting = Meeting::new(2);
    let (slot, track) = (Slot(0), TrackId::MICROPHONE);
    meeting.relay.apply(RelayCommand::SetTrack { room_index: ROOM_INDEX, slot, track, is_on: true, width: 0 });
    let mut reports = 0;
    for ms in 0..50 {
        let packet = meeting.clients[0].media(at_ms(5 + ms * 20), ROOM, slot, track);
        let address = meeting.clients[0].address;
        let (_, deeds) = meeting.relay.home(&meeting.clients[0], at_ms(5 + ms * 20), address, &packet);
        reports += deeds.reports.iter().filter(|report| matches!(report, RelayReport::Speech { .. })).count();
    }
    assert_eq!(reports, 10);
}

#[test]
fn a_sender_that_has_fallen_silent_is_told_when_somebody_wants_it_again() {
    let mut meeting = Meeting::new(2);
    meeting.show(1, 0, 0);
    meeting.run(300, &[(0, 0, 1000)]);
    assert_eq!(meeting.wanted(0).map(|(layers, _)| layers), Some(0));
    meeting.show(1, 0, 640);
    let mut deeds = Deeds::default();
    meeting.relay.machines[0].settle(at_ms(60_000), &mut deeds);
    let is_wanted = |report: &RelayReport| matches!(report, RelayReport::Wanted { layers: 0b010, .. });
    assert!(deeds.reports.iter().any(is_wanted), "{:?}", deeds.reports);
}

#[test]
fn a_sender_that_knows_only_one_size_is_shown_while_that_fits_and_not_when_it_does_not() {
    let mut meeting = Meeting::new(2);
    meeting.budget(2_000_000, u32::MAX);
    meeting.show(1, 0, 300);
    meeting.run(3000, &[(0, 0, 1000)]);
    meeting.run(1000, &[(0, 0, 1000)]);
    assert_eq!(meeting.receivers(0, 0), [1]);
    meeting.run(3000, &[(0, 0, 1000); 4]);
    meeting.run(1000, &[(0, 0, 1000); 4]);
    assert_eq!(meeting.got[1], 0, "3.4 Mbit/s");
}

#[test]
fn a_receiver_whose_hop_carries_little_is_shown_less_and_the_others_are_not() {
    use crate::media::rate::{PacketReport, RateReport};
    let mut meeting = Meeting::new(3);
    let streams = [(0, 0, 1000), (0, 0, 1000), (0, 2, 100)];
    meeting.run(1000, &streams);
    assert_eq!(meeting.receivers(0, 0), [1, 2]);
    // Its packets arrive later and later, at 400 kbit/s.
    let session = meeting.clients[1].session;
    let mut sent_us = at_ms(meeting.now).as_micros();
    for turn in 0..40u64 {
        let mut report = RateReport::default();
        for k in 0..2 {
            let arrived_us = Some(sent_us + (turn * 2 + k) * 25_000);
            report.add(&PacketReport { sent_at: Instant::from_micros(sent_us), size_bytes: 1200, arrived_us });
            sent_us += 1000;
        }
        let now = Instant::from_micros(sent_us);
        meeting.relay.machines[0].session_mut(session).unwrap().rate.handle_report(now, &report);
    }
    meeting.run(1000, &streams);
    meeting.run(1000, &streams);
    assert_eq!((meeting.receivers(0, 0), meeting.receivers(0, 2)), (std::vec![2], std::vec![]));
}
