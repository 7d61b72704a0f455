//! Who may do what in a room: the one table of it, every deed and every role.
//!
//! The server decides by it, or is tested against it where only its store knows whose something is. What a deed needs besides
//! (somebody who is there, a room that is split) is not the table's matter.

use super::roles::Role;
use crate::wire::control::Act;

/// Who may do something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Right {
    /// Everybody who is in the room.
    Everybody,
    /// Hosts and the owner.
    Hosts,
    /// Hosts and the owner, to somebody who is below them.
    HostsToThoseBelow,
    /// Hosts and the owner, to somebody who is below them and to themselves.
    HostsToThoseBelowAndThemselves,
    /// The owner.
    Owner,
    /// The owner, to everybody else.
    OwnerToOthers,
    /// Nobody, whatever they are.
    Nobody,
}

/// Something that can be done in a room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deed {
    /// Keeps order.
    Act(Act),
    /// Shows a sign.
    React,
    /// Raises the own hand.
    RaiseHand,
    /// Says something.
    Chat,
    /// Gives a message of one's own another text.
    EditOwnMessage,
    /// Gives somebody else's message another text.
    EditOthersMessage,
    /// Takes a message of one's own back.
    DeleteOwnMessage,
    /// Takes somebody else's message away.
    DeleteOthersMessage,
    /// Lays a file on the shelf.
    SendFile,
    /// Takes a file of one's own away.
    DeleteOwnFile,
    /// Takes somebody else's file away.
    DeleteOthersFile,
    /// Shares a screen where nothing is said about that.
    Share,
    /// Shares a screen where only hosts may.
    ShareAmongHosts,
    /// Goes to a breakout room without being sent there.
    EnterAnyBreakout,
    /// Reads what was done to keep order.
    ReadAudit,
}

impl Deed {
    /// What is no act.
    pub const OTHERS: [Self; 14] = [
        Self::React,
        Self::RaiseHand,
        Self::Chat,
        Self::EditOwnMessage,
        Self::EditOthersMessage,
        Self::DeleteOwnMessage,
        Self::DeleteOthersMessage,
        Self::SendFile,
        Self::DeleteOwnFile,
        Self::DeleteOthersFile,
        Self::Share,
        Self::ShareAmongHosts,
        Self::EnterAnyBreakout,
        Self::ReadAudit,
    ];

    /// Every deed.
    pub fn all() -> impl Iterator<Item = Self> {
        Act::ALL.into_iter().map(Self::Act).chain(Self::OTHERS)
    }

    /// The table.
    pub const fn right(self) -> Right {
        match self {
            Self::React
            | Self::RaiseHand
            | Self::Chat
            | Self::EditOwnMessage
            | Self::DeleteOwnMessage
            | Self::SendFile
            | Self::DeleteOwnFile
            | Self::Share => Right::Everybody,
            Self::DeleteOthersMessage | Self::DeleteOthersFile | Self::ShareAmongHosts | Self::EnterAnyBreakout => {
                Right::Hosts
            }
            Self::EditOthersMessage => Right::Nobody,
            Self::ReadAudit => Right::Owner,
            Self::Act(act) => match act {
                Act::Mute
                | Act::StopVideo
                | Act::AskUnmute
                | Act::LowerHand
                | Act::Remove
                | Act::Ban
                | Act::Unban
                | Act::Admit
                | Act::TurnAway => Right::HostsToThoseBelow,
                Act::MakeHost | Act::UnmakeHost => Right::OwnerToOthers,
                Act::Move => Right::HostsToThoseBelowAndThemselves,
                Act::Lock
                | Act::Unlock
                | Act::MuteAll
                | Act::End
                | Act::WaitingRoom
                | Act::NoWaitingRoom
                | Act::HostsShare
                | Act::AllShare
                | Act::Password
                | Act::NoPassword
                | Act::OpenBreakout
                | Act::Spread
                | Act::TellBreakouts
                | Act::EndBreakouts => Right::Hosts,
            },
        }
    }

    /// Whether somebody of that role may do it; to somebody, if it is done to somebody.
    pub fn may(self, role: Role, to: To) -> bool {
        let is_below = matches!(to, To::Other(other) if role.is_above(other));
        match self.right() {
            Right::Everybody => true,
            Right::Hosts => role.is_host(),
            Right::HostsToThoseBelow => is_below,
            Right::HostsToThoseBelowAndThemselves => is_below || (role.is_host() && to == To::Oneself),
            Right::Owner => role == Role::Owner,
            Right::OwnerToOthers => role == Role::Owner && is_below,
            Right::Nobody => false,
        }
    }
}

/// To whom something is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum To {
    /// Nobody in particular.
    Nobody,
    /// Whoever does it.
    Oneself,
    /// Somebody else of that role.
    Other(Role),
}

#[cfg(test)]
mod tests {
    extern crate std;

    use std::vec::Vec;

    use super::*;

    #[test]
    fn whoever_may_do_something_may_do_it_as_anything_higher() {
        for deed in Deed::all() {
            for to in [To::Nobody, To::Oneself].into_iter().chain(Role::ALL.map(To::Other)) {
                let may: Vec<bool> = Role::ALL.map(|role| deed.may(role, to)).to_vec();
                assert!(may.is_sorted(), "{deed:?} {to:?}: {may:?}");
            }
        }
    }

    #[test]
    fn what_is_done_to_somebody_is_in_the_table_as_that() {
        use Right::{HostsToThoseBelow, HostsToThoseBelowAndThemselves, OwnerToOthers};
        for act in Act::ALL {
            let right = Deed::Act(act).right();
            let is_to_somebody = matches!(right, HostsToThoseBelow | HostsToThoseBelowAndThemselves | OwnerToOthers);
            assert_eq!(is_to_somebody, act.has_target(), "{act:?}");
        }
    }
}
