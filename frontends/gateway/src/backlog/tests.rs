use hph_client::core::id::{RoomId, Slot, TrackId};
use hph_client::core::wire::media::Form;

use super::*;

fn at(ms: u64) -> Instant {
    Instant::from_micros(1_000_000 + ms * 1000)
}

/// A media datagram of 1100 bytes; its last byte is `index`.
fn media(track: TrackId, sender: u16, frame: u32, index: u16, count: u16) -> Vec<u8> {
    let header = MediaHeader {
        room: RoomId(1),
        sender: Slot(sender),
        track,
        parity: 0,
        seq: frame * 100 + u32::from(index),
        timestamp: frame,
        frame,
        index,
        count,
        layer: 0,
        level: 127,
        form: Form::Strips,
    };
    let mut bytes = vec![0; HOP_PREFIX_BYTES];
    bytes[0] = Kind::Media as u8;
    bytes.extend_from_slice(&header.emit());
    bytes.resize(1100, index as u8);
    bytes
}

fn picture(frame: u32, index: u16, count: u16) -> Vec<u8> {
    media(TrackId::CAMERA, 1, frame, index, count)
}

fn drain(backlog: &mut Backlog, now: Instant) -> Vec<Vec<u8>> {
    std::iter::from_fn(|| backlog.pop(now)).collect()
}

#[test]
fn what_is_small_and_urgent_goes_first_and_everything_in_its_order() {
    let mut backlog = Backlog::new();
    let pong = [vec![Kind::Pong as u8], vec![7; 45]].concat();
    let (voice, pictures) = (media(TrackId::MICROPHONE, 1, 5, 0, 1), [picture(1, 0, 2), picture(1, 1, 2)]);
    backlog.push(at(0), &pictures[0]);
    backlog.push(at(0), &voice);
    backlog.push(at(0), &pictures[1]);
    backlog.push(at(0), &pong);
    assert_eq!(backlog.next_len(), Some(46));
    assert_eq!(drain(&mut backlog, at(1)), [pong, voice, pictures[0].clone(), pictures[1].clone()]);
    assert!(backlog.is_empty() && backlog.next_len().is_none());
    assert_eq!(backlog.figures(), BacklogFigures { sent: 4, voice_wait_max_us: 1000, ..BacklogFigures::default() });
}

#[test]
fn a_stale_picture_is_dropped_whole_with_what_still_comes_of_it_and_the_newer_one_stays() {
    let mut backlog = Backlog::new();
    (0..3).for_each(|index| backlog.push(at(0), &picture(1, index, 5)));
    // The same number at somebody else's is another frame.
    backlog.push(at(200), &media(TrackId::CAMERA, 2, 1, 0, 1));
    backlog.push(at(200), &picture(2, 0, 1));
    backlog.push(at(251), &picture(1, 3, 5));
    backlog.push(at(251), &picture(1, 4, 5));
    let left = drain(&mut backlog, at(251));
    assert_eq!(left, [media(TrackId::CAMERA, 2, 1, 0, 1), picture(2, 0, 1)]);
    let figures = backlog.figures();
    assert_eq!((figures.frames_dropped, figures.picture_packets_dropped), (1, 5));
}

#[test]
fn pictures_never_take_more_than_their_room_and_the_newest_stay() {
    let mut backlog = Backlog::new();
    for frame in 0..200 {
        (0..10).for_each(|index| backlog.push(at(0), &picture(frame, index, 10)));
        assert!(backlog.pictures.bytes <= PICTURE_BYTES_MAX);
    }
    let left = drain(&mut backlog, at(0));
    assert_eq!(left.last(), Some(&picture(199, 9, 10)));
    assert_eq!(left.len() % 10, 0, "whole frames only");
    assert_eq!(backlog.figures().picture_packets_dropped as usize, 2000 - left.len());
}

#[test]
fn a_voice_outlives_pictures_and_is_dropped_only_when_nobody_would_hear_it() {
    let mut backlog = Backlog::new();
    backlog.push(at(0), &media(TrackId::MICROPHONE, 1, 1, 0, 1));
    backlog.push(at(0), &picture(1, 0, 1));
    backlog.push(at(300), &media(TrackId::MICROPHONE, 1, 2, 0, 1));
    assert_eq!(backlog.figures().frames_dropped, 1);
    assert_eq!(drain(&mut backlog, at(401)), [media(TrackId::MICROPHONE, 1, 2, 0, 1)]);
    assert_eq!(backlog.figures().voice_packets_dropped, 1);
}

#[test]
fn what_can_be_no_datagram_and_what_floods_takes_no_memory() {
    let mut backlog = Backlog::new();
    backlog.push(at(0), &[4; 29]);
    backlog.push(at(0), &[4; 1201]);
    assert!(backlog.is_empty());
    for _ in 0..10_000 {
        backlog.push(at(0), &[9; 1200]);
        backlog.push(at(0), &media(TrackId::MICROPHONE, 1, 1, 0, 1));
    }
    assert!(backlog.others.bytes <= OTHER_BYTES_MAX && backlog.voices.bytes <= VOICE_BYTES_MAX);
    // As many tracks as a hostile server likes: what is remembered of them stays bounded.
    for room in 0..1000u32 {
        let mut packet = picture(1, 0, 1);
        packet[HOP_PREFIX_BYTES..HOP_PREFIX_BYTES + 4].copy_from_slice(&room.to_be_bytes());
        backlog.push(at(u64::from(room) * 300), &packet);
    }
    assert!(backlog.dropped.len() <= TRACKS_MAX);
}
