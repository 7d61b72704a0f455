//! The first screen: one box for link, host or address.

use hph_client::link::{Invitation, parse_address};

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
}

impl From<Invitation> for Target {
    fn from(Invitation { host, port, pin, room, .. }: Invitation) -> Self {
        Self { host, port, pin, room }
    }
}

/// What was typed as a server: an invitation, or an address.
fn parse(text: &str) -> Option<Target> {
    let text = text.trim();
    if let Ok(invitation) = text.parse::<Invitation>() {
        return Some(invitation.into());
    }
    let (host, port) = parse_address(text)?;
    Some(Target { host, port, pin: None, room: None })
}

impl SignIn {
    pub(super) fn go(&mut self, effects: &mut Effects) {
        match parse(&self.server_text) {
            Some(target) => self.set_target(target, effects),
            None => self.problem = Some(Problem::NoAddress),
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
        let ways = self.ways();
        if !ways.contains(&self.way) {
            self.way = ways.first().copied().unwrap_or(Way::Password);
        }
        effects.push(Effect::Focus(crate::effect::Focus::First));
    }

    pub(super) fn type_in(&mut self, field: Field, text: String) {
        // What is wrong with a field is true until it is changed.
        let is_about = match self.problem {
            Some(Problem::Field(about, _)) => about == field,
            Some(Problem::NoAddress) => field == Field::Server,
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
