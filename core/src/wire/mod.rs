//! What goes over the network, byte for byte: datagrams and control messages. `core/PROTOCOL.md` is the normative text.
//!
//! Every parser is total: any bytes give a value or a named error. Layer: above `limits`, `id` and `error`.

pub mod control;
pub mod datagram;
pub mod media;
pub mod text;
