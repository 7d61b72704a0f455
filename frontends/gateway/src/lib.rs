//! Browsers take part: one origin that serves the page, and a WebSocket for each browser that carries what any other client
//! exchanges with a server: the bytes of its control connection and its datagrams.
//!
//! The page itself is the client: it runs the same machine, holds the device's keys, signs in, seals and opens. The gateway
//! opens the TLS connection and the UDP port for it, checks the server's key, and hands what follows from that connection (its
//! exported keys, PROTOCOL.md section 3) to the page. So it can read control messages, as the server can; it never sees a
//! password, a picture, a sound or a direct message. It can, like whoever serves a page, serve a false one: the README says so.
//!
//! - [`Gateway`]: listens, and serves until it is stopped.
//! - [`Backlog`]: what waits for a browser's socket, and what is dropped when that is slow.
//! - [`Page`]: the files.
//! - [`certificate`]: the key that browsers see, and [`Authority`], which vouches for it if somebody installs it.
//!
//! Layer: a frontend, above `hph-client`, of which it uses only TLS and what that re-exports.
#![forbid(unsafe_code)]

mod authority;
mod backlog;
mod carry;
pub mod certificate;
mod connection;
mod figures;
mod http;
mod origin;
mod page;
mod upstream;

pub use authority::Authority;
pub use backlog::Backlog;
pub use connection::{Config, Gateway, GatewayError, Listening};
pub use figures::{Figures, FiguresHandle};
pub use http::SECURITY_HEADERS;
pub use origin::Origins;
pub use page::{Page, PageError};
pub use upstream::Upstream;
