//! Servers in this network: looked for while one chooses where to go, and at no other time.

use std::time::Duration;

use hph_client::discover::{Discovery, FoundServer};
use hph_client::tls::fingerprint;
use hph_presenters::app::{Event, Screen};
use hph_presenters::signin::{Event as SignIn, Found};
use slint::Timer;

use super::Program;

/// So long it is too early to say that there are none.
const PATIENCE: Duration = Duration::from_secs(3);

/// The search.
#[derive(Default)]
pub(super) enum Search {
    /// Nobody chooses a server.
    #[default]
    Off,
    /// It goes on.
    On(Discovery),
    /// This machine has no network for it. The next time somebody chooses it is tried again.
    Failed,
}

impl Program {
    /// Begins to look, or ends it, as the screen wants.
    pub(super) fn follow_search(&self) {
        let (is_choosing, is_off) = {
            let state = self.state.borrow();
            (state.app.screen == Screen::First, matches!(state.search, Search::Off))
        };
        match (is_choosing, is_off) {
            (true, true) => self.begin_search(),
            (false, false) => self.state.borrow_mut().search = Search::Off,
            _ => {}
        }
    }

    fn begin_search(&self) {
        let begun = Discovery::start();
        let changes = begun.as_ref().ok().map(|discovery| discovery.changes().clone());
        self.state.borrow_mut().search = begun.map_or(Search::Failed, Search::On);
        self.post(Event::SignIn(SignIn::SearchBegun));
        let Some(changes) = changes else { return self.post(Event::SignIn(SignIn::SearchOver)) };
        let weak = self.weak.clone();
        // It ends when the search does: nobody tells of changes then.
        let _ = slint::spawn_local(async move {
            while changes.recv().await.is_ok() {
                let Some(program) = weak.upgrade() else { break };
                program.tell_nearby();
            }
        });
        let weak = self.weak.clone();
        Timer::single_shot(PATIENCE, move || {
            if let Some(program) = weak.upgrade() {
                program.post(Event::SignIn(SignIn::SearchOver));
            }
        });
    }

    fn tell_nearby(&self) {
        let servers = match &self.state.borrow().search {
            Search::On(discovery) => discovery.servers(),
            Search::Off | Search::Failed => return,
        };
        self.post(Event::SignIn(SignIn::Found(servers.into_iter().map(found).collect())));
    }

    /// The server with that key was chosen.
    pub(super) fn choose_nearby(&self, key: &str) {
        let is_it = |found: &&Found| fingerprint(&found.pin) == key;
        let pin = self.state.borrow().app.signin.found.iter().find(is_it).map(|found| found.pin);
        if let Some(pin) = pin {
            self.post(Event::SignIn(SignIn::Choose(pin)));
        }
    }
}

fn found(server: FoundServer) -> Found {
    let FoundServer { name, address, port, rooms, people, pin } = server;
    Found { name, host: address.to_string(), port, rooms, people, pin }
}
