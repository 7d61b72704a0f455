//! What both programs do: run their checks in order, and tell of each.
#![forbid(unsafe_code)]

use std::process::ExitCode;

use hph_platform::clock::Clock;

/// A check: what is wrong, or what was measured.
pub type Check = fn() -> Result<String, String>;

/// Runs every check, prints a row for each, and ends with how many passed. Success if all did.
pub fn run(checks: &[(&str, Check)]) -> ExitCode {
    let mut failed = 0;
    for (name, check) in checks {
        let begin = Clock::now();
        let verdict = check();
        let ms = Clock::now().since(begin).as_micros() / 1000;
        match verdict {
            Ok(figures) => println!("passed: {name} ({ms} ms) {figures}"),
            Err(why) => {
                failed += 1;
                println!("FAILED: {name} ({ms} ms): {why}");
            }
        }
    }
    println!("{} passed, {failed} failed", checks.len() - failed);
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
