//! Who is in the demo, and what they say.

use hph_client::platform::camera::CameraFormat;

/// A part in the demo.
pub struct Role {
    /// What a script calls them.
    pub username: &'static str,
    /// Name to show.
    pub name: &'static str,
    /// Name in the picture, whose font has no accents.
    pub drawn: &'static str,
    /// Rooms: camera and microphone are in the first one.
    pub rooms: &'static [&'static str],
    /// Whether they leave and return.
    pub is_restless: bool,
}

/// One line of the conversation.
pub struct Line {
    /// Who says it.
    pub author: &'static str,
    /// In which of their rooms.
    pub room: usize,
    /// What.
    pub text: &'static str,
}

/// Everybody.
pub const CAST: [Role; 4] = [
    Role { username: "huong", name: "Hường", drawn: "HUONG", rooms: &["Nhóm 17", "Seminar"], is_restless: false },
    Role { username: "dat", name: "Đạt", drawn: "DAT", rooms: &["Nhóm 17"], is_restless: false },
    Role { username: "lan", name: "Ngọc Lan", drawn: "NGOC LAN", rooms: &["Nhóm 17"], is_restless: true },
    Role { username: "alex", name: "Alex", drawn: "ALEX", rooms: &["Seminar"], is_restless: false },
];

/// The conversation, over and over.
pub const SCRIPT: [Line; 10] = [
    Line { author: "huong", room: 0, text: "Chào mọi người! Nghe rõ không?" },
    Line { author: "dat", room: 0, text: "Nghe rõ, hình cũng nét." },
    Line { author: "alex", room: 0, text: "Hello Hường, the seminar room is open." },
    Line { author: "huong", room: 1, text: "Hi Alex! I am in both rooms." },
    Line { author: "dat", room: 0, text: "Phần của mình xong rồi: giao thức và mã hoá." },
    Line { author: "huong", room: 0, text: "Tuyệt! Chiều nay mình gộp lại nhé." },
    Line { author: "alex", room: 0, text: "Slides at three?" },
    Line { author: "huong", room: 1, text: "Three is fine. Hẹn gặp lại!" },
    Line { author: "dat", room: 0, text: "Mạng nhà mình hơi chậm mà vẫn mượt." },
    Line { author: "huong", room: 0, text: "Vì không có gì bị mất 😄" },
];

/// `640x360@15` and the like.
pub fn parse_format(text: &str) -> Result<CameraFormat, String> {
    let parts = text.split_once('@').and_then(|(size, fps)| {
        let (width, height) = size.split_once('x')?;
        Some(CameraFormat { width: width.parse().ok()?, height: height.parse().ok()?, fps: fps.parse().ok()? })
    });
    parts
        .filter(|format| format.width > 0 && format.height > 0 && format.fps > 0)
        .ok_or_else(|| format!("{text:?} is not WIDTHxHEIGHT@FPS, for example 640x360@15"))
}
