//! The Cortex-M4 around the scenario: counts instructions, measures stack and memory, prints through the debugger.
//!
//! What is printed as instructions is SysTick, the timer that every Cortex-M has. QEMU started with `-icount shift=6`
//! lets each instruction take 64 ns, and a tick of the machine's 25 MHz clock is 40 ns: so 8 ticks are 5 instructions,
//! exactly and repeatably. It is no measure of cycles: a real Cortex-M4 takes more than one for loads and branches.
#![allow(unsafe_code, reason = "registers, linker symbols and the stack below us")]

use core::arch::asm;
use core::fmt::{self, Write};
use core::hint::black_box;
use core::mem::MaybeUninit;
use core::panic::PanicInfo;
use core::sync::atomic::{AtomicU32, Ordering};

use cortex_m_rt::{ExceptionFrame, entry, exception};
use hph_bare_metal::{Counter, Meeting, Memory, Outcome, Stage, measure, memory_bill, run};

/// Deepest stack of the whole meeting. The machines and what they are lent lie elsewhere. **Units:** bytes.
const STACK_MAX: usize = 40 * 1024;
/// Code and constants of the whole program, scenario and report included. **Units:** bytes.
const CODE_MAX: usize = 512 * 1024;

#[entry]
fn main() -> ! {
    static mut MEMORY: MaybeUninit<Memory> = MaybeUninit::uninit();
    static mut MEETING: MaybeUninit<Meeting<'static>> = MaybeUninit::uninit();
    start_counting();
    let meeting = prepare(MEMORY, MEETING);
    let stack = measure_stack(meeting);
    // By a pointer that the optimiser can't see through: what is inlined here stays on the stack.
    let measure: fn(&mut Outcome, Counter) = black_box(measure);
    measure(&mut meeting.outcome, instructions);
    let code =
        size_between(&raw const __stext, &raw const __etext) + size_between(&raw const __srodata, &raw const __erodata);
    let is_within = stack <= STACK_MAX && code <= CODE_MAX;
    let is_told = report(&meeting.outcome, stack, code).is_ok();
    exit(usize::from(!is_within || !is_told))
}

/// Puts the machines into static memory. That takes stack which the meeting itself does not.
#[inline(never)]
fn prepare(
    memory: &'static mut MaybeUninit<Memory>,
    meeting: &'static mut MaybeUninit<Meeting<'static>>,
) -> &'static mut Meeting<'static> {
    meeting.write(Meeting::new(memory.write(Memory::new()), instructions))
}

/// Runs the meeting, and tells how deep its stack was. **Units:** bytes.
#[inline(never)]
fn measure_stack(meeting: &mut Meeting<'_>) -> usize {
    let run: fn(&mut Meeting<'_>) = black_box(run);
    let top = paint_stack();
    run(meeting);
    top - stack_low_water()
}

fn report(outcome: &Outcome, stack: usize, code: usize) -> fmt::Result {
    let mut to = Debugger;
    write!(to, "{outcome}")?;
    for (stage, name) in Stage::ALL {
        let cost = outcome.cost(stage).ok_or(fmt::Error)?;
        writeln!(to, "{name} {cost} instructions")?;
    }
    let relay = outcome.cost(Stage::RelayToTwo).zip(outcome.cost(Stage::RelayToOne)).ok_or(fmt::Error)?;
    writeln!(to, "relay_per_further_receiver {} instructions", relay.0.saturating_sub(relay.1))?;
    for (name, bytes) in memory_bill() {
        writeln!(to, "{name} {bytes} bytes")?;
    }
    writeln!(to, "code_and_constants {code} bytes, at most {CODE_MAX}")?;
    writeln!(to, "stack {stack} bytes, at most {STACK_MAX}")
}

/// Times that SysTick has run out.
static ROUNDS: AtomicU32 = AtomicU32::new(0);
const SYSTICK_CONTROL: *mut u32 = 0xe000_e010 as *mut u32;
const SYSTICK_RELOAD: *mut u32 = 0xe000_e014 as *mut u32;
const SYSTICK_VALUE: *mut u32 = 0xe000_e018 as *mut u32;
const SYSTICK_MAX: u32 = 0x00ff_ffff;

fn start_counting() {
    // SAFETY: registers of every Cortex-M, which nobody else uses here. On, with an interrupt, by the processor's clock.
    unsafe {
        SYSTICK_RELOAD.write_volatile(SYSTICK_MAX);
        SYSTICK_VALUE.write_volatile(0);
        SYSTICK_CONTROL.write_volatile(0b111);
    }
}

#[exception]
fn SysTick() {
    ROUNDS.store(ROUNDS.load(Ordering::Relaxed).wrapping_add(1), Ordering::Relaxed);
}

fn instructions() -> u64 {
    loop {
        let rounds = ROUNDS.load(Ordering::Relaxed);
        // SAFETY: as above; reading changes nothing that is used.
        let ticks = SYSTICK_MAX - unsafe { SYSTICK_VALUE.read_volatile() };
        if rounds == ROUNDS.load(Ordering::Relaxed) {
            return ((u64::from(rounds) << 24) + u64::from(ticks)) * 5 / 8;
        }
    }
}

unsafe extern "C" {
    static _stack_end: u32;
    static __stext: u32;
    static __etext: u32;
    static __srodata: u32;
    static __erodata: u32;
}

fn size_between(begin: *const u32, end: *const u32) -> usize {
    end.addr() - begin.addr()
}

const PAINT: u32 = 0xcccc_cccc;

/// Paints all of the stack that is not in use, and tells where that begins. Inlined: a frame of its own would lie there.
#[inline(always)]
fn paint_stack() -> usize {
    let top: usize;
    // SAFETY: only reads a register.
    unsafe { asm!("mov {}, sp", out(reg) top, options(nomem, nostack)) };
    let mut at = (&raw const _stack_end).cast_mut();
    while at.addr() < top {
        // SAFETY: between the end of the statics and the stack pointer nothing lives.
        unsafe {
            at.write_volatile(PAINT);
            at = at.add(1);
        }
    }
    top
}

/// The lowest address that the stack has reached since it was painted.
fn stack_low_water() -> usize {
    let mut at = &raw const _stack_end;
    // SAFETY: reads the stack's memory only; its beginning is not painted.
    while unsafe { at.read_volatile() } == PAINT {
        // SAFETY: as above.
        at = unsafe { at.add(1) };
    }
    at.addr()
}

/// The debugger's console, by semihosting (Arm IHI 0069).
struct Debugger;

impl Write for Debugger {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        const WRITE0: usize = 4;
        for piece in text.as_bytes().chunks(120) {
            let mut buffer = [0; 128];
            buffer[..piece.len()].copy_from_slice(piece);
            call_debugger(WRITE0, buffer.as_ptr().addr());
        }
        Ok(())
    }
}

fn exit(code: usize) -> ! {
    const EXIT_EXTENDED: usize = 0x20;
    const APPLICATION_EXIT: usize = 0x2_0026;
    let reason = [APPLICATION_EXIT, code];
    loop {
        call_debugger(EXIT_EXTENDED, reason.as_ptr().addr());
    }
}

fn call_debugger(operation: usize, argument: usize) {
    // SAFETY: the debugger reads what the argument points to, and changes only r0.
    unsafe { asm!("bkpt 0xab", inout("r0") operation => _, in("r1") argument, options(nostack)) };
}

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    let _ = writeln!(Debugger, "{info}");
    exit(2)
}

#[exception]
unsafe fn HardFault(frame: &ExceptionFrame) -> ! {
    let _ = writeln!(Debugger, "hard fault: {frame:?}");
    exit(3)
}
