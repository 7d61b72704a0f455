//! Why a connection is lost or not made, in English. A frontend that speaks another language knows these by name.

/// The server closed the connection, or its machine did.
pub const CLOSED: &str = "the server closed the connection";
/// Nobody listens at that port.
pub const NO_SERVER: &str = "no server listens there";
/// The network does not lead there.
pub const NO_WAY: &str = "there is no way to that network";
/// Nothing came back.
pub const NO_ANSWER: &str = "no answer in time";
/// The connection stands, and nothing comes over it any more.
pub const SILENT: &str = "the server is silent";
/// The server stops or restarts, and said so.
pub const SHUTTING_DOWN: &str = "the server stops or restarts";
/// The server thinks that we do not read.
pub const TOO_SLOW: &str = "the connection is too slow for the server";
/// The server has not heard us for too long.
pub const IDLE: &str = "the server has not heard this program for too long";
