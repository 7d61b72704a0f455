//! Invitation links: where a server is, which key it has, and which room is meant.
//!
//! `hph://host:port/room#fp=pin`, and with an invitation `&in=secret` behind it. The part behind `#` is what makes the first connection safe; programs that pass
//! links around do not send it to anyone (RFC 3986 section 3.5).

use std::fmt;
use std::net::Ipv6Addr;
use std::str::FromStr;

use hph_core::limits::ROOM_NAME_MAX_BYTES;
use hph_core::wire::control::is_secret;

use crate::tls::Pin;

/// The port that a link without one means.
pub const DEFAULT_PORT: u16 = 7400;

const SCHEME: &str = "hph://";
/// Longest host name (RFC 1035).
const HOST_MAX_BYTES: usize = 253;
/// No link with all its parts at their longest is longer: a bound for what is looked at.
const LINK_MAX_BYTES: usize = 1024;

/// An invitation to a server, and perhaps to one of its rooms.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invitation {
    /// A name or an address; lower case, IPv6 without brackets.
    pub host: String,
    /// For TCP and UDP both.
    pub port: u16,
    /// The key that the server must have; none if the link does not say.
    pub pin: Option<Pin>,
    /// The room's name; none if the lobby is meant.
    pub room: Option<String>,
    /// What whoever has the link is given; none if it only shows the way.
    pub given: Option<Given>,
}

/// What whoever has a link is given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Given {
    /// An invitation: they may come in, or make an account.
    Invite(String),
    /// The enrolment of a device without an account.
    Enrol(String),
    /// What makes somebody the server's owner.
    Own(String),
}

impl Given {
    /// The name of the part of the link, and the secret.
    fn part(&self) -> (&'static str, &str) {
        match self {
            Self::Invite(secret) => ("in", secret),
            Self::Enrol(secret) => ("enrol", secret),
            Self::Own(secret) => ("own", secret),
        }
    }

    fn parse(part: &str) -> Option<Result<Self, LinkError>> {
        let (name, secret) = part.split_once('=')?;
        let given = match name {
            "in" => Self::Invite,
            "enrol" => Self::Enrol,
            "own" => Self::Own,
            _ => return None,
        };
        let is_good = is_secret(secret);
        Some(if is_good { Ok(given(secret.to_owned())) } else { Err(LinkError::Given) })
    }
}

/// Why a text is no invitation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkError {
    /// It does not begin with `hph://`.
    Scheme,
    /// Host or port cannot be one.
    Address,
    /// The room's name is not encoded as it must be, is too long, or holds control characters.
    Room,
    /// The pin is not 64 hexadecimal digits.
    Pin,
    /// What it gives is damaged.
    Given,
}

impl fmt::Display for LinkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Scheme => "an invitation link begins with hph://",
            Self::Address => "the link names no host and port that could be",
            Self::Room => "the link names no room that could be",
            Self::Pin => "the link's fingerprint is damaged; copy the whole link again",
            Self::Given => "the invitation in the link is damaged; copy the whole link again",
        })
    }
}

impl std::error::Error for LinkError {}

impl FromStr for Invitation {
    type Err = LinkError;

    fn from_str(text: &str) -> Result<Self, LinkError> {
        let text = text.trim();
        if text.len() > LINK_MAX_BYTES {
            return Err(LinkError::Address);
        }
        let rest = match text.split_at_checked(SCHEME.len()) {
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case(SCHEME) => rest,
            _ => return Err(LinkError::Scheme),
        };
        let (rest, fragment) = rest.split_once('#').unwrap_or((rest, ""));
        let (address, room) = rest.split_once('/').unwrap_or((rest, ""));
        let (host, port) = parse_address(address).ok_or(LinkError::Address)?;
        let (pin, given) = parse_fragment(fragment)?;
        Ok(Self { host, port, pin, room: parse_room(room)?, given })
    }
}

impl fmt::Display for Invitation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{SCHEME}{}/", authority(&self.host, self.port))?;
        for byte in self.room.iter().flat_map(|room| room.bytes()) {
            if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
                write!(f, "{}", char::from(byte))?;
            } else {
                write!(f, "%{byte:02X}")?;
            }
        }
        if let Some(pin) = &self.pin {
            write!(f, "#fp={}", hex(pin))?;
        }
        if let Some((name, secret)) = self.given.as_ref().map(Given::part) {
            write!(f, "{}{name}={secret}", if self.pin.is_some() { '&' } else { '#' })?;
        }
        Ok(())
    }
}

/// Host and port as one text, in small letters and with an IPv6 address in brackets: one server, one text.
pub fn authority(host: &str, port: u16) -> String {
    format!("{}:{port}", bracketed(&host.to_ascii_lowercase()))
}

/// A host as it stands before a colon.
pub(crate) fn bracketed(host: &str) -> String {
    if host.contains(':') { format!("[{host}]") } else { host.to_owned() }
}

/// A host and its port as people write them: `name`, `name:port`, `[IPv6]`, `[IPv6]:port` or IPv6 alone. None if it
/// cannot be one.
pub fn parse_address(text: &str) -> Option<(String, u16)> {
    if let Ok(v6) = text.parse::<Ipv6Addr>() {
        return Some((v6.to_string(), DEFAULT_PORT));
    }
    if let Some((v6, port)) = text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        return Some((v6.parse::<Ipv6Addr>().ok()?.to_string(), parse_port(port)?));
    }
    let (host, port) = text.split_at(text.find(':').unwrap_or(text.len()));
    let is_host_byte = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    let is_host = (1..=HOST_MAX_BYTES).contains(&host.len()) && host.bytes().all(is_host_byte);
    if is_host { Some((host.to_ascii_lowercase(), parse_port(port)?)) } else { None }
}

/// Empty, or a colon and a port.
fn parse_port(text: &str) -> Option<u16> {
    if text.is_empty() {
        return Some(DEFAULT_PORT);
    }
    let digits = text.strip_prefix(':').filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))?;
    digits.parse().ok().filter(|&port| port > 0)
}

/// The parts behind `#`, joined by `&`; a later version may add others.
fn parse_fragment(text: &str) -> Result<(Option<Pin>, Option<Given>), LinkError> {
    let pin = text.split('&').find_map(|part| part.strip_prefix("fp="));
    let pin = pin.map(|digits| parse_hex(digits).ok_or(LinkError::Pin)).transpose()?;
    Ok((pin, text.split('&').find_map(Given::parse).transpose()?))
}

fn parse_room(text: &str) -> Result<Option<String>, LinkError> {
    let room = percent_decoded(text).and_then(|bytes| String::from_utf8(bytes).ok()).ok_or(LinkError::Room)?;
    if room.len() > ROOM_NAME_MAX_BYTES || room.chars().any(char::is_control) {
        return Err(LinkError::Room);
    }
    Ok(Some(room).filter(|room| !room.is_empty()))
}

/// RFC 3986 section 2.1. A link typed by hand may hold letters that should have been encoded; a second `/` or a `?`
/// has no meaning in a link and is refused.
fn percent_decoded(text: &str) -> Option<Vec<u8>> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'%' => digit(bytes.next()?)? << 4 | digit(bytes.next()?)?,
            b'/' | b'?' => return None,
            byte => byte,
        });
    }
    Some(decoded)
}

/// A pin as 64 hexadecimal digits.
pub fn hex(pin: &Pin) -> String {
    pin.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The pin of 64 hexadecimal digits in either case; none if it is anything else.
pub fn parse_hex(text: &str) -> Option<Pin> {
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    let bytes: Option<Vec<u8>> = pairs.iter().map(|&[high, low]| Some(digit(high)? << 4 | digit(low)?)).collect();
    bytes?.try_into().ok().filter(|_| rest.is_empty())
}

fn digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEX: &str = "00070e151c232a31383f464d545b626970777e858c939aa1a8afb6bdc4cbd2d9";

    fn pin() -> Pin {
        std::array::from_fn(|index| index as u8 * 7)
    }

    fn parse(text: &str) -> Result<Invitation, LinkError> {
        text.parse()
    }

    #[test]
    fn a_link_is_read_as_it_is_written() {
        for (invitation, text) in [
            (
                Invitation {
                    host: "192.0.2.1".into(),
                    port: 7400,
                    pin: Some(pin()),
                    room: Some("Nhóm 17/b #1?".into()),
                    given: Some(Given::Invite("a".repeat(26))),
                },
                format!("hph://192.0.2.1:7400/Nh%C3%B3m%2017%2Fb%20%231%3F#fp={HEX}&in={}", "a".repeat(26)),
            ),
            (
                Invitation { host: "2001:db8::1".into(), port: 1, pin: None, room: None, given: None },
                "hph://[2001:db8::1]:1/".to_owned(),
            ),
            (
                Invitation {
                    host: "a".into(),
                    port: 1,
                    pin: None,
                    room: None,
                    given: Some(Given::Enrol("7".repeat(26))),
                },
                format!("hph://a:1/#enrol={}", "7".repeat(26)),
            ),
        ] {
            assert_eq!(invitation.to_string(), text);
            assert_eq!(parse(&text), Ok(invitation));
        }
    }

    #[test]
    fn what_people_type_is_understood() {
        let short = parse(" HPH://Meet.Example.org ").expect("a link");
        assert_eq!((short.host.as_str(), short.port, short.pin, short.room), ("meet.example.org", 7400, None, None));
        let typed = parse(&format!("hph://a/Nhóm 17#x=1&fp={}", HEX.to_uppercase())).expect("a link");
        assert_eq!((typed.room.as_deref(), typed.pin), (Some("Nhóm 17"), Some(pin())));
        assert_eq!(parse_address("::1"), Some(("::1".to_owned(), 7400)));
        assert_eq!(parse_address("[::1]:9"), Some(("::1".to_owned(), 9)));
        assert_eq!(parse_address("my_server:9"), Some(("my_server".to_owned(), 9)));
    }

    #[test]
    fn a_damaged_link_is_refused_by_the_part_that_is_wrong() {
        for (text, error) in [
            ("", LinkError::Scheme),
            ("http://a/", LinkError::Scheme),
            ("hph:/", LinkError::Scheme),
            ("hph://", LinkError::Address),
            ("hph:///room", LinkError::Address),
            ("hph://a:0/", LinkError::Address),
            ("hph://a:+1/", LinkError::Address),
            ("hph://a:65536/", LinkError::Address),
            ("hph://a:1:2/", LinkError::Address),
            ("hph://a b/", LinkError::Address),
            ("hph://user@a/", LinkError::Address),
            ("hph://[::1/", LinkError::Address),
            ("hph://[::1]x/", LinkError::Address),
            ("hph://a/%", LinkError::Room),
            ("hph://a/%2", LinkError::Room),
            ("hph://a/%+1", LinkError::Room),
            ("hph://a/%ff", LinkError::Room),
            ("hph://a/%0A", LinkError::Room),
            ("hph://a/b/c", LinkError::Room),
            ("hph://a/b?c", LinkError::Room),
            ("hph://a/#fp=", LinkError::Pin),
            ("hph://a/#fp=00", LinkError::Pin),
            (&format!("hph://a/#fp={HEX}0"), LinkError::Pin),
            (&format!("hph://a/#fp={}é", &HEX[2..]), LinkError::Pin),
            (&format!("hph://a/#in={}", "a".repeat(25)), LinkError::Given),
            ("hph://a/#own=", LinkError::Given),
            (&format!("hph://a/{}", "b".repeat(97)), LinkError::Room),
            (&format!("hph://{}/", "a".repeat(254)), LinkError::Address),
        ] {
            assert_eq!(parse(text), Err(error), "{text}");
        }
    }

    #[test]
    fn the_longest_link_is_within_the_bound() {
        let longest = Invitation {
            host: "a".repeat(HOST_MAX_BYTES),
            port: u16::MAX,
            pin: Some(pin()),
            room: Some("ờ".repeat(ROOM_NAME_MAX_BYTES / 3)),
            given: Some(Given::Enrol("z".repeat(26))),
        };
        assert!(longest.to_string().len() <= LINK_MAX_BYTES);
        assert_eq!(parse(&longest.to_string()), Ok(longest));
    }
}
