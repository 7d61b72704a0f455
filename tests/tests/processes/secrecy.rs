//! What the network and the server's disk get to see, and what strangers achieve.

use std::net::UdpSocket;
use std::time::Duration;

use hph_client::engine::{Account, Command, Event, new_reference};
use hph_core::id::TrackId;
use hph_core::limits::{DATAGRAM_MAX_BYTES, HOP_PREFIX_BYTES};
use hph_core::wire::datagram::Kind;
use hph_platform::clock::Clock;
use hph_platform::entropy;
use hph_tests::wire_lab::material;
use hph_tests::wire_lab::person::{PICTURES, Person, SOUND, guest, member};
use hph_tests::wire_lab::proxy::{Proxy, Recording, Way};
use hph_tests::wire_lab::server::LocalServer;
use hph_tests::wire_lab::wait::{elapsed, ms, pause, until_so};

const PASSWORD: &str = "Mật-khẩu-của-Hường-81724";
const USERNAME: &str = "huong.marker";
const DISPLAY_NAME: &str = "Hường Đánh Dấu";
const EMAIL: &str = "huong.marker@example.org";
const ROOM: &str = "Phòng bí mật 9317";
const CHAT: &str = "Lời nói trong phòng: kế hoạch ngày mai";
const DIRECT: &str = "Lời nhắn riêng: chìa khóa ở dưới chậu cây";
const BLOCK: Duration = Duration::from_millis(20);
/// Bytes of a picture or of sound that are looked for: chance does not hit so many.
const NEEDLE_BYTES: usize = 12;

/// One block of sound that is easy to recognise.
fn pcm_block() -> Vec<u8> {
    material::sound(320).iter().flat_map(|sample| sample.to_le_bytes()).collect()
}

/// Every stretch of some bytes that is looked for.
fn stretches(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    bytes.chunks_exact(NEEDLE_BYTES).step_by(7)
}

#[test]
fn a_recorded_session_holds_none_of_its_secrets() {
    let server = LocalServer::start();
    let proxy = Proxy::start(server.target.address);
    let target = server.target.at(proxy.address);
    let account = Account::Password {
        username: USERNAME.to_owned(),
        password: PASSWORD.to_owned(),
        email: EMAIL.to_owned(),
        display_name: DISPLAY_NAME.to_owned(),
        may_register: true,
    };
    let (registered, _) = Person::in_room(
        {
            let mut config = guest(&target, "");
            config.account = account.clone();
            config
        },
        ROOM,
    );
    drop(registered);
    // A second sign-in, with the password of an account that is there.
    let mut config = guest(&target, "");
    config.account = account;
    let (mut huong, room) = Person::in_room(config, ROOM);
    let (mut minh, _) = Person::in_room(member(&target, "minh", "một mật khẩu khác"), ROOM);
    minh.wait_for_person(DISPLAY_NAME);
    huong.wait_for_person("minh");

    huong.say_stored(room, CHAT);
    let reference = new_reference();
    huong.send(Command::Direct { reference, to: "minh".to_owned(), text: DIRECT.to_owned() });
    let read = minh.wait("direct message", ms(10_000), |event| match event {
        Event::Direct { text, .. } => Some(text.clone()),
        _ => None,
    });
    assert_eq!(read.as_deref(), Some(DIRECT));
    until_so("the room message", ms(5000), || minh.chats().iter().any(|(_, text)| text == CHAT));

    let jpegs = material::jpegs(3);
    let (pictures, sound) = (jpegs.clone(), pcm_block());
    huong.switch(room, TrackId::CAMERA, PICTURES);
    huong.switch(room, TrackId::MICROPHONE, SOUND);
    let streams = [
        huong.stream(room, TrackId::CAMERA, ms(66), move |count| pictures[count as usize % 3].clone()),
        huong.stream(room, TrackId::MICROPHONE, BLOCK, move |_| sound.clone()),
    ];
    let came = |track| minh.arrivals().iter().filter(|arrival| arrival.track == track).count();
    until_so("pictures and sound", ms(10_000), || came(TrackId::CAMERA) >= 10 && came(TrackId::MICROPHONE) >= 30);
    drop(streams);
    drop((huong, minh));

    let recording = proxy.recording();
    let (datagram_bytes, stream_bytes) = recording.len_bytes();
    println!("{datagram_bytes} bytes in datagrams, {stream_bytes} in TCP");
    assert!(datagram_bytes > 50_000 && stream_bytes > 5_000);
    for secret in [PASSWORD, USERNAME, DISPLAY_NAME, EMAIL, ROOM, CHAT, DIRECT, "minh", "hph-tests"] {
        assert!(!recording.contains(secret.as_bytes()), "{secret}");
    }
    for bytes in jpegs.iter().chain([&pcm_block()]) {
        for stretch in stretches(bytes) {
            assert!(!recording.contains(stretch), "{stretch:?}");
        }
    }
    // The search finds what is there: the lengths of TLS records and the headers of media are in the clear.
    assert!(recording.contains(&[0x17, 3, 3]));

    // Nor does the server's disk hold what only two people or one may know.
    let files = server.stop_and_read_data();
    assert!(files.iter().map(Vec::len).sum::<usize>() > 10_000);
    let is_on_disk = |text: &str| files.iter().any(|file| memchr::memmem::find(file, text.as_bytes()).is_some());
    assert!(is_on_disk(USERNAME), "the search finds what is there");
    assert!(!is_on_disk(DIRECT));
    assert!(!is_on_disk(PASSWORD));
}

/// A datagram of a client's that carries media, as it was on the wire.
fn media_of_a_client(recording: &Recording) -> Vec<u8> {
    let is_media = |way: Way, bytes: &[u8]| way == Way::ToServer && bytes.first() == Some(&(Kind::Media as u8));
    let found = recording.datagrams.iter().rev().find(|(_, way, bytes)| is_media(*way, bytes));
    found.expect("a media datagram").2.clone()
}

#[test]
fn a_stranger_gets_no_answer_and_does_no_harm() {
    let server = LocalServer::start();
    let proxy = Proxy::start(server.target.address);
    let (mut lan, room) = Person::in_room(guest(&server.target.at(proxy.address), "Lan"), ROOM);
    let (minh, _) = Person::in_room(guest(&server.target, "Minh"), ROOM);
    lan.switch(room, TrackId::MICROPHONE, SOUND);
    let _voice = lan.stream(room, TrackId::MICROPHONE, BLOCK, |count| count.to_be_bytes().repeat(160));
    until_so("sound", ms(5000), || minh.arrival_count() > 10);

    let stranger = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    stranger.connect(server.target.address).expect("connected");
    stranger.set_read_timeout(Some(ms(300))).expect("set");
    let real = media_of_a_client(&proxy.recording());
    let recorded = proxy.recording();
    // Figures are published four times a second; pings of our own came before their addresses had proved themselves.
    pause(ms(500));
    let total = || server.figures().drops.iter().map(|(_, count)| count).sum::<u64>();
    let before = total();
    let mut sent = 0u64;
    let mut send = |bytes: &[u8]| {
        sent += 1;
        stranger.send(bytes).expect("sent");
        if sent.is_multiple_of(50) {
            pause(ms(2));
        }
    };

    // Random bytes of every length.
    let mut noise = entropy::array::<{ DATAGRAM_MAX_BYTES + 60 }>();
    for len in (0..noise.len()).step_by(5) {
        noise[0] = noise[0].wrapping_add(1);
        send(&noise[..len]);
    }
    // A real connection, and everything else made up: each kind, old and new counters.
    for kind in 0..=8u8 {
        for (round, len) in [HOP_PREFIX_BYTES, 38, 46, 100, 1200].into_iter().enumerate() {
            let mut forged = entropy::array::<1200>();
            forged[0] = kind;
            forged[1..6].copy_from_slice(&real[1..6]);
            forged[6..14].copy_from_slice(&(1u64 << (round * 12)).to_be_bytes());
            send(&forged[..len]);
        }
    }
    // All that the client itself sent, again, from elsewhere.
    for (_, _, bytes) in recorded.datagrams.iter().filter(|(_, way, _)| *way == Way::ToServer) {
        send(bytes);
    }
    // One bit of a real datagram turned over, at each place that is in the clear.
    for bit in 0..HOP_PREFIX_BYTES * 8 {
        let mut altered = real.clone();
        altered[bit / 8] ^= 1 << (bit % 8);
        send(&altered);
    }

    let mut answer = [0; 2048];
    assert!(stranger.recv(&mut answer).is_err(), "a stranger was answered");
    until_so("counted drops", ms(5000), || total() >= before + sent);
    println!("{sent} datagrams of a stranger: {:?}", server.figures().drops);
    assert_eq!(total(), before + sent, "each is dropped and counted, and nothing else is");
    for reason in ["length", "unknown_kind", "unknown_connection", "replayed", "hop_tag"] {
        assert!(server.dropped(reason) > 0, "{reason}");
    }

    // The meeting goes on, from the same address.
    let began = Clock::now();
    let heard = minh.arrival_count();
    until_so("more sound", ms(2000), || minh.arrival_count() > heard + 20);
    println!("20 blocks in {:?}", elapsed(began));
    lan.say_stored(room, "vẫn nghe");
    assert!(!lan.has_seen(|event| matches!(event, Event::Datagrams { is_up: false } | Event::Lost { .. })));
}

#[test]
fn altered_datagrams_are_dropped_and_counted_and_hurt_only_themselves() {
    let server = LocalServer::start();
    let proxy = Proxy::start(server.target.address);
    let (mut lan, room) = Person::in_room(guest(&server.target.at(proxy.address), "Lan"), ROOM);
    let (minh, _) = Person::in_room(guest(&server.target, "Minh"), ROOM);
    lan.switch(room, TrackId::MICROPHONE, SOUND);
    // One bit of every tenth datagram is turned over, wherever it lies.
    let flips = hph_tests::wire_lab::proxy::Weather { seed: 5, flips: 100, ..Default::default() };
    proxy.set_weather(flips);
    // Short frames: about as much in headers as in content.
    let voice = lan.stream(room, TrackId::MICROPHONE, BLOCK, |count| count.to_be_bytes().repeat(20));
    until_so("sound", ms(10_000), || minh.arrival_count() > 150);
    let sent = voice.stop();
    pause(ms(400));
    let arrivals = minh.arrivals();
    for arrival in &arrivals {
        let (first, _) = arrival.bytes.as_chunks::<4>();
        assert!(first.iter().all(|word| *word == first[0]), "an altered frame was handed out");
    }
    let lost = sent as usize - arrivals.len();
    let dropped = || {
        [&server.figures().drops, &minh.figures().drops].map(|drops| {
            let is_ours = |name: &str| !matches!(name, "unvalidated_path");
            drops.iter().filter(|(name, _)| is_ours(name)).map(|(_, count)| count).sum::<u64>()
        })
    };
    // Figures are half a second old at most.
    until_so("each loss is counted", ms(2000), || lost as u64 <= dropped().iter().sum());
    let dropped = dropped();
    println!("{lost} of {sent} blocks lost; the server dropped {}, the receiver {}", dropped[0], dropped[1]);
    assert!(lost > 0 && dropped[0] > 0, "the relay sees altered headers");
    assert!(dropped[1] > 0, "the receiver sees altered contents, which the relay does not look at");
    assert!(!lan.has_seen(|event| matches!(event, Event::Lost { .. })), "bad tags end no session");
}
