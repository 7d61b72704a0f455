//! How long each stage of a picture's way takes.

use std::sync::Mutex;

use hph_core::stats::Histogram;

/// One histogram per stage, in the order of the way. The relay's stage is the server's to tell.
#[derive(Clone, Debug, Default)]
pub struct Stages {
    /// From capture to an encoded frame.
    pub encode: Histogram,
    /// From there until the engine takes it.
    pub queue: Histogram,
    /// Cutting, sealing and sending all fragments.
    pub seal_and_send: Histogram,
    /// From the first fragment's arrival to the last one's: opening included.
    pub reassemble: Histogram,
    /// Waiting for the sound of its moment, from the whole frame on; of the time that follows none is counted twice.
    pub wait: Histogram,
    /// From the whole frame to the start of decoding, without that wait.
    pub hand_over: Histogram,
    /// Decoding; of strips, all of a frame together.
    pub decode: Histogram,
    /// From the samples that strips were decoded to, to pixels.
    pub paint: Histogram,
    /// From capture at the sender to a decoded picture here, by the time code in the picture, without the wait for sound.
    pub total: Histogram,
    /// How far what is seen and what is heard of one sender lie apart, either way.
    pub lips: Histogram,
}

impl Stages {
    /// Records into shared stages.
    pub fn record(stages: &Mutex<Self>, record: impl FnOnce(&mut Self)) {
        if let Ok(mut stages) = stages.lock() {
            record(&mut stages);
        }
    }

    /// Adds what others recorded.
    pub fn merge(&mut self, other: &Self) {
        let pairs = [
            (&mut self.encode, &other.encode),
            (&mut self.queue, &other.queue),
            (&mut self.seal_and_send, &other.seal_and_send),
            (&mut self.reassemble, &other.reassemble),
            (&mut self.wait, &other.wait),
            (&mut self.hand_over, &other.hand_over),
            (&mut self.decode, &other.decode),
            (&mut self.paint, &other.paint),
            (&mut self.total, &other.total),
            (&mut self.lips, &other.lips),
        ];
        for (mine, theirs) in pairs {
            mine.merge(theirs);
        }
    }

    /// Every stage with its name, in order.
    pub fn named(&self) -> [(&'static str, &Histogram); 10] {
        [
            ("encode", &self.encode),
            ("queue", &self.queue),
            ("seal_and_send", &self.seal_and_send),
            ("reassemble", &self.reassemble),
            ("wait", &self.wait),
            ("hand_over", &self.hand_over),
            ("decode", &self.decode),
            ("paint", &self.paint),
            ("total", &self.total),
            ("lips", &self.lips),
        ]
    }
}
