//! What the relay threads count.

use hph_core::endpoint::relay::{RepairFigures, ReportFigures};
use hph_core::stats::{DropCounters, Histogram};
use hph_platform::udp::SendCounters;

/// Figures for the owner and for the demo.
#[derive(Clone, Debug, Default)]
pub struct RelayFigures {
    /// Media datagrams sent on.
    pub forwarded: u64,
    /// Datagrams that came over the network, of any kind. **Units:** datagrams, bytes of their content.
    pub received: (u64, u64),
    /// Content of the datagrams that were sent. **Units:** bytes.
    pub sent_bytes: u64,
    /// Datagrams that the socket did not take.
    pub not_sent: u64,
    /// Media packets and datagrams that went from one relay thread to another.
    pub handed_over: u64,
    /// Those that found no room on their way.
    pub not_handed_over: u64,
    /// Datagrams for those whose network lets none pass: they went inside control connections.
    pub tunnelled: u64,
    /// What was done about lost packets.
    pub repair: RepairFigures,
    /// What clients report of what they receive.
    pub reports: ReportFigures,
    /// From the arrival of a batch of datagrams in the program to the last receiver's send, for each one sent on.
    pub forward: Histogram,
    /// Dropped datagrams by reason.
    pub drops: Vec<(&'static str, u64)>,
}

/// The same of one thread.
#[derive(Clone, Debug, Default)]
pub(super) struct ShardFigures {
    pub forwarded: u64,
    pub received: (u64, u64),
    pub sent_bytes: u64,
    pub handed_over: u64,
    pub not_handed_over: u64,
    pub tunnelled: u64,
    pub sent: SendCounters,
    pub forward: Histogram,
    pub reports: ReportFigures,
    pub repair: RepairFigures,
    pub drops: DropCounters,
}

impl RelayFigures {
    pub(super) fn sum(shards: impl Iterator<Item = ShardFigures>) -> Self {
        let mut sum = Self::default();
        let mut drops = DropCounters::default();
        for shard in shards {
            sum.forwarded += shard.forwarded;
            sum.received.0 += shard.received.0;
            sum.received.1 += shard.received.1;
            sum.sent_bytes += shard.sent_bytes;
            sum.not_sent += shard.sent.blocked + shard.sent.refused + shard.sent.unqueued;
            sum.handed_over += shard.handed_over;
            sum.not_handed_over += shard.not_handed_over;
            sum.tunnelled += shard.tunnelled;
            sum.forward.merge(&shard.forward);
            sum.reports.merge(&shard.reports);
            sum.repair.merge(&shard.repair);
            drops.merge(&shard.drops);
        }
        sum.drops = drops.iter().map(|(reason, count)| (reason.name(), count)).collect();
        sum
    }
}
