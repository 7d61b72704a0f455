//! The first screen: one box for link, host or address.

use hph_client::core::wire::control::is_code;
use hph_client::link::{Given, Invitation, parse_address};

use super::{Field, Offer, Problem, SignIn, Way};
use crate::effect::{Effect, Effects};
use crate::text::typed::suggest_username;

/// Where to go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Name or address.
    pub host: String,
    /// For TCP and UDP.
    pub port: u16,
    /// Which key it must have, if the invitation says so.
    pub pin: Option<hph_client::tls::Pin>,
    /// Which room to enter, if the invitation says so.
    pub room: Option<String>,
    /// What whoever has the link is given: the secret of an invitation, or of the server's owner.
    pub given: Option<Given>,
}

impl From<Invitation> for Target {
    fn from(Invitation { host, port, pin, room, given }: Invitation) -> Self {
        // What enrols a device without an account is nothing for people.
        let given = given.filter(|given| !matches!(given, Given::Enrol(_)));
        Self { host, port, pin, room, given }
    }
}

/// What was typed as a server: an invitation, or an address.
fn parse(text: &str) -> Option<Target> {
    let text = text.trim();
    if let Ok(invitation) = text.parse::<Invitation>() {
        return Some(invitation.into());
    }
    let (host, port) = parse_address(text)?;
    Some(Target { host, port, pin: None, room: None, given: None })
}

/// Digits as they are typed: with spaces or hyphens, or without.
pub(super) fn ungrouped(text: &str) -> String {
    text.chars().filter(|c| !c.is_whitespace() && *c != '-').collect()
}

impl SignIn {
    pub(super) fn go(&mut self, effects: &mut Effects) {
        let code = ungrouped(&self.server_text);
        if is_code(&code) {
            return self.go_with(code, effects);
        }
        match parse(&self.server_text) {
            Some(target) => self.set_target(target, effects),
            None => self.problem = Some(Problem::NoAddress),
        }
    }

    /// With the nine digits of an invitation: to the only server there is, or one has to say to which.
    fn go_with(&mut self, code: String, effects: &mut Effects) {
        (self.code, self.is_code_asked) = (code, true);
        self.server_text.clear();
        match self.found.as_slice() {
            [only] => {
                let (host, port, pin) = (only.host.clone(), only.port, Some(only.pin));
                self.set_target(Target { host, port, pin, room: None, given: None }, effects);
            }
            _ => self.problem = Some(Problem::WhichServer),
        }
    }

    pub(super) fn forget_code(&mut self) {
        (self.code, self.is_code_asked, self.is_forgotten) = (String::new(), false, false);
    }

    /// A way that is no longer offered is not the chosen one.
    pub(super) fn keep_to_ways(&mut self) {
        let ways = self.ways();
        if !ways.contains(&self.way) {
            self.way = ways.first().copied().unwrap_or(Way::Password);
        }
    }

    pub(super) fn set_target(&mut self, target: Target, effects: &mut Effects) {
        let Target { host, port, pin, .. } = target.clone();
        (self.target, self.offer, self.problem, self.is_busy) = (Some(target), None, None, true);
        effects.push(Effect::Ask { host, port, pin });
    }

    pub(super) fn take_offer(&mut self, offer: Offer, effects: &mut Effects) {
        if self.target.is_none() {
            return;
        }
        (self.offer, self.is_busy) = (Some(offer), false);
        self.keep_to_ways();
        effects.push(Effect::Focus(crate::effect::Focus::First));
    }

    pub(super) fn type_in(&mut self, field: Field, text: String) {
        // What is wrong with a field is true until it is changed.
        let is_about = match self.problem {
            Some(Problem::Field(about, _)) => about == field,
            Some(Problem::NoAddress | Problem::WhichServer) => field == Field::Server,
            Some(Problem::WrongPassword) => matches!(field, Field::Password | Field::Username),
            Some(Problem::NameTaken) => field == Field::Username,
            Some(Problem::EmailTaken) => field == Field::Email,
            _ => false,
        };
        if is_about {
            self.problem = None;
        }
        match field {
            Field::Server => self.server_text = text,
            Field::DisplayName => {
                if !self.is_username_typed && self.way == Way::Register {
                    self.username = suggest_username(&text).unwrap_or_default();
                }
                self.display_name = text;
            }
            Field::Username => {
                self.is_username_typed = !text.is_empty();
                self.username = text;
            }
            Field::Email => self.email = text,
            Field::Password => self.password = text,
            Field::Code => self.code = text,
        }
    }

    /// Fills the form with what was used the last time; never a password.
    pub fn restore(&mut self, way: Way, username: &str, display_name: &str) {
        self.way = way;
        username.clone_into(&mut self.username);
        self.is_username_typed = !username.is_empty();
        display_name.clone_into(&mut self.display_name);
    }
}
