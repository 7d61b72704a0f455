//! Slows down the guessing of passwords without ever locking an account.

use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;

use hph_core::time::{Duration, Instant};

use super::{Source, TokenBucket};

/// Failures for one account from one source that cost no waiting.
const FREE_FAILURES: u32 = 5;
/// Longest wait for one account from one source.
const ACCOUNT_WAIT_MAX: Duration = Duration::from_secs(15 * 60);
/// Failures for an account are forgotten after this long without a new one.
const ACCOUNT_MEMORY: Duration = Duration::from_secs(24 * 3600);
/// So many failures from one source, for whatever accounts ...
const SOURCE_FAILURES_MAX: usize = 10;
/// ... within this span ...
const SOURCE_WINDOW: Duration = Duration::from_secs(120);
/// ... turn the source away for this long (Mumble's `autoban` figures).
const SOURCE_WAIT: Duration = Duration::from_secs(300);
/// Attempts a second that the server looks at, of all sources together.
const ATTEMPTS_PER_SECOND: u32 = 20;
/// Places in each table; the one unused for longest is given away.
const TABLE_ENTRIES: usize = 2048;

/// Too many attempts: when to come back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryAfter {
    /// **Units:** seconds, at least 1.
    pub seconds: u32,
}

impl RetryAfter {
    pub(super) fn until(due: Instant, now: Instant) -> Result<(), Self> {
        match due.since(now).as_micros().div_ceil(1_000_000) {
            0 => Ok(()),
            seconds => Err(Self { seconds: u32::try_from(seconds).unwrap_or(u32::MAX) }),
        }
    }
}

/// Delays sign-in attempts: per account and source after 5 failures, per source after 10 in two minutes, and 20 a
/// second of all together. A right password from another address is never delayed by what an attacker did.
///
/// **Bound:** two tables of fixed size, searched linearly; about 200 kB.
#[derive(Debug)]
pub struct LoginThrottle {
    hasher: RandomState,
    accounts: LruTable<AccountFailures>,
    sources: LruTable<SourceFailures>,
    attempts: TokenBucket,
}

impl LoginThrottle {
    /// With nothing held against anyone.
    pub fn new(now: Instant) -> Self {
        Self {
            hasher: RandomState::new(),
            accounts: LruTable::with_capacity(TABLE_ENTRIES),
            sources: LruTable::with_capacity(TABLE_ENTRIES),
            attempts: TokenBucket::new(ATTEMPTS_PER_SECOND, ATTEMPTS_PER_SECOND, now),
        }
    }

    /// Asks before an attempt on `account` (its normalized login name, whether it exists or not) is looked at.
    ///
    /// # Errors
    /// How long to wait. A refused attempt costs nothing and counts as nothing.
    pub fn check(&mut self, now: Instant, source: IpAddr, account: &str) -> Result<(), RetryAfter> {
        let (account, source) = self.keys(source, account);
        if let Some(failures) = self.accounts.find(now, account) {
            RetryAfter::until(failures.due, now)?;
        }
        if let Some(failures) = self.sources.find(now, source) {
            RetryAfter::until(failures.due, now)?;
        }
        self.check_token(now)
    }

    /// The attempt failed: wrong password, or no such account.
    pub fn record_failure(&mut self, now: Instant, source: IpAddr, account: &str) {
        let (account, source) = self.keys(source, account);
        self.accounts.find_or_insert(now, account).record(now);
        self.sources.find_or_insert(now, source).record(now);
    }

    /// Asks before a token is looked at. Nobody guesses 256 random bits: it may come from a source that guessed
    /// passwords, and many may come at once, when a school is back after a restart. Only the sum is bounded.
    ///
    /// # Errors
    /// As [`Self::check`].
    pub fn check_token(&mut self, now: Instant) -> Result<(), RetryAfter> {
        if self.attempts.take(now) { Ok(()) } else { Err(RetryAfter { seconds: 1 }) }
    }

    /// The attempt succeeded: the account's failures from there are forgotten. Of those of the source only this attempt
    /// is taken back, or an attacker could clear them with an account of his own.
    pub fn record_success(&mut self, now: Instant, source: IpAddr, account: &str) {
        let (account, source) = self.keys(source, account);
        self.accounts.remove(account);
        if let Some(failures) = self.sources.find(now, source) {
            failures.take_back();
        }
    }

    /// Keyed hashes instead of names: of fixed size, and nobody can choose names that collide.
    fn keys(&self, source: IpAddr, account: &str) -> (u64, u64) {
        let source = Source::of(source);
        (self.hasher.hash_one((source, account)), self.hasher.hash_one(source))
    }
}

/// What failed for one account from one source.
#[derive(Clone, Debug, Default)]
struct AccountFailures {
    count: u32,
    failed_at: Instant,
    due: Instant,
}

impl AccountFailures {
    fn record(&mut self, now: Instant) {
        if now.since(self.failed_at) > ACCOUNT_MEMORY {
            self.count = 0;
        }
        self.count = self.count.saturating_add(1);
        self.failed_at = now;
        self.due = now + account_wait(self.count);
    }
}

/// None for the first failures, then 1 s, 2 s, 4 s ... up to 15 minutes.
fn account_wait(failures: u32) -> Duration {
    match failures.checked_sub(FREE_FAILURES + 1) {
        None => Duration::ZERO,
        Some(doublings) => Duration::from_secs(1 << doublings.min(32)).min(ACCOUNT_WAIT_MAX),
    }
}

/// When the latest attempts from one source failed.
#[derive(Clone, Debug, Default)]
pub(super) struct SourceFailures {
    failed_at: [Option<Instant>; SOURCE_FAILURES_MAX],
    due: Instant,
}

impl SourceFailures {
    /// Whether the source may try.
    pub(super) fn check(&self, now: Instant) -> Result<(), RetryAfter> {
        RetryAfter::until(self.due, now)
    }

    pub(super) fn record(&mut self, now: Instant) {
        if let Some(oldest) = self.failed_at.iter_mut().min() {
            *oldest = Some(now);
        }
        let is_recent = |failure: &Option<Instant>| failure.is_some_and(|earlier| now.since(earlier) < SOURCE_WINDOW);
        if self.failed_at.iter().all(is_recent) {
            self.due = now + SOURCE_WAIT;
        }
    }

    /// The newest one was none. If it was what turned the source away, the source may come back.
    pub(super) fn take_back(&mut self) {
        if let Some(newest) = self.failed_at.iter_mut().max() {
            *newest = None;
            self.due = Instant::default();
        }
    }
}

/// A table of fixed size that gives away the place unused for longest.
#[derive(Debug)]
pub(super) struct LruTable<V> {
    entries: Vec<Entry<V>>,
    capacity: usize,
}

#[derive(Debug)]
struct Entry<V> {
    key: u64,
    used_at: Instant,
    value: V,
}

impl<V: Default> LruTable<V> {
    pub(super) fn with_capacity(capacity: usize) -> Self {
        Self { entries: Vec::with_capacity(capacity), capacity }
    }

    pub(super) fn find(&mut self, now: Instant, key: u64) -> Option<&mut V> {
        let entry = self.entries.iter_mut().find(|entry| entry.key == key)?;
        entry.used_at = now;
        Some(&mut entry.value)
    }

    pub(super) fn find_or_insert(&mut self, now: Instant, key: u64) -> &mut V {
        let index = match self.entries.iter().position(|entry| entry.key == key) {
            Some(index) => index,
            None => self.insert(key),
        };
        let entry = &mut self.entries[index];
        entry.used_at = now;
        &mut entry.value
    }

    fn insert(&mut self, key: u64) -> usize {
        let entry = Entry { key, used_at: Instant::default(), value: V::default() };
        let oldest = self.entries.iter().enumerate().min_by_key(|(_, entry)| entry.used_at);
        match oldest {
            Some((index, _)) if self.entries.len() >= self.capacity => {
                self.entries[index] = entry;
                index
            }
            _ => {
                self.entries.push(entry);
                self.entries.len() - 1
            }
        }
    }

    fn remove(&mut self, key: u64) {
        if let Some(index) = self.entries.iter().position(|entry| entry.key == key) {
            self.entries.swap_remove(index);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));

    fn at(seconds: u64) -> Instant {
        Instant::from_micros(seconds * 1_000_000)
    }

    fn other_source(index: u32) -> IpAddr {
        IpAddr::from((0x0A00_0000 + index).to_be_bytes())
    }

    #[test]
    fn five_failures_are_free_and_then_the_wait_doubles_up_to_fifteen_minutes() {
        let waits: Vec<u64> = (1..=20).map(|failures| account_wait(failures).as_micros() / 1_000_000).collect();
        assert_eq!(waits[..8], [0, 0, 0, 0, 0, 1, 2, 4]);
        assert_eq!(waits[14..], [512, 900, 900, 900, 900, 900]);
        assert_eq!(account_wait(u32::MAX), ACCOUNT_WAIT_MAX);
    }

    #[test]
    fn a_guesser_waits_and_is_told_how_long() {
        let mut throttle = LoginThrottle::new(at(0));
        for _ in 0..6 {
            assert_eq!(throttle.check(at(0), HERE, "lan"), Ok(()));
            throttle.record_failure(at(0), HERE, "lan");
        }
        assert_eq!(throttle.check(at(0), HERE, "lan"), Err(RetryAfter { seconds: 1 }));
        assert_eq!(throttle.check(at(1), HERE, "lan"), Ok(()));
        throttle.record_failure(at(1), HERE, "lan");
        assert_eq!(throttle.check(at(2), HERE, "lan"), Err(RetryAfter { seconds: 1 }));
        assert_eq!(throttle.check(at(3), HERE, "lan"), Ok(()));
    }

    #[test]
    fn the_owner_at_another_address_is_never_delayed() {
        let mut throttle = LoginThrottle::new(at(0));
        for second in 0..60 {
            throttle.record_failure(at(second), HERE, "lan");
        }
        assert!(throttle.check(at(60), HERE, "lan").is_err());
        assert_eq!(throttle.check(at(60), other_source(1), "lan"), Ok(()));
    }

    #[test]
    fn success_clears_the_account_but_not_the_source() {
        let mut throttle = LoginThrottle::new(at(0));
        for _ in 0..7 {
            throttle.record_failure(at(0), HERE, "lan");
        }
        throttle.record_success(at(0), HERE, "lan");
        assert_eq!(throttle.check(at(0), HERE, "lan"), Ok(()));
        for _ in 0..4 {
            throttle.record_failure(at(1), HERE, "other");
        }
        assert_eq!(throttle.check(at(1), HERE, "lan"), Err(RetryAfter { seconds: 300 }));
        assert_eq!(throttle.check(at(301), HERE, "lan"), Ok(()));
    }

    #[test]
    fn a_class_that_signs_in_from_one_address_is_not_taken_for_a_guesser() {
        let mut throttle = LoginThrottle::new(at(0));
        for second in 0..100 {
            let name = format!("student{second}");
            assert_eq!(throttle.check(at(second), HERE, &name), Ok(()));
            throttle.record_failure(at(second), HERE, &name);
            throttle.record_success(at(second), HERE, &name);
        }
        // Ten at the same time turn the others away only until the first of them is in.
        for student in 0..10 {
            throttle.record_failure(at(100), HERE, &format!("student{student}"));
        }
        assert!(throttle.check(at(101), HERE, "lan").is_err());
        throttle.record_success(at(101), HERE, "student0");
        assert_eq!(throttle.check(at(101), HERE, "lan"), Ok(()));
    }

    #[test]
    fn a_token_waits_for_nobody_who_guesses() {
        let mut throttle = LoginThrottle::new(at(0));
        for second in 0..20 {
            throttle.record_failure(at(second), HERE, "lan");
        }
        assert!(throttle.check(at(20), HERE, "lan").is_err());
        assert_eq!(throttle.check_token(at(20)), Ok(()));
    }

    #[test]
    fn a_source_that_tries_many_accounts_is_turned_away_for_five_minutes() {
        let mut throttle = LoginThrottle::new(at(0));
        for i in 0..10 {
            assert_eq!(throttle.check(at(i * 10), HERE, &format!("user{i}")), Ok(()));
            throttle.record_failure(at(i * 10), HERE, &format!("user{i}"));
        }
        assert_eq!(throttle.check(at(91), HERE, "anyone"), Err(RetryAfter { seconds: 299 }));
        assert_eq!(throttle.check(at(390), HERE, "anyone"), Ok(()));
    }

    #[test]
    fn slow_failures_of_a_busy_source_turn_nobody_away() {
        let mut throttle = LoginThrottle::new(at(0));
        for i in 0..100 {
            throttle.record_failure(at(i * 15), HERE, &format!("user{i}"));
            assert_eq!(throttle.check(at(i * 15), HERE, "lan"), Ok(()));
        }
    }

    #[test]
    fn all_sources_together_get_twenty_attempts_a_second() {
        let mut throttle = LoginThrottle::new(at(0));
        let mut granted = |now| (0..100).filter(|&i| throttle.check(now, other_source(i), "x").is_ok()).count();
        assert_eq!(granted(at(0)), 20);
        assert_eq!(granted(at(1)), 20);
    }

    #[test]
    fn the_tables_stay_small_and_forget_the_oldest_first() {
        let mut throttle = LoginThrottle::new(at(0));
        for _ in 0..8 {
            throttle.record_failure(at(1), HERE, "lan");
        }
        for i in 0..TABLE_ENTRIES as u32 - 1 {
            throttle.record_failure(at(2), other_source(i), "x");
        }
        assert!(throttle.check(at(2), HERE, "lan").is_err());
        for i in 0..5000 {
            throttle.record_failure(at(3), other_source(1_000_000 + i), "x");
        }
        assert_eq!(throttle.accounts.entries.len(), TABLE_ENTRIES);
        assert_eq!(throttle.sources.entries.len(), TABLE_ENTRIES);
        assert_eq!(throttle.check(at(3), HERE, "lan"), Ok(()));
    }

    #[test]
    fn a_clock_that_stands_still_or_goes_back_unlocks_nothing() {
        let mut throttle = LoginThrottle::new(at(1000));
        for _ in 0..7 {
            throttle.record_failure(at(1000), HERE, "lan");
        }
        assert_eq!(throttle.check(at(1000), HERE, "lan"), Err(RetryAfter { seconds: 2 }));
        assert!(throttle.check(at(0), HERE, "lan").is_err());
    }
}
