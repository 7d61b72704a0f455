//! A packet capture of a whole session, as somebody on the network has it, holds none of its secrets. Needs the right to
//! listen to the loopback interface (root or CAP_NET_RAW): without it the test says so and is left out.

use std::fs;
use std::io::Read;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use hph_client::engine::{Account, Command, Event, new_reference};
use hph_core::id::TrackId;
use hph_tests::wire_lab::material;
use hph_tests::wire_lab::person::{PICTURES, Person, SOUND, guest, member};
use hph_tests::wire_lab::server::LocalServer;
use hph_tests::wire_lab::wait::{ms, pause, until_so};
use memchr::memmem;
use socket2::{Domain, Protocol, Socket, Type};

const PASSWORD: &str = "Mật-khẩu-bị-nghe-lén-55172";
const USERNAME: &str = "hong.marker";
const DISPLAY_NAME: &str = "Hồng Đánh Dấu";
const EMAIL: &str = "hong.marker@example.org";
const ROOM: &str = "Phòng kín 4471";
const CHAT: &str = "Lời nói trong phòng: hẹn lúc bảy giờ";
const DIRECT: &str = "Lời nhắn riêng: mã khóa là 2580";
/// All protocols, as the kernel wants it: in network order.
const EVERY_PROTOCOL: u16 = 3u16.to_be();
const SNAP_BYTES: usize = 1 << 16;

/// Writes what passes on loopback to or from one port into a file, as `tcpdump -w` does.
struct Capture {
    is_over: Arc<AtomicBool>,
    thread: JoinHandle<(Vec<u8>, usize)>,
}

impl Capture {
    fn start(port: u16) -> std::io::Result<Self> {
        let socket = Socket::new(Domain::PACKET, Type::RAW, Some(Protocol::from(i32::from(EVERY_PROTOCOL))))?;
        let _ = socket.set_recv_buffer_size(64 << 20);
        socket.set_read_timeout(Some(Duration::from_millis(50)))?;
        let is_over = Arc::new(AtomicBool::new(false));
        let over = Arc::clone(&is_over);
        let thread = std::thread::spawn(move || {
            // The header of a capture file: magic, version 2.4, zone, accuracy, longest packet, Ethernet.
            let mut file = Vec::new();
            file.extend_from_slice(&0xa1b2_c3d4u32.to_le_bytes());
            file.extend_from_slice(&[2, 0, 4, 0]);
            file.extend_from_slice(&[0; 8]);
            file.extend_from_slice(&(SNAP_BYTES as u32).to_le_bytes());
            file.extend_from_slice(&1u32.to_le_bytes());
            let (mut buffer, mut packets) = (vec![0; SNAP_BYTES], 0);
            while !over.load(Ordering::Relaxed) {
                let Ok(len) = (&socket).read(&mut buffer) else { continue };
                let packet = &buffer[..len];
                // IPv4 behind 14 bytes of Ethernet; the ports follow its header.
                let ports = packet.get(14 + 20..14 + 24).unwrap_or_default();
                if ports.chunks(2).any(|own| own == port.to_be_bytes()) {
                    packets += 1;
                    file.extend_from_slice(&[0; 8]);
                    file.extend_from_slice(&(len as u32).to_le_bytes());
                    file.extend_from_slice(&(len as u32).to_le_bytes());
                    file.extend_from_slice(packet);
                }
            }
            (file, packets)
        });
        Ok(Self { is_over, thread })
    }

    /// The file, and how many packets it holds.
    fn stop(self) -> (Vec<u8>, usize) {
        pause(ms(200));
        self.is_over.store(true, Ordering::Relaxed);
        self.thread.join().expect("captured")
    }
}

#[test]
fn a_packet_capture_of_a_whole_session_holds_none_of_its_secrets() {
    let server = LocalServer::start();
    let capture = match Capture::start(server.target.address.port()) {
        Ok(capture) => capture,
        Err(error) => return println!("left out: this program may not listen to an interface ({error})"),
    };
    let account = Account::Password {
        username: USERNAME.to_owned(),
        password: PASSWORD.to_owned(),
        email: EMAIL.to_owned(),
        display_name: DISPLAY_NAME.to_owned(),
        may_register: true,
    };
    let mut config = guest(&server.target, "");
    config.account = account;
    let (mut hong, room) = Person::in_room(config, ROOM);
    let (mut minh, _) = Person::in_room(member(&server.target, "minh", "một mật khẩu khác"), ROOM);
    minh.wait_for_person(DISPLAY_NAME);
    hong.wait_for_person("minh");
    hong.say_stored(room, CHAT);
    let reference = new_reference();
    hong.send(Command::Direct { reference, to: "minh".to_owned(), text: DIRECT.to_owned() });
    minh.wait("direct message", ms(10_000), |event| matches!(event, Event::Direct { .. }).then_some(()));
    let (jpegs, sound) = (material::jpegs(3), material::sound(320));
    let block: Vec<u8> = sound.iter().flat_map(|sample| sample.to_le_bytes()).collect();
    hong.switch(room, TrackId::CAMERA, PICTURES);
    hong.switch(room, TrackId::MICROPHONE, SOUND);
    let (pictures, voice) = (jpegs.clone(), block.clone());
    let streams = [
        hong.stream(room, TrackId::CAMERA, ms(66), move |count| pictures[count as usize % 3].clone()),
        hong.stream(room, TrackId::MICROPHONE, ms(20), move |_| voice.clone()),
    ];
    until_so("pictures and sound", ms(10_000), || minh.arrival_count() >= 50);
    drop(streams);
    drop((hong, minh));

    let (bytes, packets) = capture.stop();
    let lab = tempfile::tempdir().expect("a directory");
    let path = lab.path().join("session.pcap");
    fs::write(&path, &bytes).expect("written");
    let file = fs::read(&path).expect("read");
    println!("{packets} packets, {} bytes", file.len());
    assert!(packets > 200 && file.len() > 100_000, "nothing to look at");
    let contains = |needle: &[u8]| memmem::find(&file, needle).is_some();
    for secret in [PASSWORD, USERNAME, DISPLAY_NAME, EMAIL, ROOM, CHAT, DIRECT, "minh", "hph-tests"] {
        assert!(!contains(secret.as_bytes()), "{secret}");
    }
    for stretch in jpegs.iter().chain([&block]).flat_map(|bytes| bytes.chunks_exact(12).step_by(7)) {
        assert!(!contains(stretch), "{stretch:?}");
    }
    // What is in the clear is found: records of TLS.
    assert!(contains(&[0x17, 3, 3]));
}
