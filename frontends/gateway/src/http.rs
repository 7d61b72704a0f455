//! As much of HTTP/1.1 as a page and the beginning of a WebSocket need: one request for each connection.

use std::io;

use futures_lite::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use crate::page::File;

/// Longest head of a request.
const HEAD_BYTES_MAX: usize = 8 * 1024;
/// Header lines of a request.
const HEADERS_MAX: usize = 64;

/// What every answer carries. Only files of this origin run; nothing is evaluated; WebAssembly may be compiled, which is all
/// that `wasm-unsafe-eval` allows in spite of its name; pictures may be made by the page itself; nobody may put the page into a
/// frame; camera, microphone and screen are for this origin alone.
pub const SECURITY_HEADERS: &str = "Content-Security-Policy: default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; \
worker-src 'self'; connect-src 'self'; style-src 'self'; img-src 'self' blob:; media-src 'self' blob:; font-src 'self'; \
manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; \
trusted-types hph\r\n\
Cross-Origin-Opener-Policy: same-origin\r\n\
Cross-Origin-Embedder-Policy: require-corp\r\n\
Cross-Origin-Resource-Policy: same-origin\r\n\
Permissions-Policy: camera=(self), microphone=(self), display-capture=(self), geolocation=(), payment=(), usb=()\r\n\
Referrer-Policy: no-referrer\r\n\
X-Content-Type-Options: nosniff\r\n";

/// The head of a request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Request {
    /// GET, HEAD or another.
    pub method: String,
    /// The path, without a query.
    pub path: String,
    headers: Vec<(String, String)>,
    /// What came behind the head.
    pub rest: Vec<u8>,
}

impl Request {
    /// A header, whatever its case; the first one, if there are several.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// Whether a header has that word in its list.
    pub fn has_word(&self, name: &str, word: &str) -> bool {
        let words = self.header(name).unwrap_or_default().split(',');
        words.map(|part| part.split(';').next().unwrap_or_default().trim()).any(|part| part.eq_ignore_ascii_case(word))
    }
}

/// Reads the head of a request.
///
/// # Errors
/// It is too long, no HTTP, or the connection ends.
pub async fn read_request(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Request> {
    let mut bytes = Vec::new();
    loop {
        let mut chunk = [0; 2048];
        let len = stream.read(&mut chunk).await?;
        if len == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        bytes.extend_from_slice(&chunk[..len]);
        if let Some(request) = parse(&bytes)? {
            return Ok(request);
        }
        if bytes.len() > HEAD_BYTES_MAX {
            return Err(io::ErrorKind::InvalidData.into());
        }
    }
}

fn parse(bytes: &[u8]) -> io::Result<Option<Request>> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut parsed = httparse::Request::new(&mut headers);
    let status = parsed.parse(bytes).map_err(|_| io::ErrorKind::InvalidData)?;
    let httparse::Status::Complete(len) = status else { return Ok(None) };
    let path = parsed.path.unwrap_or_default();
    let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
    Ok(Some(Request {
        method: parsed.method.unwrap_or_default().to_owned(),
        path: path.split('?').next().unwrap_or_default().to_owned(),
        headers: parsed.headers.iter().map(|header| (header.name.to_owned(), text(header.value))).collect(),
        rest: bytes.get(len..).unwrap_or_default().to_vec(),
    }))
}

/// Sends a file.
///
/// # Errors
/// The connection ends.
pub async fn send_file(stream: &mut (impl AsyncWrite + Unpin), file: &File<'_>, is_head: bool) -> io::Result<()> {
    let File { media_type, is_fixed, is_gzip, bytes } = file;
    let keep = if *is_fixed { "public, max-age=31536000, immutable" } else { "no-cache" };
    let encoding = if *is_gzip { "Content-Encoding: gzip\r\n" } else { "" };
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: {media_type}\r\nContent-Length: {}\r\n{encoding}Vary: Accept-Encoding\r\n\
         Cache-Control: {keep}\r\n{SECURITY_HEADERS}Connection: close\r\n\r\n",
        bytes.len()
    );
    stream.write_all(head.as_bytes()).await?;
    if !is_head {
        stream.write_all(bytes).await?;
    }
    stream.close().await
}

/// Sends a short text.
///
/// # Errors
/// The connection ends.
pub async fn send_status(stream: &mut (impl AsyncWrite + Unpin), status: &str, text: &str) -> io::Result<()> {
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: {}\r\nCache-Control: no-store\r\n\
         {SECURITY_HEADERS}Connection: close\r\n\r\n{text}\n",
        text.len() + 1
    );
    stream.write_all(head.as_bytes()).await?;
    stream.close().await
}

/// Sends to another address.
///
/// # Errors
/// The connection ends.
pub async fn send_elsewhere(stream: &mut (impl AsyncWrite + Unpin), address: &str) -> io::Result<()> {
    // Header lines end at a control character: an address that has one would be more than an address.
    let clean: String = address.chars().filter(|char| !char.is_control()).collect();
    let head = format!(
        "HTTP/1.1 307 Temporary Redirect\r\nLocation: {clean}\r\nContent-Length: 0\r\nCache-Control: no-store\r\n\
         {SECURITY_HEADERS}Connection: close\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await?;
    stream.close().await
}

/// Agrees to speak WebSocket (RFC 6455 section 4.2.2), without extensions.
///
/// # Errors
/// The connection ends.
pub async fn send_upgrade(stream: &mut (impl AsyncWrite + Unpin), accept: &str, protocol: &str) -> io::Result<()> {
    let head = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n\
         Sec-WebSocket-Protocol: {protocol}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await?;
    stream.flush().await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_read_to_its_end_and_no_further() {
        let bytes = b"GET /a?b=c HTTP/1.1\r\nHost: pi:1\r\nConnection: keep-alive, Upgrade\r\n\r\nmore";
        let request = parse(bytes).expect("HTTP").expect("whole");
        assert_eq!(
            (request.method.as_str(), request.path.as_str(), request.rest.as_slice()),
            ("GET", "/a", &b"more"[..])
        );
        assert_eq!(request.header("hOST"), Some("pi:1"));
        assert!(request.has_word("connection", "upgrade") && !request.has_word("connection", "up"));
        assert_eq!(parse(&bytes[..40]).expect("HTTP so far"), None);
        assert!(parse(b"\x16\x03\x01\x02\x00").is_err());
    }

    #[test]
    fn a_head_without_end_is_given_up() {
        let endless = [b"GET / HTTP/1.1\r\nA: ".to_vec(), vec![b'a'; HEAD_BYTES_MAX * 2]].concat();
        let read = futures_lite::future::block_on(read_request(&mut endless.as_slice()));
        assert_eq!(read.map_err(|error| error.kind()), Err(io::ErrorKind::InvalidData));
    }
}
