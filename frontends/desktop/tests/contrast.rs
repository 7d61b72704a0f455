//! Every pair of colours that stands one on the other can be told apart: texts 4.5 to 1, graphics 3 to 1 (WCAG 2.2, 1.4.3 and
//! 1.4.11). The colours are read from `ui/theme.slint`.

use std::collections::BTreeMap;
use std::fs;

/// Red, green, blue, opacity; 0 to 1.
type Colour = [f64; 4];

/// What is written, and on what.
const TEXTS: &[(&str, &[&str])] = &[
    ("text", &["canvas", "surface", "surface-2", "surface-3", "tile", "private", "accent-soft"]),
    ("text-2", &["canvas", "surface", "surface-2", "tile", "private"]),
    ("accent", &["canvas", "surface"]),
    ("on-accent", &["accent", "accent-2"]),
    ("on-warn", &["warn"]),
    ("on-danger", &["danger", "danger-2"]),
    ("danger-text", &["canvas", "surface", "surface-2"]),
    ("on-private", &["private"]),
    ("warn", &["canvas", "surface"]),
];

/// What is drawn, and on what.
const GRAPHICS: &[(&str, &[&str])] = &[
    ("speak", &["tile", "surface", "canvas"]),
    ("warn", &["tile", "surface", "canvas"]),
    ("line-strong", &["canvas", "surface"]),
    ("accent", &["canvas", "surface", "surface-2"]),
    ("danger-text", &["surface"]),
];

fn tokens() -> BTreeMap<String, [Colour; 3]> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/ui/theme.slint");
    let theme = fs::read_to_string(path).unwrap();
    let mut tokens = BTreeMap::new();
    for line in theme.lines().filter_map(|line| line.trim().strip_prefix("out property <color> ")) {
        let (name, value) = line.split_once(": ").unwrap();
        let colours: Vec<Colour> = value.split('#').skip(1).map(colour).collect();
        let looks = match colours.as_slice() {
            [one] => [*one; 3],
            [dark, light, contrast] => [*dark, *light, *contrast],
            _ => panic!("{line}"),
        };
        tokens.insert(name.to_owned(), looks);
    }
    tokens
}

fn colour(hex: &str) -> Colour {
    let digits: String = hex.chars().take_while(char::is_ascii_hexdigit).collect();
    let byte =
        |at: usize| digits.get(at..at + 2).map_or(1.0, |pair| f64::from(u8::from_str_radix(pair, 16).unwrap()) / 255.0);
    [byte(0), byte(2), byte(4), byte(6)]
}

fn luminance([r, g, b, _]: Colour) -> f64 {
    let linear =
        |channel: f64| if channel <= 0.04045 { channel / 12.92 } else { ((channel + 0.055) / 1.055).powf(2.4) };
    0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b)
}

fn contrast(a: Colour, b: Colour) -> f64 {
    let (a, b) = (luminance(a), luminance(b));
    (a.max(b) + 0.05) / (a.min(b) + 0.05)
}

/// A colour that lets through what is below.
fn over(above: Colour, below: Colour) -> Colour {
    let [_, _, _, opacity] = above;
    let mix = |channel: usize| above[channel] * opacity + below[channel] * (1.0 - opacity);
    [mix(0), mix(1), mix(2), 1.0]
}

#[test]
fn every_pair_can_be_told_apart_in_every_look() {
    let tokens = tokens();
    assert!(tokens.len() > 20, "theme.slint was not understood");
    for (least, pairs) in [(4.5, TEXTS), (3.0, GRAPHICS)] {
        for (front, backs) in pairs {
            for back in *backs {
                for (look, name) in ["dark", "light", "contrast"].into_iter().enumerate() {
                    let ratio = contrast(tokens[*front][look], tokens[*back][look]);
                    assert!(ratio >= least, "{name}: {front} on {back} is {ratio:.2}, less than {least}");
                }
            }
        }
    }
}

#[test]
fn names_over_pictures_can_be_read_whatever_the_picture_is() {
    let tokens = tokens();
    for picture in [[1.0; 4], [0.0, 0.0, 0.0, 1.0], [1.0, 1.0, 0.0, 1.0]] {
        let below = over(tokens["scrim"][0], picture);
        for (front, least) in [("on-scrim", 4.5), ("muted-on-scrim", 3.0), ("warn-on-scrim", 3.0)] {
            let ratio = contrast(tokens[front][0], below);
            assert!(ratio >= least, "{front} over {picture:?} is {ratio:.2}");
        }
    }
}

#[test]
fn the_letter_of_an_avatar_can_be_read_on_every_hue() {
    for hue in 0..360 {
        let (value, saturation) = (0.45, 0.45);
        let chroma = value * saturation;
        let part = f64::from(hue) / 60.0;
        let x = chroma * (1.0 - (part % 2.0 - 1.0).abs());
        let low = value - chroma;
        let [r, g, b] = match hue / 60 {
            0 => [chroma, x, 0.0],
            1 => [x, chroma, 0.0],
            2 => [0.0, chroma, x],
            3 => [0.0, x, chroma],
            4 => [x, 0.0, chroma],
            _ => [chroma, 0.0, x],
        };
        let ratio = contrast([1.0; 4], [r + low, g + low, b + low, 1.0]);
        assert!(ratio >= 4.5, "hue {hue}: {ratio:.2}");
    }
}
