//! What touches the machine and is shared by server and clients: clock, entropy, cameras, microphones, JPEG. Each device
//! has a file-backed or synthetic twin, so that a test runs the same path without hardware.
//!
//! - [`audio`]: microphones and loudspeakers of the machine, and their twins without hardware.
//! - [`clock`]: the only place that reads the machine's clock, and that sleeps.
//! - [`entropy`]: random bytes from the operating system.
//! - [`pacer`]: events at an even rate that never drifts.
//! - [`picture`]: pixels, and how to get them from video samples.
//! - [`jpeg`]: pictures to JPEG and back, and the gate that a JPEG passes before it is decoded.
//! - [`camera`]: sources of pictures: files, folders, a test pattern.
//! - [`microphone`]: sources of sound: WAV files, tones, something like speech.
//! - [`digest`]: SHA-256 of files.
//! - [`doorbell`]: a thread that waits for datagrams, and others that wake it.
//! - [`lan`]: servers in the local network: saying that one is there, and looking for them.
//! - [`level`]: loudness of a block of sound, and whether somebody speaks.
//! - [`screen`]: sources of pictures of a screen: X11, and slides without one.
//! - [`tunnel`]: datagrams that wait inside a TCP connection, where none passes the network.
//! - [`udp`]: datagrams by the hundred, with what the kernel offers for it.
//! - [`voice`]: what happens to a voice between microphone, packet and loudspeaker: Opus, echo, noise, gain, mixing.
//! - [`video`]: pictures to strips and back.
//! - [`wav`]: recording of sound.
//!
//! Built for a browser, which has devices and codecs of its own, only [`jpeg`]'s gate, [`level`], [`picture`] and [`video`]
//! are left.
//!
//! Layer: above `hph-core`, below server and clients, of which it must not know.

#[cfg(not(target_family = "wasm"))]
pub mod audio;
#[cfg(not(target_family = "wasm"))]
pub mod camera;
#[cfg(not(target_family = "wasm"))]
pub mod clock;
#[cfg(unix)]
pub mod digest;
#[cfg(unix)]
pub mod doorbell;
#[cfg(not(target_family = "wasm"))]
pub mod entropy;
pub mod jpeg;
#[cfg(not(target_family = "wasm"))]
pub mod lan;
pub mod level;
#[cfg(not(target_family = "wasm"))]
pub mod microphone;
#[cfg(not(target_family = "wasm"))]
pub mod pacer;
pub mod picture;
#[cfg(not(target_family = "wasm"))]
pub mod screen;
#[cfg(unix)]
pub mod tunnel;
#[cfg(not(target_family = "wasm"))]
pub mod udp;
pub mod video;
#[cfg(not(target_family = "wasm"))]
pub mod voice;
#[cfg(not(target_family = "wasm"))]
pub mod wav;

#[cfg(test)]
mod test_files;
