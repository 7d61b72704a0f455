//! `hph trust`: the keys of people, without a meeting.

use std::path::{Path, PathBuf};

use hph_client::device;
use hph_client::link::Invitation;
use hph_client::people::{KeyState, Mark, PeopleStore, PersonKey};
use hph_client::safety::Code;
use serde_json::json;

use crate::exit::{Exit, Failure};
use crate::identity::{parse_target, server_of, state_dir, state_failure};
use crate::lang;
use crate::object::{object, of_key};
use crate::output::Output;
use crate::show::key_phrase;
use crate::text::one_row;

/// What `hph trust` can be told.
#[derive(clap::Args, Clone, Debug)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
    /// Where keys are kept [default: $XDG_STATE_HOME/hph]
    #[arg(long, global = true, value_name = "DIR")]
    state: Option<PathBuf>,
}

#[derive(clap::Subcommand, Clone, Debug)]
enum Command {
    /// List the code of this device and the keys of people
    List {
        /// Only those on this server: invitation link, or HOST[:PORT]
        #[arg(value_name = "LINK", value_parser = parse_target)]
        link: Option<Invitation>,
    },
    /// Accept somebody's changed key beside those that they had
    Accept(Whose),
    /// Compare: note that somebody's key has the code that they told you
    Verify {
        /// Invitation link, or HOST[:PORT]
        #[arg(value_name = "LINK", value_parser = parse_target)]
        link: Invitation,
        /// Login name
        #[arg(value_name = "USER")]
        username: String,
        /// The code of their device: eight groups of five digits
        #[arg(value_name = "CODE")]
        code: Code,
    },
    /// Forget somebody's keys: the next one is believed again. With a code: that key only, as of a lost device
    Forget(Whose),
}

#[derive(clap::Args, Clone, Debug)]
struct Whose {
    /// Invitation link, or HOST[:PORT]
    #[arg(value_name = "LINK", value_parser = parse_target)]
    link: Invitation,
    /// Login name
    #[arg(value_name = "USER")]
    username: String,
    /// Only the key with this code: eight groups of five digits
    #[arg(value_name = "CODE")]
    code: Option<Code>,
}

/// Runs the command.
///
/// # Errors
/// The remembered keys can't be read or written, or nobody has such a key.
pub fn run(args: &Args, out: &Output) -> Result<Exit, Failure> {
    let state = state_dir(args.state.clone())?;
    let store = PeopleStore::new(state.join("people"));
    match &args.command {
        Command::List { link } => list(&store, &state, link.as_ref(), out),
        Command::Accept(whose) => {
            let is_it = |key: &PersonKey| key.mark == Mark::Changed && whose.fits(key);
            let key = find(&store, &whose.link, is_it, out)?.ok_or_else(|| {
                let what = out.lang.fill(&lang::NOTHING_CHANGED, &[&one_row(&whose.username)]);
                Failure::new(Exit::Failed, "E-KEY-02", what)
            })?;
            accept(&store, &key, false, out)
        }
        Command::Verify { link, username, code } => {
            let is_it = |key: &PersonKey| key.username == *username && Code::of_device(&key.device) == *code;
            let key = find(&store, link, is_it, out)?.ok_or_else(|| {
                let what = out.lang.fill(&lang::E_OTHER_CODE, &[&one_row(username)]);
                Failure::new(Exit::Failed, "E-KEY-03", what).advise(out.lang.text(&lang::A_OTHER_CODE))
            })?;
            accept(&store, &key, true, out)
        }
        Command::Forget(whose) => forget(&store, whose, out),
    }
}

impl Whose {
    fn fits(&self, key: &PersonKey) -> bool {
        key.username == self.username && self.code.is_none_or(|code| Code::of_device(&key.device) == code)
    }
}

fn list(store: &PeopleStore, state: &Path, link: Option<&Invitation>, out: &Output) -> Result<Exit, Failure> {
    let keys = store.keys().map_err(|error| state_failure(error, out))?;
    let own = device::keys(&state.join("device")).map_err(|error| state_failure(error, out))?;
    if let Some(own) = own {
        let code = Code::of_device(&own);
        let row = || out.lang.fill(&lang::OWN_CODE, &[&code]);
        out.data(|| object("own_key", json!({"code": code.to_string()})), row);
    }
    let server = link.map(server_of);
    for key in keys.iter().filter(|key| server.as_ref().is_none_or(|server| *server == key.server)) {
        let state = state_of(key.mark);
        let told = || {
            let mut fields = of_key(&key.username, &key.device, state);
            fields["server"] = json!(key.server);
            object("key", fields)
        };
        out.data(told, || {
            let (code, state) = (Code::of_device(&key.device), out.lang.text(key_phrase(state)));
            format!("{}\t{}\t{code}\t{state}", key.server, key.username)
        });
    }
    Ok(Exit::Ok)
}

const fn state_of(mark: Mark) -> KeyState {
    match mark {
        Mark::Changed => KeyState::Changed,
        Mark::Seen => KeyState::Seen,
        Mark::Compared => KeyState::Compared,
    }
}

/// The key of that server that is meant.
fn find(
    store: &PeopleStore,
    link: &Invitation,
    is_it: impl Fn(&PersonKey) -> bool,
    out: &Output,
) -> Result<Option<PersonKey>, Failure> {
    let server = server_of(link);
    let keys = store.keys().map_err(|error| state_failure(error, out))?;
    Ok(keys.into_iter().find(|key| key.server == server && is_it(key)))
}

fn accept(store: &PeopleStore, key: &PersonKey, is_compared: bool, out: &Output) -> Result<Exit, Failure> {
    let accepted = store.accept(&key.server, &key.username, &key.device, is_compared);
    accepted.map_err(|error| state_failure(error, out))?;
    let (state, phrase) =
        if is_compared { (KeyState::Compared, &lang::KEY_COMPARED) } else { (KeyState::Seen, &lang::KEY_ACCEPTED) };
    out.object(|| object("person_key", of_key(&key.username, &key.device, state)));
    out.talk(&out.lang.fill(phrase, &[&key.username]));
    Ok(Exit::Ok)
}

fn forget(store: &PeopleStore, whose: &Whose, out: &Output) -> Result<Exit, Failure> {
    let is_it = |device: &_| whose.code.is_none_or(|code| Code::of_device(device) == code);
    let count = store.forget(&server_of(&whose.link), &whose.username, is_it);
    let count = count.map_err(|error| state_failure(error, out))?;
    out.object(|| object("forgotten", json!({"username": whose.username, "keys": count})));
    let username = one_row(&whose.username);
    out.talk(&match count {
        0 => out.lang.fill(&lang::FORGOT_NONE, &[&username]),
        count => out.lang.fill(&lang::FORGOT, &[&count, &username]),
    });
    Ok(Exit::Ok)
}
