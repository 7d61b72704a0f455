//! The datagram loop: receive, hand to the machine, which sends on at once.

use std::io;
use std::net::UdpSocket;
use std::rc::Rc;
use std::sync::Arc;

use async_io::Async;
use futures_lite::future;
use hph_core::limits::DATAGRAM_MAX_BYTES;
use hph_platform::clock::Clock;

use crate::hub::Hub;

/// Datagrams that are handled before control connections and timers get their turn.
const BATCH: usize = 64;

/// Relays datagrams for as long as the server runs.
pub(crate) async fn run(hub: Rc<Hub>, socket: Arc<Async<UdpSocket>>) {
    // One byte more than is legal, so that a longer datagram shows.
    let mut buffer = [0; DATAGRAM_MAX_BYTES + 1];
    loop {
        if socket.readable().await.is_err() {
            return;
        }
        for _ in 0..BATCH {
            match socket.get_ref().recv_from(&mut buffer) {
                Ok((len, from)) => hub.handle_datagram(Clock::now(), from, &mut buffer[..len]),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                // An ICMP error of some receiver says nothing about the next datagram.
                Err(_) => {}
            }
        }
        future::yield_now().await;
    }
}
