//! Who we are and whom we trust: account or guest, the device's key, the keys of servers.

use std::env;
use std::fs::{self, File};
use std::io;
use std::path::PathBuf;

use hph_client::core::wire::control::is_secret;
use hph_client::core::wire::text::{is_display_name, is_email, is_username};
use hph_client::device;
use hph_client::engine::{Account, EngineConfig};
use hph_client::key_file::default_folder;
use hph_client::link::{Given, Invitation, authority, parse_address};
use hph_client::people::PeopleStore;
use hph_client::pins::{PinError, PinStore};
use hph_client::platform::entropy;
use hph_client::tls::Trust;

use crate::exit::{Exit, Failure};
use crate::invitation::ungrouped;
use crate::lang;
use crate::output::Output;
use crate::terminal;

/// Variable that holds the password, for scripts.
const PASSWORD_VARIABLE: &str = "HPH_PASSWORD";
/// Variable that holds the password of rooms.
const ROOM_PASSWORD_VARIABLE: &str = "HPH_ROOM_PASSWORD";
/// What a guest is called who does not say, and whose login name is none that can be shown.
const GUEST_NAME: &str = "Guest";

/// Who signs in. Without `--user` it is a guest.
#[derive(clap::Args, Clone, Debug, Default)]
#[command(next_help_heading = "Who you are")]
pub struct Who {
    /// Sign in with this account instead of as a guest. The password: --password-file, $HPH_PASSWORD or a prompt
    #[arg(long, value_name = "NAME")]
    pub user: Option<String>,
    /// Make the account if the name is not taken and the server's owner allows it
    #[arg(long, requires = "user")]
    pub register: bool,
    /// Email label of a new account
    #[arg(long, value_name = "ADDRESS", default_value = "", hide_default_value = true)]
    pub email: String,
    /// Name that others see; a guest's default is $USER
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
    /// File that holds the password
    #[arg(long, value_name = "FILE")]
    pub password_file: Option<PathBuf>,
    /// File that holds the room's password, if it wants one; else $HPH_ROOM_PASSWORD or a prompt
    #[arg(long, value_name = "FILE")]
    pub room_password_file: Option<PathBuf>,
    /// The nine digits of an invitation
    #[arg(long, value_name = "CODE")]
    pub code: Option<String>,
    /// This device has no account: show a code that the server's owner approves, and be in one room from then on
    #[arg(long, conflicts_with_all = ["user", "code"])]
    pub kiosk: bool,
    /// Where the device's key and those of servers and people are kept [default: $XDG_STATE_HOME/hph]
    #[arg(long, value_name = "DIR")]
    pub state: Option<PathBuf>,
}

fn read_password(path: &std::path::Path) -> Result<String, Failure> {
    let text = fs::read_to_string(path);
    let text = text.map_err(|error| Failure::new(Exit::Config, "E-CFG-02", format!("{}: {error}", path.display())))?;
    Ok(text.trim_end_matches(['\n', '\r']).to_owned())
}

/// A server, and perhaps a room: a link, or a host with or without a port.
///
/// # Errors
/// Why it is neither.
pub fn parse_target(text: &str) -> Result<Invitation, String> {
    if text.contains("://") {
        return text.parse::<Invitation>().map_err(|error| error.to_string());
    }
    let (host, port) = parse_address(text).ok_or("expected a link (hph://…) or HOST[:PORT]")?;
    Ok(Invitation { host, port, pin: None, room: None, given: None })
}

/// Everything that it takes to connect.
pub struct Identity {
    /// For the engine.
    pub config: EngineConfig,
    /// Where the server's key is remembered once it has proved it.
    pub pins: PinStore,
    /// Held while this guest has the device's key to itself.
    pub device_lock: Option<File>,
}

impl Who {
    /// Gathers everything. `is_patient` clients go on trying if the first connection fails.
    ///
    /// # Errors
    /// A name that can't be one, no password, files that can't be used, or a server whose key has changed.
    pub fn identity(&self, target: &Invitation, may_ask: bool, out: &Output) -> Result<Identity, Failure> {
        let account = self.account_for(target, may_ask, out)?;
        self.identity_of(account, target, out)
    }

    /// The same for somebody in particular.
    ///
    /// # Errors
    /// Files that can't be used, or a server whose key has changed.
    pub fn identity_of(&self, account: Account, target: &Invitation, out: &Output) -> Result<Identity, Failure> {
        let state = self.state_dir()?;
        let pins = PinStore::new(state.join("pins"));
        let trust =
            pins.trust(&target.host, target.port, target.pin).map_err(|error| pin_failure(error, target, out))?;
        let people = PeopleStore::new(state.join("people"));
        people.keys().map_err(|error| state_failure(error, out))?;
        let (device_seed, device_lock) = device_seed(&state.join("device"), &account, out)?;
        let config = EngineConfig {
            host: target.host.clone(),
            port: target.port,
            trust,
            account,
            device_seed,
            people: Some(people),
            agent: agent(),
            is_patient: false,
        };
        if let Trust::Expect(pin) = trust {
            out.detail(&out.lang.fill(&lang::KEY_KNOWN, &[&hph_client::tls::fingerprint(&pin)]));
        }
        Ok(Identity { config, pins, device_lock })
    }

    /// Where keys are kept.
    ///
    /// # Errors
    /// The environment names no home.
    pub fn state_dir(&self) -> Result<PathBuf, Failure> {
        state_dir(self.state.clone())
    }

    /// Whether this device takes part without an account.
    pub fn is_kiosk(&self, target: &Invitation) -> bool {
        self.kiosk || matches!(target.given, Some(Given::Enrol(_)))
    }

    /// Who signs in, with what the link or a code gives.
    fn account_for(&self, target: &Invitation, may_ask: bool, out: &Output) -> Result<Account, Failure> {
        let code = self.code.as_deref().map(ungrouped);
        if code.as_deref().is_some_and(|code| !is_secret(code)) {
            return Err(Failure::usage("--code: the nine digits of an invitation"));
        }
        let secret = match &target.given {
            Some(Given::Enrol(secret)) => return Ok(Account::Kiosk { secret: Some(secret.clone()) }),
            _ if self.kiosk => return Ok(Account::Kiosk { secret: None }),
            Some(Given::Invite(secret) | Given::Own(secret)) => Some(secret.clone()),
            None => None,
        };
        let account = self.account(may_ask, out)?;
        Ok(match code.or(secret) {
            Some(secret) => Account::Invited { secret, account: Box::new(account) },
            None => account,
        })
    }

    /// The password that somebody chooses who has forgotten theirs.
    ///
    /// # Errors
    /// There is none, or its file can't be read.
    pub fn new_password(&self, may_ask: bool, out: &Output) -> Result<String, Failure> {
        self.read_or_ask(out.lang.text(&lang::NEW_PASSWORD), may_ask, out)
    }

    fn account(&self, may_ask: bool, out: &Output) -> Result<Account, Failure> {
        if !is_email(&self.email) {
            return Err(Failure::usage(format!("--email {:?} is no address", self.email)));
        }
        if let Some(name) = self.name.as_deref().filter(|name| !is_display_name(name)) {
            return Err(Failure::usage(format!("--name {name:?} can't be shown: one line of 1 to 96 bytes")));
        }
        let email = self.email.clone();
        let Some(username) = self.user.clone() else {
            let name = self.name.clone().or_else(|| env::var("USER").ok()).filter(|name| is_display_name(name));
            return Ok(Account::Guest { display_name: name.unwrap_or_else(|| GUEST_NAME.to_owned()), email });
        };
        if !is_username(&username) {
            return Err(Failure::usage(format!("--user {username:?}: 3 to 20 of a-z, 0-9, _ . -")));
        }
        let password = self.password(&username, may_ask, out)?;
        let display_name = self.name.clone().unwrap_or_default();
        Ok(Account::Password { username, password, email, display_name, may_register: self.register })
    }

    /// The password of a room that wants one; none if there is none and nobody to ask.
    ///
    /// # Errors
    /// The file can't be read.
    pub fn room_password(&self, may_ask: bool, out: &Output) -> Result<Option<String>, Failure> {
        if let Some(path) = &self.room_password_file {
            return read_password(path).map(Some);
        }
        if let Ok(password) = env::var(ROOM_PASSWORD_VARIABLE) {
            return Ok(Some(password));
        }
        Ok(may_ask
            .then(|| terminal::ask_password(out.lang.text(&lang::PASSWORD_OF_ROOM)))
            .and_then(Result::ok)
            .flatten())
    }

    fn password(&self, username: &str, may_ask: bool, out: &Output) -> Result<String, Failure> {
        self.read_or_ask(&out.lang.fill(&lang::PASSWORD_OF, &[&username]), may_ask, out)
    }

    fn read_or_ask(&self, prompt: &str, may_ask: bool, out: &Output) -> Result<String, Failure> {
        if let Some(path) = &self.password_file {
            return read_password(path);
        }
        if let Ok(password) = env::var(PASSWORD_VARIABLE) {
            return Ok(password);
        }
        let typed = match may_ask.then(|| terminal::ask_password(prompt)) {
            Some(Err(error)) if error.kind() == io::ErrorKind::Interrupted => {
                return Err(Failure::new(Exit::Interrupted, "E-USE-02", out.lang.text(&lang::E_INTERRUPTED)));
            }
            Some(asked) => asked.ok().flatten(),
            None => None,
        };
        typed.ok_or_else(|| Failure::usage(format!("no password: use --password-file or ${PASSWORD_VARIABLE}")))
    }
}

/// `given`, or the user's own directory for state (XDG base directories).
///
/// # Errors
/// The environment names no home.
pub fn state_dir(given: Option<PathBuf>) -> Result<PathBuf, Failure> {
    given.or_else(default_folder).ok_or_else(|| {
        Failure::new(Exit::Config, "E-CFG-03", "no home directory is known")
            .advise("Say where keys are kept: --state DIR.")
    })
}

/// What a problem with the remembered keys means to the user.
pub fn pin_failure(error: PinError, target: &Invitation, out: &Output) -> Failure {
    match error {
        PinError::Changed { server, mismatch } => pin_changed(&server, &mismatch, &target.host, out),
        error => state_failure(error, out),
    }
}

/// The server has another key than the remembered one.
pub fn pin_changed(server: &str, mismatch: &hph_client::tls::PinMismatch, host: &str, out: &Output) -> Failure {
    let what = out.lang.fill(&lang::E_PIN, &[&server, mismatch]);
    Failure::new(Exit::Unreachable, "E-NET-02", what).advise(out.lang.fill(&lang::A_PIN, &[&host]))
}

/// What this program calls itself, and the machine that it runs on: so its owner knows it on a list of devices.
fn agent() -> String {
    let machine = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let machine: String = machine.chars().filter(char::is_ascii_graphic).take(32).collect();
    let program = format!("hph {}", env!("CARGO_PKG_VERSION"));
    if machine.is_empty() { program } else { format!("{program} ({machine})") }
}

/// `host:port` of a server.
pub fn server_of(target: &Invitation) -> String {
    authority(&target.host, target.port)
}

/// Remembered keys, or our own, can't be used.
pub fn state_failure(error: impl std::fmt::Display, out: &Output) -> Failure {
    let what = out.lang.fill(&lang::E_STATE, &[&error]);
    Failure::new(Exit::Config, "E-CFG-03", what).advise(out.lang.text(&lang::A_STATE))
}

/// The device's secret. A guest *is* a device, so two guests of one device would put each other out: the second one to
/// come gets a secret that nobody keeps.
fn device_seed(path: &std::path::Path, account: &Account, out: &Output) -> Result<([u8; 32], Option<File>), Failure> {
    let seed = device::load_or_create(path).map_err(|error| state_failure(error, out))?;
    if !account.is_guest() {
        return Ok((seed, None));
    }
    let lock = File::open(path).map_err(|error| state_failure(error, out))?;
    if lock.try_lock().is_ok() {
        return Ok((seed, Some(lock)));
    }
    out.detail(out.lang.text(&lang::TEMPORARY_DEVICE));
    Ok((entropy::array(), None))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quiet() -> Output {
        Output::new(false, -1, false)
    }

    #[test]
    fn a_target_is_a_link_or_a_host() {
        let link = parse_target("hph://meet.example.org:7401/Nh%C3%B3m%2017").expect("a link");
        assert_eq!((link.host.as_str(), link.port, link.room.as_deref()), ("meet.example.org", 7401, Some("Nhóm 17")));
        let host = parse_target("127.0.0.1:9").expect("a host");
        assert_eq!((host.host.as_str(), host.port, host.room), ("127.0.0.1", 9, None));
        assert_eq!(parse_target("[::1]").expect("a host").host, "::1");
        for text in ["", "http://a/", "a b", "a:0", "hph://a/#fp=12"] {
            assert!(parse_target(text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_second_guest_of_a_device_gets_another_key() {
        let state = tempfile::tempdir().expect("a directory");
        let who = Who { name: Some("Lan".to_owned()), state: Some(state.path().to_owned()), ..Who::default() };
        let target = parse_target("127.0.0.1").expect("a host");
        let first = who.identity(&target, false, &quiet()).expect("an identity");
        let second = who.identity(&target, false, &quiet()).expect("an identity");
        assert_ne!(first.config.device_seed, second.config.device_seed);
        let seed = first.config.device_seed;
        drop(first);
        assert_eq!(who.identity(&target, false, &quiet()).expect("an identity").config.device_seed, seed);
    }

    #[test]
    fn names_and_passwords_are_checked_before_anything_is_sent() {
        let state = tempfile::tempdir().expect("a directory");
        let file = state.path().join("password");
        fs::write(&file, "bí mật\n").expect("written");
        let base = Who { state: Some(state.path().to_owned()), ..Who::default() };
        let wrong = [
            Who { user: Some("Hường".to_owned()), password_file: Some(file.clone()), ..base.clone() },
            Who { name: Some("a\nb".to_owned()), ..base.clone() },
            Who { email: "nobody".to_owned(), ..base.clone() },
        ];
        for who in wrong {
            assert_eq!(who.account(false, &quiet()).err().map(|failure| failure.exit), Some(Exit::Usage));
        }
        let right = Who { user: Some("huong".to_owned()), password_file: Some(file), ..base };
        let account = right.account(false, &quiet()).expect("an account");
        assert!(matches!(account, Account::Password { password, may_register: false, .. } if password == "bí mật"));
    }

    #[test]
    fn a_changed_key_is_refused_with_the_way_out() {
        let state = tempfile::tempdir().expect("a directory");
        let who = Who { name: Some("Lan".to_owned()), state: Some(state.path().to_owned()), ..Who::default() };
        PinStore::new(state.path().join("pins")).remember("a", 7400, [1; 32]).expect("remembered");
        let target = Invitation { host: "a".to_owned(), port: 7400, pin: Some([2; 32]), room: None, given: None };
        let failure = who.identity(&target, false, &quiet()).err().expect("refused");
        assert_eq!((failure.exit, failure.code), (Exit::Unreachable, "E-NET-02"));
        assert!(failure.advice.contains("hph forget a"));
    }
}
