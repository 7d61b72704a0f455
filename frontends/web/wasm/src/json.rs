//! Events as JSON objects: only what is needed to write them.

use std::fmt::Write;

/// One object that is being written.
#[derive(Debug)]
pub struct Json(String);

impl Json {
    /// An object whose `t` says what it is.
    pub fn new(kind: &str) -> Self {
        let mut json = Self(String::with_capacity(128));
        json.0.push('{');
        json.text("t", kind)
    }

    /// Adds a text.
    pub fn text(mut self, key: &str, value: &str) -> Self {
        self.key(key);
        self.quote(value);
        self
    }

    /// Adds a text or `null`.
    pub fn maybe(self, key: &str, value: Option<&str>) -> Self {
        match value {
            Some(value) => self.text(key, value),
            None => self.raw(key, "null"),
        }
    }

    /// Adds a number. A browser's numbers are exact below 2^53: what may be greater goes by [`Self::big`].
    pub fn number(mut self, key: &str, value: impl Into<u64>) -> Self {
        self.key(key);
        let _ = write!(self.0, "{}", value.into());
        self
    }

    /// Adds a number as decimal text.
    pub fn big(mut self, key: &str, value: u64) -> Self {
        self.key(key);
        let _ = write!(self.0, "\"{value}\"");
        self
    }

    /// Adds `true` or `false`.
    pub fn flag(self, key: &str, value: bool) -> Self {
        self.raw(key, if value { "true" } else { "false" })
    }

    /// Adds bytes in hexadecimal.
    pub fn hex(mut self, key: &str, bytes: &[u8]) -> Self {
        self.key(key);
        self.0.push('"');
        for byte in bytes {
            let _ = write!(self.0, "{byte:02x}");
        }
        self.0.push('"');
        self
    }

    /// Adds what is JSON already.
    pub fn raw(mut self, key: &str, json: &str) -> Self {
        self.key(key);
        self.0.push_str(json);
        self
    }

    /// The whole object.
    pub fn finish(mut self) -> String {
        self.0.push('}');
        self.0
    }

    fn key(&mut self, key: &str) {
        if self.0.len() > 1 {
            self.0.push(',');
        }
        self.quote(key);
        self.0.push(':');
    }

    fn quote(&mut self, text: &str) {
        self.0.push('"');
        for char in text.chars() {
            match char {
                '"' | '\\' => {
                    self.0.push('\\');
                    self.0.push(char);
                }
                control if control < ' ' => {
                    let _ = write!(self.0, "\\u{:04x}", u32::from(control));
                }
                char => self.0.push(char),
            }
        }
        self.0.push('"');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_a_text_contains_the_object_stays_one() {
        let json = Json::new("chat").text("text", "a\"b\\c\nd\u{1}</script>é").big("id", u64::MAX).flag("x", true);
        assert_eq!(
            json.hex("k", &[0, 255]).maybe("n", None).finish(),
            "{\"t\":\"chat\",\"text\":\"a\\\"b\\\\c\\u000ad\\u0001</script>é\",\"id\":\"18446744073709551615\",\"x\":true,\
             \"k\":\"00ff\",\"n\":null}"
        );
    }
}
