//! Who may do what in a room.
//!
//! A room has one owner, whoever made it, and hosts whom the owner names. All others are members, or guests if they have no
//! account. Whoever keeps order may do so only with people below, and the owner with everybody.

use heapless::{String, Vec};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::limits::{ROOM_BANNED_MAX, ROOM_HOSTS_MAX, ROOM_PARTICIPANTS_MAX, USERNAME_MAX_BYTES};

/// What the login name of every guest begins with.
pub const GUEST_PREFIX: &str = "guest-";
/// What the login name of every device without an account begins with.
pub const KIOSK_PREFIX: &str = "kiosk-";
/// Owners of the server that a room knows at a time.
const CHIEFS_MAX: usize = 4;

/// A login name.
pub type Name = String<USERNAME_MAX_BYTES>;

/// What somebody is in a room, from below.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Role {
    /// Without an account.
    #[default]
    Guest,
    /// With an account.
    Member,
    /// Keeps order.
    Host,
    /// Made the room.
    Owner,
}

impl Role {
    /// Every role, from below.
    pub const ALL: [Self; 4] = [Self::Guest, Self::Member, Self::Host, Self::Owner];

    /// A short stable name for scripts.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Guest => "guest",
            Self::Member => "member",
            Self::Host => "host",
            Self::Owner => "owner",
        }
    }

    /// Whether the role keeps order.
    pub const fn is_host(self) -> bool {
        matches!(self, Self::Host | Self::Owner)
    }

    /// Whether it may do something to somebody of that role.
    pub fn is_above(self, other: Self) -> bool {
        self.is_host() && (self > other)
    }
}

/// Who keeps order in a room, who may not come in, and whether anybody may.
#[derive(Clone, Debug, Default)]
pub struct Staff {
    owner: Name,
    /// Owners of the server who were here last: owners of every room.
    chiefs: Vec<Name, CHIEFS_MAX>,
    hosts: Vec<Name, ROOM_HOSTS_MAX>,
    banned: Vec<Name, ROOM_BANNED_MAX>,
    /// Who may come back, because they were there, or may come because they were let in.
    admitted: Vec<Name, ROOM_PARTICIPANTS_MAX>,
    is_locked: bool,
    /// What holds for those who come.
    pub rules: Rules,
}

/// What holds for those who come into a room, and outlives a restart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rules {
    /// Whoever comes waits until a host lets them in.
    pub has_waiting_room: bool,
    /// Only hosts may share their screens.
    pub hosts_share: bool,
    /// Whoever comes needs this.
    pub password: Option<RoomPassword>,
}

/// A room's password, as the server knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoomPassword {
    /// What the client derives its key with.
    pub salt: [u8; 16],
    /// SHA-256 of that key.
    pub verifier: [u8; 32],
}

impl RoomPassword {
    /// Of a key that a host's client derived.
    pub fn new(salt: [u8; 16], key: &[u8; 32]) -> Self {
        Self { salt, verifier: Sha256::digest(key).into() }
    }

    /// Whether it is that key, in the same time for all.
    pub fn is(&self, key: &[u8; 32]) -> bool {
        let verifier: [u8; 32] = Sha256::digest(key).into();
        bool::from(verifier.ct_eq(&self.verifier))
    }
}

/// What a room says to somebody at its door.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Door {
    /// Come in.
    Open,
    /// Nobody new.
    Locked,
    /// Not you.
    Banned,
    /// Say the password.
    Password([u8; 16]),
    /// Wait for a host.
    Wait,
}

impl Staff {
    /// Says who made the room. False if that is known already.
    pub fn set_owner(&mut self, owner: &str) -> bool {
        let is_new = self.owner.is_empty();
        if is_new {
            self.owner = Name::try_from(owner).unwrap_or_default();
        }
        is_new
    }

    /// Who made the room, if that is known.
    pub fn owner(&self) -> Option<&str> {
        Some(self.owner.as_str()).filter(|owner| !owner.is_empty())
    }

    /// What somebody is.
    pub fn role_of(&self, username: &str) -> Role {
        if !self.owner.is_empty() && self.owner == username || has(&self.chiefs, username) {
            Role::Owner
        } else if has(&self.hosts, username) {
            Role::Host
        } else if !has_account(username) {
            Role::Guest
        } else {
            Role::Member
        }
    }

    /// An owner of the server comes in.
    pub fn set_chief(&mut self, username: &str) {
        if !put(&mut self.chiefs, username, true) {
            self.chiefs.clear();
            put(&mut self.chiefs, username, true);
        }
    }

    /// Somebody is no owner of the server.
    pub fn set_no_chief(&mut self, username: &str) {
        put(&mut self.chiefs, username, false);
    }

    /// Makes somebody a host, or no longer one. False if there are as many as there may be, or it is the owner.
    pub fn set_host(&mut self, username: &str, is_host: bool) -> bool {
        self.owner != username && put(&mut self.hosts, username, is_host)
    }

    /// Keeps somebody out, or no longer. False if as many are kept out as can be.
    pub fn set_banned(&mut self, username: &str, is_banned: bool) -> bool {
        if is_banned {
            put(&mut self.hosts, username, false);
            put(&mut self.admitted, username, false);
        }
        put(&mut self.banned, username, is_banned)
    }

    /// Whether somebody is kept out.
    pub fn is_banned(&self, username: &str) -> bool {
        has(&self.banned, username)
    }

    /// Whether nobody new may come in.
    pub const fn is_locked(&self) -> bool {
        self.is_locked
    }

    /// Lets nobody new in but hosts and those who are `here`, or everybody again.
    pub fn set_locked<'n>(&mut self, is_locked: bool, here: impl Iterator<Item = &'n str>) {
        self.is_locked = is_locked;
        self.set_admitted(here);
    }

    /// Those who are here may come back, and nobody else.
    pub fn set_admitted<'n>(&mut self, here: impl Iterator<Item = &'n str>) {
        self.admitted.clear();
        for name in here.take(ROOM_PARTICIPANTS_MAX) {
            put(&mut self.admitted, name, true);
        }
    }

    /// Somebody may come, and come back. False if there is no place to note it.
    pub fn admit(&mut self, username: &str) -> bool {
        put(&mut self.admitted, username, true)
    }

    /// What the room says to somebody who comes, with the right password or without.
    pub fn door(&self, username: &str, has_password: bool) -> Door {
        if self.is_banned(username) {
            return Door::Banned;
        }
        if self.role_of(username).is_host() || has(&self.admitted, username) {
            return Door::Open;
        }
        match &self.rules.password {
            _ if self.is_locked => Door::Locked,
            Some(password) if !has_password => Door::Password(password.salt),
            _ if self.rules.has_waiting_room => Door::Wait,
            _ => Door::Open,
        }
    }

    /// Somebody went by themselves, or was put out: they come as anybody does now.
    pub fn forget(&mut self, username: &str) {
        put(&mut self.admitted, username, false);
    }
}

/// Whether somebody of that login name has an account.
pub fn has_account(username: &str) -> bool {
    !username.starts_with(GUEST_PREFIX) && !username.starts_with(KIOSK_PREFIX)
}

fn has(names: &[Name], username: &str) -> bool {
    names.iter().any(|name| name == username)
}

/// Puts a name in or takes it out; false if there is no place.
fn put<const N: usize>(names: &mut Vec<Name, N>, username: &str, is_in: bool) -> bool {
    if is_in == has(names, username) {
        return true;
    }
    if is_in {
        return Name::try_from(username).is_ok_and(|name| names.push(name).is_ok());
    }
    // The last one goes to the place that is free now; if it was its own, it stays out.
    if let Some(last) = names.pop()
        && last != username
        && let Some(place) = names.iter_mut().find(|name| *name == username)
    {
        *place = last;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_are_in_order_and_nobody_is_above_oneself() {
        for (rank, role) in Role::ALL.iter().enumerate() {
            for (other_rank, other) in Role::ALL.iter().enumerate() {
                assert_eq!(role.is_above(*other), rank > other_rank && rank >= 2, "{role:?} {other:?}");
            }
        }
    }

    fn of_an() -> Staff {
        let mut staff = Staff::default();
        assert!(staff.set_owner("an.") && !staff.set_owner("binh"));
        staff
    }

    #[test]
    fn an_owner_is_no_host_and_a_ban_ends_an_office() {
        let mut staff = of_an();
        assert!(!staff.set_host("an.", true) && staff.set_host("binh", true) && staff.set_host("binh", true));
        let roles = ["an.", "binh", "chi", "guest-aaaaaaaa"].map(|name| staff.role_of(name));
        assert_eq!(roles, [Role::Owner, Role::Host, Role::Member, Role::Guest]);
        assert!(staff.set_banned("binh", true) && staff.is_banned("binh"));
        assert_eq!(staff.role_of("binh"), Role::Member);
        assert!(staff.set_banned("binh", false) && !staff.is_banned("binh"));
    }

    #[test]
    fn an_owner_of_the_server_owns_every_room_and_a_kiosk_is_a_guest() {
        let mut staff = of_an();
        staff.set_chief("binh");
        assert_eq!(
            ["an.", "binh", "kiosk-aaaaaaaa"].map(|name| staff.role_of(name)),
            [Role::Owner, Role::Owner, Role::Guest]
        );
        (0..CHIEFS_MAX).for_each(|n| staff.set_chief(&std::format!("chief{n}")));
        assert_eq!((staff.role_of("chief3"), staff.role_of("binh")), (Role::Owner, Role::Member));
    }

    #[test]
    fn there_is_an_end_to_hosts() {
        let mut staff = of_an();
        let names: std::vec::Vec<_> = (0..=ROOM_HOSTS_MAX).map(|n| std::format!("host{n}")).collect();
        let taken = names.iter().filter(|name| staff.set_host(name, true)).count();
        assert_eq!(taken, ROOM_HOSTS_MAX);
    }

    #[test]
    fn a_lock_lets_in_hosts_and_those_who_were_there() {
        let mut staff = of_an();
        staff.set_host("binh", true);
        staff.set_locked(true, ["chi"].into_iter());
        let doors = ["an.", "binh", "chi", "dung"].map(|name| staff.door(name, true));
        assert_eq!(doors, [Door::Open, Door::Open, Door::Open, Door::Locked]);
        staff.forget("chi");
        assert_eq!(staff.door("chi", true), Door::Locked);
        staff.set_locked(false, core::iter::empty());
        assert_eq!(staff.door("dung", false), Door::Open);
    }

    #[test]
    fn a_password_comes_before_the_wait_and_hosts_need_neither() {
        let mut staff = of_an();
        let password = RoomPassword::new([3; 16], &[7; 32]);
        assert!(password.is(&[7; 32]) && !password.is(&[8; 32]));
        staff.rules = Rules { has_waiting_room: true, hosts_share: false, password: Some(password) };
        assert_eq!(staff.door("an.", false), Door::Open);
        assert_eq!(staff.door("dung", false), Door::Password([3; 16]));
        assert_eq!(staff.door("dung", true), Door::Wait);
        assert!(staff.admit("dung"));
        assert_eq!(staff.door("dung", false), Door::Open, "also after a lost connection");
        staff.set_banned("dung", true);
        assert_eq!(staff.door("dung", true), Door::Banned);
    }

    extern crate std;
}
