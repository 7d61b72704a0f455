//! `bench rooms`: what a packet costs the packet plane as rooms and people become many. The kernel has no part in it.

use std::io;

use hph_load::figure::{Report, Rounds};
use hph_load::machine::{self, Meter, Role};

use crate::world::World;

/// Rounds of everything.
const ROUNDS: usize = 5;
/// How many rooms: the first is what the others are compared with.
const SIZES: [usize; 4] = [1, 8, 50, 200];
/// People of each.
const PEOPLE: usize = 32;
/// Packets of a round; each is forwarded to all others of its room.
const PACKETS: usize = 4000;
/// Bytes of a video datagram.
const DATAGRAM_BYTES: usize = 1200;

/// Measures and prints.
///
/// # Errors
/// The system does not tell a thread's time.
pub fn run(report: &mut Report, is_quick: bool) -> io::Result<()> {
    machine::pin(Role::Relay);
    report.say(&format!(
        "One sender in each room of {PEOPLE}, packets of {DATAGRAM_BYTES} bytes, rooms in turn; the machine alone, no sockets."
    ));
    let packets = if is_quick { PACKETS / 4 } else { PACKETS };
    let mut worlds: Vec<(usize, World)> = SIZES.iter().map(|&rooms| (rooms, World::new(rooms, PEOPLE))).collect();
    let mut costs: Vec<Rounds> = SIZES.iter().map(|_| Rounds::default()).collect();
    let meter = Meter::of_this_thread();
    for round in 0..=ROUNDS {
        for ((rooms, world), cost) in worlds.iter_mut().zip(&mut costs) {
            let mut sealed: Vec<_> = (0..packets).map(|turn| world.seal(turn % *rooms, DATAGRAM_BYTES)).collect();
            let (sent, before) = (world.sink.sent, meter.read_ns()?);
            for packet in &mut sealed {
                world.forward(packet);
            }
            let (sent, spent_ns) = (world.sink.sent - sent, meter.read_ns()? - before);
            assert_eq!(sent as usize, packets * (PEOPLE - 1), "every packet to everybody else");
            // The first round warms caches and is not counted.
            if round > 0 {
                cost.push(spent_ns as f64 / sent as f64);
            }
        }
    }
    for (rooms, cost) in SIZES.iter().zip(&costs) {
        report.figure(&format!("rooms.{rooms}x{PEOPLE}.ns_per_packet"), cost, "ns");
    }
    if let [one, .., most] = costs.as_slice() {
        report.figure("rooms.ratio_200_over_1", &most.over(one), "ratio");
    }
    report.end();
    Ok(())
}
