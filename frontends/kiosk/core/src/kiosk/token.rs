//! How the device is let in without a password: what counts is its own key, which the server's owner has approved, for one room,
//! by an enrolment link or by a code that the device shows. Whoever revokes it ends its session, and it asks anew.

use hph_client::core::time::{Duration, Instant};
use hph_client::engine::{Account, AccountEvent, EndReason};
use hph_client::link::{Given, Invitation};
use hph_presenters::app;
use hph_presenters::effect::Connection;
use hph_presenters::time::seconds_until;
use hph_presenters::trouble::Trouble;

use super::{Effect, Effects, EngineEvent, Kiosk, Now, Wanted};

/// Digits of a code are shown in two groups of so many.
const GROUP: usize = 3;

/// A code that is shown until the owner has typed it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pairing {
    /// Six digits.
    pub code: String,
    /// Until when it is good.
    until: Instant,
}

impl Pairing {
    /// Its digits in two groups, as people read and type them.
    pub fn grouped(&self) -> String {
        let (first, second) = self.code.split_at_checked(GROUP).unwrap_or((&self.code, ""));
        format!("{first} {second}").trim().to_owned()
    }

    /// Seconds until it is void.
    pub fn seconds(&self, now: Now) -> u64 {
        seconds_until(self.until, now.at)
    }
}

/// What is known of being let in.
#[derive(Clone, Debug, Default)]
pub(super) struct Token {
    /// The code that is shown.
    pairing: Option<Pairing>,
    /// The enrolment link of the configuration let nobody in, or does not any more.
    is_spent: bool,
    /// The only room where the device may be.
    room: Option<String>,
    /// What the owner calls it.
    name: Option<String>,
}

impl Kiosk {
    /// The code to show to the owner; none if there is nothing to ask for.
    pub const fn pairing(&self) -> Option<&Pairing> {
        self.token.pairing.as_ref()
    }

    /// The only room where the server's owner lets it be; none for a guest.
    pub fn only_room(&self) -> Option<&str> {
        self.token.room.as_deref()
    }

    /// The room that the device is always in: that of its approval, else of the configuration.
    pub fn home_room(&self) -> Option<&str> {
        self.only_room().or_else(|| self.config.home_room())
    }

    /// What the device is called: by the server's owner, else by its own.
    pub fn name(&self) -> &str {
        self.token.name.as_deref().unwrap_or(&self.config.name)
    }

    /// Whether an invitation that is held in front of the camera counts: any, where no server is known; an enrolment that is not
    /// the known one, while the device waits to be let in. Else whoever walks by could give it another server.
    pub(super) fn is_news(&self, shown: &Invitation) -> bool {
        self.may_enrol()
            && self.config.server.as_ref().is_none_or(|known| {
                matches!(shown.given, Some(Given::Enrol(_))) && (known.given != shown.given || known.host != shown.host)
            })
    }

    /// Signs in by its key, and with the enrolment link's secret as long as that may be good.
    pub(super) fn sign_in_by_key(&mut self, server: &Invitation, effects: &mut Effects) {
        let secret = match &server.given {
            Some(Given::Enrol(secret)) if !self.token.is_spent => Some(secret.clone()),
            _ => None,
        };
        let pin = server.pin.or(self.app.signin.offer.as_ref().map(|offer| offer.pin));
        let (host, port) = (server.host.clone(), server.port);
        (self.app.signin.is_busy, self.app.signin.problem) = (true, None);
        let connection = Connection { host, port, pin, account: Account::Kiosk { secret } };
        effects.push(Effect::Meeting(Wanted::Connect(Box::new(connection))));
    }

    /// The way to the server failed: what was shown is void. Whether it may be tried again at once, in another way.
    pub(super) fn note_failure(&mut self, trouble: Trouble) -> bool {
        // In the next session it is told anew where it may be.
        self.token = Token { is_spent: self.token.is_spent, ..Token::default() };
        if self.config.guest || !matches!(trouble, Trouble::Revoked | Trouble::Invitation) {
            return false;
        }
        // Without the link it can still ask for the owner's approval.
        !std::mem::replace(&mut self.token.is_spent, true)
    }

    /// What the server says of the device. Whether it has just been let in.
    pub(super) fn note_token(&mut self, event: &EngineEvent, now: Now, effects: &mut Effects) -> bool {
        match event {
            EngineEvent::SignedIn { display_name, .. } if !self.config.guest => {
                (self.token.pairing, self.token.name) = (None, Some(display_name.clone()));
            }
            EngineEvent::Account(AccountEvent::OnlyRoom { name, .. }) => {
                // Told again when the connection is back: then the engine goes back into the room, if it was there.
                return self.token.room.replace(name.clone()).is_none();
            }
            EngineEvent::Account(AccountEvent::PairingCode { .. }) if self.connection.is_up() => {
                // Revoked while it was away: that session is over, and it asks in a new one.
                effects.push(Effect::Meeting(Wanted::Disconnect));
                self.meet(app::Event::Engine(EngineEvent::Ended(EndReason::Revoked)), now, effects);
            }
            EngineEvent::Account(AccountEvent::PairingCode { code, seconds }) => {
                let until = now.at + Duration::from_secs((*seconds).into());
                self.token.pairing = Some(Pairing { code: code.clone(), until });
            }
            _ => {}
        }
        false
    }
}
