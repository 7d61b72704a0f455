//! What is asked for and reported, by whom it may be, and what it costs.

use std::vec;

use super::*;
use crate::media::feedback::{FEEDBACK_MAX_BYTES, FeedbackReport, ReceiveLog};
use crate::media::nack::{NackEntry, parse_nack};
use crate::media::track_window::TrackKey;

const KEY: TrackKey = TrackKey { room: ROOM.0, sender: 0, track: TrackId::CAMERA.0, layer: 0 };

impl Client {
    fn nack(&mut self, now: Instant, entries: &[NackEntry]) -> Vec<u8> {
        let body: Vec<u8> = entries.iter().flat_map(NackEntry::emit).collect();
        self.body(now, Kind::Nack, &body)
    }

    /// Opens datagrams of that kind among those that were sent to it.
    fn opened(&mut self, now: Instant, deeds: &Deeds, kind: Kind) -> Vec<Vec<u8>> {
        let own = self.address;
        let meant = deeds.sent.iter().filter(|(_, to, datagram)| *to == own && datagram[0] == kind as u8);
        meant.map(|(_, _, datagram)| self.open(now, datagram).1).collect()
    }
}

fn entry(seq: u32, more: u32) -> NackEntry {
    NackEntry { key: KEY, seq, more }
}

/// A sender's packets reach the relay; gives them from the media header on.
fn send(relay: &mut Relay, sender: &mut Client, now: Instant, count: usize) -> Vec<Vec<u8>> {
    let mut sent = Vec::new();
    for _ in 0..count {
        let packet = sender.media(now, ROOM, Slot(0), TrackId::CAMERA);
        assert_eq!(relay.home(sender, now, sender.address, &packet).0, Ok(()));
        sent.push(packet[HOP_PREFIX_BYTES..].to_vec());
    }
    sent
}

#[test]
fn what_a_receiver_asks_for_is_sent_again_to_it_alone_as_it_was() {
    let mut relay = Relay::new(1);
    let mut clients: Vec<_> = (0..3).map(|index| relay.client(index)).collect();
    let sent = send(&mut relay, &mut clients[0], at_ms(1), 10);
    let nack = clients[1].nack(at_ms(2), &[entry(3, 0b101), entry(700, 0)]);
    let (result, deeds) = relay.home(&clients[1], at_ms(2), clients[1].address, &nack);
    assert_eq!((result, deeds.sent.len()), (Ok(()), 3));
    let again = clients[1].opened(at_ms(2), &deeds, Kind::Media);
    assert_eq!(again, [2, 3, 5].map(|index: usize| sent[index].clone()));
    assert_eq!((relay.machines[0].repair().resent, relay.machines[0].repair().not_kept), (3, 1));
}

#[test]
fn nobody_is_sent_again_what_it_would_not_get() {
    let mut relay = Relay::new(1);
    let mut clients: Vec<_> = (0..3).map(|index| relay.client(index)).collect();
    send(&mut relay, &mut clients[0], at_ms(1), 3);
    let mut ask = |relay: &mut Relay, by: usize, entry: NackEntry| {
        let nack = clients[by].nack(at_ms(2), &[entry]);
        let (result, deeds) = relay.home(&clients[by], at_ms(2), clients[by].address, &nack);
        (result, deeds.sent.len())
    };
    let elsewhere = NackEntry { key: TrackKey { room: 8, ..KEY }, ..entry(1, 0) };
    assert_eq!(ask(&mut relay, 1, elsewhere), (Err(DropReason::NotInRoom), 0));
    assert_eq!(ask(&mut relay, 0, entry(1, 0)), (Err(DropReason::UnknownTrack), 0), "its own");
    let (receiver, sender, track) = (Slot(1), Slot(0), TrackId::CAMERA);
    relay.apply(RelayCommand::Subscribe { room_index: 0, receiver, sender, track, width: 0 });
    assert_eq!(ask(&mut relay, 1, entry(1, 0)), (Err(DropReason::UnknownTrack), 0), "it does not want that");
    assert_eq!(ask(&mut relay, 2, entry(1, 0)), (Ok(()), 1));
    relay.apply(RelayCommand::SetTrack { room_index: 0, slot: sender, track, is_on: false, width: 0 });
    assert_eq!(ask(&mut relay, 2, entry(1, 0)), (Err(DropReason::UnknownTrack), 0), "it is off");
    relay.apply(RelayCommand::Leave { room_index: 0, slot: Slot(2), session: SessionId(0x5eed_0002) });
    assert_eq!(ask(&mut relay, 2, entry(1, 0)), (Err(DropReason::NotInRoom), 0));
    let mut nowhere = Client::new(3);
    let (session, secret) = (nowhere.session, HopSecret([3; 32]));
    relay.apply(RelayCommand::OpenSession { session, secret });
    relay.apply(RelayCommand::Join { room_index: 0, room: ROOM, slot: Slot(3), session });
    relay.apply(RelayCommand::SetTrack { room_index: 0, slot: sender, track, is_on: true, width: 640 });
    relay.machines[0].settle(at_ms(3), &mut Deeds::default());
    let nack = nowhere.nack(at_ms(3), &[entry(1, 0)]);
    assert_eq!(relay.home(&nowhere, at_ms(3), address(9, 9), &nack).0, Err(DropReason::UnvalidatedPath));
}

#[test]
fn who_asks_again_and_again_gets_a_part_of_what_it_was_sent_and_no_more() {
    let mut relay = Relay::new(1);
    let mut clients: Vec<_> = (0..2).map(|index| relay.client(index)).collect();
    send(&mut relay, &mut clients[0], at_ms(1), 60);
    let mut resent = 0;
    let mut reasons = Vec::new();
    for ms in 0..90 {
        // 33 packets each time.
        let nack = clients[1].nack(at_ms(10), &[entry(10, u32::MAX)]);
        let (result, deeds) = relay.home(&clients[1], at_ms(10), clients[1].address, &nack);
        resent += deeds.sent.len();
        reasons.extend(result.err());
        assert!(ms > 1 || deeds.sent.len() > 20);
    }
    assert_eq!(resent, 64 + 60 / 4);
    assert!(reasons.len() > 80 && reasons.iter().all(|reason| *reason == DropReason::RateLimited));
    // New packets earn new ones, and the others never paid for it.
    send(&mut relay, &mut clients[0], at_ms(1000), 8);
    let nack = clients[1].nack(at_ms(1000), &[entry(40, u32::MAX)]);
    let (_, deeds) = relay.home(&clients[1], at_ms(1000), clients[1].address, &nack);
    assert_eq!(clients[1].opened(at_ms(1000), &deeds, Kind::Media).len(), 2);
}

#[test]
fn a_body_that_is_no_question_is_dropped() {
    let mut relay = Relay::new(1);
    let mut client = relay.client(0);
    for (kind, body, reason) in [
        (Kind::Nack, &[0; 15][..], DropReason::Length),
        (Kind::Nack, &[0xff; 16], DropReason::MediaHeader),
        (Kind::Feedback, &[0; 23], DropReason::Length),
        (Kind::Feedback, &[0; 30], DropReason::Unexpected),
    ] {
        let datagram = client.body(at_ms(5), kind, body);
        let (result, deeds) = relay.home(&client, at_ms(5), client.address, &datagram);
        assert_eq!((result, deeds.sent.len()), (Err(reason), 0));
        assert!(relay.drops(reason) > 0);
    }
}

#[test]
fn what_does_not_come_from_a_sender_is_asked_for_at_once_and_the_end_of_a_frame_by_the_clock() {
    let mut relay = Relay::new(1);
    let mut clients: Vec<_> = (0..2).map(|index| relay.client(index)).collect();
    let of_frame = |index: u16| {
        let seq = 100 + u32::from(index);
        MediaHeader { index, count: 6, frame: 1, ..header(ROOM, Slot(0), TrackId::CAMERA, seq) }
    };
    let asked = |client: &mut Client, now, deeds: &Deeds| -> Vec<u32> {
        let nacks = client.opened(now, deeds, Kind::Nack);
        nacks.iter().flat_map(|body| parse_nack(body).unwrap().flat_map(|entry| entry.packets())).collect()
    };
    for (index, expected) in [(0, vec![]), (1, vec![]), (4, vec![102, 103])] {
        let packet = clients[0].packet(at_ms(1), &of_frame(index));
        let (result, deeds) = relay.home(&clients[0], at_ms(1), clients[0].address, &packet);
        assert_eq!((result, asked(&mut clients[0], at_ms(1), &deeds)), (Ok(()), expected));
    }
    let due = relay.machines[0].poll_timeout();
    assert!(due < at_ms(10), "{due:?}");
    let mut deeds = Deeds::default();
    relay.machines[0].handle_timeout(at_ms(10), &mut deeds);
    assert_eq!(asked(&mut clients[0], at_ms(10), &deeds), [105]);
    for index in [2, 3, 5] {
        let packet = clients[0].packet(at_ms(20), &of_frame(index));
        assert_eq!(relay.home(&clients[0], at_ms(20), clients[0].address, &packet).0, Ok(()));
    }
    relay.machines[0].handle_timeout(at_ms(200), &mut Deeds::default());
    assert_eq!(relay.machines[0].poll_timeout(), Instant::NEVER);
    assert_eq!(relay.machines[0].repair().asked, 3);
    // Voice has copies of earlier frames instead; so nobody asks for it, nor gets it again.
    relay.apply(RelayCommand::SetTrack {
        room_index: 0,
        slot: Slot(0),
        track: TrackId::MICROPHONE,
        is_on: true,
        width: 0,
    });
    for seq in [7, 9] {
        let packet = clients[0].packet(at_ms(210), &header(ROOM, Slot(0), TrackId::MICROPHONE, seq));
        let (result, deeds) = relay.home(&clients[0], at_ms(210), clients[0].address, &packet);
        assert_eq!((result, asked(&mut clients[0], at_ms(210), &deeds)), (Ok(()), vec![]));
    }
    let voice = NackEntry { key: TrackKey { track: TrackId::MICROPHONE.0, ..KEY }, seq: 7, more: 0 };
    let nack = clients[1].nack(at_ms(220), &[voice]);
    let (_, deeds) = relay.home(&clients[1], at_ms(220), clients[1].address, &nack);
    assert!(clients[1].opened(at_ms(220), &deeds, Kind::Media).is_empty());
}

#[test]
fn whoever_is_gone_is_asked_for_nothing_and_leaves_the_timer_alone() {
    let mut relay = Relay::new(1);
    let mut clients: Vec<_> = (0..2).map(|index| relay.client(index)).collect();
    let of_frame = |index: u16| {
        let seq = 100 + u32::from(index);
        MediaHeader { index, count: 6, frame: 1, ..header(ROOM, Slot(0), TrackId::CAMERA, seq) }
    };
    for index in [0, 3] {
        let packet = clients[0].packet(at_ms(1), &of_frame(index));
        assert_eq!(relay.home(&clients[0], at_ms(1), clients[0].address, &packet).0, Ok(()));
    }
    assert!(relay.machines[0].poll_timeout() < at_ms(100), "its gaps are watched");
    let session = clients[0].session;
    relay.apply(RelayCommand::CloseSession { session });
    let mut deeds = Deeds::default();
    relay.machines[0].handle_timeout(at_ms(100), &mut deeds);
    assert!(deeds.sent.is_empty(), "{deeds:?}");
    assert_eq!(relay.machines[0].poll_timeout(), Instant::NEVER);
    // Nor does whoever is there but has lost its address keep the timer in the past.
    let mut silent = relay.client(0);
    for index in [0, 3] {
        let packet = silent.packet(at_ms(200), &of_frame(index));
        let (result, _) = relay.home(&silent, at_ms(200), silent.address, &packet);
        assert!(result.is_err() || result == Ok(()));
    }
    for ms in (300..14_000).step_by(50) {
        relay.machines[0].handle_timeout(at_ms(ms), &mut Deeds::default());
        assert!(relay.machines[0].poll_timeout() > at_ms(ms));
    }
}

#[test]
fn a_burst_of_pictures_goes_to_a_narrow_hop_as_far_as_voice_need_not_wait_and_the_rest_when_it_is_asked_for() {
    let mut relay = Relay::new(1);
    let mut clients: Vec<_> = (0..3).map(|index| relay.client(index)).collect();
    let session = clients[1].session;
    // 100 bytes a millisecond, and 40 ms of it at once.
    relay.machines[0].session_mut(session).unwrap().policer.set_pace(800_000);
    let mut got = [0; 3];
    for _ in 0..90 {
        let packet = clients[0].media(at_ms(1), ROOM, Slot(0), TrackId::CAMERA);
        let (_, deeds) = relay.home(&clients[0], at_ms(1), clients[0].address, &packet);
        for (got, client) in got.iter_mut().zip(&clients) {
            *got += deeds.sent.iter().filter(|(_, to, _)| *to == client.address).count();
        }
    }
    let policed = relay.machines[0].repair().policed as usize;
    assert_eq!((got[1] + policed, got[2]), (90, 90), "nobody else's hop is narrow");
    assert!((10..80).contains(&got[1]), "{got:?}");
    let (slot, track) = (Slot(0), TrackId::MICROPHONE);
    relay.apply(RelayCommand::SetTrack { room_index: 0, slot, track, is_on: true, width: 0 });
    let voice = clients[0].media(at_ms(1), ROOM, Slot(0), TrackId::MICROPHONE);
    let (_, deeds) = relay.home(&clients[0], at_ms(1), clients[0].address, &voice);
    assert_eq!(deeds.sent.len(), 2, "voice is never held back");

    let last = clients[0].seq - 1;
    for (ms, is_sent) in [(1, 0), (60, 1)] {
        let nack = clients[1].nack(at_ms(ms), &[entry(last, 0)]);
        let (result, deeds) = relay.home(&clients[1], at_ms(ms), clients[1].address, &nack);
        assert_eq!((result, deeds.sent.len()), (Ok(()), is_sent));
    }
    assert_eq!(relay.machines[0].repair().refused, 1);
}

/// A receiver that loses one in `lost_one_in` of what it is sent reports for a second; gives what it got of parity.
fn listen(relay: &mut Relay, clients: &mut [Client], from_ms: u64, lost_one_in: usize) -> usize {
    let mut log = <ReceiveLog>::default();
    // The challenge.
    log.note(at_ms(0), 0, 1, true, false);
    let (mut number, mut parity_got) = (0, 0);
    for ms in (from_ms..from_ms + 1000).step_by(10) {
        clients[0].seq += 1;
        let data = MediaHeader { parity: 1, ..header(ROOM, Slot(0), TrackId::CAMERA, clients[0].seq) };
        for header in [data, MediaHeader { index: 1, ..data }] {
            let packet = clients[0].packet(at_ms(ms), &header);
            let (_, deeds) = relay.home(&clients[0], at_ms(ms), clients[0].address, &packet);
            for (_, to, datagram) in &deeds.sent {
                if *to != clients[1].address || datagram[0] != Kind::Media as u8 {
                    continue;
                }
                let hop = HopHeader::parse(datagram).unwrap();
                parity_got += usize::from(MediaHeader::parse(&datagram[HOP_PREFIX_BYTES..]).unwrap().is_parity());
                number += 1;
                if number % lost_one_in != 0 {
                    log.note(at_ms(ms), hop.phase, hop.counter, true, true);
                }
            }
        }
        let mut body = [0; FEEDBACK_MAX_BYTES];
        if let Some(len) = log.poll_report(at_ms(ms), Downstream::default(), &mut body) {
            let report = clients[1].body(at_ms(ms), Kind::Feedback, &body[..len]);
            assert_eq!(relay.home(&clients[1], at_ms(ms), clients[1].address, &report).0, Ok(()));
        }
    }
    parity_got
}

#[test]
fn parity_is_for_receivers_with_loss_only_and_their_sender_hears_of_it() {
    let mut relay = Relay::new(1);
    let mut clients: Vec<_> = (0..2).map(|index| relay.client(index)).collect();
    assert_eq!(listen(&mut relay, &mut clients, 1000, usize::MAX), 0);
    assert_eq!(relay.machines[0].repair().parity_withheld, 100);
    assert!(listen(&mut relay, &mut clients, 2000, 20) > 50);
    // The sender's own report, for which its media is long due.
    let packet = clients[0].media(at_ms(3100), ROOM, Slot(0), TrackId::CAMERA);
    let (_, mut deeds) = relay.home(&clients[0], at_ms(3100), clients[0].address, &packet);
    let packet = clients[0].media(at_ms(3200), ROOM, Slot(0), TrackId::CAMERA);
    deeds.sent.extend(relay.home(&clients[0], at_ms(3200), clients[0].address, &packet).1.sent);
    let reports = clients[0].opened(at_ms(3200), &deeds, Kind::Feedback);
    let report = FeedbackReport::parse(reports.last().expect("a report")).unwrap();
    let loss = f64::from(report.downstream.loss) / 65536.0;
    assert!((0.02..0.08).contains(&loss), "{loss}");
}

#[test]
fn a_shard_tells_the_others_of_loss_and_they_tell_their_senders() {
    let mut relay = Relay::new(2);
    let mut clients: Vec<_> = (0..2).map(|index| relay.client(index)).collect();
    let downstream = Downstream { loss: 3000, rtt_ms: 80 };
    // What shard 1 has heard of its receiver reaches shard 0, where the sender lives.
    relay.machines[0].handle_told(at_ms(5), 0, downstream);
    relay.machines[0].handle_told(at_ms(6), 0, Downstream { loss: 200, rtt_ms: 9 });
    relay.machines[0].handle_told(at_ms(6), 900, downstream);
    let mut reports = Vec::new();
    for ms in [10, 70, 1200, 1300] {
        let packet = clients[0].media(at_ms(ms), ROOM, Slot(0), TrackId::CAMERA);
        let (_, deeds) = relay.home(&clients[0], at_ms(ms), clients[0].address, &packet);
        reports.extend(clients[0].opened(at_ms(ms), &deeds, Kind::Feedback));
    }
    let told: Vec<_> = reports.iter().map(|body| FeedbackReport::parse(body).unwrap().downstream).collect();
    assert_eq!(told, [downstream, Downstream::default()], "the worst, and not for ever");

    // And shard 1 says so in the first place, not too often.
    let mut told = Vec::new();
    for ms in 0..500u64 {
        let packet = clients[0].media(at_ms(2000 + ms), ROOM, Slot(0), TrackId::CAMERA);
        let (_, deeds) = relay.home(&clients[0], at_ms(2000 + ms), clients[0].address, &packet);
        let [(_, what, payload)] = &deeds.handed_over[..] else { panic!("{deeds:?}") };
        let mut there = Deeds::default();
        assert_eq!(relay.machines[1].handle_handed_over(at_ms(2000 + ms), *what, payload, &mut there), Ok(()));
        if ms % 50 != 49 {
            continue;
        }
        // Of the last fifty packets every tenth is said to be missing.
        let mut log = <ReceiveLog>::default();
        for counter in (ms - 48..=ms).filter(|counter| counter % 10 != 0) {
            log.note(at_ms(2000 + ms), 0, counter + 1, true, true);
        }
        let mut body = [0; FEEDBACK_MAX_BYTES];
        let len = log.poll_report(at_ms(2060 + ms), Downstream::default(), &mut body).unwrap();
        let report = clients[1].body(at_ms(2060 + ms), Kind::Feedback, &body[..len]);
        told.extend(relay.home(&clients[1], at_ms(2060 + ms), clients[1].address, &report).1.told);
    }
    assert!((2..=4).contains(&told.len()), "{told:?}");
    assert!(told.iter().all(|(shard, room, downstream)| (*shard, *room) == (0, 0) && downstream.loss > 1000));
}
