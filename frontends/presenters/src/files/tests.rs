use hph_client::core::wire::control::Refusal;

use super::*;
use crate::testing::{ROOM, meeting};

fn shelved(file: u64, author: &str) -> EngineEvent {
    let remote = RemoteFile { file, name: format!("tệp {file}.pdf"), size: 1000, sha256: [1; 32], key: None };
    let (author, display_name) = (author.to_owned(), author.to_uppercase());
    EngineEvent::File { request: 0, room: ROOM, file: remote, author, display_name, time_ms: file }
}

fn commands(effects: &mut Effects) -> Vec<Command> {
    effects
        .drain(..)
        .filter_map(|effect| match effect {
            Effect::Engine(command) => Some(command),
            _ => None,
        })
        .collect()
}

#[test]
fn a_shelf_is_listed_once_and_anew_after_a_reconnect() {
    let (mut files, mut ids, mut effects) = (Files::default(), Ids::new(1), Effects::new());
    files.open(ROOM, &mut ids, &mut effects);
    files.open(ROOM, &mut ids, &mut effects);
    let asked = commands(&mut effects);
    let [Command::ListFiles { request, before: 0, .. }] = asked.as_slice() else { panic!("{asked:?}") };
    assert!(matches!(files.handle_engine(&shelved(3, "lan")), Some(News::Came(ROOM, _))));
    files.handle_engine(&shelved(9, "minh"));
    files.handle_engine(&EngineEvent::FilesAll { request: *request, before: 3 });
    let numbers: Vec<u64> = files.shelf(ROOM).unwrap().files().map(|shelved| shelved.file.file).collect();
    assert_eq!(numbers, [9, 3]);
    files.open(ROOM, &mut ids, &mut effects);
    assert!(commands(&mut effects).is_empty());
    files.handle(Event::Older, Some(ROOM), &mut ids, &mut effects);
    assert!(matches!(commands(&mut effects).as_slice(), [Command::ListFiles { before: 3, .. }]));
    files.handle_engine(&EngineEvent::FileGone { request: 0, room: ROOM, file: 9 });
    assert_eq!(files.shelf(ROOM).unwrap().files().count(), 1);
    let joined =
        EngineEvent::Joined { request: 0, room: ROOM, name: "Nhóm".to_owned(), slot: hph_client::core::id::Slot(0) };
    files.handle_engine(&joined);
    files.open(ROOM, &mut ids, &mut effects);
    assert!(matches!(commands(&mut effects).as_slice(), [Command::ListFiles { before: 0, .. }]));
}

#[test]
fn a_transfer_is_seen_from_its_beginning_to_its_end() {
    let (mut files, mut ids, mut effects) = (Files::default(), Ids::new(1), Effects::new());
    let to = FileTarget::Person("lan".to_owned());
    files.handle(Event::Chosen(to.clone(), vec!["/a/bài tập.pdf".into()]), None, &mut ids, &mut effects);
    let sent = commands(&mut effects);
    let [Command::SendFile { request, .. }] = sent.as_slice() else { panic!("{sent:?}") };
    assert_eq!(files.transfers()[0].name, "bài tập.pdf");
    files.handle_engine(&EngineEvent::FileProgress { request: *request, done: 25, total: 100 });
    assert_eq!(files.transfers()[0].part(), 0.25);
    let news = files.handle_engine(&EngineEvent::FileSent { request: *request, file: 4 });
    assert_eq!(news, Some(News::Sent(to, "bài tập.pdf".to_owned(), 100)));
    files.handle(Event::Stop(*request), None, &mut ids, &mut effects);
    assert!(commands(&mut effects).is_empty() && files.transfers().is_empty(), "it was over");

    files.handle_engine(&shelved(3, "lan"));
    files.handle(Event::FetchShelved(3), Some(ROOM), &mut ids, &mut effects);
    files.handle(Event::FetchShelved(3), Some(ROOM), &mut ids, &mut effects);
    let [Effect::FetchFile { request, .. }] = effects.as_slice() else { panic!("once: {effects:?}") };
    let reason = FileFailure::Refused(Refusal::NoSuchFile);
    let failed = EngineEvent::FileFailed { request: *request, reason: reason.clone() };
    assert_eq!(files.handle_engine(&failed), Some(News::Failed("tệp 3.pdf".to_owned(), reason)));
    files.handle(Event::FetchShelved(3), Some(ROOM), &mut ids, &mut effects);
    assert_eq!(effects.len(), 2, "what failed may be tried again");
}

#[test]
fn one_takes_away_ones_own_files_and_a_host_all() {
    let mut view = meeting(&[("lan", "Lan")]);
    let of = |author: &str| match Files::default().handle_engine(&shelved(3, author)) {
        Some(News::Came(_, shelved)) => shelved,
        other => panic!("{other:?}"),
    };
    assert!(Files::may_delete(&view, ROOM, &of("minh")) && !Files::may_delete(&view, ROOM, &of("lan")));
    let me = view.rooms.get_mut(&ROOM).unwrap().participants.get_mut(&hph_client::core::id::Slot(0)).unwrap();
    me.role = Role::Host;
    assert!(Files::may_delete(&view, ROOM, &of("lan")));
}
