//! What happens to a voice between microphone and packet, and between packet and loudspeaker. All of it works on mono
//! sound of 48 kHz in blocks of 10 ms, and none of it knows a device, a thread or a socket.
//!
//! - [`opus`]: the codec.
//! - [`processor`]: echo, noise and gain.
//! - [`activity`]: how loud, and whether somebody speaks.
//! - [`clock`]: timestamps that keep to the machine's clock.
//! - [`gate`]: when a microphone that is open is heard.
//! - [`watch`]: remarks about a microphone: no signal, clipping.
//! - [`mixer`]: several voices into one, without distortion.

pub mod activity;
pub mod clock;
pub mod gate;
pub mod mixer;
pub mod opus;
pub mod processor;
pub mod watch;

/// Samples in a second.
pub const SAMPLE_RATE_HZ: u32 = 48_000;
/// Samples of a block: 10 ms.
pub const BLOCK_SAMPLES: usize = 480;
/// Time that a block takes. **Units:** milliseconds.
pub const BLOCK_MS: u64 = 10;

/// One block of sound; full scale is -1.0 to 1.0.
pub type Block = [f32; BLOCK_SAMPLES];

/// Silence.
pub const SILENCE: Block = [0.0; BLOCK_SAMPLES];

const _: () = assert!(BLOCK_SAMPLES as u64 * 1000 == SAMPLE_RATE_HZ as u64 * BLOCK_MS);
