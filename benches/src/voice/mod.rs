//! Voice: how long it takes from mouth to ear, and how much of an echo is left.

mod chirp;
mod echo;
mod latency;

pub use echo::run as echo;
pub use latency::run as latency;
