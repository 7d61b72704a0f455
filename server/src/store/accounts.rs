//! Accounts: who may sign in, and the device keys they were last seen with.

use std::fmt;

use rusqlite::{OptionalExtension, Row};

use super::{RegisterError, Store, StoreError, tickets};

/// What the server keeps of a password (RFC 5802 section 3): enough to check a proof, not enough to make one.
#[derive(Clone, PartialEq, Eq)]
pub struct Verifier {
    /// Random, of this account alone.
    pub salt: [u8; 16],
    /// Rounds of PBKDF2.
    pub iterations: u32,
    /// `H(ClientKey)`.
    pub stored_key: [u8; 32],
    /// `HMAC(SaltedPassword, "Server Key")`.
    pub server_key: [u8; 32],
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verifier").field("iterations", &self.iterations).finish_non_exhaustive()
    }
}

/// Public keys of a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Device {
    /// X25519: others seal direct messages and sender keys to it.
    pub seal: [u8; 32],
    /// Ed25519: others check signatures with it.
    pub sign: [u8; 32],
}

/// An account as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// Its number, never given again.
    pub id: i64,
    /// Login name.
    pub username: String,
    /// A label that was never checked; never shown to others.
    pub email: Option<String>,
    /// What others see.
    pub display_name: String,
    /// What the password is checked with.
    pub verifier: Verifier,
    /// The device that signed in last; none before the first time.
    pub device: Option<Device>,
    /// **Units:** milliseconds since 1970.
    pub created_at_ms: u64,
    /// Whether it is an owner's of the server.
    pub is_owner: bool,
}

/// An account to be made. The names must be normalized (see [`crate::names`]).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewAccount {
    /// Login name.
    pub username: String,
    /// None unless the person gave one.
    pub email: Option<String>,
    /// What others see.
    pub display_name: String,
    /// What the password will be checked with.
    pub verifier: Verifier,
    /// Now. **Units:** milliseconds since 1970.
    pub now_ms: u64,
}

/// The columns that [`from_row`] reads, in its order.
pub(super) const COLUMNS: &str = "users.id, username, email, display_name, scram_salt, scram_iterations, \
     scram_stored_key, scram_server_key, device_seal, users.device_sign, users.created_at_ms, is_owner";

pub(super) fn from_row(row: &Row<'_>) -> rusqlite::Result<Account> {
    let device = match (row.get(8)?, row.get(9)?) {
        (Some(seal), Some(sign)) => Some(Device { seal, sign }),
        _ => None,
    };
    Ok(Account {
        id: row.get(0)?,
        username: row.get(1)?,
        email: row.get(2)?,
        display_name: row.get(3)?,
        verifier: Verifier {
            salt: row.get(4)?,
            iterations: row.get(5)?,
            stored_key: row.get(6)?,
            server_key: row.get(7)?,
        },
        device,
        created_at_ms: row.get::<_, i64>(10)?.cast_unsigned(),
        is_owner: row.get(11)?,
    })
}

/// An account, as a list shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountRow {
    /// Login name.
    pub username: String,
    /// Name to show.
    pub display_name: String,
    /// Empty if there is none.
    pub email: String,
    /// Whether they are an owner of the server.
    pub is_owner: bool,
}

impl Store {
    /// Everybody with an account: login name, name to show, email label.
    ///
    /// # Errors
    /// Only if the database fails.
    pub fn accounts(&self) -> Result<Vec<AccountRow>, StoreError> {
        let mut query = self
            .connection
            .prepare("SELECT username, display_name, coalesce(email, ''), is_owner FROM users ORDER BY username")?;
        let rows = query.query_map([], |row| {
            Ok(AccountRow {
                username: row.get(0)?,
                display_name: row.get(1)?,
                email: row.get(2)?,
                is_owner: row.get(3)?,
            })
        })?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// Makes somebody no owner of the server any longer. False if they are none.
    ///
    /// # Errors
    /// Only if the database fails.
    pub fn disown(&mut self, username: &str) -> Result<bool, StoreError> {
        let transaction = self.write()?;
        let count =
            transaction.execute("UPDATE users SET is_owner = 0 WHERE username = ?1 AND is_owner", [username])?;
        transaction.commit()?;
        Ok(count > 0)
    }

    /// Deletes an account and what belongs to it alone; what its owner said in rooms stays, and so nobody gets its login name
    /// again. False if there is none.
    ///
    /// # Errors
    /// Only if the database fails.
    pub fn delete_account(&mut self, username: &str) -> Result<bool, StoreError> {
        let transaction = self.write()?;
        let count = transaction.execute("DELETE FROM users WHERE username = ?1", [username])?;
        if count > 0 {
            transaction.execute("DELETE FROM directs WHERE recipient = ?1", [username])?;
            transaction.execute("INSERT OR IGNORE INTO retired_names (username) VALUES (?1)", [username])?;
        }
        transaction.commit()?;
        Ok(count > 0)
    }

    /// The account of a normalized login name.
    ///
    /// # Errors
    /// Only if the database fails.
    pub fn account(&self, username: &str) -> Result<Option<Account>, StoreError> {
        let query = format!("SELECT {COLUMNS} FROM users WHERE username = ?1");
        Ok(self.connection.query_row(&query, [username], from_row).optional()?)
    }

    /// Makes an account, if login name and email are free.
    ///
    /// # Errors
    /// Names what is taken, or that there are too many accounts; nothing is stored then.
    pub fn register(&mut self, account: &NewAccount) -> Result<Account, RegisterError> {
        self.register_invited(account, None)
    }

    /// The same with an invitation, which the device uses by it, if there is one.
    ///
    /// # Errors
    /// As [`Self::register`], or the invitation is no longer good.
    pub fn register_invited(
        &mut self,
        account: &NewAccount,
        invitation: Option<(i64, &Device)>,
    ) -> Result<Account, RegisterError> {
        let accounts_max = i64::from(self.limits.accounts_max);
        let transaction = self.write()?;
        let exists = |query, value: &str| transaction.prepare(query)?.exists([value]);
        let query = "SELECT 1 FROM users WHERE username = ?1 UNION ALL SELECT 1 FROM retired_names WHERE username = ?1";
        if exists(query, &account.username)? {
            return Err(RegisterError::NameTaken);
        }
        if let Some(email) = &account.email
            && exists("SELECT 1 FROM users WHERE email = ?1", email)?
        {
            return Err(RegisterError::EmailTaken);
        }
        let count: i64 = transaction.query_one("SELECT count(*) FROM users", [], |row| row.get(0))?;
        if count >= accounts_max {
            return Err(RegisterError::Full);
        }
        if let Some(invitation) = invitation {
            tickets::use_for_account(&transaction, invitation, account.now_ms)?;
        }
        let Verifier { salt, iterations, stored_key, server_key } = &account.verifier;
        transaction.execute(
            "INSERT INTO users (username, email, display_name, scram_salt, scram_iterations, scram_stored_key, \
             scram_server_key, created_at_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            (
                &account.username,
                &account.email,
                &account.display_name,
                salt,
                iterations,
                stored_key,
                server_key,
                account.now_ms.cast_signed(),
            ),
        )?;
        let query = format!("SELECT {COLUMNS} FROM users WHERE id = ?1");
        let stored = transaction.query_one(&query, [transaction.last_insert_rowid()], from_row)?;
        transaction.commit()?;
        Ok(stored)
    }
}
