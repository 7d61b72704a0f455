//! Sealing, keys and sign-in proofs. Layer: above `limits` and `error`, below everything that sends.
//!
//! Two seals lie over each other. [`hop`] authenticates every datagram between a client and the server, and gives it
//! a counter; [`sframe`] seals media from sender to receivers, so that the server never holds it in the clear. The
//! keys of the latter travel by [`senderkey`]. [`scram`] signs in without the password ever leaving the client.

mod aead;
pub mod drbg;
pub mod file;
pub mod gateway;
mod gmac;
pub mod hop;
mod kdf;
pub mod replay;
pub mod scram;
pub mod senderkey;
pub mod sframe;

#[cfg(test)]
mod testing;
