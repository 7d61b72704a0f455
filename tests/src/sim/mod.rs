//! A whole deployment in one thread, under a clock of its own: the server machine with a driver and a store, clients,
//! a bad network, strangers and a malicious member.
//!
//! One seed decides everything: storage, people, weather, what users do and what breaks. After a while the faults stop,
//! and everything must come together again. Whatever a machine does is checked as it happens (see [`oracle`]); a
//! broken promise is a panic that names the seed.

pub mod actions;
pub mod calm;
pub mod client;
pub mod client_events;
pub mod mallory;
pub mod network;
pub mod oracle;
pub mod output;
pub mod random;
pub mod server;
pub mod store;
pub mod stranger;
pub mod world;

use client::ClientMemory;
use hph_core::error::DropReason;
use random::Random;
use server::ServerMemory;
use world::World;

/// Microseconds of a millisecond.
pub const MS: u64 = 1000;
/// Microseconds of a second.
pub const SECOND: u64 = 1000 * MS;

/// What kind of run a seed makes.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// The seed itself.
    pub seed: u64,
    /// How many clients there are.
    pub clients: usize,
    /// Rooms that the server may have.
    pub server_rooms: usize,
    /// Rooms that a client may be in.
    pub client_rooms: usize,
    /// Sessions that the server may have.
    pub sessions: usize,
    /// Frames that a client puts together at once.
    pub slots: usize,
    /// Whether two clients share an account.
    pub is_account_shared: bool,
    /// Whether the store's answers come in the order of its deeds.
    pub is_store_in_order: bool,
    /// How often the server crashes.
    pub crashes: usize,
    /// How long the faults last. **Units:** microseconds.
    pub chaos_us: u64,
    /// Chat messages that a room's history keeps.
    pub history_max: u64,
}

impl Plan {
    /// The plan of a seed.
    pub fn new(seed: u64) -> Self {
        let mut random = Random::new(seed ^ 0x706c_616e);
        let is_tiny = random.chance(250);
        let clients = match random.below(100) {
            0..=39 => 2 + random.below(2),
            40..=84 => 4 + random.below(3),
            85..=96 => 7 + random.below(3),
            _ => 10 + random.below(7),
        } as usize;
        Self {
            seed,
            clients,
            server_rooms: if is_tiny { 2 } else { 6 },
            client_rooms: if is_tiny { 1 } else { 3 },
            // One more for the malicious member, or just too few for everybody.
            sessions: clients + 1,
            slots: if is_tiny { 2 } else { 8 },
            is_account_shared: random.chance(120),
            is_store_in_order: random.chance(700),
            crashes: [0, 0, 1, 1, 2][random.below(5) as usize],
            chaos_us: 3 * SECOND + random.below(5000) * MS,
            history_max: if random.chance(300) { 5 } else { 1000 },
        }
    }
}

/// What a run amounts to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Report {
    /// A hash over everything that happened, in order.
    pub trace: u64,
    /// How long it took on the run's own clock. **Units:** microseconds.
    pub end_us: u64,
    /// Frames that were handed out to their receivers.
    pub frames_delivered: u64,
    /// Chat messages that were shown.
    pub chats_shown: u64,
    /// Datagrams that the server was given.
    pub datagrams: u64,
    /// Packets that the malicious member copied, and those of them that it could open because it was there.
    pub tapped: (usize, usize),
    /// What clients and the last server dropped, by reason.
    pub drops: [[u64; DropReason::ALL.len()]; 2],
    /// How long it took after the last fault until everything was well again. **Units:** microseconds.
    pub recovery_us: u64,
}

/// Runs one seed.
///
/// # Panics
/// If a promise is broken; the message names the seed and the moment.
pub fn run(seed: u64) -> Report {
    run_plan(&Plan::new(seed))
}

/// Runs one plan.
///
/// # Panics
/// As [`run`].
pub fn run_plan(plan: &Plan) -> Report {
    let mut servers: Vec<ServerMemory> = (0..=plan.crashes).map(|_| ServerMemory::new(plan)).collect();
    let mut clients: Vec<ClientMemory> = (0..plan.clients).map(|_| ClientMemory::new(plan)).collect();
    let mut world = World::new(plan, servers.iter_mut(), clients.iter_mut());
    world.run_chaos();
    world.run_calm()
}
