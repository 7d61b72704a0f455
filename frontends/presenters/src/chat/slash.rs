//! Commands in the line in which one writes: `/mute lan`. Whoever can't use a pointer can do everything so.

use hph_client::breakout::BreakoutWish;
use hph_client::core::wire::control::Act;
use hph_client::engine::Reaction;

use crate::text::Lang;
use crate::text::fold::fold;

/// What a command does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Slash {
    /// Write to one person.
    Message {
        /// Login name or name to show.
        to: String,
        /// The text.
        text: String,
    },
    /// Keep order: with somebody (login name or name to show), or with the room.
    Act(Act, String),
    /// Call somebody.
    Call(String),
    /// Raise the hand, or lower it.
    Hand(bool),
    /// Show a sign.
    React(Reaction),
    /// Breakout rooms.
    Breakout(BreakoutWish),
    /// Switch our microphone.
    Mic(bool),
    /// Switch our camera.
    Camera(bool),
    /// Show or copy the invitation.
    Invite,
    /// Leave the room.
    Leave,
    /// Show all commands.
    Help,
}

/// Why a command is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SlashError {
    /// There is none of that name; perhaps this one was meant.
    Unknown {
        /// What was typed, with its slash.
        name: String,
        /// The nearest one.
        meant: Option<&'static str>,
    },
    /// Something is missing or too much: how it is used.
    Usage(&'static str),
}

/// A command as it is explained.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usage {
    /// As it is typed; what is in capitals is to be filled in.
    pub form: &'static str,
    /// What it does, in Vietnamese.
    pub vi: &'static str,
    /// What it does, in English.
    pub en: &'static str,
}

impl Usage {
    /// What it does.
    pub const fn text(&self, lang: Lang) -> &'static str {
        lang.pick(self.vi, self.en)
    }

    fn name(&self) -> &'static str {
        self.form.split(' ').next().unwrap_or_default()
    }
}

const fn usage(form: &'static str, vi: &'static str, en: &'static str) -> Usage {
    Usage { form, vi, en }
}

/// Every command. Those that keep order come with their acts.
pub const COMMANDS: [(Usage, Option<Act>); 31] = [
    (usage("/msg NAME TEXT", "nhắn riêng cho một người", "write to one person"), None),
    (usage("/call NAME", "gọi một người vào phòng", "call somebody to this room"), None),
    (usage("/hand on|off", "giơ hoặc hạ tay", "raise or lower your hand"), None),
    (usage("/react up|party|clap|laugh|heart|think", "thả cảm xúc", "show a reaction"), None),
    (usage(BreakoutWish::USAGE, "chia nhóm", "breakout rooms"), None),
    (usage("/mic on|off", "bật hoặc tắt micro của bạn", "switch your microphone"), None),
    (usage("/cam on|off", "bật hoặc tắt camera của bạn", "switch your camera"), None),
    (usage("/invite", "hiện lời mời vào phòng", "show the invitation"), None),
    (usage("/leave", "rời phòng", "leave the room"), None),
    (usage("/mute NAME", "tắt micro của một người", "switch somebody's microphone off"), Some(Act::Mute)),
    (usage("/ask NAME", "đề nghị một người bật micro", "ask somebody to unmute"), Some(Act::AskUnmute)),
    (usage("/stopvideo NAME", "tắt hình của một người", "stop somebody's video"), Some(Act::StopVideo)),
    (usage("/lower NAME", "hạ tay của một người", "lower somebody's hand"), Some(Act::LowerHand)),
    (usage("/kick NAME", "đưa một người ra khỏi phòng", "put somebody out of the room"), Some(Act::Remove)),
    (usage("/ban NAME", "cấm một người vào phòng", "keep somebody out of the room"), Some(Act::Ban)),
    (usage("/unban NAME", "cho một người vào lại", "let somebody in again"), Some(Act::Unban)),
    (usage("/host NAME", "đặt một người làm chủ phòng", "make somebody a host"), Some(Act::MakeHost)),
    (usage("/unhost NAME", "thôi chủ phòng của một người", "make somebody no longer a host"), Some(Act::UnmakeHost)),
    (usage("/lock", "khóa phòng", "lock the room"), Some(Act::Lock)),
    (usage("/unlock", "mở khóa phòng", "unlock the room"), Some(Act::Unlock)),
    (usage("/muteall", "tắt micro của mọi người", "switch off everybody's microphone"), Some(Act::MuteAll)),
    (usage("/end", "kết thúc cuộc họp cho mọi người", "end the meeting for everybody"), Some(Act::End)),
    (usage("/admit NAME", "cho người đang chờ vào", "let in somebody who waits"), Some(Act::Admit)),
    (usage("/turnaway NAME", "không cho người đang chờ vào", "do not let in somebody who waits"), Some(Act::TurnAway)),
    (usage("/waitingroom", "người mới phải chờ cho vào", "whoever comes waits for you"), Some(Act::WaitingRoom)),
    (usage("/nowaitingroom", "người mới vào ngay", "whoever comes is in"), Some(Act::NoWaitingRoom)),
    (usage("/hostsshare", "chỉ người điều hành chia sẻ", "only hosts share"), Some(Act::HostsShare)),
    (usage("/allshare", "mọi người được chia sẻ", "everybody may share"), Some(Act::AllShare)),
    (usage("/nopassword", "bỏ mật khẩu phòng", "no password of the room"), Some(Act::NoPassword)),
    (usage("/remove NAME", "như /kick", "as /kick"), Some(Act::Remove)),
    (usage("/help", "hiện các lệnh", "show these commands"), None),
];

/// What a text is: none if it is a message.
///
/// # Errors
/// It begins with a slash and is no command. Two slashes begin a message with one.
pub fn parse(text: &str) -> Option<Result<Slash, SlashError>> {
    let text = text.trim();
    let rest = text.strip_prefix('/')?;
    if rest.starts_with('/') {
        return None;
    }
    let (name, arguments) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    Some(command(&fold(name), arguments.trim()))
}

fn command(name: &str, arguments: &str) -> Result<Slash, SlashError> {
    let known = COMMANDS.iter().find(|(usage, _)| usage.name() == name);
    let Some((usage, act)) = known else {
        let meant = COMMANDS.iter().map(|(usage, _)| usage.name()).filter(|other| distance(other, name) <= 2);
        let meant = meant.min_by_key(|other| distance(other, name));
        return Err(SlashError::Unknown { name: name.to_owned(), meant });
    };
    let wrong = || SlashError::Usage(usage.form);
    let somebody = || (!arguments.is_empty()).then(|| unquoted(arguments)).ok_or_else(wrong);
    let nothing = || if arguments.is_empty() { Ok(()) } else { Err(wrong()) };
    let switch = || match fold(arguments).as_str() {
        "on" | "bat" => Ok(true),
        "off" | "tat" => Ok(false),
        _ => Err(wrong()),
    };
    if let Some(act) = act {
        let whom = if act.has_target() { somebody()? } else { nothing().map(|()| String::new())? };
        return Ok(Slash::Act(*act, whom));
    }
    Ok(match name {
        "/msg" => {
            let (to, text) = first_name(arguments).ok_or_else(wrong)?;
            Slash::Message { to, text }
        }
        "/call" => Slash::Call(somebody()?),
        "/hand" => Slash::Hand(switch()?),
        "/react" => Slash::React(Reaction::named(arguments).ok_or_else(wrong)?),
        "/breakout" => Slash::Breakout(BreakoutWish::parse(arguments).ok_or_else(wrong)?),
        "/mic" => Slash::Mic(switch()?),
        "/cam" => Slash::Camera(switch()?),
        "/invite" => nothing().map(|()| Slash::Invite)?,
        "/leave" => nothing().map(|()| Slash::Leave)?,
        _ => nothing().map(|()| Slash::Help)?,
    })
}

/// A name, perhaps in quotation marks, and what follows it.
fn first_name(arguments: &str) -> Option<(String, String)> {
    let (name, text) = match arguments.strip_prefix(['"', '“', '”']) {
        Some(quoted) => quoted.split_once(['"', '”', '“'])?,
        None => arguments.split_once(char::is_whitespace)?,
    };
    let (name, text) = (name.trim(), text.trim());
    (!name.is_empty() && !text.is_empty()).then(|| (name.trim_start_matches('@').to_owned(), text.to_owned()))
}

fn unquoted(name: &str) -> String {
    name.trim_matches(['"', '“', '”']).trim_start_matches('@').trim().to_owned()
}

/// Letters to change, put in or leave out to make one word of another (Levenshtein).
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().take(32).collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, c) in a.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, other) in b.iter().enumerate() {
            let changed = diagonal + usize::from(c != *other);
            let best = changed.min(row[j] + 1).min(row[j + 1] + 1);
            diagonal = std::mem::replace(&mut row[j + 1], best);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_understood() {
        let act = |act, whom: &str| Slash::Act(act, whom.to_owned());
        let message = |to: &str, text: &str| Slash::Message { to: to.to_owned(), text: text.to_owned() };
        for (text, expected) in [
            ("/mute lan", act(Act::Mute, "lan")),
            ("/MUTE @lan", act(Act::Mute, "lan")),
            ("/kick \"Ngọc Lan\"", act(Act::Remove, "Ngọc Lan")),
            ("/kick Ngọc Lan", act(Act::Remove, "Ngọc Lan")),
            (" /lock ", act(Act::Lock, "")),
            ("/msg lan chào bạn", message("lan", "chào bạn")),
            ("/msg “Ngọc Lan” chào\nbạn", message("Ngọc Lan", "chào\nbạn")),
            ("/hand bật", Slash::Hand(true)),
            ("/mic off", Slash::Mic(false)),
            ("/breakout back", Slash::Breakout(BreakoutWish::Go(0))),
            ("/react clap", Slash::React(Reaction::Clap)),
            ("/help", Slash::Help),
        ] {
            assert_eq!(parse(text), Some(Ok(expected)), "{text}");
        }
    }

    #[test]
    fn a_message_is_no_command() {
        for text in ["chào", "", "  ", "1/2", "//thùng rác", "a /mute lan"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn what_is_wrong_with_a_command_is_told() {
        for (text, form) in [
            ("/mute", "/mute NAME"),
            ("/lock lan", "/lock"),
            ("/end lan", "/end"),
            ("/msg lan", "/msg NAME TEXT"),
            ("/msg \"lan chào", "/msg NAME TEXT"),
            ("/hand", "/hand on|off"),
            ("/hand maybe", "/hand on|off"),
            ("/react", "/react up|party|clap|laugh|heart|think"),
        ] {
            assert_eq!(parse(text), Some(Err(SlashError::Usage(form))), "{text}");
        }
        for (text, name, meant) in [
            ("/mtue lan", "/mtue", Some("/mute")),
            ("/xyzzyx", "/xyzzyx", None),
            ("/", "/", None),
            ("/hlep", "/hlep", Some("/help")),
        ] {
            let unknown = SlashError::Unknown { name: name.to_owned(), meant };
            assert_eq!(parse(text), Some(Err(unknown)), "{text}");
        }
    }

    #[test]
    fn every_act_has_its_command_and_every_command_its_words() {
        // A password needs words: the command line sets it.
        for act in Act::ALL.into_iter().filter(|act| act.is_plain()) {
            assert!(COMMANDS.iter().any(|(_, other)| *other == Some(act)), "{act:?}");
        }
        for (usage, _) in COMMANDS {
            assert!(!matches!(parse(usage.name()), Some(Err(SlashError::Unknown { .. })) | None), "{usage:?}");
            assert!(!usage.vi.is_empty() && !usage.en.is_empty());
        }
    }
}
