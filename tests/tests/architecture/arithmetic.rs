//! Just enough arithmetic to compare a constant in the code with a number in a document.

use std::collections::BTreeMap;

/// The value of `expression`: integers, constants by name, `<< + - * /`, parentheses, `as`, spans of time. A span is
/// counted in microseconds, whether written `Duration::from_millis(5)` or `5 ms`. Words after a number are a comment.
pub fn evaluate(expression: &str, constants: &BTreeMap<String, String>) -> Option<i128> {
    let text = expression.replace([',', '`'], "");
    let mut parser = Parser { rest: text.trim(), constants };
    let value = parser.shifts()?;
    Some(value * unit(parser.rest))
}

/// Microseconds of a unit of time; 1 for anything else.
fn unit(word: &str) -> i128 {
    match word.split_whitespace().next() {
        Some("ms") => 1_000,
        Some("s") => 1_000_000,
        Some("min") => 60_000_000,
        _ => 1,
    }
}

struct Parser<'a> {
    rest: &'a str,
    constants: &'a BTreeMap<String, String>,
}

impl<'a> Parser<'a> {
    fn eat(&mut self, token: &str) -> bool {
        let after = self.rest.trim_start().strip_prefix(token);
        self.rest = after.unwrap_or(self.rest).trim_start();
        after.is_some()
    }

    fn word(&mut self) -> &'a str {
        let end = self.rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest.trim_start();
        word
    }

    fn shifts(&mut self) -> Option<i128> {
        let mut value = self.sums()?;
        while self.eat("<<") {
            value <<= self.sums()?;
        }
        Some(value)
    }

    fn sums(&mut self) -> Option<i128> {
        let mut value = self.products()?;
        loop {
            if self.eat("+") {
                value += self.products()?;
            } else if self.eat("-") {
                value -= self.products()?;
            } else {
                return Some(value);
            }
        }
    }

    fn products(&mut self) -> Option<i128> {
        let mut value = self.atom()?;
        loop {
            if self.eat("*") {
                value *= self.atom()?;
            } else if self.eat("/") {
                value = value.checked_div(self.atom()?)?;
            } else if self.eat("as ") {
                self.word();
            } else {
                return Some(value);
            }
        }
    }

    fn atom(&mut self) -> Option<i128> {
        if self.eat("Duration::from_") {
            let scale = match self.word() {
                "micros" => 1,
                "millis" => 1_000,
                "secs" => 1_000_000,
                _ => return None,
            };
            return Some(scale * self.atom()?);
        }
        if self.eat("(") {
            let value = self.shifts()?;
            return self.eat(")").then_some(value);
        }
        let word = self.word();
        if word.starts_with(|c: char| c.is_ascii_digit()) {
            return number(word);
        }
        evaluate(self.constants.get(word)?, self.constants)
    }
}

/// `5_000_000`, `0x10`, `7u64`.
fn number(word: &str) -> Option<i128> {
    let digits = word.replace('_', "");
    let suffixes = ["usize", "u8", "u16", "u32", "u64", "i32", "i64"];
    let bare = suffixes.iter().find_map(|suffix| digits.strip_suffix(suffix)).unwrap_or(&digits);
    match bare.strip_prefix("0x") {
        Some(hex) => i128::from_str_radix(hex, 16).ok(),
        None => bare.parse().ok(),
    }
}

#[test]
fn constants_are_evaluated_as_the_compiler_does() {
    let constants = [("A", "1 << 4"), ("B", "A * 3 - (2 + 1) as usize"), ("C", "Duration::from_millis(1_500)")];
    let constants = constants.map(|(name, value)| (name.to_string(), value.to_string())).into();
    for (expression, value) in
        [("B", 45), ("16 * 1024", 16_384), ("5,000,000", 5_000_000), ("`1 << 22` packets", 1 << 22), ("0x10u8", 16)]
    {
        assert_eq!(evaluate(expression, &constants), Some(value), "{expression}");
    }
    assert_eq!(evaluate("C", &constants), evaluate("1500 ms", &constants));
    assert_eq!(evaluate("UNKNOWN", &constants), None);
}
