//! The devices with which somebody signs in to an account, and those that may not any more.

use rusqlite::{Connection, OptionalExtension, Transaction};

use super::{Device, Store, StoreError, tokens};

/// Devices of one account that are kept on its list; the one that was away for longest gives way.
pub const DEVICES_MAX: u32 = 32;
/// Revoked devices of one account that are kept out.
const REVOKED_MAX: u32 = 1024;

/// The tables, as a step of the schema.
pub(super) const SCHEMA: &str = "
    ALTER TABLE users ADD COLUMN is_owner INTEGER NOT NULL DEFAULT 0;
    CREATE TABLE devices (
        user_id INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
        sign BLOB NOT NULL CHECK (length(sign) = 32),
        seal BLOB NOT NULL CHECK (length(seal) = 32),
        name TEXT NOT NULL,
        first_seen_ms INTEGER NOT NULL,
        last_seen_ms INTEGER NOT NULL,
        is_revoked INTEGER NOT NULL DEFAULT 0,
        PRIMARY KEY (user_id, sign)
    ) STRICT, WITHOUT ROWID;
    INSERT INTO devices (user_id, sign, seal, name, first_seen_ms, last_seen_ms)
        SELECT id, device_sign, device_seal, '', created_at_ms, created_at_ms FROM users
        WHERE device_sign IS NOT NULL AND device_seal IS NOT NULL;
";

/// A device of an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceRow {
    /// Its keys.
    pub device: Device,
    /// What it calls itself.
    pub name: String,
    /// When it signed in first. **Units:** milliseconds since 1970.
    pub first_seen_ms: u64,
    /// When it signed in last. **Units:** milliseconds since 1970.
    pub last_seen_ms: u64,
}

impl Store {
    /// A device signs in: notes it and its keys, and gives it a token to sign in again; none if it was revoked.
    ///
    /// # Errors
    /// The database fails or there are no random bytes.
    pub fn admit_device(
        &mut self,
        account_id: i64,
        device: Device,
        name: &str,
        now_ms: u64,
    ) -> Result<Option<[u8; 32]>, StoreError> {
        let transaction = self.write()?;
        if is_revoked(&transaction, account_id, &device.sign)? {
            return Ok(None);
        }
        transaction.execute(
            "INSERT INTO devices (user_id, sign, seal, name, first_seen_ms, last_seen_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?5) \
             ON CONFLICT DO UPDATE SET seal = ?3, name = ?4, last_seen_ms = max(last_seen_ms, ?5)",
            (account_id, device.sign, device.seal, name, now_ms.cast_signed()),
        )?;
        keep_newest(&transaction, account_id, false, DEVICES_MAX)?;
        transaction.execute(
            "UPDATE users SET device_seal = ?2, device_sign = ?3 \
             WHERE id = ?1 AND (device_seal IS NOT ?2 OR device_sign IS NOT ?3)",
            (account_id, device.seal, device.sign),
        )?;
        let token = tokens::issue(&transaction, account_id, &device.sign, now_ms)?;
        transaction.commit()?;
        Ok(Some(token))
    }

    /// Whether a device may not sign in to an account any more.
    ///
    /// # Errors
    /// Only if the database fails.
    pub fn is_device_revoked(&self, account_id: i64, sign: &[u8; 32]) -> Result<bool, StoreError> {
        is_revoked(&self.connection, account_id, sign)
    }

    /// The devices of an account that may sign in, the last one first; none if there is no such account.
    ///
    /// # Errors
    /// Only if the database fails.
    pub fn devices(&self, username: &str) -> Result<Option<Vec<DeviceRow>>, StoreError> {
        let Some(account) = self.account(username)? else { return Ok(None) };
        let mut query = self.connection.prepare_cached(
            "SELECT seal, sign, name, first_seen_ms, last_seen_ms FROM devices \
             WHERE user_id = ?1 AND NOT is_revoked ORDER BY last_seen_ms DESC, sign",
        )?;
        let rows = query.query_map([account.id], |row| {
            Ok(DeviceRow {
                device: Device { seal: row.get(0)?, sign: row.get(1)? },
                name: row.get(2)?,
                first_seen_ms: row.get::<_, i64>(3)?.cast_unsigned(),
                last_seen_ms: row.get::<_, i64>(4)?.cast_unsigned(),
            })
        })?;
        Ok(Some(rows.collect::<rusqlite::Result<_>>()?))
    }

    /// Keeps a device of an account out from now on: its tokens are void, its key is refused, and nothing is sealed for it
    /// any more. False if the account has none like that.
    ///
    /// # Errors
    /// Only if the database fails.
    pub fn revoke_device(&mut self, username: &str, sign: &[u8; 32]) -> Result<bool, StoreError> {
        let Some(account) = self.account(username)? else { return Ok(false) };
        let transaction = self.write()?;
        let query = "UPDATE devices SET is_revoked = 1 WHERE user_id = ?1 AND sign = ?2 AND NOT is_revoked";
        let count = transaction.execute(query, (account.id, sign))?;
        transaction.execute("DELETE FROM tokens WHERE user_id = ?1 AND device_sign = ?2", (account.id, sign))?;
        transaction.execute(
            "UPDATE users SET device_seal = NULL, device_sign = NULL WHERE id = ?1 AND device_sign = ?2",
            (account.id, sign),
        )?;
        keep_newest(&transaction, account.id, true, REVOKED_MAX)?;
        transaction.commit()?;
        Ok(count > 0)
    }
}

fn is_revoked(connection: &Connection, account_id: i64, sign: &[u8; 32]) -> Result<bool, StoreError> {
    let query = "SELECT is_revoked FROM devices WHERE user_id = ?1 AND sign = ?2";
    let known = connection.prepare_cached(query)?.query_row((account_id, sign), |row| row.get(0)).optional()?;
    Ok(known.unwrap_or(false))
}

fn keep_newest(transaction: &Transaction<'_>, account_id: i64, revoked: bool, count: u32) -> Result<(), StoreError> {
    transaction.execute(
        "DELETE FROM devices WHERE user_id = ?1 AND sign IN (SELECT sign FROM devices \
         WHERE user_id = ?1 AND is_revoked = ?2 ORDER BY last_seen_ms DESC LIMIT -1 OFFSET ?3)",
        (account_id, revoked, count),
    )?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::tests::{lan, opened};
    use super::*;

    const PHONE: Device = Device { seal: [1; 32], sign: [2; 32] };
    const LAPTOP: Device = Device { seal: [3; 32], sign: [4; 32] };

    #[test]
    fn a_revoked_device_is_gone_from_the_list_and_neither_its_token_nor_its_key_lets_it_in() {
        let (folder, mut store) = opened();
        let account = store.register(&lan()).expect("registered");
        let phone = store.admit_device(account.id, PHONE, "hph (phone)", 10).expect("admitted").expect("a token");
        let laptop = store.admit_device(account.id, LAPTOP, "hph (laptop)", 20).expect("admitted").expect("a token");
        store.admit_device(account.id, PHONE, "hph (phone)", 30).expect("admitted").expect("a token");
        let names = |store: &Store| -> Vec<(String, u64, u64)> {
            let rows = store.devices("lan").expect("asked").expect("an account").into_iter();
            rows.map(|row| (row.name, row.first_seen_ms, row.last_seen_ms)).collect()
        };
        let laptop_row = ("hph (laptop)".to_owned(), 20, 20);
        assert_eq!(names(&store), [("hph (phone)".to_owned(), 10, 30), laptop_row.clone()]);
        assert_eq!(store.account("lan").expect("asked").expect("there").device, Some(PHONE));
        assert_eq!(store.revoke_device("lan", &PHONE.sign), Ok(true));
        assert_eq!(store.revoke_device("lan", &PHONE.sign), Ok(false), "once");
        assert_eq!(store.revoke_device("nobody", &PHONE.sign), Ok(false));
        assert_eq!((names(&store), store.devices("nobody")), (vec![laptop_row], Ok(None)));
        assert_eq!(store.account("lan").expect("asked").expect("there").device, None, "nothing is sealed for it");
        drop(store);
        let mut store = Store::open(folder.path(), Default::default()).expect("opens");
        assert_eq!(store.admit_device(account.id, PHONE, "again", 40), Ok(None), "also after a restart");
        assert_eq!(store.redeem_token("lan", &phone, 40), Ok(None));
        assert!(store.redeem_token("lan", &laptop, 40).expect("asked").is_some());
    }

    #[test]
    fn the_list_has_an_end_and_who_was_away_for_longest_leaves_it() {
        let (_folder, mut store) = opened();
        let account = store.register(&lan()).expect("registered");
        for number in 0..=DEVICES_MAX as u8 {
            let device = Device { seal: [number; 32], sign: [number; 32] };
            store.admit_device(account.id, device, "", number.into()).expect("admitted");
        }
        let rows = store.devices("lan").expect("asked").expect("an account");
        assert_eq!((rows.len(), rows.last().map(|row| row.last_seen_ms)), (DEVICES_MAX as usize, Some(1)));
    }
}
