//! Voices: from microphones to the engine, and from the engine to loudspeakers.
//!
//! - [`capture`], [`chain`]: a microphone's thread, and all that happens to its sound.
//! - [`playback`], [`voices`]: the loudspeaker's thread, and everybody who is heard.
//! - [`shared`]: what both ends and the frontend share; [`config`], [`figures`]: what is chosen and what is measured.

pub(super) mod capture;
mod chain;
pub(super) mod config;
pub(super) mod figures;
pub(super) mod playback;
pub(super) mod shared;
mod voices;
