//! What went wrong, for people: what happened, what the program does about it, what one can do, and a code to quote.

use hph_client::core::wire::control::{LeaveReason, Refusal};
use hph_client::engine::{EndReason, FailReason};

use crate::text::Lang;

/// Something that went wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Trouble {
    /// The server can't be reached.
    Unreachable,
    /// The connection is lost.
    ConnectionLost,
    /// Packets of sound and pictures do not come through.
    NoDatagrams,
    /// The server has another key than before.
    ServerKey,
    /// The server can't prove that it knows the account.
    FalseServer,
    /// The server speaks another version.
    Version,
    /// The same person signed in from elsewhere.
    SignedInElsewhere,
    /// This device may not sign in any more.
    Revoked,
    /// An invitation or a code is not good.
    Invitation,
    /// Name or password are wrong.
    SignIn,
    /// The name is taken.
    NameTaken,
    /// The email address is taken.
    EmailTaken,
    /// The server takes no new accounts from here.
    RegistrationClosed,
    /// The server takes no guests from here.
    GuestsClosed,
    /// Too many attempts or messages.
    TooFast,
    /// The server is full.
    ServerFull,
    /// There is no such room.
    NoSuchRoom,
    /// The room is full.
    RoomFull,
    /// The server has all the rooms that it may have.
    RoomsFull,
    /// One is in as many rooms as one may be.
    TooManyRooms,
    /// The room is locked.
    Locked,
    /// One may not do that.
    Forbidden,
    /// Somebody is not here.
    NoSuchPerson,
    /// A message is no longer there.
    NoSuchMessage,
    /// A file is not there, or not for us.
    NoSuchFile,
    /// A file is larger than the server takes.
    FileTooLarge,
    /// The server keeps no more files here.
    NoSpace,
    /// A room wants a password, or another one.
    RoomPassword,
    /// A host did not let us in.
    TurnedAway,
    /// A call is over.
    NoSuchCall,
    /// A host has put us out of the room.
    Removed,
    /// The room was closed.
    RoomClosed,
    /// The server could not store it.
    Storage,
    /// The server did not understand it.
    Refused,
    /// Somebody's key is another one than before.
    KeyChanged,
    /// The keys of people can't be read.
    KeysUnreadable,
    /// The microphone can't be opened.
    Microphone,
    /// The camera can't be opened.
    Camera,
    /// The screen can't be shared.
    Screen,
    /// The loudspeaker can't be opened.
    Speaker,
    /// The engine takes no commands now.
    Busy,
    /// Settings can't be kept.
    Settings,
}

/// A trouble in words of one language.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Words {
    /// What happened.
    pub what: &'static str,
    /// What the program does about it; empty if it does nothing.
    pub we: &'static str,
    /// What one can do; empty if nothing.
    pub you: &'static str,
}

mod words;

impl Trouble {
    /// Every trouble.
    pub const ALL: [Self; 42] = [
        Self::Unreachable,
        Self::ConnectionLost,
        Self::NoDatagrams,
        Self::ServerKey,
        Self::FalseServer,
        Self::Version,
        Self::SignedInElsewhere,
        Self::Revoked,
        Self::Invitation,
        Self::SignIn,
        Self::NameTaken,
        Self::EmailTaken,
        Self::RegistrationClosed,
        Self::GuestsClosed,
        Self::TooFast,
        Self::ServerFull,
        Self::NoSuchRoom,
        Self::RoomFull,
        Self::RoomsFull,
        Self::TooManyRooms,
        Self::Locked,
        Self::Forbidden,
        Self::NoSuchPerson,
        Self::NoSuchMessage,
        Self::NoSuchFile,
        Self::FileTooLarge,
        Self::NoSpace,
        Self::RoomPassword,
        Self::TurnedAway,
        Self::NoSuchCall,
        Self::Removed,
        Self::RoomClosed,
        Self::Storage,
        Self::Refused,
        Self::KeyChanged,
        Self::KeysUnreadable,
        Self::Microphone,
        Self::Camera,
        Self::Screen,
        Self::Speaker,
        Self::Busy,
        Self::Settings,
    ];

    /// Why the engine ended.
    pub const fn of_end(reason: &EndReason) -> Self {
        match reason {
            EndReason::Quit => Self::ConnectionLost,
            EndReason::Unreachable(_) => Self::Unreachable,
            EndReason::Pin(_) => Self::ServerKey,
            EndReason::Refused { reason, .. } => Self::of_refusal(*reason),
            EndReason::FalseServer => Self::FalseServer,
            EndReason::SignedInElsewhere => Self::SignedInElsewhere,
            EndReason::Revoked => Self::Revoked,
            EndReason::Protocol => Self::Version,
        }
    }

    /// Why the server refused.
    pub const fn of_refusal(reason: Refusal) -> Self {
        match reason {
            Refusal::Version => Self::Version,
            Refusal::Invalid | Refusal::OutOfOrder | Refusal::NotInRoom => Self::Refused,
            Refusal::SignIn => Self::SignIn,
            Refusal::TooFast => Self::TooFast,
            Refusal::RegistrationClosed => Self::RegistrationClosed,
            Refusal::GuestsClosed => Self::GuestsClosed,
            Refusal::NameTaken => Self::NameTaken,
            Refusal::EmailTaken => Self::EmailTaken,
            Refusal::NoSuchRoom => Self::NoSuchRoom,
            Refusal::NoSuchPerson => Self::NoSuchPerson,
            Refusal::RoomFull => Self::RoomFull,
            Refusal::RoomsFull => Self::RoomsFull,
            Refusal::TooManyRooms => Self::TooManyRooms,
            Refusal::ServerFull => Self::ServerFull,
            Refusal::Storage => Self::Storage,
            Refusal::NoSuchCall => Self::NoSuchCall,
            Refusal::NoSuchMessage => Self::NoSuchMessage,
            Refusal::NoSuchFile => Self::NoSuchFile,
            Refusal::FileTooLarge => Self::FileTooLarge,
            Refusal::NoSpace => Self::NoSpace,
            Refusal::WrongPassword => Self::RoomPassword,
            Refusal::TurnedAway => Self::TurnedAway,
            Refusal::NoSuchInvitation => Self::Invitation,
            Refusal::DeviceRevoked => Self::Revoked,
            Refusal::Forbidden => Self::Forbidden,
            Refusal::Locked => Self::Locked,
        }
    }

    /// Why a message was not sent.
    pub const fn of_message(reason: FailReason) -> Self {
        match reason {
            FailReason::Refused(reason) => Self::of_refusal(reason),
            FailReason::KeyChanged => Self::KeyChanged,
            FailReason::KeysUnreadable => Self::KeysUnreadable,
        }
    }

    /// Why we are no longer in a room; none if we asked for it.
    pub const fn of_leave(reason: LeaveReason) -> Option<Self> {
        match reason {
            LeaveReason::Asked => None,
            LeaveReason::RoomClosed => Some(Self::RoomClosed),
            LeaveReason::Removed => Some(Self::Removed),
        }
    }

    /// A code to quote and to search for; it never changes its meaning.
    pub const fn code(self) -> &'static str {
        self.entry().0
    }

    /// In words.
    pub const fn words(self, lang: Lang) -> Words {
        let (_, vi, en) = self.entry();
        match lang {
            Lang::Vi => vi,
            Lang::En => en,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_trouble_has_its_code_and_its_words_in_both_languages() {
        let codes: std::collections::BTreeSet<_> = Trouble::ALL.map(Trouble::code).into_iter().collect();
        assert_eq!(codes.len(), Trouble::ALL.len());
        for trouble in Trouble::ALL {
            let (vi, en) = (trouble.words(Lang::Vi), trouble.words(Lang::En));
            assert!(trouble.code().starts_with("E-") && !vi.what.is_empty() && !en.what.is_empty(), "{trouble:?}");
            assert!(!vi.you.is_empty() || !vi.we.is_empty(), "{trouble:?} leaves people alone");
            assert_eq!((vi.we.is_empty(), vi.you.is_empty()), (en.we.is_empty(), en.you.is_empty()), "{trouble:?}");
            assert!(vi.what != en.what && vi.what.ends_with('.') && en.what.ends_with('.'), "{trouble:?}");
        }
        assert_eq!(Trouble::ALL.iter().collect::<std::collections::BTreeSet<_>>().len(), Trouble::ALL.len());
    }

    #[test]
    fn everything_that_the_engine_says_is_some_trouble() {
        for reason in Refusal::ALL {
            assert_eq!(Trouble::of_message(FailReason::Refused(reason)), Trouble::of_refusal(reason));
        }
        assert_eq!(Trouble::of_end(&EndReason::Unreachable(String::new())), Trouble::Unreachable);
        assert_eq!(Trouble::of_leave(LeaveReason::Asked), None);
    }
}
