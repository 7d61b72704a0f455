//! Finding a server, and signing in to it.

mod answer;
mod first;

use hph_client::core::time::Instant;
use hph_client::core::wire::control::SignInMethods;
use hph_client::engine::{Account, EndReason};
use hph_client::tls::Pin;

use crate::effect::{Connection, Effect, Effects, Focus};
use crate::text::typed::{self, Flaw, Strength};
use crate::time::{Now, seconds_until};
use crate::trouble::Trouble;
pub use first::Target;

/// A way of signing in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Way {
    /// With a name only.
    #[default]
    Guest,
    /// With an account.
    Password,
    /// By making an account.
    Register,
}

/// A field of the form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// Link, code or address of a server.
    Server,
    /// Name to show.
    DisplayName,
    /// Login name.
    Username,
    /// Email label.
    Email,
    /// Password.
    Password,
    /// The nine digits of an invitation.
    Code,
}

/// A server that was found in this network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Its name.
    pub name: String,
    /// Its address.
    pub host: String,
    /// For TCP and UDP.
    pub port: u16,
    /// Rooms that it has.
    pub rooms: u32,
    /// People who are there.
    pub people: u32,
    /// The key that it says it has: what is reached must be what was chosen.
    pub pin: Pin,
}

/// What a server says of itself before anybody signs in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// Its name.
    pub name: String,
    /// How one may sign in.
    pub methods: SignInMethods,
    /// Its key.
    pub pin: Pin,
}

/// What is wrong with a field or with the whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Problem {
    /// A field.
    Field(Field, Flaw),
    /// Link, code or address can't be one.
    NoAddress,
    /// These are the nine digits of an invitation; which server it is to they don't say.
    WhichServer,
    /// Name or password are wrong; which of them the server does not say.
    WrongPassword,
    /// The login name is taken.
    NameTaken,
    /// The email address is taken.
    EmailTaken,
    /// Wait: see [`SignIn::wait_s`].
    TooFast,
    /// Something else.
    Trouble(Trouble),
}

/// What happens on the first screen and on that of signing in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A field was changed.
    Typed(Field, String),
    /// A link was opened from outside the program.
    Link(String),
    /// A server of those that were found was chosen, by its key: the list may have changed under the pointer.
    Choose(Pin),
    /// Go to the server that was typed.
    Go,
    /// Servers in this network are looked for from now on.
    SearchBegun,
    /// Servers in this network, as they are found.
    Found(Vec<Found>),
    /// Looking had its time: if there was nothing, that is said. What comes later is shown all the same.
    SearchOver,
    /// How one may sign in at the server that was asked last.
    Offered(Offer),
    /// The server that was asked last can't be reached.
    Unreachable(Trouble),
    /// What came of asking a server, which may no longer be the one that is meant.
    Answered {
        /// As in [`Effect::Ask`].
        host: String,
        /// As in [`Effect::Ask`].
        port: u16,
        /// How one may sign in there, or why it can't be said.
        answer: Result<Offer, Trouble>,
    },
    /// Another way of signing in.
    Way(Way),
    /// Show the password, or hide it.
    ToggleShown,
    /// There are nine digits to type, or not after all.
    ToggleCode,
    /// The password is forgotten, and there is a code of the server's owner for a new one; or not after all.
    ToggleForgotten,
    /// Sign in.
    Submit,
    /// Another server.
    Back,
    /// Try it without a server.
    Demo,
}

/// Both screens.
#[derive(Clone, Debug, Default)]
pub struct SignIn {
    /// What was typed as a server.
    pub server_text: String,
    /// Servers in this network.
    pub found: Vec<Found>,
    /// Whether it is too early to say that there are none.
    pub is_searching: bool,
    /// Where to go; none on the first screen.
    pub target: Option<Target>,
    /// What the server offers; none until it has said.
    pub offer: Option<Offer>,
    /// The chosen way.
    pub way: Way,
    /// Name to show.
    pub display_name: String,
    /// Login name.
    pub username: String,
    /// Email label.
    pub email: String,
    /// Password. It goes into the engine and nowhere else.
    pub password: String,
    /// The nine digits of an invitation, or a code for a new password, as they were typed; nothing: without.
    pub code: String,
    /// Whether there is a place to type them.
    pub is_code_asked: bool,
    /// Whether the password is forgotten: the code is one for a new password, which is in its place.
    pub is_forgotten: bool,
    /// Whether we came in with an invitation.
    pub was_invited: bool,
    /// Whether it is shown.
    pub is_password_shown: bool,
    /// Whether an answer is waited for.
    pub is_busy: bool,
    /// What is wrong.
    pub problem: Option<Problem>,
    is_username_typed: bool,
    retry_at: Option<Instant>,
}

impl SignIn {
    /// Takes an event.
    pub fn handle(&mut self, event: Event, now: Now, effects: &mut Effects) {
        match event {
            Event::Typed(field, text) => self.type_in(field, text),
            Event::Link(link) => {
                self.server_text = link;
                self.go(effects);
            }
            Event::Choose(pin) => {
                if let Some(found) = self.found.iter().find(|found| found.pin == pin) {
                    let target =
                        Target { host: found.host.clone(), port: found.port, pin: Some(pin), room: None, given: None };
                    self.set_target(target, effects);
                }
            }
            Event::SearchBegun => (self.found, self.is_searching) = (Vec::new(), true),
            Event::Go => self.go(effects),
            Event::Found(found) => self.found = found,
            Event::SearchOver => self.is_searching = false,
            Event::Offered(offer) => self.take_offer(offer, effects),
            Event::Unreachable(trouble) => {
                (self.is_busy, self.problem) = (false, Some(Problem::Trouble(trouble)));
            }
            Event::Answered { host, port, answer } => {
                let is_meant = |target: &Target| (&target.host, target.port) == (&host, port);
                if self.target.as_ref().is_some_and(is_meant) {
                    self.handle(answer.map_or_else(Event::Unreachable, Event::Offered), now, effects);
                }
            }
            Event::Way(way) => {
                if self.is_forgotten {
                    self.forget_code();
                }
                (self.way, self.problem) = (way, None);
            }
            Event::ToggleForgotten => {
                let is_forgotten = !self.is_forgotten;
                self.forget_code();
                self.password.clear();
                (self.way, self.problem, self.is_forgotten) = (Way::Password, None, is_forgotten);
            }
            Event::ToggleShown => self.is_password_shown = !self.is_password_shown,
            Event::ToggleCode => {
                let is_asked = !self.is_code_asked;
                self.forget_code();
                self.is_code_asked = is_asked;
                self.keep_to_ways();
            }
            Event::Submit => self.submit(now, effects),
            Event::Back => {
                (self.target, self.offer, self.problem, self.is_busy) = (None, None, None, false);
                self.password.clear();
                self.forget_code();
                self.was_invited = false;
            }
            Event::Demo => effects.push(Effect::StartDemo),
        }
    }

    /// Ways that the server offers, in the order in which they are shown. Whoever has an invitation may come in with it or make an
    /// account: whether it is one for that only the server knows.
    pub fn ways(&self) -> Vec<Way> {
        let methods = self.offer.as_ref().map(|offer| offer.methods).unwrap_or_default();
        let is_invited = self.offer.is_some() && self.is_invited();
        let offered = [
            (Way::Guest, methods.guest || is_invited),
            (Way::Password, methods.password),
            (Way::Register, methods.register || is_invited),
        ];
        offered.into_iter().filter(|(_, is_offered)| *is_offered).map(|(way, _)| way).collect()
    }

    /// Whether one comes with an invitation: that of the link, or nine digits.
    pub fn is_invited(&self) -> bool {
        self.is_code_asked || self.target.as_ref().is_some_and(|target| target.given.is_some())
    }

    /// Seconds until one may try again; 0 at once.
    pub fn wait_s(&self, now: Instant) -> u64 {
        self.retry_at.map_or(0, |at| seconds_until(at, now))
    }

    /// How hard the password of a new account is to guess.
    pub fn strength(&self) -> Strength {
        typed::strength(&self.password, &[&self.username, &self.display_name, &self.email])
    }

    /// Whether the button can be pressed.
    pub fn may_submit(&self, now: Instant) -> bool {
        !self.is_busy && self.offer.is_some() && self.wait_s(now) == 0
    }

    /// The invitation's room, if one is to be entered.
    pub fn room(&self) -> Option<&str> {
        self.target.as_ref().and_then(|target| target.room.as_deref())
    }
}

#[cfg(test)]
mod tests;
