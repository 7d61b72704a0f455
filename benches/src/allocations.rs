//! The program's allocator: the system's, which also counts what relay threads ask of it once it is told to.
#![allow(unsafe_code, reason = "an allocator can't be had without")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::fs::File;
use std::io::Read;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

static IS_COUNTING: AtomicBool = AtomicBool::new(false);
static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);

#[derive(Clone, Copy, PartialEq)]
enum Thread {
    Unknown,
    Relay,
    Other,
}

thread_local! {
    static THREAD: Cell<Thread> = const { Cell::new(Thread::Unknown) };
}

struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

// SAFETY: everything is left to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        note();
        // SAFETY: as the caller promised.
        unsafe { System.alloc(layout) }
    }

    // Left to the system, which has memory that is zero already: a table that is not used takes none.
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        note();
        // SAFETY: as the caller promised.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        note();
        // SAFETY: as the caller promised.
        unsafe { System.realloc(memory, layout, size) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: as the caller promised.
        unsafe { System.dealloc(memory, layout) }
    }
}

fn note() {
    if !IS_COUNTING.load(Ordering::Relaxed) {
        return;
    }
    if THREAD.get() == Thread::Unknown {
        // Set first: should finding out allocate, it does not come here again.
        THREAD.set(Thread::Other);
        let mut name = [0; 6];
        let is_relay = File::open("/proc/thread-self/comm").and_then(|mut file| file.read_exact(&mut name)).is_ok();
        if is_relay && &name == b"relay-" {
            THREAD.set(Thread::Relay);
        }
    }
    if THREAD.get() == Thread::Relay {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
    }
}

/// Allocations of relay threads since this was asked first.
pub fn count() -> u64 {
    IS_COUNTING.store(true, Ordering::Relaxed);
    ALLOCATIONS.load(Ordering::Relaxed)
}
