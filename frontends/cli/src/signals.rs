//! Signals that ask the program to end.

use std::io;

use async_channel::Receiver;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::exit::Exit;

/// What arrives when somebody presses Ctrl-C or asks the program to stop: how the program ends then.
///
/// # Errors
/// The operating system does not let us listen.
pub fn stop_requests() -> io::Result<Receiver<Exit>> {
    let (sender, receiver) = async_channel::bounded(4);
    let mut signals = Signals::new([SIGINT, SIGTERM])?;
    std::thread::Builder::new().name("signals".to_owned()).spawn(move || {
        for signal in signals.forever() {
            let exit = if signal == SIGINT { Exit::Interrupted } else { Exit::Ok };
            // Nobody needs to know of the fifth Ctrl-C.
            let _ = sender.try_send(exit);
        }
    })?;
    Ok(receiver)
}
