//! The machines of the protocol, without any input or output of their own: the client, the server's control plane
//! ([`server`]) and its packet planes ([`relay`]).
//!
//! They have the same verbs: `handle_control`, `handle_datagram`, `handle_timeout` take what came and the time, and
//! write what follows from it to an output that the driver passes in ([`server::ServerOutput`],
//! [`relay::RelayOutput`], [`client::ClientOutput`]). An output is called while the input is still borrowed, so that a
//! packet to N receivers or a chat text is never copied or queued here, and nothing can overflow. `poll_timeout` says
//! when to call again.

pub mod client;
pub mod relay;
pub mod server;
pub mod signin;
pub mod single;
