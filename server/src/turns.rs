//! Turns: whoever took one earlier goes first, however the executor wakes them.

use std::cell::RefCell;

use async_channel::{Receiver, Sender};

/// Hands out turns, each after the one before.
#[derive(Default)]
pub(crate) struct Turns(RefCell<Option<Receiver<()>>>);

/// A place in the row. Dropping it lets the next one go.
pub(crate) struct Turn {
    previous: Option<Receiver<()>>,
    _next: Sender<()>,
}

impl Turns {
    /// Takes the last place in the row.
    pub fn take(&self) -> Turn {
        let (next, mine) = async_channel::bounded(1);
        Turn { previous: self.0.replace(Some(mine)), _next: next }
    }
}

impl Turn {
    /// Waits until every earlier turn is over.
    pub async fn come(&self) {
        if let Some(previous) = &self.previous {
            // Nothing is ever sent: the wait ends when the one before drops its end.
            let _ = previous.recv().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_lite::future;

    #[test]
    fn whoever_is_ready_first_waits_for_those_before() {
        let turns = Turns::default();
        let (first, second, third) = (turns.take(), turns.take(), turns.take());
        let order = RefCell::new(Vec::new());
        let go = async |turn: Turn, number| {
            turn.come().await;
            order.borrow_mut().push(number);
        };
        let others = future::zip(go(third, 3), go(second, 2));
        future::block_on(future::zip(others, async {
            future::yield_now().await;
            go(first, 1).await;
        }));
        assert_eq!(order.into_inner(), [1, 2, 3]);
    }

    #[test]
    fn a_turn_that_is_given_up_holds_nobody_back() {
        let turns = Turns::default();
        let (first, second) = (turns.take(), turns.take());
        drop(first);
        future::block_on(second.come());
        drop(second);
        future::block_on(turns.take().come());
    }
}
