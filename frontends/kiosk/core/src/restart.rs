//! What follows from how the program ended the last time: begin as after switching on, go back into the room muted, or stay on
//! the safe screen because it ends again and again.

use crate::kept::Memory;

/// So many ends within [`LOOP_MS`] are a loop.
pub const LOOP_STARTS: usize = 3;
/// See [`LOOP_STARTS`]. **Units:** milliseconds.
pub const LOOP_MS: u64 = 90_000;
/// Whoever has run so long is well: earlier ends are forgotten. **Units:** milliseconds.
pub const WELL_AFTER_MS: u64 = 60_000;
/// The safe screen tries again by itself after so long. **Units:** milliseconds.
pub const SAFE_MS: u64 = 600_000;
/// Letters of an error that are kept: they must fit into a code of squares.
const ERROR_MAX: usize = 600;

/// How to begin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Begin {
    /// As after switching on: into the room of the configuration, with microphone and camera as it says.
    Fresh,
    /// The program has ended by itself: back into the room where it was, muted.
    Back {
        /// Which.
        room: String,
    },
    /// It ends again and again: nothing is opened, the error is shown.
    Safe {
        /// What it said.
        error: String,
    },
}

/// How to begin, and what to remember of it, which is to be kept before anything else is done.
pub fn begin(memory: &Memory, boot: &str, unix_ms: u64) -> (Begin, Memory) {
    let is_same_boot = memory.boot == boot && !boot.is_empty();
    let mut next = memory.clone();
    boot.clone_into(&mut next.boot);
    // Times of a clock that has been set since say nothing; a power cut is no error of the program.
    next.starts.retain(|at| is_same_boot && *at <= unix_ms && unix_ms - at < LOOP_MS);
    let has_crashed = !next.starts.is_empty();
    let is_loop = next.starts.len() >= LOOP_STARTS;
    next.push_start(unix_ms);
    let begin = match (&memory.room, is_loop) {
        (_, true) => Begin::Safe { error: memory.last_error.clone() },
        // Also if it ran for long before: it did not end as it should.
        (Some(room), _) if is_same_boot => Begin::Back { room: room.clone() },
        _ => Begin::Fresh,
    };
    if !has_crashed {
        next.last_error.clear();
    }
    if begin == Begin::Fresh {
        next.room = None;
    }
    (begin, next)
}

/// The program ends as it should: nothing is to be made good at the next start.
pub fn end(memory: &mut Memory) {
    memory.starts.clear();
    memory.last_error.clear();
    memory.room = None;
}

/// It has run for [`WELL_AFTER_MS`]: earlier ends are forgotten; whether anything was.
pub fn well(memory: &mut Memory) -> bool {
    let had = !memory.starts.is_empty() || !memory.last_error.is_empty();
    memory.starts.clear();
    memory.last_error.clear();
    had
}

/// An error as it is kept: one line, not too long.
pub fn error_text(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    line.chars().take(ERROR_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const T: u64 = 1_795_417_500_000;

    fn in_room() -> Memory {
        Memory { room: Some("Nhóm 17".into()), boot: "b1".into(), starts: Vec::new(), ..Memory::default() }
    }

    #[test]
    fn switched_on_it_begins_afresh_and_after_a_crash_it_goes_back() {
        let (how, memory) = begin(&Memory::default(), "b1", T);
        assert_eq!((how, memory.starts.as_slice()), (Begin::Fresh, &[T][..]));
        let (how, memory) = begin(&in_room(), "b1", T);
        assert_eq!((how, memory.room.as_deref()), (Begin::Back { room: "Nhóm 17".into() }, Some("Nhóm 17")));
        let (how, memory) = begin(&in_room(), "b2", T);
        assert_eq!((how, memory.room), (Begin::Fresh, None), "a power cut: everything begins anew");
        let mut ended = in_room();
        end(&mut ended);
        assert_eq!(begin(&ended, "b1", T).0, Begin::Fresh, "ended on purpose, for instance for an upgrade");
    }

    #[test]
    fn whoever_ends_again_and_again_stays_on_the_safe_screen() {
        let mut memory = in_room();
        for crash in 0..3 {
            let (how, next) = begin(&memory, "b1", T + crash * 5000);
            assert!(matches!(how, Begin::Back { .. }), "{crash}");
            memory = Memory { last_error: format!("it broke {crash}"), ..next };
        }
        let (how, next) = begin(&memory, "b1", T + 15_000);
        assert_eq!(how, Begin::Safe { error: "it broke 2".into() });
        assert_eq!(begin(&next, "b2", T + 20_000).0, Begin::Fresh, "unless somebody pulls the plug");
        assert!(matches!(begin(&next, "b1", T + 200_000).0, Begin::Back { .. }), "or waits");
    }

    #[test]
    fn a_crash_now_and_then_is_no_loop_and_a_clock_that_jumps_neither() {
        let mut memory = in_room();
        for hour in 0..20 {
            let (how, next) = begin(&memory, "b1", T + hour * 3_600_000);
            assert!(matches!(how, Begin::Back { .. }));
            memory = next;
            assert!(well(&mut memory));
            assert!(!well(&mut memory));
        }
        memory.starts = vec![T, T + 1, T + 2];
        assert!(matches!(begin(&memory, "b1", 5000).0, Begin::Back { .. }), "before the clock was set");
    }

    #[test]
    fn an_error_fits_into_a_code() {
        let text = error_text(&format!("panicked at\n  somewhere:\t{}", "đ".repeat(2000)));
        assert!(text.starts_with("panicked at somewhere: đ") && text.chars().count() == 600);
        assert!(hph_presenters::squares::Squares::of(&text).is_some());
    }
}
