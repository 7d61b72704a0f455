//! When a microphone that is open is heard: always, while a key is held, or while somebody speaks.

/// Blocks for which a gate stays open after the last voice, so that a pause for breath does not close it: 400 ms.
const HOLD_BLOCKS: u16 = 40;
/// Blocks of voice within [`TALK_WINDOW_BLOCKS`] that count as talking, and not as a cough: 400 ms.
const TALK_BLOCKS: u16 = 40;
/// One second.
const TALK_WINDOW_BLOCKS: u16 = 100;
/// Whoever talks while muted is told again only after so many blocks: 10 s.
const REMIND_BLOCKS: u16 = 1000;

/// When a microphone is heard.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum GateMode {
    /// Always.
    #[default]
    Open,
    /// While the key is held.
    PushToTalk,
    /// While somebody speaks.
    VoiceActivated,
}

/// What a block is to the gate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GateDecision {
    /// Whether the block is sent.
    pub is_heard: bool,
    /// Whether to remark that somebody talks whom nobody hears.
    pub is_talking_while_muted: bool,
}

/// Decides block by block of 10 ms.
#[derive(Clone, Debug, Default)]
pub struct Gate {
    mode: GateMode,
    hold: u16,
    talked: u16,
    window: u16,
    quiet_for: u16,
}

impl Gate {
    /// A gate that is closed until there is a reason to open it.
    pub const fn new(mode: GateMode) -> Self {
        Self { mode, hold: 0, talked: 0, window: 0, quiet_for: 0 }
    }

    /// Takes the next block: whether it is voice, and whether the key is held.
    pub const fn handle_block(&mut self, is_voice: bool, is_key_held: bool) -> GateDecision {
        self.hold = if is_voice { HOLD_BLOCKS } else { self.hold.saturating_sub(1) };
        let is_heard = match self.mode {
            GateMode::Open => true,
            GateMode::PushToTalk => is_key_held,
            GateMode::VoiceActivated => self.hold > 0,
        };
        GateDecision { is_heard, is_talking_while_muted: self.watch(is_voice && !is_heard) }
    }

    const fn watch(&mut self, is_unheard_voice: bool) -> bool {
        self.quiet_for = self.quiet_for.saturating_sub(1);
        self.window += 1;
        self.talked += is_unheard_voice as u16;
        let is_talking = self.talked >= TALK_BLOCKS && self.quiet_for == 0;
        if is_talking {
            self.quiet_for = REMIND_BLOCKS;
        }
        if is_talking || self.window >= TALK_WINDOW_BLOCKS {
            self.window = 0;
            self.talked = 0;
        }
        is_talking
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_open_gate_lets_everything_through_and_remarks_nothing() {
        let mut gate = Gate::new(GateMode::Open);
        for block in 0..5000 {
            let decision = gate.handle_block(block % 3 == 0, false);
            assert_eq!(decision, GateDecision { is_heard: true, is_talking_while_muted: false });
        }
    }

    #[test]
    fn push_to_talk_follows_the_key_and_remarks_who_talks_without_it_now_and_then() {
        let mut gate = Gate::new(GateMode::PushToTalk);
        assert!(gate.handle_block(false, true).is_heard);
        let talk = |gate: &mut Gate, blocks: u32, is_held: bool| {
            (0..blocks).filter(|_| gate.handle_block(true, is_held).is_talking_while_muted).count()
        };
        assert_eq!(talk(&mut gate, 1000, true), 0, "who is heard needs no remark");
        assert_eq!(talk(&mut gate, 30, false), 0, "a cough");
        assert_eq!(talk(&mut gate, 2000, false), 2, "once in ten seconds");
        assert!(!gate.handle_block(true, false).is_heard);
    }

    #[test]
    fn a_gate_opens_with_the_voice_and_closes_after_a_breath() {
        let mut gate = Gate::new(GateMode::VoiceActivated);
        assert!(!gate.handle_block(false, false).is_heard);
        assert!(gate.handle_block(true, false).is_heard);
        let open = (0..200).take_while(|_| gate.handle_block(false, false).is_heard).count();
        assert_eq!(open, usize::from(HOLD_BLOCKS) - 1);
    }
}
