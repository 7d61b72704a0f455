//! Typed lines: chat, or a command after a slash.

use hph_client::breakout::BreakoutWish;
use hph_client::core::wire::control::Act;
use hph_client::engine::Reaction;

/// What a line means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Line {
    /// A message to the current room.
    Say(String),
    /// Switch the microphone.
    Mic(bool),
    /// Switch the camera.
    Camera(bool),
    /// Hold or release the key of push-to-talk.
    PushToTalk(bool),
    /// Make somebody louder or quieter.
    Volume {
        /// Login name or name to show.
        who: String,
        /// 100 is as they came.
        percent: u32,
    },
    /// Share the screen, or stop that.
    Screen(bool),
    /// Show so many older messages.
    History(u32),
    /// Search the current room.
    Search(String),
    /// Give a message another text: that of this number, or the last of one's own.
    Edit {
        /// Which.
        id: Option<u64>,
        /// Its new text.
        text: String,
    },
    /// Take a message back: that of this number, or the last of one's own.
    Delete(Option<u64>),
    /// Keep order: what to do, and to whom (login name or name to show), if it is done to somebody.
    Moderate(Act, String),
    /// Give the current room a password.
    SetPassword(String),
    /// Raise one's hand, or lower it.
    Hand(bool),
    /// Show a sign to the room.
    React(Reaction),
    /// Breakout rooms.
    Breakout(BreakoutWish),
    /// Show so many entries of what was done to keep order.
    Audit(u32),
    /// Send a file to the current room.
    SendFile(String),
    /// Send a file to one person, sealed.
    SendFileTo {
        /// Login name or name to show.
        to: String,
        /// Where it is.
        path: String,
    },
    /// The files of the current room.
    Files,
    /// Fetch a file that was told of, by its number.
    Fetch(u64),
    /// What is not read.
    Unread,
    /// A direct message.
    Direct {
        /// Login name or name to show.
        to: String,
        /// The text.
        text: String,
    },
    /// Ask somebody to come.
    Call(String),
    /// Stop ringing.
    HangUp,
    /// Take the call.
    Accept,
    /// Do not take the call.
    Decline,
    /// Who is here.
    People,
    /// Which rooms there are.
    Rooms,
    /// Enter a room, or make it the current one.
    Join(String),
    /// Leave the current room.
    Leave,
    /// The room's safety code, and whose keys were compared.
    Safety,
    /// Somebody's key was compared, or everybody's.
    Verified(Option<String>),
    /// Accept somebody's changed key.
    Trust(String),
    /// Figures.
    Stats,
    /// Leave everything.
    Quit,
    /// All commands.
    Help,
    /// A command without its argument: how it is used.
    Incomplete(&'static str),
    /// No such command.
    Unknown(String),
}

/// How one reacts.
const REACT: &str = "/react up|party|clap|laugh|heart|think";

/// Every command with its arguments.
pub const COMMANDS: [&str; 54] = [
    "/mic on|off",
    "/cam on|off",
    "/ptt on|off",
    "/volume USER PERCENT",
    "/screen on|off",
    "/history [COUNT]",
    "/search WORDS",
    "/edit [#ID] TEXT",
    "/delete [#ID]",
    "/file PATH",
    "/fileto USER PATH",
    "/files",
    "/fetch #ID",
    "/unread",
    "/hand on|off",
    REACT,
    "/mute USER",
    "/stopvideo USER",
    "/ask USER",
    "/lower USER",
    "/remove USER",
    "/ban USER",
    "/unban USER",
    "/host USER",
    "/unhost USER",
    "/lock",
    "/unlock",
    "/muteall",
    "/end",
    "/admit USER",
    "/turnaway USER",
    "/waitingroom",
    "/nowaitingroom",
    "/password WORDS",
    "/nopassword",
    "/hostsshare",
    "/allshare",
    BreakoutWish::USAGE,
    "/audit [COUNT]",
    "/msg USER TEXT",
    "/call USER",
    "/hangup",
    "/accept",
    "/decline",
    "/people",
    "/rooms",
    "/join ROOM",
    "/leave",
    "/safety",
    "/verified [USER]",
    "/trust USER",
    "/stats",
    "/help",
    "/quit",
];

impl Line {
    /// Whether it is about what was said before: then it waits until all of that is stored.
    pub const fn looks_back(&self) -> bool {
        matches!(self, Self::History(_) | Self::Search(_) | Self::Edit { id: None, .. } | Self::Delete(None))
    }

    /// Reads a line; none if it is empty. Two slashes begin a message with one.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        if text.is_empty() {
            return None;
        }
        let Some(command) = text.strip_prefix('/') else { return Some(Self::Say(text.to_owned())) };
        if command.starts_with('/') {
            return Some(Self::Say(command.to_owned()));
        }
        let (name, rest) = command.split_once(char::is_whitespace).unwrap_or((command, ""));
        let rest = rest.trim();
        Some(match name.to_lowercase().as_str() {
            "mic" | "m" => switch(rest).map_or(Self::Incomplete("/mic on|off"), Self::Mic),
            "cam" | "camera" | "v" => switch(rest).map_or(Self::Incomplete("/cam on|off"), Self::Camera),
            "ptt" | "t" => switch(rest).map_or(Self::Incomplete("/ptt on|off"), Self::PushToTalk),
            "volume" | "vol" => volume(rest).unwrap_or(Self::Incomplete("/volume USER PERCENT")),
            "screen" | "share" => switch(rest).map_or(Self::Incomplete("/screen on|off"), Self::Screen),
            "history" | "h" => count(rest).map_or(Self::Incomplete("/history [COUNT]"), Self::History),
            "search" | "s" => named(rest, Self::Search, "/search WORDS"),
            "edit" | "e" => edit(rest).unwrap_or(Self::Incomplete("/edit [#ID] TEXT")),
            "delete" => delete(rest).unwrap_or(Self::Incomplete("/delete [#ID]")),
            "file" => named(rest, Self::SendFile, "/file PATH"),
            "fileto" => file_to(rest).unwrap_or(Self::Incomplete("/fileto USER PATH")),
            "files" => Self::Files,
            "fetch" => file_id(rest).map_or(Self::Incomplete("/fetch #ID"), Self::Fetch),
            "unread" => Self::Unread,
            "password" => named(rest, Self::SetPassword, "/password WORDS"),
            "hand" => switch(rest).map_or(Self::Incomplete("/hand on|off"), Self::Hand),
            "breakout" | "b" => BreakoutWish::parse(rest).map_or(Self::Incomplete(BreakoutWish::USAGE), Self::Breakout),
            "react" | "r" => Reaction::named(rest).map_or(Self::Incomplete(REACT), Self::React),
            "audit" => count(rest).map_or(Self::Incomplete("/audit [COUNT]"), Self::Audit),
            "msg" | "dm" => direct(rest).unwrap_or(Self::Incomplete("/msg USER TEXT")),
            "call" => named(rest, Self::Call, "/call USER"),
            "hangup" => Self::HangUp,
            "accept" => Self::Accept,
            "decline" => Self::Decline,
            "people" | "who" => Self::People,
            "rooms" => Self::Rooms,
            "join" | "room" => named(rest, Self::Join, "/join ROOM"),
            "leave" => Self::Leave,
            "safety" => Self::Safety,
            "verified" => Self::Verified((!rest.is_empty()).then(|| rest.to_owned())),
            "trust" => named(rest, Self::Trust, "/trust USER"),
            "stats" => Self::Stats,
            "quit" | "exit" | "q" => Self::Quit,
            "help" | "?" => Self::Help,
            name => moderate(name, rest).unwrap_or_else(|| Self::Unknown(format!("/{name}"))),
        })
    }
}

fn switch(text: &str) -> Option<bool> {
    match text.to_lowercase().as_str() {
        "on" | "bật" => Some(true),
        "off" | "tắt" => Some(false),
        _ => None,
    }
}

/// What keeps order, and how it is used.
const ACTS: [(&str, Act, &str); 20] = [
    ("mute", Act::Mute, "/mute USER"),
    ("stopvideo", Act::StopVideo, "/stopvideo USER"),
    ("ask", Act::AskUnmute, "/ask USER"),
    ("lower", Act::LowerHand, "/lower USER"),
    ("remove", Act::Remove, "/remove USER"),
    ("ban", Act::Ban, "/ban USER"),
    ("unban", Act::Unban, "/unban USER"),
    ("host", Act::MakeHost, "/host USER"),
    ("unhost", Act::UnmakeHost, "/unhost USER"),
    ("lock", Act::Lock, "/lock"),
    ("unlock", Act::Unlock, "/unlock"),
    ("muteall", Act::MuteAll, "/muteall"),
    ("end", Act::End, "/end"),
    ("admit", Act::Admit, "/admit USER"),
    ("turnaway", Act::TurnAway, "/turnaway USER"),
    ("waitingroom", Act::WaitingRoom, "/waitingroom"),
    ("nowaitingroom", Act::NoWaitingRoom, "/nowaitingroom"),
    ("hostsshare", Act::HostsShare, "/hostsshare"),
    ("allshare", Act::AllShare, "/allshare"),
    ("nopassword", Act::NoPassword, "/nopassword"),
];

/// Keeping order; none if the command is about something else.
fn moderate(name: &str, rest: &str) -> Option<Line> {
    let (_, act, usage) = ACTS.into_iter().find(|(known, ..)| *known == name)?;
    let whom = rest.trim_matches('"');
    let is_whole = act.has_target() != whom.is_empty();
    Some(if is_whole { Line::Moderate(act, whom.to_owned()) } else { Line::Incomplete(usage) })
}

/// How many messages; some if it does not say.
fn count(rest: &str) -> Option<u32> {
    const COUNT: u32 = 20;
    const COUNT_MAX: u32 = 10_000;
    if rest.is_empty() { Some(COUNT) } else { rest.parse().ok().filter(|count| (1..=COUNT_MAX).contains(count)) }
}

/// `#7` is a message; without the sign it would be a text.
fn message_id(text: &str) -> Option<u64> {
    text.strip_prefix('#')?.parse().ok().filter(|id| *id > 0)
}

fn edit(rest: &str) -> Option<Line> {
    let (first, text) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
    let (id, text) = if first.starts_with('#') { (Some(message_id(first)?), text.trim()) } else { (None, rest) };
    (!text.is_empty()).then(|| Line::Edit { id, text: text.to_owned() })
}

fn delete(rest: &str) -> Option<Line> {
    if rest.is_empty() { Some(Line::Delete(None)) } else { message_id(rest).map(|id| Line::Delete(Some(id))) }
}

/// A file by its number, with or without the sign.
fn file_id(text: &str) -> Option<u64> {
    text.strip_prefix('#').unwrap_or(text).parse().ok()
}

fn file_to(rest: &str) -> Option<Line> {
    match direct(rest)? {
        Line::Direct { to, text } => Some(Line::SendFileTo { to, path: text }),
        _ => None,
    }
}

/// A person, whose name may have spaces, and a number.
fn volume(rest: &str) -> Option<Line> {
    let (who, percent) = rest.rsplit_once(char::is_whitespace)?;
    let percent = percent.trim_end_matches('%').parse().ok()?;
    let who = who.trim().trim_matches('"');
    (!who.is_empty()).then(|| Line::Volume { who: who.to_owned(), percent })
}

fn named(rest: &str, make: impl Fn(String) -> Line, usage: &'static str) -> Line {
    if rest.is_empty() { Line::Incomplete(usage) } else { make(rest.to_owned()) }
}

/// A person and a text; a name to show that has spaces stands in quotes.
fn direct(rest: &str) -> Option<Line> {
    let (to, text) = match rest.strip_prefix('"') {
        Some(rest) => rest.split_once('"')?,
        None => rest.split_once(char::is_whitespace)?,
    };
    let (to, text) = (to.trim(), text.trim());
    let is_whole = !to.is_empty() && !text.is_empty();
    is_whole.then(|| Line::Direct { to: to.to_owned(), text: text.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_lines_are_messages_and_slashes_are_commands() {
        let say = |text: &str| Some(Line::Say(text.to_owned()));
        assert_eq!(Line::parse("  Chào cả lớp! "), say("Chào cả lớp!"));
        assert_eq!(Line::parse("//etc/hosts"), say("/etc/hosts"));
        assert_eq!(Line::parse("1/2"), say("1/2"));
        assert_eq!(Line::parse("   "), None);
        assert_eq!(Line::parse("/mic off"), Some(Line::Mic(false)));
        assert_eq!(Line::parse("/MIC  ON"), Some(Line::Mic(true)));
        assert_eq!(Line::parse("/cam on"), Some(Line::Camera(true)));
        assert_eq!(Line::parse("/screen tắt"), Some(Line::Screen(false)));
        assert_eq!(Line::parse("/join Nhóm 17"), Some(Line::Join("Nhóm 17".to_owned())));
        assert_eq!(Line::parse("/quit"), Some(Line::Quit));
    }

    #[test]
    fn a_direct_message_names_its_receiver_and_has_a_text() {
        let direct = |to: &str, text: &str| Some(Line::Direct { to: to.to_owned(), text: text.to_owned() });
        assert_eq!(Line::parse("/msg lan chào bạn"), direct("lan", "chào bạn"));
        assert_eq!(Line::parse("/msg \"Ngọc Lan\" chào"), direct("Ngọc Lan", "chào"));
        for text in ["/msg", "/msg lan", "/msg \"lan chào", "/msg \"\" a"] {
            assert_eq!(Line::parse(text), Some(Line::Incomplete("/msg USER TEXT")), "{text}");
        }
    }

    #[test]
    fn messages_are_named_by_number_or_are_the_last_of_ones_own() {
        let edit = |id, text: &str| Some(Line::Edit { id, text: text.to_owned() });
        assert_eq!(Line::parse("/edit #7 chào cả lớp"), edit(Some(7), "chào cả lớp"));
        assert_eq!(Line::parse("/edit chào #7"), edit(None, "chào #7"));
        for text in ["/edit", "/edit #7", "/edit #x chào", "/edit #0 a"] {
            assert_eq!(Line::parse(text), Some(Line::Incomplete("/edit [#ID] TEXT")), "{text}");
        }
        assert_eq!(Line::parse("/delete"), Some(Line::Delete(None)));
        assert_eq!(Line::parse("/delete #9"), Some(Line::Delete(Some(9))));
        assert_eq!(Line::parse("/delete 9"), Some(Line::Incomplete("/delete [#ID]")));
        assert_eq!(Line::parse("/history"), Some(Line::History(20)));
        assert_eq!(Line::parse("/history 100"), Some(Line::History(100)));
        assert_eq!(Line::parse("/history all"), Some(Line::Incomplete("/history [COUNT]")));
        assert_eq!(Line::parse("/search \"giao thức\""), Some(Line::Search("\"giao thức\"".to_owned())));
    }

    #[test]
    fn files_are_named_by_path_or_number() {
        assert_eq!(Line::parse("/file ~/bài tập.pdf"), Some(Line::SendFile("~/bài tập.pdf".to_owned())));
        let to = Line::SendFileTo { to: "Ngọc Lan".to_owned(), path: "a b.pdf".to_owned() };
        assert_eq!(Line::parse("/fileto \"Ngọc Lan\" a b.pdf"), Some(to));
        assert_eq!(Line::parse("/fileto lan"), Some(Line::Incomplete("/fileto USER PATH")));
        assert_eq!((Line::parse("/fetch #7"), Line::parse("/fetch 7")), (Some(Line::Fetch(7)), Some(Line::Fetch(7))));
        assert_eq!(Line::parse("/fetch bài"), Some(Line::Incomplete("/fetch #ID")));
    }

    #[test]
    fn order_is_kept_with_a_person_or_with_the_room() {
        let moderate = |act, whom: &str| Some(Line::Moderate(act, whom.to_owned()));
        assert_eq!(Line::parse("/mute lan"), moderate(Act::Mute, "lan"));
        assert_eq!(Line::parse("/BAN \"Ngọc Lan\""), moderate(Act::Ban, "Ngọc Lan"));
        assert_eq!(Line::parse("/lock"), moderate(Act::Lock, ""));
        assert_eq!(Line::parse("/mute"), Some(Line::Incomplete("/mute USER")));
        assert_eq!(Line::parse("/end lan"), Some(Line::Incomplete("/end")), "not everybody's meeting by a slip");
        assert_eq!(Line::parse("/hand on"), Some(Line::Hand(true)));
        assert_eq!(Line::parse("/react 👍"), Some(Line::React(Reaction::ThumbsUp)));
        assert_eq!(Line::parse("/react 🙈"), Some(Line::Incomplete(REACT)));
        // A password is set by a line of its own.
        let plain = Act::ALL.into_iter().filter(|act| act.is_plain());
        assert_eq!(ACTS.map(|(_, act, _)| act).len(), plain.count());
        assert_eq!(Line::parse("/breakout back"), Some(Line::Breakout(BreakoutWish::Go(0))));
        assert_eq!(Line::parse("/breakout all"), Some(Line::Incomplete(BreakoutWish::USAGE)));
        assert_eq!(Line::parse("/password hoa sen 7"), Some(Line::SetPassword("hoa sen 7".to_owned())));
    }

    #[test]
    fn a_volume_names_a_person_and_a_number() {
        let volume = |who: &str, percent| Some(Line::Volume { who: who.to_owned(), percent });
        assert_eq!(Line::parse("/volume lan 50"), volume("lan", 50));
        assert_eq!(Line::parse("/vol Ngọc Lan 150%"), volume("Ngọc Lan", 150));
        assert_eq!(Line::parse("/vol \"Ngọc Lan\" 0"), volume("Ngọc Lan", 0));
        for text in ["/volume", "/volume lan", "/volume 50", "/volume lan loud"] {
            assert_eq!(Line::parse(text), Some(Line::Incomplete("/volume USER PERCENT")), "{text}");
        }
        assert_eq!(Line::parse("/ptt on"), Some(Line::PushToTalk(true)));
    }

    #[test]
    fn what_is_incomplete_or_unknown_is_not_sent_as_a_message() {
        assert_eq!(Line::parse("/mic"), Some(Line::Incomplete("/mic on|off")));
        assert_eq!(Line::parse("/call"), Some(Line::Incomplete("/call USER")));
        assert_eq!(Line::parse("/quti"), Some(Line::Unknown("/quti".to_owned())));
    }

    #[test]
    fn one_compares_with_everybody_or_with_one_but_accepts_one_at_a_time() {
        assert_eq!(Line::parse("/safety"), Some(Line::Safety));
        assert_eq!(Line::parse("/verified"), Some(Line::Verified(None)));
        assert_eq!(Line::parse("/verified Ngọc Lan"), Some(Line::Verified(Some("Ngọc Lan".to_owned()))));
        assert_eq!(Line::parse("/trust lan"), Some(Line::Trust("lan".to_owned())));
        assert_eq!(Line::parse("/trust"), Some(Line::Incomplete("/trust USER")));
    }

    #[test]
    fn every_command_in_the_help_is_understood() {
        for usage in COMMANDS {
            let name = usage.split(' ').next().expect("a name");
            assert!(!matches!(Line::parse(name), Some(Line::Unknown(_)) | None), "{usage}");
        }
    }
}
