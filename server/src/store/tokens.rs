//! Tokens with which a device signs in again without the password.
//!
//! The token itself is never stored, only its SHA-256: whoever reads the database cannot sign in with it, and a look-up
//! by hash tells an attacker nothing by its timing.

use rusqlite::{OptionalExtension, Transaction};
use sha2::{Digest, Sha256};

use super::accounts::{self, COLUMNS};
use super::{Account, Store, StoreError};

/// A token unused for this long is void: 30 days.
pub const TOKEN_IDLE_MAX_MS: u64 = 30 * 24 * 3600 * 1000;
/// Devices of one account that stay signed in; the one unused for longest gives way.
pub const TOKENS_PER_ACCOUNT_MAX: u32 = 16;
/// The time of use is noted again after this long, not at every sign-in: a whole meeting that reconnects at once then
/// writes nothing.
const USE_NOTED_EVERY_MS: u64 = 3600 * 1000;

/// What a valid token stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Redeemed {
    /// Whose it is.
    pub account: Account,
    /// The Ed25519 public key of the device it was given to; another device must not use it.
    pub device_sign: [u8; 32],
}

impl Store {
    /// The account of `username`, if `token` is one of its tokens and not void.
    ///
    /// # Errors
    /// Only if the database fails.
    pub fn redeem_token(
        &mut self,
        username: &str,
        token: &[u8; 32],
        now_ms: u64,
    ) -> Result<Option<Redeemed>, StoreError> {
        let hash = hash(token);
        let query = format!(
            "SELECT {COLUMNS}, tokens.device_sign, last_used_at_ms \
             FROM tokens JOIN users ON users.id = user_id WHERE hash = ?1 AND username = ?2"
        );
        let found = self
            .connection
            .query_row(&query, (&hash, username), |row| {
                let redeemed = Redeemed { account: accounts::from_row(row)?, device_sign: row.get(12)? };
                Ok((redeemed, row.get::<_, i64>(13)?.cast_unsigned()))
            })
            .optional()?;
        let Some((redeemed, used_at_ms)) = found else { return Ok(None) };
        let idle_ms = now_ms.saturating_sub(used_at_ms);
        if idle_ms > TOKEN_IDLE_MAX_MS {
            return Ok(None);
        }
        if idle_ms > USE_NOTED_EVERY_MS {
            let query = "UPDATE tokens SET last_used_at_ms = ?2 WHERE hash = ?1";
            match self.connection.execute(query, (&hash, now_ms.cast_signed())).map_err(StoreError::from) {
                // It is good; that it was used is noted when there is place again.
                Ok(_) | Err(StoreError::DiskFull) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(Some(redeemed))
    }

    /// Makes one token void: its device signed out.
    ///
    /// # Errors
    /// Only if the database fails.
    pub fn revoke_token(&mut self, token: &[u8; 32]) -> Result<(), StoreError> {
        self.connection.execute("DELETE FROM tokens WHERE hash = ?1", [hash(token)])?;
        Ok(())
    }

    /// Makes all tokens of an account void: a lost device, a stolen kiosk.
    ///
    /// # Errors
    /// Only if the database fails.
    pub fn revoke_tokens(&mut self, account_id: i64) -> Result<(), StoreError> {
        self.connection.execute("DELETE FROM tokens WHERE user_id = ?1", [account_id])?;
        Ok(())
    }
}

/// Makes a token for a device of an account.
pub(super) fn issue(
    transaction: &Transaction<'_>,
    account_id: i64,
    device_sign: &[u8; 32],
    now_ms: u64,
) -> Result<[u8; 32], StoreError> {
    let mut token = [0; 32];
    getrandom::fill(&mut token).map_err(|_| StoreError::Entropy)?;
    transaction.execute(
        "DELETE FROM tokens WHERE last_used_at_ms < ?1",
        [now_ms.saturating_sub(TOKEN_IDLE_MAX_MS).cast_signed()],
    )?;
    transaction.execute(
        "DELETE FROM tokens WHERE hash IN \
         (SELECT hash FROM tokens WHERE user_id = ?1 ORDER BY last_used_at_ms DESC LIMIT -1 OFFSET ?2)",
        (account_id, TOKENS_PER_ACCOUNT_MAX - 1),
    )?;
    transaction.execute(
        "INSERT INTO tokens (hash, user_id, device_sign, created_at_ms, last_used_at_ms) VALUES (?1, ?2, ?3, ?4, ?4)",
        (hash(&token), account_id, device_sign, now_ms.cast_signed()),
    )?;
    Ok(token)
}

fn hash(token: &[u8; 32]) -> [u8; 32] {
    Sha256::digest(token).into()
}
