//! Proof that the core needs no heap.
//!
//! A static library is a finished program to the compiler: it refuses to make one ("no global memory allocator found")
//! as soon as any crate below it links `alloc`, used or not. So this builds for a target without an operating system
//! only while nothing in the core, or in what the core depends on, can ask for memory. On other targets it is empty.
#![cfg_attr(any(target_os = "none", target_os = "unknown"), no_std)]

#[cfg(any(target_os = "none", target_os = "unknown"))]
mod bare {
    use hph_core as _;

    #[panic_handler]
    fn stop(_: &core::panic::PanicInfo<'_>) -> ! {
        loop {
            core::hint::spin_loop();
        }
    }
}
