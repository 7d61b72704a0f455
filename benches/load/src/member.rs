//! Somebody signed in as a guest: a TLS connection, a socket, and the client machine that seals what is sent.
//!
//! It blocks, holds no thread, and ignores everybody else: receivers of a bench count datagrams, they do not open them.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream, UdpSocket};
use std::time::Duration;

use hph_client::core::crypto::senderkey::DeviceSecret;
use hph_client::core::endpoint::client::{
    ClientEvent, ClientMachine, ClientOutput, ClientRepair, ClientRoomPlace, ClientStorage, OutgoingFrame, Pieces,
};
use hph_client::core::endpoint::signin::client::{ClientSignIn, Credentials, SignInStep};
use hph_client::core::id::{RoomId, Slot, TrackId};
use hph_client::core::limits::{
    CONTROL_FRAME_MAX_BYTES, CONTROL_LENGTH_BYTES, DATAGRAM_MAX_BYTES, FRAME_MAX_BYTES, SESSION_ROOMS_MAX,
};
use hph_client::core::media::reassembly::{DEADLINE_DEFAULT, Reassembler, ReassemblySlot};
use hph_client::core::media::track_window::TrackWindow;
use hph_client::core::wire::control::{
    ClientMessage, Codec, FrameReader, Parsed, ServerMessage, TrackInfo, emit_client, parse_server,
};
use hph_client::platform::{clock::Clock, entropy};
use hph_client::tls::{Pin, Trust, client_config, server_name};
use rustls::{ClientConnection, StreamOwned};

/// An answer takes no longer than this.
const ANSWER_MAX: Duration = Duration::from_secs(5);
/// One look for a datagram.
const LOOK: Duration = Duration::from_millis(100);

/// Datagrams of one burst, one behind the other.
#[derive(Clone, Debug, Default)]
pub struct Burst {
    /// The bytes.
    pub bytes: Vec<u8>,
    /// The length of each.
    pub lengths: Vec<usize>,
}

/// A place in a room.
#[derive(Clone, Copy, Debug)]
pub struct Seat {
    /// The room.
    pub room: RoomId,
    /// The place.
    pub slot: Slot,
}

/// What the machine wants sent, and what happened.
#[derive(Default)]
struct Outbox {
    control: Vec<u8>,
    datagrams: Burst,
    is_up: bool,
}

impl ClientOutput for Outbox {
    fn control(&mut self, message: &ClientMessage<'_>) {
        let mut frame = vec![0; CONTROL_FRAME_MAX_BYTES + CONTROL_LENGTH_BYTES];
        if let Ok(len) = emit_client(message, &mut frame) {
            self.control.extend_from_slice(&frame[..len]);
        }
    }

    fn datagram(&mut self, bytes: &[u8]) {
        self.datagrams.bytes.extend_from_slice(bytes);
        self.datagrams.lengths.push(bytes.len());
    }

    fn event(&mut self, event: ClientEvent<'_>) {
        self.is_up |= matches!(event, ClientEvent::DatagramsUp);
    }
}

/// One guest.
pub struct Member {
    stream: StreamOwned<ClientConnection, TcpStream>,
    frames: FrameReader<'static>,
    machine: ClientMachine<'static>,
    out: Outbox,
    /// Where its datagrams come and go; blocking, with a timeout.
    pub socket: UdpSocket,
}

impl Member {
    /// Signs a guest in and waits until datagrams go both ways.
    ///
    /// # Errors
    /// Whatever went wrong.
    pub fn sign_in(server: SocketAddr, pin: Pin, name: &str) -> io::Result<Self> {
        let tcp = TcpStream::connect(server)?;
        tcp.set_nodelay(true)?;
        tcp.set_read_timeout(Some(ANSWER_MAX))?;
        let config = client_config(Trust::Expect(pin)).map_err(io::Error::other)?;
        let connection = ClientConnection::new(config, server_name()).map_err(io::Error::other)?;
        let mut stream = StreamOwned::new(connection, tcp);
        while stream.conn.is_handshaking() {
            stream.conn.complete_io(&mut stream.sock)?;
        }
        let export = |stream: &StreamOwned<ClientConnection, TcpStream>, label: &[u8]| {
            stream.conn.export_keying_material([0; 32], label, Some(b"")).map_err(io::Error::other)
        };
        let media = export(&stream, b"EXPORTER-hph media v1")?;
        let binding = export(&stream, b"EXPORTER-Channel-Binding")?;

        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        socket.connect(server)?;
        socket.set_read_timeout(Some(LOOK))?;
        let seed = entropy::array();
        let machine = ClientMachine::new(storage(), DeviceSecret::from_seed(&seed), entropy::array());
        let memory = Vec::leak(vec![0; CONTROL_FRAME_MAX_BYTES + CONTROL_LENGTH_BYTES]);
        let frames = FrameReader::new(memory, CONTROL_FRAME_MAX_BYTES);
        let mut member = Self { stream, frames, machine, out: Outbox::default(), socket };
        member.talk_in(name, &seed, &media, binding)?;
        member.bind_datagrams()?;
        Ok(member)
    }

    fn talk_in(&mut self, name: &str, seed: &[u8; 32], media: &[u8; 32], binding: [u8; 32]) -> io::Result<()> {
        let device = DeviceSecret::from_seed(seed);
        let credentials = Credentials::Guest { display_name: name, email: "" };
        let mut signing = ClientSignIn::new(credentials, &device, binding, (entropy::array(), entropy::array()));
        self.out.control(&ClientSignIn::hello("hph-bench/0.1"));
        loop {
            flush_control(&mut self.stream, &mut self.out)?;
            let body = next_body(&mut self.stream, &mut self.frames)?;
            let Parsed::Message(message) = parse_server(&body).map_err(|_| io::ErrorKind::InvalidData)? else {
                continue;
            };
            let out = &mut self.out;
            match signing.handle_control(&message, |message| out.control(message)) {
                Ok(SignInStep::Done(signed_in)) => {
                    let ServerMessage::Welcome { username, .. } = message else { continue };
                    self.machine.handle_signed_in(Clock::now(), signed_in.session, username, media, &mut self.out);
                    return Ok(());
                }
                Ok(_) => {}
                Err(error) => return Err(io::Error::other(format!("the server refused a guest: {error:?}"))),
            }
        }
    }

    /// Answers challenges until a ping came back.
    fn bind_datagrams(&mut self) -> io::Result<()> {
        let mut buffer = [0; DATAGRAM_MAX_BYTES];
        let until = Clock::now() + hph_client::core::time::Duration::from_secs(5);
        while !self.out.is_up && Clock::now() < until {
            self.flush()?;
            if let Ok(len) = self.socket.recv(&mut buffer) {
                let _ = self.machine.handle_datagram(Clock::now(), &mut buffer[..len], &mut self.out);
            }
            self.machine.handle_timeout(Clock::now(), &mut self.out);
        }
        if self.out.is_up { self.flush() } else { Err(io::Error::other("no datagrams from the server")) }
    }

    /// Enters the room of that name.
    ///
    /// # Errors
    /// The server did not let us in.
    pub fn join(&mut self, name: &str) -> io::Result<Seat> {
        self.out.control(&ClientMessage::JoinNamed { request: 1, name, may_create: true });
        self.flush()?;
        self.wait_for(|message| match message {
            &ServerMessage::Joined { room, slot, .. } => Some(Ok(Seat { room, slot })),
            ServerMessage::Refused { reason, .. } => Some(Err(io::Error::other(format!("not let in: {reason:?}")))),
            _ => None,
        })?
    }

    /// Leaves that room. The next thing that is asked for comes after it.
    ///
    /// # Errors
    /// The connection is gone.
    pub fn leave(&mut self, seat: Seat) -> io::Result<()> {
        self.machine.leave(seat.room, &mut self.out);
        self.flush()
    }

    /// Switches a track on and waits until the server has it.
    ///
    /// # Errors
    /// The server does not answer.
    pub fn publish(&mut self, seat: Seat, track: TrackId) -> io::Result<()> {
        let (codec, width, height) = if track.is_audio() { (Codec::Pcm16k, 0, 0) } else { (Codec::Jpeg, 1280, 720) };
        let info = TrackInfo { is_on: true, codec, width, height };
        self.machine.set_track(seat.room, track, info, &mut self.out);
        self.flush()?;
        self.wait_for(|message| match message {
            ServerMessage::Participant { room, info } if *room == seat.room && info.slot == seat.slot => {
                info.tracks.get(usize::from(track.0)).filter(|track| track.is_on).map(|_| ())
            }
            _ => None,
        })
    }

    /// Seals a frame and gives its datagrams instead of sending them.
    ///
    /// # Errors
    /// It can't be sent now.
    pub fn seal_frame(&mut self, room: RoomId, track: TrackId, frame: &[u8]) -> io::Result<Burst> {
        self.out.datagrams = Burst::default();
        let frame =
            OutgoingFrame { track, layer: 0, timestamp: 0, level: 127, bytes: frame, pieces: Pieces::Fragments };
        let sealed = self.machine.send_frame(Clock::now(), room, &frame, &mut self.out);
        sealed.map_err(|reason| io::Error::other(format!("a frame was not sealed: {reason:?}")))?;
        Ok(std::mem::take(&mut self.out.datagrams))
    }

    /// Says that we are still here, and forgets what the server said meanwhile.
    ///
    /// # Errors
    /// The connection is gone.
    pub fn keep_alive(&mut self) -> io::Result<()> {
        self.out.control(&ClientMessage::KeepAlive);
        self.ping()?;
        self.stream.sock.set_nonblocking(true)?;
        let drained = loop {
            match next_body(&mut self.stream, &mut self.frames) {
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break Ok(()),
                Err(error) => break Err(error),
            }
        };
        self.stream.sock.set_nonblocking(false)?;
        drained
    }

    /// Lets the server hear something from our address: whoever only receives would be forgotten after ten seconds. The
    /// answer is swept away with what receivers count.
    ///
    /// # Errors
    /// The connection is gone.
    pub fn ping(&mut self) -> io::Result<()> {
        self.machine.ping(Clock::now(), &mut self.out);
        self.flush()
    }

    /// Reads messages until `pick` takes one. Only what is about ourselves goes into the machine.
    fn wait_for<T>(&mut self, pick: impl Fn(&ServerMessage<'_>) -> Option<T>) -> io::Result<T> {
        loop {
            let body = next_body(&mut self.stream, &mut self.frames)?;
            let Ok(Parsed::Message(message)) = parse_server(&body) else { continue };
            if matches!(message, ServerMessage::Joined { .. }) {
                self.machine.handle_control(Clock::now(), &message, &mut self.out);
            }
            let picked = pick(&message);
            if let Some(picked) = picked {
                self.flush()?;
                return Ok(picked);
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        let Burst { bytes, lengths } = std::mem::take(&mut self.out.datagrams);
        let mut rest = bytes.as_slice();
        for len in lengths {
            let (datagram, others) = rest.split_at(len);
            self.socket.send(datagram)?;
            rest = others;
        }
        flush_control(&mut self.stream, &mut self.out)
    }
}

/// Little: nothing is put together here.
fn storage() -> ClientStorage<'static> {
    let rooms = (0..SESSION_ROOMS_MAX).map(|_| ClientRoomPlace::default()).collect::<Vec<_>>().leak();
    let slots = vec![ReassemblySlot::EMPTY; 1].leak();
    let tracks = vec![TrackWindow::EMPTY; 1].leak();
    let reassembler = Reassembler::new(slots, vec![0; FRAME_MAX_BYTES].leak(), tracks, DEADLINE_DEFAULT);
    ClientStorage { rooms, reassembler, held: &mut [], repair: ClientRepair::default() }
}

fn flush_control(stream: &mut impl Write, out: &mut Outbox) -> io::Result<()> {
    stream.write_all(&out.control)?;
    out.control.clear();
    stream.flush()
}

fn next_body(stream: &mut impl Read, frames: &mut FrameReader<'_>) -> io::Result<Vec<u8>> {
    loop {
        if let Some(body) = frames.next_frame().map_err(|_| io::ErrorKind::InvalidData)? {
            return Ok(body.to_vec());
        }
        match stream.read(frames.space())? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            len => frames.advance(len),
        }
    }
}
