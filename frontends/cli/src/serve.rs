//! `hph serve` and `hph config`: a server in the foreground, and what it would do.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use hph_client::link::parse_address;
use hph_server::config::{Access, ConfigError, Origins, ServerConfig, Sources};
use hph_server::tls::{fingerprint, invitation_link};
use hph_server::{Server, StartError};
use serde_json::{Map, Value, json};

use crate::addresses::reachable;
use crate::exit::{Exit, Failure};
use crate::journal;
use crate::lang::{self, Lang};
use crate::object::object;
use crate::output::Output;
use crate::signals;

/// Where a configuration comes from. Flags beat the environment, which beats files.
#[derive(clap::Args, Clone, Debug)]
pub struct ConfigArgs {
    /// Configuration file, instead of /etc/hph-server/*
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Where to listen, for TCP and UDP both [default: 0.0.0.0:7400]
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Option<String>,
    /// Where accounts, messages and the key are kept
    #[arg(long, value_name = "DIR", alias = "data-dir")]
    data: Option<String>,
    /// What the server calls itself
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Host or HOST:PORT that invitation links name
    #[arg(long, value_name = "HOST")]
    public_address: Option<String>,
    /// From where new accounts may be made: private-networks, everyone, invitation or nobody
    #[arg(long, value_name = "POLICY")]
    registration: Option<String>,
    /// From where guests may come: private-networks, everyone, invitation (to a room) or nobody
    #[arg(long, value_name = "POLICY")]
    guests: Option<String>,
    /// Any key of the configuration; see hph config default
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
}

/// What `hph config` does.
#[derive(clap::Subcommand, Clone, Debug)]
pub enum ConfigCommand {
    /// Say whether the configuration is good
    Check(ConfigArgs),
    /// Print the values in force
    Show {
        /// Also where each one comes from
        #[arg(long)]
        origin: bool,
        #[command(flatten)]
        args: ConfigArgs,
    },
    /// Print a file with every key, its default and what it means
    Default,
}

impl ConfigArgs {
    /// The configuration, and where each value comes from.
    ///
    /// # Errors
    /// It is wrong.
    pub fn load(&self) -> Result<(ServerConfig, Origins), Failure> {
        self.read()?.map_err(|error| config_failure(&error))
    }

    /// As [`Self::load`], with what is wrong in it as it is.
    ///
    /// # Errors
    /// The command line makes no sense.
    pub fn read(&self) -> Result<Result<(ServerConfig, Origins), ConfigError>, Failure> {
        let named = [
            ("--listen", &self.listen),
            ("--data-dir", &self.data),
            ("--name", &self.name),
            ("--public-address", &self.public_address),
            ("--registration", &self.registration),
            ("--guests", &self.guests),
        ];
        let mut flags: Vec<(String, String)> = Vec::new();
        for (flag, value) in named {
            flags.extend(value.as_ref().map(|value| (flag.to_owned(), value.clone())));
        }
        for pair in &self.set {
            let (key, value) = pair.split_once('=').ok_or_else(|| Failure::usage("--set takes KEY=VALUE"))?;
            flags.push((format!("--{}", key.replace('_', "-")), value.to_owned()));
        }
        Ok(Sources::from_system(self.config.as_deref(), flags).and_then(|sources| ServerConfig::load(&sources)))
    }
}

/// Runs `hph config`.
///
/// # Errors
/// The configuration is wrong.
pub fn config(command: &ConfigCommand, out: &Output) -> Result<Exit, Failure> {
    match command {
        ConfigCommand::Check(args) => {
            args.load()?;
            out.object(|| object("config", json!({"is_good": true})));
            out.talk(out.lang.text(&lang::CONFIG_GOOD));
        }
        ConfigCommand::Show { origin, args } => {
            let (config, origins) = args.load()?;
            let shown = config.show(&origins);
            let lines = shown.lines().map(|line| if *origin { line } else { without_origin(line) });
            out.print(&lines.collect::<Vec<_>>().join("\n"));
        }
        ConfigCommand::Default => out.print(ServerConfig::default_file().trim_end()),
    }
    Ok(Exit::Ok)
}

/// A shown line without the remark at its end.
fn without_origin(line: &str) -> &str {
    line.rsplit_once("  # ").map_or(line, |(value, _)| value.trim_end())
}

/// Runs `hph serve` until a signal.
///
/// # Errors
/// The server can't start.
pub fn serve(args: &ConfigArgs, out: &Output) -> Result<Exit, Failure> {
    serve_beside(args, out, |_, _| Ok(()), |()| Ok(()))
}

/// The same with something beside it in the same process: `bind` opens what it needs before anybody is told of the server,
/// `start` begins, and it ends when what that gives is dropped, with the server.
///
/// # Errors
/// Either can't start.
pub fn serve_beside<Bound, Running>(
    args: &ConfigArgs,
    out: &Output,
    bind: impl FnOnce(&Server, &ServerConfig) -> Result<Bound, Failure>,
    start: impl FnOnce(Bound) -> Result<Running, Failure>,
) -> Result<Exit, Failure> {
    let (config, _) = args.load()?;
    let stops = signals::stop_requests().map_err(|error| Failure::new(Exit::Failed, "E-SYS-01", error))?;
    let mut server = Server::bind(config.clone()).map_err(|error| start_failure(&error))?;
    server.tell(journal::notices(out.lang, out.is_talkative()));
    let bound = bind(&server, &config)?;
    announce(&server, &config, out);
    let _beside = start(bound)?;
    let figures = server.figures();
    let (stop, stopping) = async_channel::bounded(1);
    let waiting = std::thread::Builder::new().name("stop".to_owned()).spawn(move || {
        let _ = stops.recv_blocking();
        drop(stop);
        // Who presses Ctrl-C again does not want to wait.
        if stops.recv_blocking() == Ok(Exit::Interrupted) {
            std::process::exit(Exit::Interrupted.code().into());
        }
    });
    waiting.map_err(|error| Failure::new(Exit::Failed, "E-SYS-01", error))?;
    let ended = server.run(&stopping);
    ended.map_err(|error| start_failure(&error))?;
    let figures = figures.figures();
    out.object(|| {
        let drops: Map<String, Value> =
            figures.drops.iter().map(|(name, count)| ((*name).to_owned(), json!(count))).collect();
        object(
            "stopped",
            json!({"forwarded": figures.forwarded, "not_sent": figures.not_sent,
            "handed_over": figures.handed_over, "not_handed_over": figures.not_handed_over,
            "resent": figures.repair.resent, "resend_refused": figures.repair.refused,
            "resend_not_kept": figures.repair.not_kept, "asked": figures.repair.asked,
            "parity_sent": figures.repair.parity_sent, "parity_withheld": figures.repair.parity_withheld,
            "policed": figures.repair.policed,
            "drops": drops}),
        )
    });
    out.talk(&out.lang.fill(&lang::STOPPED, &[&figures.forwarded, &figures.repair.resent]));
    Ok(Exit::Ok)
}

/// Says who the server is, where it is, and who may come in.
fn announce(server: &Server, config: &ServerConfig, out: &Output) {
    let (address, pin, lang) = (server.address(), server.pin(), out.lang);
    let links = links(config, address, &pin);
    let (registration, guests) = (access(config.registration, lang), access(config.guests, lang));
    let (memory, relay) = (server.memory(), server.describe_relay());
    let megabytes = memory.total_bytes().div_ceil(1_000_000);
    out.talk(&lang.fill(&lang::SERVING, &[&config.name, &address]));
    out.talk(&lang.fill(&lang::FINGERPRINT, &[&fingerprint(&pin)]));
    out.talk(&lang.fill(&lang::REGISTRATION, &[&registration, &guests]));
    out.talk(&lang.fill(&lang::MEMORY, &[&config.sessions_max, &config.rooms_max, &megabytes]));
    out.talk(&lang.fill(&lang::MEMORY_BILL, &[&memory]));
    out.talk(&lang.fill(&lang::RELAYING, &[&relay]));
    if let Err(error) = server.is_administrable() {
        out.warn(&lang.fill(&lang::NO_ADMIN, &[error]));
    }
    if let Some(address) = server.metrics_address() {
        out.talk(&lang.fill(&lang::METRICS_AT, &[&address]));
    }
    match server.is_announced() {
        Ok(true) => out.talk(lang.text(&lang::ANNOUNCED)),
        Ok(false) => {}
        Err(error) => out.warn(&lang.fill(&lang::NOT_ANNOUNCED, &[error])),
    }
    out.talk(&lang.fill(&lang::DATA_IN, &[&config.data_dir.display()]));
    out.talk(lang.text(&lang::INVITE));
    let hex: String = pin.iter().map(|byte| format!("{byte:02x}")).collect();
    out.data(
        || {
            object(
                "listening",
                json!({"name": config.name, "address": address.to_string(), "link": links.first(), "links": links,
                    "pin": hex, "fingerprint": fingerprint(&pin), "registration": config.registration.name(),
                    "guests": config.guests.name(), "data_dir": config.data_dir, "memory_bytes": memory.total_bytes(),
                    "memory": memory.to_string(), "relay": relay}),
            )
        },
        || links.join("\n"),
    );
    if let (Some(token), Some(link)) = (server.owner_token(), links.first()) {
        let link = format!("{link}&own={token}");
        out.object(|| object("owner_token", json!({"link": link, "token": token})));
        out.talk(&lang.fill(&lang::OWNER_TOKEN, &[&link]));
    }
    out.talk(lang.text(&lang::STOP_WITH));
}

/// One link for every address, the best first; only the owner's, if there is one.
pub fn links(config: &ServerConfig, address: SocketAddr, pin: &[u8; 32]) -> Vec<String> {
    if let Some(public) = &config.public_address {
        // An owner who names no port means the one that is listened at.
        let has_port = public.parse::<IpAddr>().is_err()
            && public.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
        let (host, named) = parse_address(public).unwrap_or_else(|| (public.clone(), address.port()));
        let port = if has_port { named } else { address.port() };
        return vec![invitation_link(&host, port, pin, None)];
    }
    let hosts = reachable(address.ip());
    hosts.iter().map(|host| invitation_link(&host.to_string(), address.port(), pin, None)).collect()
}

fn access(access: Access, lang: Lang) -> &'static str {
    lang.text(match access {
        Access::PrivateNetworks => &lang::ACCESS_PRIVATE,
        Access::Everyone => &lang::ACCESS_EVERYONE,
        Access::Invitation => &lang::ACCESS_INVITATION,
        Access::Nobody => &lang::ACCESS_NOBODY,
    })
}

fn config_failure(error: &ConfigError) -> Failure {
    Failure::new(Exit::Config, "E-CFG-01", error)
}

fn start_failure(error: &StartError) -> Failure {
    match error {
        StartError::Listen { .. } => Failure::new(Exit::Failed, "E-SRV-01", error)
            .advise("Another server may be running there. Choose another place: --listen ADDRESS:PORT"),
        StartError::Tls(_) | StartError::Store(_) | StartError::Taken(_) | StartError::GatewayKey(_) => {
            Failure::new(Exit::Config, "E-SRV-02", error)
        }
        StartError::Thread(_) => Failure::new(Exit::Failed, "E-SYS-01", error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_name_what_the_owner_wants_or_what_the_machine_knows() {
        let at = |listen: &str, public: Option<&str>| {
            let config = ServerConfig { public_address: public.map(ToOwned::to_owned), ..ServerConfig::default() };
            links(&config, listen.parse().expect("an address"), &[0; 32])
        };
        let begins = |links: Vec<String>, with: &str| links[0].starts_with(with);
        assert!(begins(at("127.0.0.1:9", None), "hph://127.0.0.1:9/#fp="));
        assert!(begins(at("[::1]:9", None), "hph://[::1]:9/#fp="));
        assert!(begins(at("0.0.0.0:9", Some("meet.example.org")), "hph://meet.example.org:9/#fp="));
        assert!(begins(at("0.0.0.0:9", Some("meet.example.org:7400")), "hph://meet.example.org:7400/#fp="));
        assert!(begins(at("0.0.0.0:9", Some("2001:db8::1")), "hph://[2001:db8::1]:9/#fp="));
        assert!(begins(at("0.0.0.0:9", Some("[2001:db8::1]:7")), "hph://[2001:db8::1]:7/#fp="));
    }

    #[test]
    fn flags_are_the_strongest_source_and_a_wrong_one_is_named() {
        let base = ConfigArgs {
            config: Some("/dev/null".into()),
            listen: Some("127.0.0.1:0".to_owned()),
            data: Some("/data".to_owned()),
            name: None,
            public_address: None,
            registration: Some("nobody".to_owned()),
            guests: None,
            set: vec!["rooms_max=3".to_owned()],
        };
        let (config, _) = base.load().expect("loads");
        assert_eq!((config.rooms_max, config.registration), (3, Access::Nobody));
        let wrong = ConfigArgs { guests: Some("all".to_owned()), ..base.clone() };
        let failure = wrong.load().expect_err("refused");
        assert_eq!(failure.exit, Exit::Config);
        assert!(failure.what.starts_with("--guests: "), "{}", failure.what);
        let wrong = ConfigArgs { set: vec!["rooms".to_owned()], ..base };
        assert_eq!(wrong.load().expect_err("refused").exit, Exit::Usage);
    }

    #[test]
    fn a_shown_value_stands_without_its_origin_if_that_is_not_asked_for() {
        assert_eq!(without_origin("name = \"a # b\"   # --name"), "name = \"a # b\"");
    }
}
