//! Sound: from microphones to the engine, and from the engine to loudspeakers.

pub(super) mod capture;
pub(super) mod playback;
