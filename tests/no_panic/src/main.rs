//! Proof that no panic is reachable on the packet path, from any input and any state.
//!
//! With the feature `proof` this is a program without the standard library, whose panic handler calls a function that
//! is defined nowhere. The optimiser removes every check that can't fail. If one remains that can, so does the handler,
//! and the program does not link. It is never run.
//!
//! The functions of `packet_path.rs` are handed out as pointers: what they are called with is unknown, so the proof holds
//! for every machine in every state that its types allow, and every input.
//!
//! The final build lets the optimiser inline far more than usual (`-Cllvm-args=--inline-threshold=8000`), so that it sees
//! further. That proves nothing extra and hides nothing: a check that can be removed here can't fail in any build of
//! the same source. The other way round a proof may fail although nothing can: then the code should say more plainly why.
//!
//! **In**, as everything below them: the server's and the client's whole way of a datagram, both with their seals and the
//! derivation of the next keys; sending a frame; the timers of both; reassembly; voice packets and the jitter buffer; rooms;
//! limits and counters; framing, parsing, checking and obeying of the client's control messages; the portable code of
//! `aes-gcm`, `hmac` and `sha2`.
//! **Out:** the processors' own instructions for AES and SHA (chosen when the program runs, behind functions that the
//! optimiser can't look into); wrapping of keys and direct messages (`hpke`, `ed25519-dalek`), and so the one timer of the
//! client that does it, the change of its media key (`handle_timeout` is that, and then `handle_packet_timeout`); what decodes
//! voices; sign-in.
//!
//! `scripts/test metal` builds the proof for a 32-bit and a 64-bit machine, and then with the feature `disproof`, which
//! must fail.
#![cfg_attr(feature = "proof", no_std, no_main)]

#[cfg(all(feature = "proof", not(feature = "disproof")))]
mod packet_path;

#[cfg(feature = "proof")]
mod proof {
    #![allow(unsafe_code, reason = "names that the linker sees")]

    use core::hint::black_box;
    use core::panic::PanicInfo;

    unsafe extern "C" {
        safe fn a_panic_is_reachable() -> !;
    }

    // Copies and compares memory for the compiler.
    #[cfg(not(target_os = "none"))]
    #[link(name = "c")]
    unsafe extern "C" {}

    #[panic_handler]
    fn do_not_link(_: &PanicInfo<'_>) -> ! {
        a_panic_is_reachable()
    }

    /// Where the linker begins, on a system ...
    #[cfg(not(target_os = "none"))]
    #[unsafe(no_mangle)]
    extern "C" fn main() {
        hand_out();
    }

    /// ... and without one.
    #[cfg(target_os = "none")]
    #[unsafe(no_mangle)]
    extern "C" fn _start() {
        hand_out();
    }

    fn hand_out() {
        #[cfg(not(feature = "disproof"))]
        black_box(super::packet_path::entries());
        #[cfg(feature = "disproof")]
        black_box(may_panic as *const ());
    }

    #[cfg(feature = "disproof")]
    fn may_panic(bytes: &[u8], index: usize) -> u8 {
        bytes[index]
    }
}

#[cfg(not(feature = "proof"))]
fn main() {}
