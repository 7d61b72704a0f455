//! A server that is killed again and again while people talk (SQLite's promise, our acknowledgements, the client's
//! resends: all of it together).
//!
//! A short form runs with all tests. `HPH_KILLS=200 HPH_PEOPLE=20` makes it the full one.

use std::collections::BTreeMap;

use hph_client::engine::Event;
use hph_core::id::RoomId;
use hph_platform::clock::Clock;
use hph_platform::entropy;
use hph_tests::wire_lab::person::{Person, guest};
use hph_tests::wire_lab::server::ServerProcess;
use hph_tests::wire_lab::wait::{elapsed, ms, pause, until_so};

use super::{ROOM, edit, history, shown};

const MESSAGES: usize = 4;

fn number(variable: &str, usual: usize) -> usize {
    std::env::var(variable).ok().and_then(|text| text.parse().ok()).unwrap_or(usual)
}

/// Everybody's acknowledged messages and changes: number by reference.
fn acknowledged(person: &Person) -> BTreeMap<u64, u64> {
    let events = person.log().into_iter();
    events
        .filter_map(|(_, event)| match event {
            Event::ChatStored { reference, id, .. } => Some((reference, id)),
            _ => None,
        })
        .collect()
}

#[test]
fn a_server_that_is_killed_while_people_talk_loses_and_doubles_nothing() {
    let (kills, people) = (number("HPH_KILLS", 3), number("HPH_PEOPLE", 5));
    let mut server = ServerProcess::start(&["--set", "messages_per_second=1000", "--set", "messages_burst=10000"]);
    let mut people: Vec<(Person, RoomId)> =
        (0..people).map(|n| Person::in_room(guest(&server.target, &format!("Người {n}")), ROOM)).collect();
    let room = people[0].1;
    // What each reference says, and of which message it is a change.
    let mut said = BTreeMap::new();
    let mut worst_ms = 0;
    for kill in 0..kills {
        for (n, (person, _)) in people.iter().enumerate() {
            for k in 0..MESSAGES {
                let text = format!("{kill}.{n}.{k}");
                said.insert(person.say(room, &text), (text, None));
            }
            // The last that is known to be stored gets another text.
            let own = acknowledged(person).into_iter().filter(|(reference, _)| said[reference].1.is_none());
            if let Some((_, target)) = own.max_by_key(|(_, id)| *id) {
                let text = format!("{kill}.{n} sửa {target}");
                said.insert(edit(person, room, target, &text), (text, Some(target)));
            }
        }
        pause(ms(u64::from(entropy::array::<1>()[0]) / 4));
        server.kill();
        let (text, (person, _)) = (format!("{kill} khi tắt"), &people[kill % people.len()]);
        said.insert(person.say(room, &text), (text, None));
        let began = Clock::now();
        server.restart();
        worst_ms = worst_ms.max(elapsed(began).as_millis());
        for (person, _) in &mut people {
            person.wait("place in the room", ms(20_000), |event| {
                matches!(event, Event::Joined { request: 0, .. }).then_some(())
            });
        }
    }
    println!("{kills} kills, {} messages and changes; the server was back within {worst_ms} ms", said.len());
    let is_all_stored = || people.iter().map(|(person, _)| acknowledged(person).len()).sum::<usize>() == said.len();
    until_so("an acknowledgement of everything", ms(30_000), is_all_stored);

    let numbers: BTreeMap<u64, u64> = people.iter().flat_map(|(person, _)| acknowledged(person)).collect();
    let ids: Vec<u64> = {
        let mut ids: Vec<u64> = numbers.values().copied().collect();
        ids.sort_unstable();
        ids
    };
    assert_eq!(ids, (1..=said.len() as u64).collect::<Vec<_>>(), "each has a number of its own, and none is missing");
    // What every message must say: as it was said, or as it was changed last.
    let mut expected = BTreeMap::new();
    let in_order: BTreeMap<u64, &(String, Option<u64>)> =
        numbers.iter().map(|(reference, id)| (*id, &said[reference])).collect();
    for (id, (text, target)) in in_order {
        expected.insert(target.unwrap_or(id), Some(text.clone()));
    }
    let stored: BTreeMap<u64, Option<String>> = history(&mut people[0].0, room).into_iter().collect();
    assert_eq!(stored, expected);
    for (person, _) in &people {
        until_so("the same for everybody", ms(10_000), || shown(person) == expected);
        let chats = person.chats();
        assert!(chats.is_sorted_by(|a, b| a.0 < b.0), "in order, and none twice");
    }
}
