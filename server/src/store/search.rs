//! Full-text search that knows no case and no diacritics: `Nhóm` is found by `nhom`, `Đạt` by `dat`.
//!
//! The index is one of SQLite's FTS5 without a copy of the texts. Its row number holds room and message, so that one
//! room's messages are a range of rows and the newest come first without sorting.

use std::borrow::Cow;

use rusqlite::Connection;

use super::messages::{NUMBER_MAX, number};
use super::{StoreError, StoreReader};

/// Words of one search; the rest is not looked at.
const TERMS_MAX: usize = 16;

/// What a search found, newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hits {
    /// Numbers of messages.
    pub ids: Vec<u64>,
    /// What to ask for next: only messages before this one; 0 if there is nothing older.
    pub before: u64,
}

impl StoreReader {
    /// Up to `count` messages of a room that have all these words, newest first, with numbers below `before`; 0: from
    /// the newest. Words in quotation marks stand together in this order.
    ///
    /// # Errors
    /// Only if the database fails.
    pub fn search(&self, room: u32, words: &str, before: u64, count: usize) -> Result<Hits, StoreError> {
        let Some(terms) = terms(words) else { return Ok(Hits::default()) };
        let below = if before == 0 { NUMBER_MAX + 1 } else { number(before).min(NUMBER_MAX + 1) };
        let (first, last) = (row_of(room, 0), row_of(room, 0).saturating_add(below - 1));
        let mut query = self.connection.prepare_cached(
            "SELECT rowid FROM chat_index WHERE chat_index MATCH ?1 AND rowid BETWEEN ?2 AND ?3 \
             ORDER BY rowid DESC LIMIT ?4",
        )?;
        let one_more = i64::try_from(count).unwrap_or(i64::MAX).saturating_add(1);
        let rows = query.query_map((terms, first, last, one_more), |row| row.get::<_, i64>(0))?;
        let mut ids = rows.map(|row| Ok((row? & NUMBER_MAX).cast_unsigned())).collect::<rusqlite::Result<Vec<_>>>()?;
        let is_more = ids.len() > count;
        ids.truncate(count);
        let before = ids.last().copied().filter(|_| is_more).unwrap_or(0);
        Ok(Hits { ids, before })
    }
}

/// The row of the index that stands for a message: rooms have 32 bits, messages the 31 below.
const fn row_of(room: u32, id: i64) -> i64 {
    (room as i64) << 31 | id
}

/// Puts a text into the index, inside a transaction.
pub(super) fn index(transaction: &Connection, room: u32, id: i64, text: &str) -> rusqlite::Result<()> {
    transaction
        .prepare_cached("INSERT INTO chat_index (rowid, text) VALUES (?1, ?2)")?
        .execute((row_of(room, id), fold(text)))?;
    Ok(())
}

/// Takes a text out of the index, inside a transaction.
pub(super) fn unindex(transaction: &Connection, room: u32, id: i64) -> rusqlite::Result<()> {
    transaction.prepare_cached("DELETE FROM chat_index WHERE rowid = ?1")?.execute([row_of(room, id)])?;
    Ok(())
}

/// Takes the oldest texts of a room out of the index, up to the message of that number.
pub(super) fn forget_in_index(transaction: &Connection, room: u32, last: i64) -> rusqlite::Result<()> {
    transaction
        .prepare_cached("DELETE FROM chat_index WHERE rowid BETWEEN ?1 AND ?2")?
        .execute((row_of(room, 0), row_of(room, last)))?;
    Ok(())
}

/// What the tokenizer of the index does not do: `đ` is a letter of its own for Unicode, not one with a diacritic.
fn fold(text: &str) -> Cow<'_, str> {
    if text.contains(['đ', 'Đ']) { Cow::Owned(text.replace(['đ', 'Đ'], "d")) } else { Cow::Borrowed(text) }
}

/// The words as the index wants to be asked: each in quotation marks, so that nothing in them is syntax. None if there
/// is nothing to look for.
fn terms(words: &str) -> Option<String> {
    let mut query = String::new();
    let mut count = 0;
    for (which, part) in words.split(['"', '“', '”', '„', '«', '»']).enumerate() {
        let is_quoted = which % 2 == 1;
        let terms: Vec<&str> = if is_quoted { vec![part] } else { part.split_whitespace().collect() };
        for term in terms.into_iter().filter(|term| term.chars().any(char::is_alphanumeric)) {
            if count == TERMS_MAX {
                break;
            }
            count += 1;
            query.push('"');
            query.push_str(&fold(term));
            query.push_str("\" ");
        }
    }
    (count > 0).then_some(query)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_what_is_searched_is_syntax() {
        assert_eq!(terms("giao thức").as_deref(), Some("\"giao\" \"thức\" "));
        assert_eq!(terms("a “giao thức” b").as_deref(), Some("\"a\" \"giao thức\" \"b\" "));
        assert_eq!(terms("NEAR( OR -x* ^y").as_deref(), Some("\"NEAR(\" \"OR\" \"-x*\" \"^y\" "));
        assert_eq!(terms("Đạt").as_deref(), Some("\"dạt\" "));
        assert_eq!(terms("\" ? - \""), None);
        assert_eq!(terms(""), None);
        assert_eq!(terms(&"a ".repeat(99)).map(|query| query.len()), Some(TERMS_MAX * 4));
    }

    #[test]
    fn every_message_of_every_room_has_a_row_of_its_own() {
        assert_eq!(row_of(u32::MAX, NUMBER_MAX), i64::MAX);
        assert!(row_of(1, NUMBER_MAX) < row_of(2, 0));
    }
}
