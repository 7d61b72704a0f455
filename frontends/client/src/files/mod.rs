//! Files that people send each other: reading and sealing them, naming them, keeping them.
//!
//! A file of a room's shelf is sent as it is: the server can read it. A file for one person is sealed before it leaves
//! ([`hph_core::crypto::file`]); its key, name and hash go in a direct message ([`RemoteFile::to_direct`]).

mod keep;
mod name;
mod remote;
mod source;

pub use keep::Kept;
pub use name::safe_name;
pub use remote::RemoteFile;
pub use source::{Prepared, Source};
