//! The one table of keys: name, explanation, how to read a value and how to print it.

use hph_client::link::{Invitation, parse_address};
use hph_presenters::text::{Lang, typed};
use toml::de::DeValue;

use super::{ALLOW_MAX, AutoAnswer, Codec, Config, Pin};
use crate::hours::Hours;

/// A value before its key gave it a type.
pub(super) enum Value<'a> {
    Text(&'a str),
    Whole(i64),
    Switch(bool),
    Texts(Vec<&'a str>),
    /// Anything else, by the name of its type.
    Other(&'static str),
}

impl<'a> Value<'a> {
    pub(super) fn from_toml(value: &'a DeValue<'_>) -> Self {
        match value {
            DeValue::String(text) => Self::Text(text),
            DeValue::Integer(whole) => i64::from_str_radix(&whole.as_str().replace('_', ""), whole.radix())
                .map_or(Self::Other("a number that is far too large"), Self::Whole),
            DeValue::Boolean(is_on) => Self::Switch(*is_on),
            DeValue::Array(items) => {
                let text = |item: &'a toml::Spanned<DeValue<'_>>| item.get_ref().as_str();
                match items.iter().map(text).collect::<Option<Vec<_>>>() {
                    Some(texts) => Self::Texts(texts),
                    None => Self::Other("a list of other things than texts"),
                }
            }
            DeValue::Float(_) => Self::Other("a fraction"),
            DeValue::Datetime(_) => Self::Other("a date"),
            DeValue::Table(_) => Self::Other("a table"),
        }
    }

    fn text(&self) -> Result<&'a str, String> {
        match self {
            Self::Text(text) => Ok(text),
            Self::Whole(_) | Self::Switch(_) => Err("must be a text in quotes".to_owned()),
            Self::Texts(_) => Err("must be a text, not a list".to_owned()),
            Self::Other(kind) => Err(format!("must be a text, not {kind}")),
        }
    }

    fn texts(&self) -> Result<Vec<&'a str>, String> {
        match self {
            Self::Texts(texts) => Ok(texts.clone()),
            Self::Text(text) => Ok(vec![text]),
            _ => Err("must be a list of texts, for example [\"lan\", \"minh\"]".to_owned()),
        }
    }

    fn count(&self, min: u32, max: u32) -> Result<u32, String> {
        let wrong = || format!("must be a whole number from {min} to {max}");
        let Self::Whole(number) = self else { return Err(wrong()) };
        u32::try_from(*number).ok().filter(|number| (min..=max).contains(number)).ok_or_else(wrong)
    }

    fn switch(&self) -> Result<bool, String> {
        match self {
            Self::Switch(is_on) => Ok(*is_on),
            Self::Text("on") => Ok(true),
            Self::Text("off") => Ok(false),
            _ => Err("must be true or false".to_owned()),
        }
    }
}

/// One key.
pub(super) struct Key {
    pub(super) name: &'static str,
    /// In Vietnamese and English.
    pub(super) help: (&'static str, &'static str),
    pub(super) set: fn(&mut Config, &Value<'_>) -> Result<(), String>,
    pub(super) show: fn(&Config) -> String,
}

macro_rules! key {
    ($field:ident, $read:expr, $show:expr, $vi:literal, $en:literal) => {
        Key {
            name: stringify!($field),
            help: ($vi, $en),
            set: |config, value| {
                config.$field = $read(value)?;
                Ok(())
            },
            show: |config| $show(&config.$field),
        }
    };
}

/// Every key, in the order in which they are shown.
pub(super) const KEYS: &[Key] = &[
    key!(
        server,
        |value: &Value<'_>| server(value.text()?).map(Some),
        |server: &Option<Invitation>| quoted(&server.as_ref().map(ToString::to_string).unwrap_or_default()),
        "Liên kết mời của máy chủ (hph://…), có thể kèm phòng.",
        "Invitation link of the server (hph://…), perhaps with a room."
    ),
    key!(
        guest,
        Value::switch,
        ToString::to_string,
        "Vào như khách, không cần chủ máy chủ duyệt; khi đó không thu hồi được quyền của thiết bị.",
        "Comes in as a guest, without the approval of the server's owner; then it can't be revoked."
    ),
    key!(
        name,
        |value: &Value<'_>| typed::display_name(value.text()?)
            .map_err(|_| "must be a name of at most 64 bytes, without control characters".to_owned()),
        |name: &String| quoted(name),
        "Tên của thiết bị trong cuộc họp.",
        "Name of the device in meetings."
    ),
    key!(
        language,
        |value: &Value<'_>| language(value.text()?),
        |lang: &Lang| quoted(lang.code()),
        "Ngôn ngữ: \"vi\" hoặc \"en\".",
        "Language: \"vi\" or \"en\"."
    ),
    key!(
        fixed_room,
        |value: &Value<'_>| room(value.text()?),
        |room: &Option<String>| quoted(room.as_deref().unwrap_or_default()),
        "Phòng mà thiết bị luôn ở trong đó; vào ngay khi bật máy.",
        "The room that the device is always in; entered when it is switched on."
    ),
    key!(
        auto_answer,
        |value: &Value<'_>| auto_answer(value.text()?),
        |answer: &AutoAnswer| quoted(answer_name(*answer)),
        "Khi có cuộc gọi: \"off\" từ chối, \"ask\" hỏi, \"allow-list\" tự nhận từ những người trong allow.",
        "When somebody calls: \"off\" declines, \"ask\" asks, \"allow-list\" answers those in allow by itself."
    ),
    key!(
        allow,
        |value: &Value<'_>| allow(&value.texts()?),
        |allow: &Vec<String>| list(allow),
        "Tên đăng nhập của những người được tự nhận cuộc gọi.",
        "Login names of people whose calls are answered by itself."
    ),
    key!(
        microphone_on,
        Value::switch,
        ToString::to_string,
        "Bật micro khi vào phòng.",
        "Whether the microphone is on in a room that is entered."
    ),
    key!(
        camera_on,
        Value::switch,
        ToString::to_string,
        "Bật camera khi vào phòng.",
        "Whether the camera is on in a room that is entered."
    ),
    key!(
        volume,
        |value: &Value<'_>| value.count(0, 200),
        ToString::to_string,
        "Âm lượng khi bật máy, phần trăm.",
        "Loudness at the start, percent."
    ),
    key!(
        volume_max,
        |value: &Value<'_>| value.count(0, 200),
        ToString::to_string,
        "Âm lượng lớn nhất, phần trăm.",
        "Loudest that people can choose, percent."
    ),
    key!(
        idle_minutes,
        |value: &Value<'_>| value.count(0, 1440),
        ToString::to_string,
        "Tắt màn hình sau từng này phút không ai chạm; 0: không bao giờ.",
        "Minutes without a touch until the screen goes dark; 0: never."
    ),
    key!(
        hours,
        |value: &Value<'_>| hours(&value.texts()?),
        |hours: &Hours| list(&hours.texts()),
        "Giờ làm việc, ví dụ [\"Mon-Fri 07:30-18:00\", \"Sat 08:00-12:00\"]; trống: luôn luôn.",
        "Hours of service, such as [\"Mon-Fri 07:30-18:00\", \"Sat 08:00-12:00\"]; empty: always."
    ),
    key!(
        scale,
        scale,
        |scale: &Option<u32>| scale.map_or_else(|| quoted("auto"), |percent| percent.to_string()),
        "Cỡ chữ và nút, phần trăm (50 đến 400), hoặc \"auto\": theo milimét của màn hình.",
        "Size of texts and buttons, percent (50 to 400), or \"auto\": by the screen's millimetres."
    ),
    key!(
        camera,
        |value: &Value<'_>| device(value.text()?),
        |name: &String| quoted(name),
        "Camera: tên hoặc một phần của tên, \"default\", hay \"test\".",
        "Camera: its name or a part of it, \"default\", or \"test\"."
    ),
    key!(
        microphone,
        |value: &Value<'_>| device(value.text()?),
        |name: &String| quoted(name),
        "Micro: tên hoặc một phần của tên, \"default\", hay \"test\".",
        "Microphone: its name or a part of it, \"default\", or \"test\"."
    ),
    key!(
        speaker,
        |value: &Value<'_>| device(value.text()?),
        |name: &String| quoted(name),
        "Loa: tên hoặc một phần của tên, \"default\", hay \"none\".",
        "Loudspeaker: its name or a part of it, \"default\", or \"none\"."
    ),
    key!(
        share,
        |value: &Value<'_>| device(value.text()?).map(|name| Some(name).filter(|name| name != "none")),
        |name: &Option<String>| quoted(name.as_deref().unwrap_or("none")),
        "Thiết bị chia sẻ như một màn hình (bộ thu HDMI), hay \"none\".",
        "A device that is shared as a screen (an HDMI grabber), or \"none\"."
    ),
    key!(
        video_height,
        |value: &Value<'_>| value.count(180, 1080),
        ToString::to_string,
        "Chiều cao hình của camera, pixel.",
        "Height of the camera's picture, pixels."
    ),
    key!(
        video_rate,
        |value: &Value<'_>| value.count(5, 60),
        ToString::to_string,
        "Số hình mỗi giây.",
        "Pictures a second."
    ),
    key!(
        video_codec,
        |value: &Value<'_>| codec(value.text()?),
        |codec: &Codec| quoted(if *codec == Codec::Jpeg { "jpeg" } else { "strips" }),
        "\"strips\": chỉ gửi phần thay đổi; \"jpeg\": gửi nguyên JPEG của camera, không giải mã (mạng dây nhanh, máy yếu).",
        "\"strips\": only what has changed; \"jpeg\": the camera's own JPEG, never decoded (fast cable, slow board)."
    ),
    key!(
        mute_button,
        |value: &Value<'_>| pin(value.text()?),
        show_pin,
        "Chân GPIO của nút tắt micro, ví dụ \"gpiochip0:17\" (nối xuống đất), hay \"none\".",
        "GPIO pin of a mute button, such as \"gpiochip0:17\" (to ground), or \"none\"."
    ),
    key!(
        live_lamp,
        |value: &Value<'_>| pin(value.text()?),
        show_pin,
        "Chân GPIO của đèn báo micro hoặc camera đang bật, hay \"none\".",
        "GPIO pin of a lamp that is lit while microphone or camera are on, or \"none\"."
    ),
];

/// The known key nearest to `name`, if it is near enough to be what was meant: a third of its letters may differ.
pub(super) fn closest(name: &str) -> Option<&'static str> {
    let typed = name.to_lowercase().replace('-', "_");
    let near = KEYS.iter().map(|key| (edit_distance(&typed, key.name), key.name));
    near.filter(|&(distance, known)| distance * 3 <= known.len()).min().map(|(_, known)| known)
}

/// Letters to add, drop or replace to turn one text into the other (Levenshtein). Bound: product of the lengths.
fn edit_distance(from: &str, to: &str) -> usize {
    let mut row: Vec<usize> = (0..=to.chars().count()).collect();
    for (i, a) in from.chars().enumerate() {
        let (mut diagonal, mut left) = (i, i + 1);
        for (cell, b) in row.iter_mut().skip(1).zip(to.chars()) {
            let replaced = diagonal + usize::from(a != b);
            diagonal = *cell;
            *cell = replaced.min(left + 1).min(diagonal + 1);
            left = *cell;
        }
        row[0] = i + 1;
    }
    row.last().copied().unwrap_or(0)
}

/// An invitation, or an address without one.
fn server(text: &str) -> Result<Invitation, String> {
    match text.parse::<Invitation>() {
        Ok(invitation) => Ok(invitation),
        Err(error) if text.trim().to_ascii_lowercase().starts_with("hph:") => Err(format!("is damaged: {error}")),
        Err(_) => {
            let (host, port) = parse_address(text.trim()).ok_or_else(|| {
                "must be an invitation link such as \"hph://meet.example.org/#fp=…\" or an address".to_owned()
            })?;
            Ok(Invitation { host, port, pin: None, room: None, given: None })
        }
    }
}

fn language(text: &str) -> Result<Lang, String> {
    Lang::ALL.into_iter().find(|lang| lang.code() == text).ok_or_else(|| "must be \"vi\" or \"en\"".to_owned())
}

fn room(text: &str) -> Result<Option<String>, String> {
    if text.is_empty() {
        return Ok(None);
    }
    typed::room_name(text).map(Some).map_err(|_| "must be a room's name of at most 96 bytes".to_owned())
}

const fn answer_name(answer: AutoAnswer) -> &'static str {
    match answer {
        AutoAnswer::Off => "off",
        AutoAnswer::Ask => "ask",
        AutoAnswer::AllowList => "allow-list",
    }
}

fn auto_answer(text: &str) -> Result<AutoAnswer, String> {
    let all = [AutoAnswer::Off, AutoAnswer::Ask, AutoAnswer::AllowList];
    let found = all.into_iter().find(|answer| answer_name(*answer) == text);
    found.ok_or_else(|| "must be \"off\", \"ask\" or \"allow-list\"".to_owned())
}

fn allow(texts: &[&str]) -> Result<Vec<String>, String> {
    if texts.len() > ALLOW_MAX {
        return Err(format!("must have at most {ALLOW_MAX} names"));
    }
    let name = |text: &&str| typed::username(text).map_err(|_| format!("has a name that is no login name: {text:?}"));
    texts.iter().map(name).collect()
}

fn hours(texts: &[&str]) -> Result<Hours, String> {
    Hours::parse(texts).map_err(|text| {
        format!("has a part that is not understood: {text:?}; write for example \"Mon-Fri 07:30-18:00\"")
    })
}

fn scale(value: &Value<'_>) -> Result<Option<u32>, String> {
    match value {
        Value::Text("auto") => Ok(None),
        value => {
            value.count(50, 400).map(Some).map_err(|_| "must be \"auto\" or a percentage from 50 to 400".to_owned())
        }
    }
}

fn device(text: &str) -> Result<String, String> {
    let is_name = (1..=256).contains(&text.len()) && !text.chars().any(char::is_control);
    if is_name { Ok(text.to_owned()) } else { Err("must be the name of a device".to_owned()) }
}

fn codec(text: &str) -> Result<Codec, String> {
    match text {
        "strips" => Ok(Codec::Strips),
        "jpeg" => Ok(Codec::Jpeg),
        _ => Err("must be \"strips\" or \"jpeg\"".to_owned()),
    }
}

fn pin(text: &str) -> Result<Option<Pin>, String> {
    if text == "none" {
        return Ok(None);
    }
    let parse = || {
        let (chip, line) = text.split_once(':')?;
        let is_chip = (1..=32).contains(&chip.len()) && chip.bytes().all(|byte| byte.is_ascii_alphanumeric());
        let line = line.parse().ok().filter(|_| is_chip)?;
        Some(Pin { chip: chip.to_owned(), line })
    };
    parse().map(Some).ok_or_else(|| "must be a chip and a line, such as \"gpiochip0:17\", or \"none\"".to_owned())
}

fn show_pin(pin: &Option<Pin>) -> String {
    quoted(&pin.as_ref().map_or_else(|| "none".to_owned(), |pin| format!("{}:{}", pin.chip, pin.line)))
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

fn list(texts: &[String]) -> String {
    format!("[{}]", texts.iter().map(|text| quoted(text)).collect::<Vec<_>>().join(", "))
}
