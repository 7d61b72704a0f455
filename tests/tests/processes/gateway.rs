//! The way in for browsers without a browser: a real server, a real gateway, and the page's client at the other end of the
//! WebSocket.

use std::fs;
use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::time::Duration;

use async_tungstenite::tungstenite::handshake::client::generate_key;
use async_tungstenite::tungstenite::http::Request;
use async_tungstenite::tungstenite::{Bytes, Message};
use async_tungstenite::{WebSocketStream, client_async};
use futures_lite::{FutureExt, StreamExt};
use hph_client::engine::Command;
use hph_core::id::TrackId;
use hph_core::wire::control::{ClientMessage, Codec, ServerMessage, SignInMethods, TrackInfo};
use hph_gateway::{Config, FiguresHandle, Gateway, Origins, Page, Upstream};
use hph_platform::clock::Clock;
use hph_platform::entropy;
use hph_platform::jpeg::probe;
use hph_server::config::Access;
use hph_tests::wire_lab::material::jpegs;
use hph_tests::wire_lab::person::{Person, guest};
use hph_tests::wire_lab::raw::RawClient;
use hph_tests::wire_lab::server::{LocalServer, Target};
use hph_web::{Account, Client, Host, VoicePacket};
use tempfile::TempDir;

/// A gateway on a thread of this process, with a page of one line.
struct LocalGateway {
    address: SocketAddr,
    figures: FiguresHandle,
    _stop: async_channel::Sender<()>,
    _page: TempDir,
}

impl LocalGateway {
    fn start(target: &Target, connections_max: usize) -> Self {
        let page = tempfile::tempdir().expect("a folder");
        fs::write(page.path().join("index.html"), "the page").expect("written");
        let address = target.address;
        let config = Config {
            listen: ([127, 0, 0, 1], 0).into(),
            tls: None,
            authority: None,
            is_behind_proxy: false,
            origins: Origins::default(),
            page: Page::read(page.path()).expect("a page"),
            upstream: Upstream { host: address.ip().to_string(), port: address.port(), pin: target.pin, key: None },
            connections_max,
            per_source_max: connections_max,
        };
        let gateway = Gateway::bind(config).expect("binds");
        let (address, figures) = (gateway.listening().address, gateway.figures());
        let (stop, stopping) = async_channel::bounded(1);
        std::thread::spawn(move || gateway.run(&stopping));
        Self { address, figures, _stop: stop, _page: page }
    }

    /// The answer to a request, as it came.
    fn ask(&self, request: &str) -> String {
        let mut stream = TcpStream::connect(self.address).expect("connects");
        stream.set_read_timeout(Some(Duration::from_secs(20))).expect("set");
        // Whoever is refused may be cut off while it still speaks.
        let _ = stream.write_all(request.as_bytes());
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        String::from_utf8_lossy(&answer).into_owned()
    }
}

/// What the page's client wants to be done.
#[derive(Default)]
struct Wishes {
    messages: Vec<Vec<u8>>,
    events: Vec<String>,
    jpegs: Vec<Vec<u8>>,
}

impl Host for Wishes {
    fn control(&mut self, bytes: &[u8]) {
        self.messages.push([&[1], bytes].concat());
    }

    fn datagram(&mut self, bytes: &[u8]) {
        self.messages.push([&[2][..], &(bytes.len() as u16).to_be_bytes(), bytes].concat());
    }

    fn event(&mut self, json: &str) {
        self.events.push(json.to_owned());
    }

    fn voice(&mut self, _: &VoicePacket<'_>) {}

    fn forget_voices(&mut self, _: Option<u16>) {}

    fn picture(&mut self, _: u16, _: u8) {}

    fn jpeg(&mut self, _: u16, _: u8, bytes: &[u8]) {
        self.jpegs.push(bytes.to_vec());
    }

    fn piece(&mut self, _: u64, _: u64, _: &[u8]) {}
}

/// A page without a browser.
struct Visitor {
    client: Client<Wishes>,
    socket: WebSocketStream<async_net::TcpStream>,
    /// Every byte that the gateway sent.
    heard: Vec<u8>,
}

impl Visitor {
    async fn open(gateway: &LocalGateway) -> Self {
        let host = gateway.address.to_string();
        let request = Request::builder()
            .uri(format!("ws://{host}/session"))
            .header("Host", &host)
            .header("Origin", format!("http://{host}"))
            .header("Connection", "Upgrade")
            .header("Upgrade", "websocket")
            .header("Sec-WebSocket-Version", "13")
            .header("Sec-WebSocket-Key", generate_key())
            .header("Sec-WebSocket-Protocol", "hph-web-1")
            .body(())
            .expect("a request");
        let stream = async_net::TcpStream::connect(gateway.address).await.expect("connects");
        let (socket, _) = client_async(request, stream).await.expect("is let in");
        let client = Client::new(Wishes::default(), Clock::now(), &entropy::array(), entropy::array());
        Self { client, socket, heard: Vec::new() }
    }

    /// Runs until an event that contains `wanted` has come.
    async fn until(&mut self, account: &Account, wanted: &str) -> String {
        let end = Clock::now() + hph_core::time::Duration::from_secs(20);
        loop {
            for message in std::mem::take(&mut self.client.host().messages) {
                self.socket.send(Message::Binary(message.into())).await.expect("sends");
            }
            let events = std::mem::take(&mut self.client.host().events);
            if let Some(event) = events.into_iter().find(|event| event.contains(wanted)) {
                return event;
            }
            assert!(Clock::now() < end, "{wanted} did not come");
            let tick = async {
                async_io::Timer::after(Duration::from_millis(10)).await;
                None
            };
            match async { self.socket.next().await }.or(tick).await {
                Some(Ok(Message::Binary(bytes))) => self.take(account, &bytes),
                Some(other) => panic!("the gateway said {other:?}"),
                None => {}
            }
            self.client.tick(Clock::now());
        }
    }

    fn take(&mut self, account: &Account, bytes: &Bytes) {
        let now = Clock::now();
        self.heard.extend_from_slice(bytes);
        match bytes.split_first() {
            Some((0, rest)) => {
                assert_eq!(rest.len(), 65);
                let (media, binding) = (rest[1..33].try_into().unwrap(), rest[33..].try_into().unwrap());
                self.client.connected(account.clone(), (media, binding), (entropy::array(), entropy::array()));
            }
            Some((1, rest)) => self.client.handle_control(now, rest),
            Some((2, rest)) => {
                let mut rest = rest;
                while let Some((length, others)) = rest.split_first_chunk::<2>() {
                    let (datagram, others) = others.split_at(u16::from_be_bytes(*length).into());
                    self.client.handle_datagram(now, &mut datagram.to_vec());
                    rest = others;
                }
            }
            // What it dropped.
            Some((3, rest)) => assert_eq!(rest.len(), 24),
            other => panic!("the gateway said {other:?}"),
        }
    }
}

#[test]
fn the_pages_client_signs_in_joins_and_chats_through_a_gateway_and_its_datagrams_go_both_ways() {
    let server = LocalServer::start();
    let gateway = LocalGateway::start(&server.target, 64);
    smol::block_on(async {
        let (asks, guest) = (Account::None, Account::Guest { display_name: "Hường".to_owned() });
        let hello = Visitor::open(&gateway).await.until(&asks, "\"t\":\"hello\"").await;
        assert!(hello.contains("\"guest\":true"), "{hello}");
        let mut visitor = Visitor::open(&gateway).await;
        visitor.until(&guest, "\"t\":\"welcome\"").await;
        visitor.until(&guest, "\"is_up\":true").await;
        visitor.client.say(&ClientMessage::JoinNamed { request: 1, name: "Nhóm 17", may_create: true });
        let joined = visitor.until(&guest, "\"t\":\"joined\"").await;
        let room: u32 =
            joined.split("\"room\":").nth(1).and_then(|rest| rest.split(',').next()).unwrap().parse().unwrap();
        let room = hph_core::id::RoomId(room);
        visitor.client.say(&ClientMessage::SendChat { reference: 7, room, text: "một\n<b>hai</b>" });
        let chat = visitor.until(&guest, "\"t\":\"chat\"").await;
        assert!(chat.contains("\"text\":\"một\\u000a<b>hai</b>\""), "{chat}");
        // By password: the proof is bound to the gateway's connection, and the server takes it as any other client's.
        let lan = |password: &str, may_register| Account::Password {
            username: "lan".to_owned(),
            password: password.to_owned(),
            display_name: "Lan".to_owned(),
            may_register,
        };
        for (account, wanted) in [
            (lan("một mật khẩu dài", true), "\"token\":\""),
            (lan("một mật khẩu dài", false), "\"t\":\"welcome\""),
            (lan("một mật khẩu khác", false), "\"why\":\"sign_in\""),
        ] {
            Visitor::open(&gateway).await.until(&account, wanted).await;
        }
    });
    let figures = gateway.figures.figures();
    assert!(figures.datagrams_up > 0 && figures.datagrams_down > 0, "{figures:?}");
}

#[test]
fn between_gateway_and_page_there_is_no_picture_and_no_direct_message_in_the_clear() {
    let server = LocalServer::start();
    let gateway = LocalGateway::start(&server.target, 64);
    let (mut lan, room) = Person::in_room(guest(&server.target, "Lan"), "Nhóm 17");
    lan.wait_for_datagrams();
    smol::block_on(async {
        let account = Account::Guest { display_name: "Hường".to_owned() };
        let mut visitor = Visitor::open(&gateway).await;
        let welcome = visitor.until(&account, "\"t\":\"welcome\"").await;
        let username = welcome.split("\"username\":\"").nth(1).and_then(|rest| rest.split('"').next()).expect("a name");
        visitor.until(&account, "\"is_up\":true").await;
        visitor.client.say(&ClientMessage::JoinNamed { request: 1, name: "Nhóm 17", may_create: false });
        visitor.until(&account, "\"is_me\":true").await;
        let jpeg = jpegs(1).remove(0);
        let size = probe(&jpeg).expect("a JPEG");
        let info = TrackInfo { is_on: true, codec: Codec::Jpeg, width: size.width, height: size.height };
        lan.switch(room, TrackId::CAMERA, info);
        lan.send(Command::Direct {
            reference: 5, to: username.to_owned(), text: "chỉ mình bạn đọc".to_owned()
        });
        visitor.until(&account, "chỉ mình bạn đọc").await;
        lan.say(room, "ai cũng đọc được");
        visitor.until(&account, "ai cũng đọc được").await;
        for timestamp in 0..200 {
            lan.send_frame(room, TrackId::CAMERA, timestamp * 3000, jpeg.clone());
            let reference = u64::from(timestamp) + 100;
            visitor.client.say(&ClientMessage::SendChat { reference, room, text: "một nhịp" });
            visitor.until(&account, "\"t\":\"chat_stored\"").await;
            if !visitor.client.host().jpegs.is_empty() {
                break;
            }
            async_io::Timer::after(Duration::from_millis(250)).await;
        }
        assert_eq!(visitor.client.host().jpegs.first(), Some(&jpeg), "the page opens what the gateway carried");
        let is_heard = |bytes: &[u8]| memchr::memmem::find(&visitor.heard, bytes).is_some();
        let (pieces, _) = jpeg.as_chunks::<32>();
        assert!(!pieces.iter().any(|piece| is_heard(piece)), "a piece of the picture");
        assert!(!is_heard("chỉ mình bạn đọc".as_bytes()), "the direct message");
        // What the room says, gateway and server may read: so it would have been found.
        assert!(is_heard("ai cũng đọc được".as_bytes()));
    });
}

/// What the server offers to whoever is at the other end.
fn offered(client: &mut RawClient) -> Option<SignInMethods> {
    client.send(&ClientMessage::Hello { version_min: 1, version_max: 1, agent: "test" }).ok()?;
    client
        .hear(|message| if let ServerMessage::Hello { methods, .. } = message { Some(*methods) } else { None })
        .ok()?
}

#[test]
fn where_a_browser_is_decides_what_it_may_and_only_whoever_has_the_key_may_say_where() {
    let server = LocalServer::start_with(|config| config.guests = Access::PrivateNetworks);
    let hex = fs::read_to_string(server.data_dir().join("gateway.key")).expect("the key");
    let key = hph_client::link::parse_hex(hex.trim()).expect("a key");
    let ask = |key: &[u8; 32], browser: &str| {
        let browser: IpAddr = browser.parse().expect("an address");
        offered(&mut RawClient::connect_as_gateway(&server.target, key, browser).expect("connects"))
    };
    assert_eq!(ask(&key, "203.0.113.9").map(|methods| methods.guest), Some(false));
    assert_eq!(ask(&key, "2001:db8::7").map(|methods| methods.guest), Some(false));
    assert_eq!(ask(&key, "192.168.1.5").map(|methods| methods.guest), Some(true));
    assert_eq!(ask(&[7; 32], "192.168.1.5"), None);
    let mut plain = RawClient::connect(&server.target, None).expect("connects");
    assert_eq!(offered(&mut plain).map(|methods| methods.guest), Some(true));
}

#[test]
fn the_gateway_serves_its_page_and_nothing_else_and_bounds_whoever_asks() {
    let server = LocalServer::start();
    let gateway = LocalGateway::start(&server.target, 3);
    let host = gateway.address;
    let page = gateway.ask(&format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n"));
    assert!(page.starts_with("HTTP/1.1 200") && page.ends_with("\r\n\r\nthe page"), "{page}");
    assert!(page.contains("default-src 'none'") && !page.contains("'unsafe-"), "{page}");
    let upgrade = format!(
        "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nHost: {host}\r\n"
    );
    for (request, status) in [
        (format!("GET /../../etc/passwd HTTP/1.1\r\nHost: {host}\r\n\r\n"), "404"),
        (format!("GET /%2e%2e/ HTTP/1.1\r\nHost: {host}\r\n\r\n"), "404"),
        (format!("POST / HTTP/1.1\r\nHost: {host}\r\nContent-Length: 0\r\n\r\n"), "405"),
        (format!("GET /session HTTP/1.1\r\nOrigin: http://evil.example\r\n{upgrade}\r\n"), "403"),
        (format!("GET /session HTTP/1.1\r\n{upgrade}\r\n"), "403"),
        // The page's subprotocol is missing.
        (format!("GET /session HTTP/1.1\r\nOrigin: http://{host}\r\n{upgrade}\r\n"), "400"),
    ] {
        let answer = gateway.ask(&request);
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{request} {answer}");
    }
    assert_eq!(gateway.ask(&format!("GET / HTTP/1.1\r\nA: {}\r\n\r\n", "a".repeat(20_000))), "");
    assert_eq!(gateway.ask("\x16\x03\x01 no HTTP\r\n\r\n"), "");
    // Three that say nothing take all the places, and no more.
    let silent: Vec<_> = (0..3).map(|_| TcpStream::connect(host).expect("connects")).collect();
    let refused = gateway.figures.figures().refused;
    let limit = Clock::now() + hph_core::time::Duration::from_secs(10);
    while gateway.figures.figures().refused == refused {
        assert_eq!(gateway.ask(&format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n")), "");
        assert!(Clock::now() < limit, "nobody was refused");
    }
    drop(silent);
}
