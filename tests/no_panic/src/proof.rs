use core::hint::black_box;
use core::panic::PanicInfo;

unsafe extern "C" {
    /// Defined nowhere: whoever calls it does not link.
    safe fn a_panic_is_reachable() -> !;
}

#[panic_handler]
fn refuse_to_link(_: &PanicInfo<'_>) -> ! {
    a_panic_is_reachable()
}

#[cfg(feature = "disproof")]
fn disproof(bytes: &[u8], index: usize) -> u8 {
    bytes[index]
}

fn keep() {
    black_box(crate::packet_path::entries());
    #[cfg(feature = "disproof")]
    black_box(disproof as fn(&[u8], usize) -> u8);
}
/// a
#[unsafe(no_mangle)]
pub extern "C" fn main() -> i32 { keep(); 0 }
/// a
#[cfg(target_os = "none")]
#[unsafe(no_mangle)]
pub extern "C" fn _start() -> i32 { keep(); 0 }
