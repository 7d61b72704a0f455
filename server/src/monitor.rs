//! Figures for whoever watches the server, over HTTP on this machine alone: `/metrics` (OpenMetrics), `/healthz`, `/readyz`.
//!
//! Counts only: no name, no address, nothing that people say.

use std::fmt::Write as _;
use std::io;
use std::rc::Rc;
use std::time::Duration;

use async_io::Timer;
use async_net::{TcpListener, TcpStream};
use futures_lite::{AsyncReadExt, AsyncWriteExt, FutureExt};

use crate::hub::Hub;
use crate::store::DiskState;

/// Longest request that is read.
const REQUEST_MAX_BYTES: usize = 4096;
/// Nobody is waited for longer.
const REQUEST_WAIT: Duration = Duration::from_secs(5);
/// A database that says nothing for so long is not ready.
const STORE_WAIT: Duration = Duration::from_secs(2);
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Answers for ever, one connection after the other: whoever watches comes every few seconds.
pub(crate) async fn serve(hub: &Rc<Hub>, listener: TcpListener) {
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            Timer::after(Duration::from_millis(100)).await;
            continue;
        };
        let too_late = async {
            Timer::after(REQUEST_WAIT).await;
            Err(io::ErrorKind::TimedOut.into())
        };
        let _: io::Result<()> = answer(hub, stream).or(too_late).await;
    }
}

async fn answer(hub: &Rc<Hub>, mut stream: TcpStream) -> io::Result<()> {
    let mut request = Vec::new();
    let mut piece = [0; 512];
    while request.len() < REQUEST_MAX_BYTES && !request.windows(4).any(|end| end == b"\r\n\r\n") {
        match stream.read(&mut piece).await? {
            0 => return Ok(()),
            len => request.extend_from_slice(&piece[..len]),
        }
    }
    let line = request.split(|byte| *byte == b'\r').next().unwrap_or_default();
    let plain = "text/plain; charset=utf-8";
    let (status, kind, body) = match line {
        [b'G', b'E', b'T', b' ', rest @ ..] => match rest.split(|byte| *byte == b' ').next().unwrap_or_default() {
            b"/metrics" => ("200 OK", OPEN_METRICS, metrics(hub)),
            b"/healthz" => ("200 OK", plain, "ok\n".to_owned()),
            b"/readyz" => match why_not_ready(hub).await {
                None => ("200 OK", plain, "ready\n".to_owned()),
                Some(why) => ("503 Service Unavailable", plain, format!("not ready: {why}\n")),
            },
            _ => ("404 Not Found", plain, "/metrics, /healthz, /readyz\n".to_owned()),
        },
        _ => ("405 Method Not Allowed", plain, "GET\n".to_owned()),
    };
    let len = body.len();
    let head =
        format!("HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len}\r\nConnection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(body.as_bytes()).await?;
    stream.flush().await
}

/// Why people should not come yet, or go on elsewhere: the server stops, nothing is relayed, or nothing is stored.
async fn why_not_ready(hub: &Rc<Hub>) -> Option<String> {
    if hub.is_stopping.get() {
        return Some("the server stops".to_owned());
    }
    if !hub.is_relaying() {
        return Some("a relay thread has failed".to_owned());
    }
    let figures = hub.store.figures();
    match figures.disk {
        DiskState::Full => return Some("the disk is full".to_owned()),
        DiskState::Failed => return Some(format!("the disk fails: {}", figures.why)),
        DiskState::Well => {}
    }
    let asking = async { hub.store.rooms().await.err().map(|error| error.to_string()) };
    let too_late = async {
        Timer::after(STORE_WAIT).await;
        Some("the database does not answer".to_owned())
    };
    asking.or(too_late).await
}

/// Everything that is counted.
pub(crate) fn metrics(hub: &Rc<Hub>) -> String {
    let ((rooms, people), figures) = (hub.counts(), hub.figures());
    let in_rooms: usize = hub.people_in_rooms().iter().map(|(_, people)| people).sum();
    let mut text = Text::default();
    text.family("hph_build", "info", "The program.");
    text.row("hph_build_info", &format!("{{version=\"{}\"}}", env!("CARGO_PKG_VERSION")), "1");
    for (name, help, value) in [
        ("hph_sessions", "People who are signed in.", u64::from(people)),
        ("hph_rooms", "Rooms.", u64::from(rooms)),
        ("hph_participants", "Places in rooms that are taken.", in_rooms as u64),
        ("hph_resident_bytes", "Memory of the process.", resident_bytes()),
    ] {
        text.family(name, "gauge", help);
        text.row(name, "", &value.to_string());
    }
    let repair = &figures.repair;
    for (name, help, value) in [
        ("hph_datagrams_forwarded", "Media datagrams that were sent on.", figures.forwarded),
        ("hph_datagrams_not_sent", "Datagrams that the socket did not take.", figures.not_sent),
        ("hph_datagrams_handed_over", "From one relay thread to another.", figures.handed_over),
        ("hph_datagrams_not_handed_over", "Those that found no room on their way.", figures.not_handed_over),
        ("hph_datagrams_tunnelled", "Datagrams inside control connections.", figures.tunnelled),
        ("hph_packets_resent", "Lost packets that were sent again.", repair.resent),
        ("hph_packets_asked", "Lost packets that senders were asked for.", repair.asked),
        ("hph_parity_sent", "Packets that make lost ones again.", repair.parity_sent),
        ("hph_sign_in_attempts", "Attempts to sign in by password.", hub.sign_in_attempts.get()),
    ] {
        text.family(name, "counter", help);
        text.row(&format!("{name}_total"), "", &value.to_string());
    }
    let store = hub.store.figures();
    text.family("hph_store_disk", "stateset", "How the disk under the database is.");
    for state in DiskState::ALL {
        let is_it = u8::from(state == store.disk);
        text.row("hph_store_disk", &format!("{{hph_store_disk=\"{}\"}}", state.name()), &is_it.to_string());
    }
    for (name, help, value) in [
        ("hph_store_disk_full", "Times that the disk was found full.", store.found_full),
        ("hph_store_disk_failures", "Times that the disk failed under the database.", store.failures),
        ("hph_store_reopened", "Times that the database was opened anew after that.", store.reopened),
        ("hph_file_failures", "Times that the disk failed under a file.", hub.shelf.failures()),
    ] {
        text.family(name, "counter", help);
        text.row(&format!("{name}_total"), "", &value.to_string());
    }
    text.family("hph_drops", "counter", "Datagrams that were dropped, by reason.");
    for (reason, count) in &figures.drops {
        text.row("hph_drops_total", &format!("{{reason=\"{reason}\"}}"), &count.to_string());
    }
    text.family("hph_forward_seconds", "summary", "From the arrival of a batch to the last receiver's send.");
    for (label, permille) in [("0.5", 500), ("0.9", 900), ("0.99", 990), ("0.999", 999)] {
        let us = figures.forward.quantile(permille).map_or(0, |span| span.as_micros());
        text.row("hph_forward_seconds", &format!("{{quantile=\"{label}\"}}"), &format!("{}", us as f64 / 1e6));
    }
    text.row("hph_forward_seconds_count", "", &figures.forward.total().to_string());
    text.0.push_str("# EOF\n");
    text.0
}

#[derive(Default)]
struct Text(String);

impl Text {
    fn family(&mut self, name: &str, kind: &str, help: &str) {
        let _ = write!(self.0, "# TYPE {name} {kind}\n# HELP {name} {help}\n");
    }

    fn row(&mut self, name: &str, labels: &str, value: &str) {
        let _ = writeln!(self.0, "{name}{labels} {value}");
    }
}

/// Memory that the process has; 0 where the system does not say.
fn resident_bytes() -> u64 {
    const PAGE_BYTES: u64 = 4096;
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    statm.split(' ').nth(1).and_then(|pages| pages.parse::<u64>().ok()).map_or(0, |pages| pages * PAGE_BYTES)
}
