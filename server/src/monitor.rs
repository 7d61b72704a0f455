//! Figures for whoever watches the server, over HTTP on this machine alone: `/metrics` (OpenMetrics), `/healthz`, `/readyz`.
//!
//! Counts only: no name, no address, nothing that people say.

use std::io;
use std::rc::Rc;
use std::time::Duration;

use async_io::Timer;
use async_net::{TcpListener, TcpStream};
use futures_lite::{AsyncReadExt, AsyncWriteExt, FutureExt};

use crate::exposition;
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
            b"/metrics" => ("200 OK", OPEN_METRICS, exposition::metrics(hub)),
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
