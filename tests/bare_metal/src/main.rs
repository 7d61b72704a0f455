//! The program around the scenario: for the host, and for a Cortex-M4.
#![cfg_attr(target_os = "none", no_std, no_main)]

#[cfg(target_os = "none")]
mod device;

#[cfg(not(target_os = "none"))]
fn main() {
    use hph_bare_metal::{Meeting, Memory, run};

    let mut memory = Box::new(Memory::new());
    let mut meeting = Meeting::new(&mut memory, || 0);
    run(&mut meeting);
    print!("{}", meeting.outcome);
}
