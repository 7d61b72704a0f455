//! `bench memory`: what a server takes while nobody is there, and for each person that signs in.

use std::io;

use hph_core::time::Duration;
use hph_load::figure::{Report, Rounds};
use hph_load::member::Member;
use hph_load::server::{ServerProcess, Setup};
use hph_platform::clock::Clock;

/// Servers that are started.
const ROUNDS: usize = 5;
/// People that sign in at each.
const PEOPLE: usize = 128;
/// People of one room.
const ROOM: usize = 32;
/// A server that has just started or been joined is left alone this long.
const SETTLE: Duration = Duration::from_millis(300);

/// Measures and prints.
///
/// # Errors
/// The server does not start, or refuses somebody.
pub fn run(report: &mut Report, is_quick: bool) -> io::Result<()> {
    let (mut idle, mut per_person) = (Rounds::default(), Rounds::default());
    for _ in 0..if is_quick { 1 } else { ROUNDS } {
        let server = ServerProcess::start(&Setup::default())?;
        Clock::sleep(SETTLE);
        let before = server.resident_kib()?;
        let mut people = Vec::with_capacity(PEOPLE);
        for number in 0..PEOPLE {
            let mut member = Member::sign_in(server.address, server.pin, &format!("Bench {number}"))?;
            member.join(&format!("room {}", number / ROOM))?;
            people.push(member);
        }
        people.iter_mut().try_for_each(Member::keep_alive)?;
        Clock::sleep(SETTLE);
        let after = server.resident_kib()?;
        idle.push(before as f64 / 1024.0);
        per_person.push((after as f64 - before as f64) / PEOPLE as f64);
    }
    report.say(&format!("{PEOPLE} people in rooms of {ROOM}, each with a TLS connection and a bound address."));
    report.figure("server.idle_rss_mib", &idle, "MiB");
    report.figure("server.kib_per_participant", &per_person, "KiB");
    report.end();
    Ok(())
}
