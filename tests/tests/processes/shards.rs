//! A server on two relay threads: what one half of a room sends, the other half gets.

use std::time::Duration;

use hph_core::id::TrackId;
use hph_tests::wire_lab::person::{PICTURES, Person, SOUND, guest};
use hph_tests::wire_lab::server::LocalServer;
use hph_tests::wire_lab::wait::{pause, until_so};

const LIMIT: Duration = Duration::from_secs(20);
const FRAMES: usize = 200;
/// Four packets, the last one short.
const PICTURE_BYTES: usize = 4000;
const SOUND_BYTES: usize = 640;

#[test]
fn people_on_different_shards_hear_and_see_each_other_without_loss() {
    let server = LocalServer::start_with(|config| config.relay_threads = 2);
    // Each newcomer goes to the shard with fewer sessions: two and two.
    let mut people: Vec<_> =
        ["an", "bình", "chi", "dũng"].map(|name| Person::in_room(guest(&server.target, name), "Nhóm")).into();
    for (person, room) in &mut people {
        person.switch(*room, TrackId::CAMERA, PICTURES);
        person.switch(*room, TrackId::MICROPHONE, SOUND);
        person.wait_for_datagrams();
    }
    for number in 0..FRAMES {
        for (person, room) in &people {
            assert!(person.send_frame(*room, TrackId::CAMERA, number as u32, vec![number as u8; PICTURE_BYTES]));
            assert!(person.send_frame(*room, TrackId::MICROPHONE, number as u32, vec![number as u8; SOUND_BYTES]));
        }
        pause(Duration::from_millis(10));
    }
    let expected = 2 * FRAMES * (people.len() - 1);
    for (person, _) in &people {
        until_so("every frame", LIMIT, || person.arrival_count() >= expected);
        assert_eq!(person.arrival_count(), expected);
    }
    until_so("figures", LIMIT, || server.figures().forwarded >= (expected * people.len()) as u64);
    let figures = server.figures();
    assert!(figures.handed_over > 0, "nothing crossed between the shards");
    assert_eq!((figures.not_handed_over, figures.not_sent), (0, 0));
}
