//! Frames and datagrams: what goes out, what comes in, and the figures of both.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::time::Duration;

use async_io::{Async, Timer};
use futures_lite::future;
use hph_core::id::{RoomId, Slot, TrackId};
use hph_core::limits::DATAGRAM_MAX_BYTES;
use hph_platform::clock::Clock;
use socket2::SockRef;

use super::{SessionEnd, Shared};

/// Bytes that the kernel may keep for us: bursts of frames from everybody.
const SOCKET_BUFFER_BYTES: usize = 4 * 1024 * 1024;
/// Datagrams that are handled before the others get their turn.
const BATCH: usize = 64;
/// Figures are published this often.
const FIGURES_INTERVAL: Duration = Duration::from_millis(250);
/// A socket that only hears the server.
pub(super) fn open_socket(peer: SocketAddr) -> io::Result<Async<UdpSocket>> {
    let any: SocketAddr = match peer {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    };
    let socket = UdpSocket::bind(any)?;
    socket.connect(peer)?;
    let options = SockRef::from(&socket);
    // The kernel's own limit applies; a smaller buffer works too.
    let _ = options.set_recv_buffer_size(SOCKET_BUFFER_BYTES);
    let _ = options.set_send_buffer_size(SOCKET_BUFFER_BYTES);
    Async::new(socket)
}

impl Shared<'_, '_> {
    pub(super) async fn receive(&self) -> SessionEnd {
        let mut buffer = [0; DATAGRAM_MAX_BYTES + 1];
        let mut events = Vec::new();
        loop {
            if let Err(error) = self.socket.readable().await {
                return SessionEnd::Lost(error.to_string());
            }
            for _ in 0..BATCH {
                match self.socket.get_ref().recv(&mut buffer) {
                    Ok(len) => {
                        let bytes = &mut buffer[..len];
                        let now = Clock::now();
                        self.act_now(
                            |machine, out| {
                                out.figures.datagrams.1 += 1;
                                out.figures.bytes.1 += len as u64;
                                // The reason is counted in the machine.
                                let _ = machine.handle_datagram(now, bytes, out);
                            },
                            &mut events,
                        );
                    }
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                    // The server's port is closed for now: pings will tell when it is back.
                    Err(_) => {}
                }
            }
            for event in events.drain(..) {
                let _ = self.ends.events.try_send(event);
            }
            let is_early = {
                let state = self.state.borrow();
                state.lasting.machine.poll_timeout() < state.wakes_at
            };
            if is_early {
                let _ = self.alarm.0.try_send(());
            }
            future::yield_now().await;
        }
    }

    pub(super) async fn publish(&self) -> SessionEnd {
        loop {
            Timer::after(FIGURES_INTERVAL).await;
            self.publish_now();
            self.publish_safety();
        }
    }

    pub(super) fn publish_now(&self) {
        let mut state = self.state.borrow_mut();
        let machine = &state.lasting.machine;
        let tracks: Vec<_> = machine
            .reassembler()
            .tracks()
            .map(|(key, stats)| {
                let track = (RoomId(key.room), Slot(key.sender), TrackId(key.track));
                (track, (stats.frames_complete, stats.frames_lost))
            })
            .collect();
        let repair = machine
            .gap_stats()
            .map(|(key, stats)| ((RoomId(key.room), Slot(key.sender), TrackId(key.track)), stats))
            .collect();
        let (loss, resent) = (machine.loss_stats().unwrap_or_default(), machine.resent());
        let frames = tracks.iter().fold((0, 0), |sum, (_, (whole, lost))| (sum.0 + whole, sum.1 + lost));
        let link = machine.link_stats();
        let drops = machine.drops().iter().map(|(reason, count)| (reason.name(), count)).collect();
        let uplink = machine.uplink(Clock::now()).map(|(_, figures)| figures);
        state.figures.uplink = uplink;
        state.figures.tunnel_dropped = state.tunnel.dropped();
        (state.figures.repair, state.figures.loss, state.figures.resent) = (repair, loss, resent);
        state.figures.frames = frames;
        state.figures.tracks = tracks;
        state.figures.drops = drops;
        if let Some(link) = link {
            state.figures.is_up = link.is_up;
            state.figures.is_tunnelled = link.is_tunnelled;
            state.figures.rtt_us = link.rtt.as_micros();
        }
        if let Ok(mut figures) = self.ends.figures.lock() {
            figures.clone_from(&state.figures);
        }
    }
}
