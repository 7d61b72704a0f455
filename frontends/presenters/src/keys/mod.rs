//! The keyboard as data: what can be done, with which key, and the palette in which everything is found.

mod chord;
mod palette;

use hph_client::engine::Reaction;
use serde::{Deserialize, Serialize};

use crate::settings::Rebinding;
use crate::text::Lang;
pub use chord::{Chord, Key};
pub use palette::{Found, search};

/// Where a key is one for an action.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// On every screen, even while one types.
    Everywhere,
    /// In a room, while nothing is typed in.
    Room,
    /// In the lobby, while nothing is typed in.
    Lobby,
}

/// What can be done by key or palette.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Switch the microphone.
    ToggleMic,
    /// Switch the camera.
    ToggleCamera,
    /// Be heard while the key is held.
    PushToTalk,
    /// Raise the hand, or lower it.
    ToggleHand,
    /// Open the chat, or close it.
    ToggleChat,
    /// Open the list of people, or close it.
    TogglePeople,
    /// Share the screen, or stop.
    ToggleShare,
    /// Another layout.
    NextLayout,
    /// Fill the screen, or no longer.
    ToggleFullScreen,
    /// Show figures of the connection.
    ToggleStats,
    /// Pin the tile with that number, 1 to 9.
    Pin(u8),
    /// Show the sign of that number, 1 to 6.
    React(u8),
    /// The next page of tiles.
    NextPage,
    /// The page before.
    PreviousPage,
    /// The next room that we are in.
    NextRoom,
    /// Leave the room.
    Leave,
    /// Copy the invitation.
    CopyInvitation,
    /// Open the sheet of invitations.
    Invite,
    /// Show all keys.
    Help,
    /// Open the palette.
    Palette,
    /// Close what is on top.
    Close,
    /// Open the diagnostics.
    Diagnostics,
    /// Open the settings.
    Settings,
    /// Go to the search.
    Search,
    /// Make a room.
    CreateRoom,
    /// Go to the lobby; the rooms go on.
    Lobby,
    /// Sign out.
    SignOut,
}

/// An action and its usual key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binding {
    /// What is done.
    pub action: Action,
    /// With which key.
    pub chord: Chord,
    /// Where.
    pub scope: Scope,
}

impl Action {
    /// Every action, in the order in which they are shown.
    pub const ALL: [Self; 40] = [
        Self::ToggleMic,
        Self::ToggleCamera,
        Self::PushToTalk,
        Self::ToggleHand,
        Self::ToggleChat,
        Self::TogglePeople,
        Self::ToggleShare,
        Self::NextLayout,
        Self::ToggleFullScreen,
        Self::ToggleStats,
        Self::NextPage,
        Self::PreviousPage,
        Self::NextRoom,
        Self::Leave,
        Self::CopyInvitation,
        Self::Invite,
        Self::Pin(1),
        Self::Pin(2),
        Self::Pin(3),
        Self::Pin(4),
        Self::Pin(5),
        Self::Pin(6),
        Self::Pin(7),
        Self::Pin(8),
        Self::Pin(9),
        Self::React(1),
        Self::React(2),
        Self::React(3),
        Self::React(4),
        Self::React(5),
        Self::React(6),
        Self::Search,
        Self::CreateRoom,
        Self::Lobby,
        Self::Settings,
        Self::Diagnostics,
        Self::Palette,
        Self::Help,
        Self::Close,
        Self::SignOut,
    ];

    /// Where it can be done.
    pub const fn scope(self) -> Scope {
        match self {
            Self::Palette | Self::Close | Self::Diagnostics | Self::Settings | Self::Lobby | Self::SignOut => {
                Scope::Everywhere
            }
            Self::Search | Self::CreateRoom => Scope::Lobby,
            _ => Scope::Room,
        }
    }

    /// Its name in the list of keys and in the palette.
    pub fn label(self, lang: Lang) -> String {
        let (vi, en) = match self {
            Self::ToggleMic => ("Bật/tắt micro", "Microphone on/off"),
            Self::ToggleCamera => ("Bật/tắt camera", "Camera on/off"),
            Self::PushToTalk => ("Nhấn giữ để nói", "Hold to talk"),
            Self::ToggleHand => ("Giơ/hạ tay", "Raise/lower hand"),
            Self::ToggleChat => ("Trò chuyện", "Chat"),
            Self::TogglePeople => ("Danh sách người", "People"),
            Self::ToggleShare => ("Chia sẻ màn hình", "Share screen"),
            Self::NextLayout => ("Đổi bố cục", "Change layout"),
            Self::ToggleFullScreen => ("Toàn màn hình", "Full screen"),
            Self::ToggleStats => ("Thông số kết nối", "Connection figures"),
            Self::Pin(number) => return format!("{} {number}", lang.pick("Ghim ô", "Pin tile")),
            Self::React(number) => return format!("{}: {}", lang.pick("Thả cảm xúc", "React"), sign(number, lang)),
            Self::NextPage => ("Trang sau", "Next page"),
            Self::PreviousPage => ("Trang trước", "Previous page"),
            Self::NextRoom => ("Phòng kế tiếp", "Next room"),
            Self::Leave => ("Rời phòng", "Leave room"),
            Self::CopyInvitation => ("Sao chép lời mời", "Copy invitation"),
            Self::Invite => ("Mời người khác", "Invite people"),
            Self::Help => ("Danh sách phím tắt", "Keyboard shortcuts"),
            Self::Palette => ("Bảng lệnh", "Command palette"),
            Self::Close => ("Đóng", "Close"),
            Self::Diagnostics => ("Chẩn đoán", "Diagnostics"),
            Self::Settings => ("Cài đặt", "Settings"),
            Self::Search => ("Tìm", "Search"),
            Self::CreateRoom => ("Tạo phòng", "Create room"),
            Self::Lobby => ("Sảnh chờ", "Lobby"),
            Self::SignOut => ("Đăng xuất", "Sign out"),
        };
        lang.pick(vi, en).to_owned()
    }
}

/// The sign of that number, from 1.
pub fn reaction(number: u8) -> Option<Reaction> {
    Reaction::from_number(number.checked_sub(1)?)
}

/// It in words: not everything that draws has pictures of it.
fn sign(number: u8, lang: Lang) -> &'static str {
    reaction(number).map_or("?", |reaction| reaction_name(reaction, lang))
}

/// A sign in words, for those who do not see it.
pub const fn reaction_name(reaction: Reaction, lang: Lang) -> &'static str {
    let (vi, en) = match reaction {
        Reaction::ThumbsUp => ("đồng ý", "thumbs up"),
        Reaction::Party => ("chúc mừng", "party"),
        Reaction::Clap => ("vỗ tay", "applause"),
        Reaction::Laugh => ("cười", "laughing"),
        Reaction::Heart => ("tim", "heart"),
        Reaction::Think => ("suy nghĩ", "thinking"),
    };
    lang.pick(vi, en)
}

/// The usual keys.
fn usual() -> Vec<(Action, &'static str)> {
    let mut keys = vec![
        (Action::ToggleMic, "M"),
        (Action::ToggleCamera, "V"),
        (Action::PushToTalk, "Space"),
        (Action::ToggleHand, "H"),
        (Action::ToggleHand, "R"),
        (Action::ToggleChat, "C"),
        (Action::TogglePeople, "P"),
        (Action::ToggleShare, "D"),
        (Action::NextLayout, "W"),
        (Action::ToggleFullScreen, "S"),
        (Action::ToggleFullScreen, "F11"),
        (Action::ToggleStats, "T"),
        (Action::NextPage, "PageDown"),
        (Action::PreviousPage, "PageUp"),
        (Action::NextRoom, "Ctrl+Tab"),
        (Action::CopyInvitation, "Ctrl+Shift+C"),
        (Action::Invite, "I"),
        (Action::Help, "?"),
        (Action::Palette, "Ctrl+K"),
        (Action::Close, "Escape"),
        (Action::Diagnostics, "Ctrl+Shift+D"),
        (Action::Settings, "Ctrl+,"),
        (Action::Search, "/"),
        (Action::CreateRoom, "N"),
    ];
    const PINS: [&str; 9] = ["Alt+1", "Alt+2", "Alt+3", "Alt+4", "Alt+5", "Alt+6", "Alt+7", "Alt+8", "Alt+9"];
    const SIGNS: [&str; 6] = ["1", "2", "3", "4", "5", "6"];
    keys.extend((1..).zip(SIGNS).map(|(number, key)| (Action::React(number), key)));
    keys.extend((1..).zip(PINS).map(|(number, key)| (Action::Pin(number), key)));
    keys
}

/// Every key with its action, as the user has chosen.
pub fn bindings(chosen: &[Rebinding]) -> Vec<Binding> {
    let is_chosen = |action: Action| chosen.iter().any(|binding| binding.action == action);
    let usual = usual().into_iter().filter(|(action, _)| !is_chosen(*action));
    let usual = usual.filter_map(|(action, key)| Some((action, key.parse().ok()?)));
    let chosen = chosen.iter().filter_map(|binding| Some((binding.action, binding.chord.clone()?)));
    usual.chain(chosen).map(|(action, chord)| Binding { action, chord, scope: action.scope() }).collect()
}

/// The action of a key, if it has one here. While one types only keys that write nothing count.
pub fn action(bindings: &[Binding], chord: &Chord, scope: Scope, is_typing: bool) -> Option<Action> {
    let counts = |binding: &&Binding| {
        let is_here = binding.scope == Scope::Everywhere || binding.scope == scope;
        binding.chord == *chord && is_here && (!is_typing || !chord.writes())
    };
    bindings.iter().find(counts).map(|binding| binding.action)
}

/// Pairs of actions that share a key where both count.
pub fn conflicts(bindings: &[Binding]) -> Vec<(Action, Action, Chord)> {
    let share = |a: &Binding, b: &Binding| {
        let meet = a.scope == b.scope || a.scope == Scope::Everywhere || b.scope == Scope::Everywhere;
        a.chord == b.chord && a.action != b.action && meet
    };
    let pairs = bindings.iter().enumerate().flat_map(|(at, a)| bindings[at + 1..].iter().map(move |b| (a, b)));
    pairs.filter(|(a, b)| share(a, b)).map(|(a, b)| (a.action, b.action, a.chord.clone())).collect()
}

#[cfg(test)]
mod tests;
