use super::*;
use crate::testing::{ROOM, meeting, now};
use crate::text::when::Day;
use hph_client::core::wire::control::Refusal;
use hph_client::engine::Event as Told;

const MINUTE: u64 = 60_000;
const DAY: u64 = 24 * 60 * MINUTE;

struct Test {
    chat: Chat,
    view: MeetingView,
    ids: Ids,
    effects: Effects,
}

impl Test {
    fn new() -> Self {
        let mut view = meeting(&[("lan", "Ngọc Lan"), ("dat", "Đạt")]);
        view.connection = hph_client::view::Connection::Up;
        for (place, (username, name)) in (0..).zip([("minh", "Trần Minh"), ("lan", "Ngọc Lan"), ("dat", "Đạt")])
        {
            let (username, display_name) = (username.to_owned(), name.to_owned());
            view.apply(&Told::LobbyPerson { place, username, display_name });
        }
        Self { chat: Chat::default(), view, ids: Ids::new(1), effects: Vec::new() }
    }

    fn act(&mut self, event: Event) -> Option<Slash> {
        self.chat.handle(event, &self.view, &mut self.ids, now(0), &mut self.effects)
    }

    fn told(&mut self, event: &Told) {
        self.chat.handle_engine(event, &self.view, &mut self.effects);
    }

    fn said(&mut self, id: u64, author: &str, time_ms: u64, text: &str) {
        let (author, text) = (author.to_owned(), text.to_owned());
        self.told(&Told::Chat { room: ROOM, id, display_name: author.to_uppercase(), author, time_ms, text });
    }

    fn direct(&mut self, id: u64, from: &str, text: &str) {
        let (from, text, key) = (from.to_owned(), Some(text.to_owned()), KeyState::Seen);
        self.told(&Told::Direct { id, from, key, time_ms: now(0).unix_ms + id, text });
    }

    fn commands(&mut self) -> Vec<Command> {
        let commands = self.effects.drain(..).filter_map(|effect| match effect {
            Effect::Engine(command) => Some(command),
            _ => None,
        });
        commands.collect()
    }

    fn rows(&self, id: &ThreadId) -> Vec<String> {
        let row = |row: Row| match row {
            Row::Older { is_loading } => format!("older {is_loading}"),
            Row::Day(day) => format!("{day:?}").split(' ').next().unwrap().to_owned(),
            Row::Unread => "unread".to_owned(),
            Row::Message(message) => {
                let mark = if message.is_first { "+" } else { "" };
                format!("{mark}{} {}", message.username, message.text.unwrap_or_default())
            }
        };
        self.chat.rows(id, &self.view, now(0)).into_iter().map(row).collect()
    }

    fn send(&mut self, text: &str) -> Option<Slash> {
        self.act(Event::Draft(text.to_owned()));
        self.act(Event::Send)
    }
}

fn here() -> ThreadId {
    ThreadId::Room(ROOM)
}

#[test]
fn messages_stand_in_groups_under_their_days() {
    let (mut test, today) = (Test::new(), now(0).unix_ms);
    for (id, author, time_ms, text) in [
        (1, "lan", today - 2 * DAY, "a"),
        (2, "lan", today - DAY, "b"),
        (3, "lan", today - 20 * MINUTE, "c"),
        (4, "lan", today - 16 * MINUTE, "d"),
        (5, "lan", today - 15 * MINUTE, "e"),
        (6, "dat", today - 14 * MINUTE, "f"),
        (8, "lan", today - 13 * MINUTE, "g"),
    ] {
        test.said(id, author, time_ms, text);
    }
    assert_eq!(
        test.rows(&here()),
        [
            "older false",
            "Date",
            "+lan a",
            "Yesterday",
            "+lan b",
            "Today",
            "+lan c",
            "lan d",
            "+lan e",
            "+dat f",
            "+lan g",
        ]
    );
    let Row::Day(day) = &test.chat.rows(&here(), &test.view, now(0))[1] else { panic!() };
    assert!(matches!(day, Day::Date { day: 21, month: 11, .. }));
}

#[test]
fn what_was_not_read_is_counted_and_marked_off() {
    let mut test = Test::new();
    (1..=3).for_each(|id| test.said(id, "lan", now(0).unix_ms, "chào"));
    test.said(4, "minh", now(0).unix_ms, "của tôi");
    assert_eq!(test.chat.unread(&here()), 3);
    test.act(Event::Open(here()));
    assert_eq!((test.chat.unread(&here()), test.rows(&here())[2].as_str()), (3, "unread"), "not yet at the end");
    assert_eq!(test.commands(), []);
    test.act(Event::AtEnd(true));
    assert_eq!(test.chat.unread(&here()), 0);
    assert_eq!(test.commands(), [Command::MarkRead { room: ROOM, id: 4 }]);
    assert_eq!(test.rows(&here())[2], "unread", "the mark stays as long as the thread is open");
    test.said(5, "lan", now(0).unix_ms, "nữa");
    assert_eq!((test.chat.unread(&here()), test.commands()), (0, vec![Command::MarkRead { room: ROOM, id: 5 }]));
    test.act(Event::Close);
    test.said(6, "lan", now(0).unix_ms, "nữa");
    assert_eq!(test.chat.unread(&here()), 1);
    test.told(&Told::Unread { request: 1, room: ROOM, name: String::new(), read: 6, latest: 6, unread: 0 });
    assert_eq!(test.chat.unread(&here()), 0, "read on another device");
}

#[test]
fn a_message_is_on_its_way_until_the_server_has_it_or_refuses_it() {
    let mut test = Test::new();
    test.act(Event::Open(here()));
    test.effects.clear();
    assert_eq!(test.send("  chào cả lớp "), None);
    let [Command::Chat { reference, text, .. }] = &test.commands()[..] else { panic!() };
    assert_eq!((text.as_str(), test.chat.draft_text()), ("chào cả lớp", ""));
    let delivery = |test: &Test| {
        test.chat.rows(&here(), &test.view, now(0)).iter().find_map(|row| match row {
            Row::Message(message) => Some(message.delivery),
            _ => None,
        })
    };
    assert_eq!(delivery(&test), Some(Delivery::Pending));
    test.view.connection = hph_client::view::Connection::Lost { why: String::new() };
    assert_eq!(delivery(&test), Some(Delivery::Queued));
    let (reference, reason) = (*reference, FailReason::Refused(Refusal::TooFast));
    test.told(&Told::MessageFailed { reference, reason });
    assert_eq!(delivery(&test), Some(Delivery::Failed(reason)));
    test.act(Event::Retry(reference));
    let [Command::Chat { reference: again, .. }] = &test.commands()[..] else { panic!() };
    assert_ne!(*again, reference);
    test.told(&Told::ChatStored { reference: *again, room: ROOM, id: 9 });
    assert_eq!(delivery(&test), None, "the engine brings it as a message");
    test.send("x");
    let [Command::Chat { reference, .. }] = &test.commands()[..] else { panic!() };
    test.chat.engine_busy(&Command::Chat { reference: *reference, room: ROOM, text: String::new() });
    test.act(Event::Discard(*reference));
    assert_eq!(delivery(&test), None);
    for nothing in ["", "  \n "] {
        test.send(nothing);
    }
    assert!(test.commands().is_empty() && test.chat.problem.is_none());
    test.send(&"x".repeat(5000));
    assert_eq!(test.chat.problem, Some(Problem::Text(Flaw::TooLong { max: 4000 })));
    assert_eq!(test.chat.draft_text().len(), 5000, "nothing that was written is lost");
}

#[test]
fn one_writes_ones_own_messages_anew_and_takes_them_back() {
    let mut test = Test::new();
    test.said(1, "minh", now(0).unix_ms, "chào");
    test.said(2, "lan", now(0).unix_ms, "chào");
    test.act(Event::Open(here()));
    test.act(Event::Draft("đang viết".to_owned()));
    test.act(Event::StartEdit(2));
    assert_eq!(test.chat.editing(), None, "not ours");
    test.act(Event::EditLast);
    assert_eq!((test.chat.editing(), test.chat.draft_text()), (Some(1), "chào"));
    test.effects.clear();
    test.send("chào cả lớp");
    let commands = test.commands();
    assert!(matches!(&commands[..], [Command::EditChat { id: 1, .. }]), "{commands:?}");
    assert_eq!((test.chat.editing(), test.chat.draft_text()), (None, "đang viết"), "what was being written comes back");
    assert!(test.rows(&here()).contains(&"+minh chào cả lớp".to_owned()), "shown at once");
    test.act(Event::StartEdit(1));
    test.act(Event::CancelEdit);
    assert_eq!(test.chat.draft_text(), "đang viết");
    test.effects.clear();
    test.act(Event::Delete(1));
    assert!(matches!(test.commands()[..], [Command::DeleteChat { id: 1, .. }]));
    let (author, time_ms) = ("lan".to_owned(), 1);
    test.told(&Told::ChatChanged { room: ROOM, id: 3, target: 2, author, time_ms, text: None });
    assert!(test.rows(&here()).contains(&"+lan ".to_owned()), "{:?}", test.rows(&here()));
    let Row::Message(row) = test.chat.rows(&here(), &test.view, now(0)).pop().unwrap() else { panic!() };
    assert!(!row.may_delete && !row.may_edit && row.is_edited);
}

#[test]
fn nobody_writes_to_one_person_and_means_all() {
    let mut test = Test::new();
    let lan = ThreadId::Direct("lan".to_owned());
    test.act(Event::Open(here()));
    test.act(Event::Open(lan.clone()));
    test.act(Event::Draft("bí mật".to_owned()));
    test.act(Event::Close);
    assert_eq!((test.chat.front.clone(), test.chat.home()), (None, Some(&here())));
    assert_eq!(test.act(Event::Send), None);
    test.effects.clear();
    test.act(Event::Open(here()));
    assert_eq!(test.chat.draft_text(), "", "the draft is that of its thread");
    assert!(test.commands().is_empty());
    test.act(Event::Open(lan.clone()));
    test.send("bí mật");
    let commands = test.commands();
    let [Command::Direct { reference, to, .. }] = &commands[..] else { panic!("{commands:?}") };
    assert_eq!(to, "lan");
    test.told(&Told::DirectStored { reference: *reference, id: 700 });
    assert_eq!(test.rows(&lan), ["Today", "+minh bí mật"], "the server does not send it back");
    assert!(test.rows(&here()).is_empty());
}

#[test]
fn direct_messages_are_read_up_to_the_first_one_that_is_not() {
    let mut test = Test::new();
    for (id, from) in [(1, "lan"), (2, "dat"), (3, "lan"), (3, "lan")] {
        test.direct(id, from, "chào");
    }
    assert_eq!((test.chat.unread_directs(), test.chat.directs()), (3, vec!["lan", "dat"]));
    test.act(Event::AtEnd(true));
    test.act(Event::Open(ThreadId::Direct("lan".to_owned())));
    assert_eq!(test.chat.unread_directs(), 1);
    assert_eq!(test.commands(), [Command::MarkRead { room: RoomId(0), id: 1 }], "Đạt's second one is not read");
    test.act(Event::Open(ThreadId::Direct("dat".to_owned())));
    assert_eq!(test.commands(), [Command::MarkRead { room: RoomId(0), id: 3 }]);
}

#[test]
fn one_pages_back_and_searches_one_look_up_at_a_time() {
    let mut test = Test::new();
    (101..=105).for_each(|id| test.said(id, "lan", now(0).unix_ms, "mới"));
    test.act(Event::Open(here()));
    test.effects.clear();
    test.act(Event::Older);
    test.act(Event::Older);
    test.act(Event::Search("giao  thức".to_owned()));
    let commands = test.commands();
    let [Command::History { request, before: 101, words: None, .. }] = commands[..] else { panic!("{commands:?}") };
    let found = |request, id| Told::ChatFound {
        request,
        room: ROOM,
        id,
        author: "lan".to_owned(),
        display_name: "Lan".to_owned(),
        time_ms: 1,
        edited_ms: None,
        text: Some("cũ".to_owned()),
    };
    test.told(&found(request, 100));
    test.told(&found(request + 77, 99));
    test.told(&Told::ChatFoundAll { request, room: ROOM, before: 100 });
    let ids: Vec<_> = test.chat.thread(&here()).unwrap().lines().map(|line| line.id).collect();
    assert_eq!((ids[0], ids.len(), test.chat.unread(&here())), (100, 6, 5), "what is old was read");
    let commands = test.commands();
    let [Command::History { request, before: 0, words: Some(words), .. }] = &commands[..] else {
        panic!("{commands:?}")
    };
    assert_eq!(words, "giao thức");
    test.told(&found(*request, 50));
    test.told(&Told::ChatFoundAll { request: *request, room: ROOM, before: 50 });
    assert!(test.chat.search.as_ref().unwrap().has_more() && test.chat.found_rows(&test.view, now(0)).len() == 1);
    test.act(Event::MoreFound);
    assert!(matches!(test.commands()[..], [Command::History { before: 50, .. }]));
    test.told(&Told::Lost { why: String::new(), retry_in: Default::default() });
    assert!(!test.chat.search.as_ref().unwrap().is_running, "nobody will answer");
    test.act(Event::Older);
    assert!(matches!(test.commands()[..], [Command::History { before: 100, words: None, .. }]));
    test.act(Event::Search(String::new()));
    assert!(test.chat.search.is_none());
}

#[test]
fn commands_are_given_back_and_mistakes_are_told() {
    let mut test = Test::new();
    test.act(Event::Open(here()));
    test.effects.clear();
    assert_eq!(test.send("/hand on"), Some(Slash::Hand(true)));
    assert_eq!(test.send("/mute"), None);
    assert_eq!(test.chat.problem, Some(Problem::Slash(SlashError::Usage("/mute NAME"))));
    test.act(Event::Draft("/mute l".to_owned()));
    assert_eq!(test.chat.problem, None);
    assert!(test.commands().is_empty());
    test.send("//chào");
    assert!(matches!(&test.commands()[..], [Command::Chat { text, .. }] if text == "/chào"));
}

#[test]
fn a_message_that_names_us_is_for_us() {
    let mut test = Test::new();
    for (id, text, expected) in [
        (1, "@minh ơi", true),
        (2, "chào @Minh!", true),
        (3, "minh", false),
        (4, "@minhh", false),
        (5, "a@minh.vn", true),
    ] {
        test.said(id, "lan", now(0).unix_ms, text);
        let Some(Row::Message(row)) = test.chat.rows(&here(), &test.view, now(0)).pop() else { panic!() };
        assert_eq!(row.is_for_me, expected, "{text}");
    }
}

#[test]
fn a_thread_does_not_grow_without_end() {
    let mut test = Test::new();
    (1..=2500).for_each(|id| test.said(id, "lan", id, "x"));
    (1..=2500).for_each(|id| test.direct(id, "lan", "x"));
    let count = |id: &ThreadId| test.chat.thread(id).unwrap().lines().count();
    assert_eq!((count(&here()), count(&ThreadId::Direct("lan".to_owned()))), (2000, 2000));
}

#[test]
fn a_server_that_invents_people_does_not_fill_the_memory() {
    let mut test = Test::new();
    test.said(1, "lan", 1, "x");
    test.act(Event::Open(ThreadId::Direct("first".to_owned())));
    (1..=2000).for_each(|id| test.direct(id, &format!("p{id}"), "x"));
    assert_eq!(test.chat.directs().len(), THREADS_MAX - 1);
    assert!(test.chat.thread(&here()).is_some() && test.chat.front_thread().is_some());
}

#[test]
fn rows_are_other_ones_only_with_another_version() {
    let mut test = Test::new();
    test.act(Event::Open(here()));
    let mut before = (test.chat.version(), test.rows(&here()));
    let nothing = Told::Datagrams { is_up: true };
    test.told(&nothing);
    assert_eq!(test.chat.version(), before.0);
    for step in 0..4 {
        match step {
            0 => test.said(1, "lan", now(0).unix_ms, "chào"),
            1 => _ = test.send("chào"),
            2 => test.act(Event::AtEnd(true)).map_or((), |_| ()),
            _ => test.chat.forget_room(ROOM),
        }
        let after = (test.chat.version(), test.rows(&here()));
        assert!(after.1 == before.1 || after.0 != before.0, "step {step}");
        before = after;
    }
}
