//! Numbers for requests and messages.

/// Gives numbers for requests to the server, and for messages.
#[derive(Clone, Debug, Default)]
pub struct Ids {
    request: u32,
    state: u64,
}

impl Ids {
    /// Starts from a random seed, so that numbers of messages are unique among all that their author ever sends.
    pub const fn new(seed: u64) -> Self {
        Self { request: 0, state: seed }
    }

    /// A number for a request, never 0.
    pub fn request(&mut self) -> u32 {
        self.request = self.request.wrapping_add(1).max(1);
        self.request
    }

    /// A number for a message; its high bit keeps it apart from requests.
    pub const fn reference(&mut self) -> u64 {
        // splitmix64: every state once, so no number twice.
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ z >> 31) | 1 << 63
    }
}
