//! Memory for the machine, as the core asks for it: taken once, for as long as the page lives.

use hph_core::endpoint::client::{ClientRepair, ClientRoomPlace, ClientStorage, HeldPacket};
use hph_core::limits::{
    FRAGMENTS_MAX, FRAME_MAX_BYTES, PARITY_GROUP_PACKETS_MAX, PARITY_GROUP_PARITY_MAX, ROOM_PARTICIPANTS_MAX,
};
use hph_core::media::cache::{CACHE_PACKET_BYTES, CachePlace, PacketCache};
use hph_core::media::nack::{GapTracker, Gaps, Missing};
use hph_core::media::parity::{RECOVERY_PLACE_BYTES, Recovery, RecoveryPlace, Symbol};
use hph_core::media::reassembly::{DEADLINE_DEFAULT, Reassembler, ReassemblySlot};
use hph_core::media::track_window::TrackWindow;

/// A page shows one room.
const ROOMS: usize = 2;
/// Whole JPEGs that are put together at the same time; strips need none.
const REASSEMBLY_SLOTS: usize = 16;
/// Packets that wait for their key.
const HELD_PACKETS: usize = 128;
/// Own packets that can be sent again.
const SENT_PACKETS: usize = 512;
/// Packets of others that may be missing at the same time.
const MISSING_PACKETS: usize = 256;
/// Groups of packets from which lost ones can be made again.
const RECOVERY_PLACES: usize = 8;

/// All of it: about 7 MB, of which only what is used is ever touched.
pub fn allocate() -> ClientStorage<'static> {
    let rooms: Vec<ClientRoomPlace> = (0..ROOMS).map(|_| ClientRoomPlace::default()).collect();
    let reassembler = Reassembler::new(
        lent(ReassemblySlot::EMPTY, REASSEMBLY_SLOTS),
        lent(0, REASSEMBLY_SLOTS * FRAME_MAX_BYTES),
        lent(TrackWindow::EMPTY, ROOM_PARTICIPANTS_MAX * 4),
        DEADLINE_DEFAULT,
    );
    let repair = ClientRepair {
        sent: PacketCache::new(lent(CachePlace::EMPTY, SENT_PACKETS), lent(0, SENT_PACKETS * CACHE_PACKET_BYTES)),
        gaps: Gaps::new(lent(GapTracker::EMPTY, ROOM_PARTICIPANTS_MAX * 2), lent(Missing::NONE, MISSING_PACKETS)),
        recovery: Recovery::new(
            lent(RecoveryPlace::EMPTY, RECOVERY_PLACES),
            lent(0, RECOVERY_PLACES * RECOVERY_PLACE_BYTES),
        ),
        parity: lent(Symbol::EMPTY, PARITY_GROUP_PARITY_MAX * FRAGMENTS_MAX.div_ceil(PARITY_GROUP_PACKETS_MAX)),
    };
    ClientStorage { rooms: rooms.leak(), reassembler, held: lent(HeldPacket::EMPTY, HELD_PACKETS), repair }
}

fn lent<T: Clone>(value: T, count: usize) -> &'static mut [T] {
    vec![value; count].leak()
}
