//! Addresses, forged datagrams, and who gets media.

use super::*;
use crate::crypto::sframe::{SFRAME_HEADER_BYTES_MAX, SenderKey};
use crate::id::{Slot, TrackId};
use crate::wire::control::{Codec, TrackInfo};
use crate::wire::datagram::{emit_clocks, parse_clocks};
use crate::wire::media::{Form, MediaHeader, MediaLayout};

const ON: TrackInfo = TrackInfo { is_on: true, codec: Codec::Jpeg, width: 64, height: 64 };

pub(super) fn header(room: RoomId, sender: Slot, track: TrackId) -> MediaHeader {
    MediaHeader {
        room,
        sender,
        track,
        parity: 0,
        seq: 1,
        timestamp: 2,
        frame: 3,
        index: 0,
        count: 1,
        layer: 0,
        level: 0,
        form: Form::Fragments,
    }
}

/// A media packet with whatever header; the end-to-end seal is no matter of the server.
pub(super) fn media(raw: &mut Raw, now: Instant, header: &MediaHeader) -> Vec<u8> {
    let mut body = [9; 40];
    let mut sframe = [0; SFRAME_HEADER_BYTES_MAX];
    let (len, tag) = SenderKey::new(&[7; 32], 8).seal(&header.emit(), &mut body, &mut sframe).unwrap();
    let payload = [header.emit().as_slice(), &sframe[..len], &tag, &body].concat();
    let clear = MediaLayout::parse(&payload).map_or(payload.len().min(90), |layout| layout.clear_len_bytes);
    let prefix = raw.sealer.seal_clear(now, Kind::Media as u8, &payload[..clear]).unwrap();
    [prefix.as_slice(), &payload].concat()
}

#[test]
fn an_address_counts_only_after_it_has_answered_its_challenge() {
    let mut bench = Bench::new(SIZE);
    let mut an = bench.join("an.");
    let ping = |an: &mut Raw, now| an.seal(now, Kind::Ping, &emit_clocks(5, 0));
    assert_eq!(bench.hand_in(an.address, &ping(&mut an, bench.now)), Err(DropReason::UnvalidatedPath));
    let asked = bench.datagrams();
    assert_eq!(asked.len(), 1, "a challenge, no answer");
    let (kind, token) = an.open(bench.now, &asked[0].1);
    assert_eq!(kind, Kind::Challenge);
    bench.hand_in(an.address, &an.seal(bench.now, Kind::Response, &token)).unwrap();
    bench.hand_in(an.address, &ping(&mut an, bench.now)).unwrap();
    let answers = bench.datagrams();
    let (kind, clocks) = an.open(bench.now, &answers[0].1);
    assert_eq!((kind, answers[0].0, answers.len()), (Kind::Pong, an.address, 1));
    assert_eq!(parse_clocks(&clocks), Ok((5, bench.now.as_micros())));
}

#[test]
fn a_challenge_is_answered_from_its_own_address_with_its_own_bytes_in_time() {
    let mut bench = Bench::new(SIZE);
    let mut an = bench.join("an.");
    let ask = |bench: &mut Bench, an: &mut Raw| {
        bench.wait(Duration::from_millis(200));
        bench.hand_in(an.address, &an.seal(bench.now, Kind::Hello, &[0; 8])).unwrap();
        let challenge = bench.datagrams().pop().unwrap();
        an.open(bench.now, &challenge.1).1
    };
    let token = ask(&mut bench, &mut an);
    let wrong: Vec<u8> = token.iter().map(|byte| byte ^ 1).collect();
    let answers = [(an.address, wrong), (address(7), token.clone()), (an.address, token[..7].to_vec())];
    for (from, body) in answers {
        let response = an.seal(bench.now, Kind::Response, &body);
        assert_eq!(bench.hand_in(from, &response), Err(DropReason::Unexpected));
    }
    let late = ask(&mut bench, &mut an);
    bench.wait(Duration::from_secs(3));
    let response = an.seal(bench.now, Kind::Response, &late);
    assert_eq!(bench.hand_in(an.address, &response), Err(DropReason::Unexpected));
    let token = ask(&mut bench, &mut an);
    bench.hand_in(an.address, &an.seal(bench.now, Kind::Response, &token)).unwrap();
    let again = an.seal(bench.now, Kind::Response, &token);
    assert_eq!(bench.hand_in(an.address, &again), Err(DropReason::Unexpected), "a token counts once");
    assert!(bench.datagrams().is_empty());
}

#[test]
fn media_stays_at_the_old_address_until_the_new_one_has_answered() {
    let mut bench = Bench::new(SIZE);
    let mut an = bench.join_with_address("an.");
    let mut binh = bench.join_with_address("binh");
    bench.say(an.id, &ClientMessage::SetTrack { room: ROOM, track: TrackId::CAMERA, info: ON });
    let old = binh.address;
    binh.address = address(9999);
    bench.hand_in(binh.address, &binh.seal(bench.now, Kind::Ping, &[0; 16])).unwrap_err();
    let challenge = bench.datagrams().pop().unwrap();
    let packet = header(ROOM, an.slot, TrackId::CAMERA);
    bench.hand_in(an.address, &media(&mut an, bench.now, &packet)).unwrap();
    assert_eq!(bench.datagrams()[0].0, old);
    let (_, token) = binh.open(bench.now, &challenge.1);
    bench.hand_in(binh.address, &binh.seal(bench.now, Kind::Response, &token)).unwrap();
    bench.hand_in(an.address, &media(&mut an, bench.now, &packet)).unwrap();
    assert_eq!(bench.datagrams()[0].0, binh.address);
}

#[test]
fn a_packet_that_was_overtaken_asks_no_address_and_challenges_are_rare() {
    let mut bench = Bench::new(SIZE);
    let mut an = bench.join_with_address("an.");
    let early = an.seal(bench.now, Kind::Hello, &[0; 8]);
    bench.hand_in(an.address, &an.seal(bench.now, Kind::Hello, &[0; 8])).unwrap();
    bench.hand_in(address(7), &early).unwrap();
    assert!(bench.datagrams().is_empty());
    for _ in 0..20 {
        bench.hand_in(address(7), &an.seal(bench.now, Kind::Hello, &[0; 8])).unwrap();
    }
    assert_eq!(bench.datagrams().len(), 1);
}

#[test]
fn an_answer_is_never_longer_than_what_asked_for_it() {
    let mut bench = Bench::new(SIZE);
    let mut an = bench.join("an.");
    for len in 0..8 {
        let hello = an.seal(bench.now, Kind::Hello, &std::vec![0; len]);
        assert_eq!(bench.hand_in(an.address, &hello), Err(DropReason::Length));
    }
    assert!(bench.datagrams().is_empty());
    let hello = an.seal(bench.now, Kind::Hello, &[0; 8]);
    bench.hand_in(an.address, &hello).unwrap();
    assert!(bench.datagrams()[0].1.len() <= hello.len());
}

#[test]
fn a_datagram_that_nobody_sealed_so_is_dropped_by_name_and_has_no_effect() {
    let mut bench = Bench::new(SIZE);
    let mut an = bench.join_with_address("an.");
    let good = an.seal(bench.now, Kind::Ping, &[0; 16]);
    let changed = |at: usize, to: u8| {
        let mut bytes = good.clone();
        bytes[at] = to;
        bytes
    };
    let cases = [
        (good[..HOP_PREFIX_BYTES - 1].to_vec(), DropReason::Length),
        (std::vec![5; 1201], DropReason::Length),
        (changed(0, 99), DropReason::UnknownKind),
        (changed(2, !good[2]), DropReason::UnknownConnection),
        (changed(1, 7), DropReason::Phase),
        (changed(0, Kind::Hello as u8), DropReason::HopTag),
        (changed(13, good[13] + 8), DropReason::HopTag),
        (changed(20, !good[20]), DropReason::HopTag),
        (changed(40, !good[40]), DropReason::HopTag),
        (good[..40].to_vec(), DropReason::HopTag),
    ];
    for (bytes, reason) in cases {
        assert_eq!(bench.hand_in(address(7), &bytes), Err(reason));
        assert!(bench.datagrams().is_empty() && bench.deeds.controls.is_empty());
    }
    bench.hand_in(an.address, &good).unwrap();
    assert_eq!(bench.datagrams().len(), 1);
    assert_eq!(bench.hand_in(an.address, &good), Err(DropReason::Replayed));
    assert_eq!(bench.hand_in(address(7), &good), Err(DropReason::Replayed));
    for _ in 0..1100 {
        bench.hand_in(an.address, &an.seal(bench.now, Kind::Hello, &[0; 8])).unwrap();
    }
    assert_eq!(bench.hand_in(address(7), &good), Err(DropReason::TooOld));
    assert!(bench.datagrams().is_empty());
}

#[test]
fn what_only_a_server_says_is_unexpected_from_a_client() {
    let mut bench = Bench::new(SIZE);
    let mut an = bench.join_with_address("an.");
    for kind in [Kind::Challenge, Kind::Pong] {
        let bytes = an.seal(bench.now, kind, &[0; 16]);
        assert_eq!(bench.hand_in(an.address, &bytes), Err(DropReason::Unexpected));
    }
}

#[test]
fn a_session_sends_no_more_than_its_rate() {
    let limits = RateLimits { datagrams: (10, 5), ..SIZE.limits };
    let mut bench = Bench::new(Size { limits, ..SIZE });
    let mut an = bench.join("an.");
    let mut accepted = 0;
    for _ in 0..20 {
        match bench.hand_in(an.address, &an.seal(bench.now, Kind::Hello, &[0; 8])) {
            Ok(()) => accepted += 1,
            Err(reason) => assert_eq!(reason, DropReason::RateLimited),
        }
    }
    assert_eq!(accepted, 5);
    bench.wait(Duration::from_millis(100));
    assert_eq!(bench.hand_in(an.address, &an.seal(bench.now, Kind::Hello, &[0; 8])), Ok(()));
}

#[test]
fn a_member_speaks_for_itself_only_where_it_is_and_on_tracks_that_are_on() {
    let mut bench = Bench::new(SIZE);
    let mut an = bench.join_with_address("an.");
    let binh = bench.join_with_address("binh");
    for member in [an.id, binh.id] {
        bench.say(member, &ClientMessage::SetTrack { room: ROOM, track: TrackId::CAMERA, info: ON });
    }
    let own = header(ROOM, an.slot, TrackId::CAMERA);
    let cases = [
        (own, None),
        (MediaHeader { sender: binh.slot, ..own }, Some(DropReason::NotInRoom)),
        (MediaHeader { sender: Slot(31), ..own }, Some(DropReason::NotInRoom)),
        (MediaHeader { room: OTHER_ROOM, ..own }, Some(DropReason::NotInRoom)),
        (MediaHeader { room: NO_ROOM, ..own }, Some(DropReason::NotInRoom)),
        (MediaHeader { track: TrackId::SCREEN, ..own }, Some(DropReason::UnknownTrack)),
        (MediaHeader { track: TrackId(4), ..own }, Some(DropReason::MediaHeader)),
        (MediaHeader { count: 0, ..own }, Some(DropReason::MediaHeader)),
    ];
    for (header, reason) in cases {
        let bytes = media(&mut an, bench.now, &header);
        assert_eq!(bench.hand_in(an.address, &bytes).err(), reason, "{header:?}");
        assert_eq!(bench.datagrams().len(), usize::from(reason.is_none()), "{header:?}");
    }
    bench.say(an.id, &ClientMessage::SetTrack { room: ROOM, track: TrackId::CAMERA, info: TrackInfo::default() });
    let bytes = media(&mut an, bench.now, &own);
    assert_eq!(bench.hand_in(an.address, &bytes), Err(DropReason::UnknownTrack));
    bench.say(an.id, &ClientMessage::LeaveRoom { room: ROOM });
    let bytes = media(&mut an, bench.now, &own);
    assert_eq!(bench.hand_in(an.address, &bytes), Err(DropReason::NotInRoom));
}

#[test]
fn media_goes_once_to_each_who_is_there_wants_it_and_can_be_reached() {
    let mut bench = Bench::new(SIZE);
    let mut an = bench.join_with_address("an.");
    let mut wants = bench.join_with_address("binh");
    let declines = bench.join_with_address("chi");
    let _unreachable = bench.join("dung");
    let elsewhere = bench.sign_in("giang");
    bench.say(elsewhere.id, &ClientMessage::JoinRoom { request: 1, room: OTHER_ROOM });
    bench.say(an.id, &ClientMessage::SetTrack { room: ROOM, track: TrackId::CAMERA, info: ON });
    let subscribe = |width| ClientMessage::Subscribe { room: ROOM, slot: Slot(0), track: TrackId::CAMERA, width };
    assert_eq!(an.slot, Slot(0));
    bench.say(declines.id, &subscribe(0));
    let packet = header(ROOM, an.slot, TrackId::CAMERA);
    let sent = media(&mut an, bench.now, &packet);
    bench.hand_in(an.address, &sent).unwrap();
    let got = bench.datagrams();
    assert_eq!(got.len(), 1);
    assert_eq!((got[0].0, &got[0].1[HOP_PREFIX_BYTES..]), (wants.address, &sent[HOP_PREFIX_BYTES..]));
    assert_eq!(bench.machine.forwarded(), 1);
    let header = HopHeader::parse(&got[0].1).unwrap();
    let (prefix, payload) = got[0].1.split_at(HOP_PREFIX_BYTES);
    let clear = MediaLayout::parse(payload).unwrap().clear_len_bytes;
    let tag = prefix[HOP_HEADER_BYTES..].try_into().unwrap();
    wants.opener.open_clear(bench.now, &header, tag, &payload[..clear]).unwrap();
    bench.say(declines.id, &subscribe(640));
    bench.hand_in(an.address, &media(&mut an, bench.now, &packet)).unwrap();
    assert_eq!(bench.datagrams().len(), 2);
}

#[test]
fn a_session_that_ended_can_be_reached_by_nothing_sealed_for_it() {
    let mut bench = Bench::new(Size { sessions: 1, ..SIZE });
    let mut an = bench.join_with_address("an.");
    let ping = an.seal(bench.now, Kind::Ping, &[0; 16]);
    bench.machine.close_session(an.id, SignOutReason::Asked, &mut bench.deeds);
    assert_eq!(bench.hand_in(an.address, &ping), Err(DropReason::UnknownConnection));
    let again = bench.join("an.");
    assert_eq!(again.id.index(), an.id.index());
    assert_ne!(again.id, an.id);
    assert_eq!(bench.hand_in(an.address, &ping), Err(DropReason::UnknownConnection));
}
