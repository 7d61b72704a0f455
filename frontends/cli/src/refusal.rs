//! What it means to the user that the server said no.

use hph_client::core::wire::control::Refusal;
use hph_client::engine::{EndReason, FailReason, why};
use hph_client::link::Invitation;

use crate::exit::{Exit, Failure};
use crate::identity::{pin_changed, server_of};
use crate::lang::{self, Lang, Phrase};
use crate::output::Output;

/// Why a request was refused, in words.
pub const fn phrase(reason: Refusal) -> &'static Phrase {
    match reason {
        Refusal::Version => &lang::R_VERSION,
        Refusal::Invalid => &lang::R_INVALID,
        Refusal::OutOfOrder => &lang::R_OUT_OF_ORDER,
        Refusal::SignIn => &lang::E_SIGN_IN,
        Refusal::TooFast => &lang::R_TOO_FAST,
        Refusal::RegistrationClosed => &lang::E_REGISTRATION_CLOSED,
        Refusal::GuestsClosed => &lang::E_GUESTS_CLOSED,
        Refusal::NameTaken => &lang::R_NAME_TAKEN,
        Refusal::EmailTaken => &lang::R_EMAIL_TAKEN,
        Refusal::NoSuchRoom => &lang::R_NO_SUCH_ROOM,
        Refusal::NoSuchPerson => &lang::R_NO_SUCH_PERSON,
        Refusal::NotInRoom => &lang::R_NOT_IN_ROOM,
        Refusal::RoomFull => &lang::R_ROOM_FULL,
        Refusal::RoomsFull => &lang::R_ROOMS_FULL,
        Refusal::TooManyRooms => &lang::R_TOO_MANY_ROOMS,
        Refusal::ServerFull => &lang::R_SERVER_FULL,
        Refusal::Storage => &lang::R_STORAGE,
        Refusal::NoSuchCall => &lang::R_NO_SUCH_CALL,
        Refusal::NoSuchMessage => &lang::R_NO_SUCH_MESSAGE,
        Refusal::Forbidden => &lang::R_FORBIDDEN,
        Refusal::Locked => &lang::R_LOCKED,
        Refusal::FileTooLarge => &lang::R_FILE_TOO_LARGE,
        Refusal::NoSpace => &lang::R_NO_SPACE,
        Refusal::NoSuchFile => &lang::R_NO_SUCH_FILE,
        Refusal::WrongPassword => &lang::R_WRONG_PASSWORD,
        Refusal::TurnedAway => &lang::R_TURNED_AWAY,
        Refusal::NoSuchInvitation => &lang::R_NO_SUCH_INVITATION,
        Refusal::DeviceRevoked => &lang::R_DEVICE_REVOKED,
    }
}

/// Why a message was not sent, in words.
pub const fn unsent(reason: FailReason) -> &'static Phrase {
    match reason {
        FailReason::Refused(reason) => phrase(reason),
        FailReason::KeyChanged => &lang::R_KEY_CHANGED,
        FailReason::KeysUnreadable => &lang::R_KEYS_UNREADABLE,
    }
}

/// A message was not sent, and with it the command failed.
pub fn not_sent(reason: FailReason, out: &Output) -> Failure {
    let what = out.lang.text(unsent(reason));
    match reason {
        FailReason::Refused(reason) => refused(reason, out),
        FailReason::KeyChanged => {
            Failure::new(Exit::Failed, "E-KEY-01", what).advise(out.lang.text(&lang::A_KEY_CHANGED))
        }
        FailReason::KeysUnreadable => Failure::new(Exit::Config, "E-CFG-03", what),
    }
}

/// A request was refused, and with it the command.
pub fn refused(reason: Refusal, out: &Output) -> Failure {
    Failure::new(Exit::Rejected, "E-REF-01", out.lang.text(phrase(reason)))
}

/// The way into a room was refused.
pub fn not_joined(room: &str, reason: Refusal, out: &Output) -> Failure {
    let why = out.lang.text(phrase(reason));
    Failure::new(Exit::Rejected, "E-REF-02", out.lang.fill(&lang::E_JOIN, &[&room, &why]))
}

/// What the end of the engine means; none if we asked for it.
pub fn end_failure(reason: &EndReason, target: &Invitation, out: &Output) -> Option<Failure> {
    let lang = out.lang;
    let text = |phrase| lang.text(phrase);
    Some(match reason {
        EndReason::Quit => return None,
        EndReason::Unreachable(why) => {
            let what = lang.fill(&lang::E_UNREACHABLE, &[&server_of(target), &loss(why, lang)]);
            Failure::new(Exit::Unreachable, "E-NET-01", what).advise(text(&lang::A_UNREACHABLE))
        }
        EndReason::Pin(mismatch) => pin_changed(&server_of(target), mismatch, &target.host, out),
        EndReason::Refused { reason, retry_after_s, .. } => sign_in_failure(*reason, *retry_after_s, out),
        EndReason::FalseServer => {
            Failure::new(Exit::Auth, "E-AUTH-07", text(&lang::E_FALSE_SERVER)).advise(text(&lang::A_FALSE_SERVER))
        }
        EndReason::SignedInElsewhere => {
            Failure::new(Exit::Rejected, "E-REF-03", text(&lang::E_ELSEWHERE)).advise(text(&lang::A_ELSEWHERE))
        }
        EndReason::Revoked => {
            Failure::new(Exit::Auth, "E-AUTH-09", text(&lang::E_REVOKED)).advise(text(&lang::A_REVOKED))
        }
        EndReason::Protocol => {
            Failure::new(Exit::Failed, "E-NET-03", text(&lang::E_PROTOCOL)).advise(text(&lang::A_PROTOCOL))
        }
    })
}

/// The server did not sign us in.
fn sign_in_failure(reason: Refusal, retry_after_s: u32, out: &Output) -> Failure {
    let lang = out.lang;
    let failure = |code, phrase| Failure::new(Exit::Auth, code, lang.text(phrase));
    match reason {
        Refusal::SignIn => failure("E-AUTH-01", &lang::E_SIGN_IN).advise(lang.text(&lang::A_SIGN_IN)),
        Refusal::GuestsClosed => failure("E-AUTH-02", &lang::E_GUESTS_CLOSED).advise(lang.text(&lang::A_GUESTS_CLOSED)),
        Refusal::RegistrationClosed => failure("E-AUTH-03", &lang::E_REGISTRATION_CLOSED),
        Refusal::TooFast => {
            failure("E-AUTH-04", &lang::E_TOO_FAST).advise(lang.fill(&lang::A_TOO_FAST, &[&retry_after_s.max(1)]))
        }
        Refusal::DeviceRevoked => failure("E-AUTH-09", &lang::R_DEVICE_REVOKED).advise(lang.text(&lang::A_REVOKED)),
        Refusal::NoSuchInvitation => failure("E-AUTH-10", &lang::R_NO_SUCH_INVITATION),
        Refusal::NameTaken => failure("E-AUTH-05", &lang::R_NAME_TAKEN),
        Refusal::EmailTaken => failure("E-AUTH-06", &lang::R_EMAIL_TAKEN),
        Refusal::Version => {
            Failure::new(Exit::Failed, "E-NET-03", lang.text(&lang::E_PROTOCOL)).advise(lang.text(&lang::A_PROTOCOL))
        }
        Refusal::ServerFull => Failure::new(Exit::Rejected, "E-REF-01", lang.text(&lang::R_SERVER_FULL)),
        reason => failure("E-AUTH-08", phrase(reason)),
    }
}

/// Why a connection is lost or not made. What only the operating system knows stays in its words.
pub fn loss(why: &str, lang: Lang) -> String {
    let known = [
        (why::CLOSED, &lang::W_CLOSED),
        (why::NO_SERVER, &lang::W_NO_SERVER),
        (why::NO_WAY, &lang::W_NO_WAY),
        (why::NO_ANSWER, &lang::W_NO_ANSWER),
        (why::SILENT, &lang::W_SILENT),
        (why::SHUTTING_DOWN, &lang::W_SHUTTING_DOWN),
        (why::TOO_SLOW, &lang::W_TOO_SLOW),
        (why::IDLE, &lang::W_IDLE),
    ];
    if let Some((_, phrase)) = known.into_iter().find(|(known, _)| *known == why) {
        return lang.text(phrase).to_owned();
    }
    let refusal = Refusal::ALL.into_iter().find(|reason| reason.code() == why);
    refusal.map_or_else(|| crate::text::one_row(why), |reason| lang.text(phrase(reason)).to_owned())
}

#[cfg(test)]
mod tests {
    use hph_client::core::wire::control::SignInMethods;
    use hph_client::tls::PinMismatch;

    use super::*;

    #[test]
    fn every_end_has_its_number_and_words() {
        let out = Output::new(false, -1, false);
        let target = Invitation { host: "a".to_owned(), port: 1, pin: None, room: None, given: None };
        let refused = |reason| EndReason::Refused { reason, retry_after_s: 28, methods: SignInMethods::default() };
        for (reason, exit) in [
            (EndReason::Unreachable("refused".to_owned()), Exit::Unreachable),
            (EndReason::Pin(PinMismatch { expected: [0; 32], found: [1; 32] }), Exit::Unreachable),
            (refused(Refusal::SignIn), Exit::Auth),
            (refused(Refusal::TooFast), Exit::Auth),
            (refused(Refusal::GuestsClosed), Exit::Auth),
            (refused(Refusal::RegistrationClosed), Exit::Auth),
            (refused(Refusal::Version), Exit::Failed),
            (EndReason::FalseServer, Exit::Auth),
            (EndReason::SignedInElsewhere, Exit::Rejected),
            (EndReason::Revoked, Exit::Auth),
            (refused(Refusal::NoSuchInvitation), Exit::Auth),
            (EndReason::Protocol, Exit::Failed),
        ] {
            let failure = end_failure(&reason, &target, &out).expect("a failure");
            assert_eq!(failure.exit, exit, "{reason:?}");
            assert!(!failure.what.is_empty() && !failure.what.contains("{}"), "{failure:?}");
        }
        assert_eq!(end_failure(&EndReason::Quit, &target, &out), None);
    }

    #[test]
    fn every_refusal_of_the_protocol_has_words() {
        let out = Output::new(false, -1, false);
        for reason in Refusal::ALL {
            assert_eq!(refused(reason, &out).exit, Exit::Rejected);
            assert!(!refused(reason, &out).what.is_empty());
        }
    }
}
