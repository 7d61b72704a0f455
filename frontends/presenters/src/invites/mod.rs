//! Inviting people to a room: the link that shows the way, and invitations that let somebody in, with an end and a number of uses,
//! as a link, nine digits and a code of squares. They are listed and withdrawn here too.

use hph_client::core::id::RoomId;
use hph_client::core::wire::control::Refusal;
use hph_client::engine::{AccountCommand, AccountEvent, Command, Event as EngineEvent, InvitationInfo};
use hph_client::link::{Given, Invitation};

use crate::effect::{Effect, Effects, engine};
use crate::ids::Ids;
use crate::text::Lang;
use crate::trouble::Trouble;

/// Invitations of one list: a server that tells more is not believed.
const LISTED_MAX: usize = 500;
/// The most that one invitation can be good for, as one types it.
pub const USES_MAX: u16 = 999;

/// For how long an invitation is good.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Lasting {
    /// One hour.
    Hour,
    /// One day.
    #[default]
    Day,
    /// Seven days.
    Week,
    /// Thirty days.
    Month,
}

impl Lasting {
    /// All, the shortest first.
    pub const ALL: [Self; 4] = [Self::Hour, Self::Day, Self::Week, Self::Month];

    /// **Units:** seconds.
    pub const fn seconds(self) -> u32 {
        match self {
            Self::Hour => 3600,
            Self::Day => 24 * 3600,
            Self::Week => 7 * 24 * 3600,
            Self::Month => 30 * 24 * 3600,
        }
    }

    /// In words.
    pub const fn text(self, lang: Lang) -> &'static str {
        match self {
            Self::Hour => lang.pick("1 giờ", "1 hour"),
            Self::Day => lang.pick("1 ngày", "1 day"),
            Self::Week => lang.pick("7 ngày", "7 days"),
            Self::Month => lang.pick("30 ngày", "30 days"),
        }
    }
}

/// What happens on the sheet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// So many may come with the next one.
    Uses(u16),
    /// For so long it is good.
    Lasting(Lasting),
    /// Whether whoever comes with it may make an account.
    MayRegister(bool),
    /// Make it.
    Make,
    /// Nobody may come with that one any more.
    Withdraw(u64),
    /// Copy the link of the new one; without one, the link that shows the way.
    CopyLink,
    /// Copy the nine digits of the new one.
    CopyCode,
}

/// An invitation that was just made: only now its secret is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Made {
    /// Its number.
    pub id: u64,
    /// Its link, also for a code of squares.
    pub link: String,
    /// Its nine digits.
    pub code: String,
    /// So many may come with it.
    pub uses: u16,
    /// Until when. **Units:** milliseconds since 1970.
    pub expires_ms: u64,
}

/// The sheet of invitations to a room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invites {
    /// Which room.
    pub room: RoomId,
    /// Its name.
    pub name: String,
    /// The way there, with nothing in it that lets anybody in.
    pub way: Invitation,
    /// Whether we keep order there: then invitations can be made and are listed.
    pub may_make: bool,
    /// So many may come with the next one.
    pub uses: u16,
    /// For so long it is good.
    pub lasting: Lasting,
    /// Whether whoever comes with it may make an account.
    pub may_register: bool,
    /// The one that was made last.
    pub made: Option<Made>,
    /// Those there are, the newest first.
    pub list: Vec<InvitationInfo>,
    /// What the server refused.
    pub problem: Option<Trouble>,
    making: Option<u32>,
    listing: Option<u32>,
    coming: Vec<InvitationInfo>,
    withdrawing: Option<(u32, u64)>,
}

impl Invites {
    /// Opens it; what there is is listed for those who keep order.
    pub fn open(
        room: RoomId,
        name: &str,
        way: Invitation,
        may_make: bool,
        ids: &mut Ids,
        effects: &mut Effects,
    ) -> Self {
        let mut invites = Self {
            room,
            name: name.to_owned(),
            way,
            may_make,
            uses: 1,
            lasting: Lasting::default(),
            may_register: false,
            made: None,
            list: Vec::new(),
            problem: None,
            making: None,
            listing: None,
            coming: Vec::new(),
            withdrawing: None,
        };
        if may_make {
            invites.ask_list(ids, effects);
        }
        invites
    }

    /// Whether an answer is waited for.
    pub const fn is_busy(&self) -> bool {
        self.making.is_some() || self.withdrawing.is_some()
    }

    /// The link to show: that of the new invitation, or the one that only shows the way.
    pub fn link(&self) -> String {
        self.made.as_ref().map_or_else(|| self.way.to_string(), |made| made.link.clone())
    }

    /// Takes an event; whether something was copied.
    pub fn handle(&mut self, event: Event, ids: &mut Ids, effects: &mut Effects) -> bool {
        match event {
            Event::Uses(uses) => self.uses = uses.clamp(1, USES_MAX),
            Event::Lasting(lasting) => self.lasting = lasting,
            Event::MayRegister(may) => self.may_register = may,
            Event::Make if self.may_make && !self.is_busy() => {
                let request = ids.request();
                (self.making, self.problem) = (Some(request), None);
                let (room, uses, may_register) = (Some(self.room), self.uses, self.may_register);
                let valid_s = self.lasting.seconds();
                ask(effects, AccountCommand::Invite { request, room, uses, valid_s, may_register });
            }
            Event::Withdraw(id) if self.may_make && !self.is_busy() => {
                let request = ids.request();
                (self.withdrawing, self.problem) = (Some((request, id)), None);
                ask(effects, AccountCommand::Withdraw { request, room: Some(self.room), id });
            }
            Event::Make | Event::Withdraw(_) => {}
            Event::CopyLink => {
                effects.push(Effect::Copy(self.link()));
                return true;
            }
            Event::CopyCode => {
                if let Some(made) = &self.made {
                    effects.push(Effect::Copy(grouped(&made.code)));
                    return true;
                }
            }
        }
        false
    }

    fn ask_list(&mut self, ids: &mut Ids, effects: &mut Effects) {
        let request = ids.request();
        (self.listing, self.coming) = (Some(request), Vec::new());
        ask(effects, AccountCommand::ListInvitations { request, room: Some(self.room) });
    }

    /// Takes what the engine says, if it answers what was asked here.
    pub fn handle_engine(&mut self, event: &EngineEvent) {
        match event {
            EngineEvent::Account(AccountEvent::Invitation { request, invitation }) => self.told(*request, invitation),
            EngineEvent::Account(AccountEvent::InvitationsAll { request }) if self.listing == Some(*request) => {
                self.listing = None;
                self.list = std::mem::take(&mut self.coming);
                self.list.sort_by_key(|invitation| std::cmp::Reverse(invitation.id));
            }
            EngineEvent::Account(AccountEvent::Done { request }) => {
                if let Some((_, id)) = self.withdrawing.take_if(|(asked, _)| asked == request) {
                    self.list.retain(|invitation| invitation.id != id);
                    self.made.take_if(|made| made.id == id);
                }
            }
            EngineEvent::Refused { request, reason } => self.refused(*request, *reason),
            // What was asked is answered no more.
            EngineEvent::Lost { .. } => {
                (self.making, self.listing, self.withdrawing) = (None, None, None);
            }
            _ => {}
        }
    }

    fn told(&mut self, request: u32, invitation: &InvitationInfo) {
        if self.listing == Some(request) && self.coming.len() < LISTED_MAX {
            self.coming.push(invitation.clone());
        }
        if self.making != Some(request) {
            return;
        }
        self.making = None;
        let given = invitation.secret.clone().map(Given::Invite);
        self.made = Some(Made {
            id: invitation.id,
            link: Invitation { given, ..self.way.clone() }.to_string(),
            code: invitation.code.clone().unwrap_or_default(),
            uses: invitation.uses,
            expires_ms: invitation.expires_ms,
        });
        // What is in the list can't be used by whoever sees it.
        self.list.insert(0, InvitationInfo { secret: None, code: None, ..invitation.clone() });
    }

    fn refused(&mut self, request: u32, reason: Refusal) {
        let was_making = self.making.take_if(|asked| *asked == request).is_some();
        let was_listing = self.listing.take_if(|asked| *asked == request).is_some();
        let withdrawn = self.withdrawing.take_if(|(asked, _)| *asked == request).map(|(_, id)| id);
        if let Some(id) = withdrawn.filter(|_| reason == Refusal::NoSuchInvitation) {
            // It is gone already.
            self.list.retain(|invitation| invitation.id != id);
        } else if was_making || was_listing || withdrawn.is_some() {
            self.problem = Some(Trouble::of_refusal(reason));
        }
    }
}

fn ask(effects: &mut Effects, command: AccountCommand) {
    engine(effects, Command::Account(command));
}

/// Nine digits in groups of three, as people read them to each other.
pub fn grouped(code: &str) -> String {
    let groups: Vec<String> =
        code.as_bytes().chunks(3).map(|part| String::from_utf8_lossy(part).into_owned()).collect();
    groups.join("-")
}

#[cfg(test)]
mod tests;
