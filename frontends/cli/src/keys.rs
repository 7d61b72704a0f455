//! `hph forget` and `hph link`: the keys of servers, and what a link says about them.

use std::path::PathBuf;

use hph_client::link::{Invitation, hex, parse_address};
use hph_client::pins::PinStore;
use hph_client::tls::fingerprint;
use serde_json::json;

use crate::exit::{Exit, Failure};
use crate::identity::{parse_target, pin_failure, server_of, state_dir};
use crate::lang;
use crate::object::object;
use crate::output::Output;
use crate::text::one_row;

/// What `hph forget` can be told.
#[derive(clap::Args, Clone, Debug)]
pub struct ForgetArgs {
    /// Whose keys are forgotten, whatever the port
    #[arg(value_name = "HOST")]
    host: String,
    /// Where keys are kept [default: $XDG_STATE_HOME/hph]
    #[arg(long, value_name = "DIR")]
    state: Option<PathBuf>,
}

/// What `hph link` can be told.
#[derive(clap::Args, Clone, Debug)]
pub struct LinkArgs {
    /// Invitation link, or HOST[:PORT]
    #[arg(value_name = "LINK", value_parser = parse_target)]
    link: Invitation,
    /// Where keys are kept [default: $XDG_STATE_HOME/hph]
    #[arg(long, value_name = "DIR")]
    state: Option<PathBuf>,
}

/// Runs `hph forget`.
///
/// # Errors
/// The remembered keys can't be read or written.
pub fn forget(args: &ForgetArgs, out: &Output) -> Result<Exit, Failure> {
    let pins = PinStore::new(state_dir(args.state.clone())?.join("pins"));
    let host = parse_address(&args.host).map_or_else(|| args.host.clone(), |(host, _)| host);
    let target = Invitation { host, port: 0, pin: None, room: None, given: None };
    let count = pins.forget(&target.host).map_err(|error| pin_failure(error, &target, out))?;
    out.object(|| object("forgotten", json!({"host": target.host, "keys": count})));
    out.talk(&match count {
        0 => out.lang.fill(&lang::FORGOT_NONE, &[&target.host]),
        count => out.lang.fill(&lang::FORGOT, &[&count, &target.host]),
    });
    Ok(Exit::Ok)
}

/// Runs `hph link`.
///
/// # Errors
/// The remembered keys can't be read.
pub fn link(args: &LinkArgs, out: &Output) -> Result<Exit, Failure> {
    let link = &args.link;
    let pins = PinStore::new(state_dir(args.state.clone())?.join("pins"));
    let known = pins.pin(&link.host, link.port).map_err(|error| pin_failure(error, link, out))?;
    let relation = match (link.pin, known) {
        (Some(named), Some(known)) if named == known => "same",
        (Some(_), Some(_)) => "different",
        (_, None) => "unknown",
        (None, Some(_)) => "known",
    };
    let object = || {
        object(
            "link",
            json!({"host": link.host, "port": link.port, "room": link.room, "pin": link.pin.as_ref().map(hex),
                "remembered": known.as_ref().map(hex), "key": relation, "link": link.to_string()}),
        )
    };
    out.data(object, || {
        let print = |pin: Option<&_>| pin.map_or_else(|| "-".to_owned(), fingerprint);
        [
            format!("server       {}", server_of(link)),
            format!("room         {}", link.room.as_deref().map_or_else(|| "-".to_owned(), one_row)),
            format!("fingerprint  {}", print(link.pin.as_ref())),
            format!("remembered   {}", print(known.as_ref())),
            format!("key          {relation}"),
        ]
        .join("\n")
    });
    // A link that names another key than the remembered one would be refused.
    Ok(if relation == "different" { Exit::Unreachable } else { Exit::Ok })
}
