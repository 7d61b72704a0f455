//! A text as a code of squares (QR), which the camera of a telephone or a kiosk reads.

use qrcode::{Color, EcLevel, QrCode};

/// Light squares around the code, without which many readers do not find it: as the standard (ISO 18004) wants it.
const QUIET: usize = 4;

/// A code, with the light border that belongs to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Squares {
    /// Squares in a row, and rows.
    pub side: usize,
    is_dark: Vec<bool>,
}

impl Squares {
    /// The code of a text; none if it is longer than any code (2331 bytes).
    pub fn of(text: &str) -> Option<Self> {
        // A screen gets no stains: the level that forgives 15 % is for reflections and bad cameras.
        let code = QrCode::with_error_correction_level(text, EcLevel::M).ok()?;
        let (inner, side) = (code.width(), code.width() + 2 * QUIET);
        let is_dark = |x: usize, y: usize| {
            let place = x.checked_sub(QUIET).zip(y.checked_sub(QUIET));
            place.is_some_and(|(x, y)| x < inner && y < inner && code[(x, y)] == Color::Dark)
        };
        let is_dark = (0..side * side).map(|at| is_dark(at % side, at / side)).collect();
        Some(Self { side, is_dark })
    }

    /// Row after row: whether each square is dark.
    pub fn iter(&self) -> impl Iterator<Item = bool> + '_ {
        self.is_dark.iter().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(squares: &Squares, y: usize) -> String {
        squares
            .iter()
            .skip(y * squares.side)
            .take(squares.side)
            .map(|is_dark| if is_dark { '#' } else { ' ' })
            .collect()
    }

    #[test]
    fn an_invitation_becomes_a_code_with_its_border() {
        let link = format!("hph://meet.lan/Nh%C3%B3m%2017#fp={}", "5c".repeat(32));
        let squares = Squares::of(&link).expect("it fits");
        assert_eq!(squares.iter().count(), squares.side * squares.side);
        // Four light squares on each side of the code, which has 21, and 4 more for each version.
        assert_eq!((squares.side - 8 - 21) % 4, 0);
        for light in (0..4).chain(squares.side - 4..squares.side) {
            assert_eq!(row(&squares, light).trim(), "", "the border is light");
        }
        // The first row of two of the three marks by which a reader finds it.
        let first = row(&squares, 4);
        assert!(first.starts_with("    ####### ") && first.ends_with(" #######    "), "{first}");
        assert_ne!(Squares::of("hph://meet.lan"), Some(squares), "another text has another code");
    }

    #[test]
    fn what_is_too_long_has_none() {
        assert!(Squares::of(&"x".repeat(2331)).is_some());
        assert_eq!(Squares::of(&"x".repeat(2332)), None);
    }
}
