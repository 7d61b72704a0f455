//! `bench memory`: what a server takes while nobody is there, and for each person that signs in, with pictures and without.

use std::io;

use hph_core::time::Duration;
use hph_load::figure::{Report, Rounds};
use hph_load::member::{Member, Seat};
use hph_load::server::ServerProcess;
use hph_platform::clock::Clock;

use hph_client::core::id::TrackId;

/// Servers that are started, of each kind.
pub const ROUNDS: usize = 5;
/// People that sign in at each.
pub const PEOPLE: usize = 128;
/// People of one room.
const ROOM: usize = 32;
/// A server that has just started or been joined is left alone this long.
pub const SETTLE: Duration = Duration::from_millis(300);
/// Bytes of a picture: 21 datagrams. Everybody shows so many, so that all packets that a relay thread keeps, and all of its
/// buffers, are in use before the first person is counted.
const PICTURE_BYTES: usize = 21 * 1118;
const PICTURES: usize = 8;

/// Resident memory before and after people came, round by round: idle in MiB, and for each of them in KiB.
#[derive(Default)]
pub struct Residents {
    idle: Rounds,
    per_person: Rounds,
}

impl Residents {
    /// Adds a round. **Units:** KiB, in all.
    pub fn push(&mut self, before: u64, after: u64, people: usize) {
        self.idle.push(before as f64 / 1024.0);
        self.per_person.push((after as f64 - before as f64) / people as f64);
    }

    /// Prints them as figures of `whose`.
    pub fn print(&self, report: &mut Report, whose: &str) {
        report.figure(&format!("{whose}.idle_rss_mib"), &self.idle, "MiB");
        report.figure(&format!("{whose}.kib_per_participant"), &self.per_person, "KiB");
    }
}

/// A server with people in rooms.
struct Meeting {
    server: ServerProcess,
    people: Vec<(Member, Seat)>,
}

impl Meeting {
    fn start() -> io::Result<Self> {
        let server = ServerProcess::start_program()?;
        Clock::sleep(SETTLE);
        Ok(Self { server, people: Vec::new() })
    }

    fn resident_kib(&self) -> io::Result<u64> {
        Clock::sleep(SETTLE);
        self.server.resident_kib()
    }

    /// Signs people in until there are so many, and lets newcomers switch their cameras on.
    fn grow(&mut self, count: usize, has_cameras: bool) -> io::Result<()> {
        while self.people.len() < count {
            let number = self.people.len();
            let mut member = Member::sign_in(self.server.address, self.server.pin, &format!("Bench {number}"))?;
            let seat = member.join(&format!("room {}", number / ROOM))?;
            if has_cameras {
                member.publish(seat, TrackId::CAMERA)?;
            }
            self.people.push((member, seat));
        }
        self.people.iter_mut().try_for_each(|(member, _)| member.keep_alive())
    }

    /// Everybody shows pictures to the others of its room.
    fn show(&mut self) -> io::Result<()> {
        let picture = vec![0x5a; PICTURE_BYTES];
        for _ in 0..PICTURES {
            for (member, seat) in &mut self.people {
                let burst = member.seal_frame(seat.room, TrackId::CAMERA, &picture)?;
                let mut rest = burst.bytes.as_slice();
                for len in burst.lengths {
                    let (datagram, others) = rest.split_at(len);
                    member.socket.send(datagram)?;
                    rest = others;
                }
            }
        }
        self.people.iter_mut().try_for_each(|(member, _)| member.keep_alive())
    }
}

/// Measures and prints.
///
/// # Errors
/// The server does not start, or refuses somebody.
pub fn run(report: &mut Report, is_quick: bool) -> io::Result<()> {
    let (mut residents, mut with_pictures) = (Residents::default(), Rounds::default());
    for _ in 0..if is_quick { 1 } else { ROUNDS } {
        let mut meeting = Meeting::start()?;
        let before = meeting.resident_kib()?;
        meeting.grow(PEOPLE, false)?;
        residents.push(before, meeting.resident_kib()?, PEOPLE);
        drop(meeting);

        // The second half is counted: with the first one all packets are in use that a server ever keeps.
        let mut meeting = Meeting::start()?;
        meeting.grow(PEOPLE / 2, true)?;
        meeting.show()?;
        let before = meeting.resident_kib()?;
        meeting.grow(PEOPLE, true)?;
        meeting.show()?;
        with_pictures.push((meeting.resident_kib()? as f64 - before as f64) / (PEOPLE - PEOPLE / 2) as f64);
    }
    report.say(&format!("{PEOPLE} people in rooms of {ROOM}, each with a TLS connection and a bound address."));
    residents.print(report, "server");
    report.say("The same where everybody shows pictures to everybody in the room, packets that are kept aside.");
    report.figure("server.kib_per_participant_with_pictures", &with_pictures, "KiB");
    report.end();
    Ok(())
}
