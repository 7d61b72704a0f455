//! `hph gateway`, and the gateway of `hph serve --web`: the way in for browsers.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};

use hph_client::link::{Invitation, parse_hex};
use hph_client::pins::PinStore;
use hph_client::tls::Trust;
use hph_gateway::certificate::{self, CertificateError};
use hph_gateway::{Config, FiguresHandle, Gateway, GatewayError, Origins, Page, PageError, Upstream};
use hph_server::Server;
use hph_server::config::ServerConfig;
use serde_json::json;

use crate::addresses::reachable;
use crate::exit::{Exit, Failure};
use crate::identity::{parse_target, pin_failure, state_dir};
use crate::lang;
use crate::object::object;
use crate::output::Output;
use crate::serve::{self, ConfigArgs};
use crate::signals;

/// Connections at once, of everybody and of one address. A page takes some for its files, for a moment.
const CONNECTIONS_MAX: usize = 512;
const PER_SOURCE_MAX: usize = 32;

/// How browsers are let in.
#[derive(clap::Args, Clone, Debug)]
#[command(next_help_heading = "Browsers")]
pub struct BrowserArgs {
    /// Plain HTTP: behind a reverse proxy that has a certificate, or on this machine alone
    #[arg(long, conflicts_with = "certificate")]
    plain: bool,
    /// Certificate chain in PEM, instead of one of our own
    #[arg(long, value_name = "FILE", requires = "certificate_key")]
    certificate: Option<PathBuf>,
    /// Its key in PEM
    #[arg(long, value_name = "FILE", requires = "certificate")]
    certificate_key: Option<PathBuf>,
    /// A name that browsers use for this machine, for example meet.example.org; may be repeated
    #[arg(long, value_name = "NAME")]
    web_name: Vec<String>,
    /// A reverse proxy stands in front and says in X-Forwarded-For where browsers are
    #[arg(long)]
    behind_proxy: bool,
    /// A built page, instead of the one in this program
    #[arg(long, value_name = "DIR")]
    page: Option<PathBuf>,
}

/// `hph gateway`.
#[derive(clap::Args, Clone, Debug)]
pub struct Args {
    /// Invitation link, or HOST[:PORT] of a server whose key is remembered
    #[arg(value_parser = parse_target)]
    server: Invitation,
    /// Where to listen
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "0.0.0.0:7443")]
    listen: SocketAddr,
    /// The server's gateway.key: with it the server knows where browsers are, else all count as being here
    #[arg(long, value_name = "FILE")]
    server_key: Option<PathBuf>,
    /// Where keys are kept [default: $XDG_STATE_HOME/hph]
    #[arg(long, value_name = "DIR")]
    state: Option<PathBuf>,
    #[command(flatten)]
    browsers: BrowserArgs,
}

/// `hph serve`.
#[derive(clap::Args, Clone, Debug)]
pub struct ServeArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// Let browsers in too, at this address [if none is given: 0.0.0.0:7443]
    #[arg(long, value_name = "ADDRESS:PORT", num_args = 0..=1, default_missing_value = "0.0.0.0:7443")]
    web: Option<SocketAddr>,
    #[command(flatten)]
    browsers: BrowserArgs,
}

/// A gateway that runs in a thread of its own, until this is dropped.
pub struct Running {
    /// What it has done.
    pub figures: FiguresHandle,
    _stop: async_channel::Sender<()>,
}

/// Runs `hph gateway` until a signal.
///
/// # Errors
/// It can't start.
pub fn run(args: &Args, out: &Output) -> Result<Exit, Failure> {
    let stops = signals::stop_requests().map_err(|error| Failure::new(Exit::Failed, "E-SYS-01", error))?;
    let state = state_dir(args.state.clone())?;
    let pins = PinStore::new(state.join("pins"));
    let Invitation { host, port, pin, .. } = &args.server;
    let trust = pins.trust(host, *port, *pin).map_err(|error| pin_failure(error, &args.server, out))?;
    let Trust::Expect(pin) = trust else {
        return Err(Failure::new(Exit::Failed, "E-WEB-04", "the key of that server is not known")
            .advise("Give its invitation link, or visit it once with hph rooms"));
    };
    let key = args.server_key.as_deref().map(read_key).transpose()?;
    let upstream = Upstream { host: host.clone(), port: *port, pin, key };
    let gateway = bind(args.listen, upstream, &state.join("gateway"), &args.browsers)?;
    let running = start(gateway, out)?;
    out.talk(out.lang.text(&lang::STOP_WITH));
    let _ = stops.recv_blocking();
    let figures = running.figures.figures();
    out.object(|| {
        object(
            "stopped",
            json!({"browsers": figures.browsers_ever, "refused": figures.refused, "datagrams_up": figures.datagrams_up,
                "datagrams_down": figures.datagrams_down, "frames_dropped": figures.frames_dropped,
                "picture_packets_dropped": figures.picture_packets_dropped,
                "voice_packets_dropped": figures.voice_packets_dropped}),
        )
    });
    Ok(Exit::Ok)
}

/// Runs `hph serve`, with a gateway in the same process if one is wished for.
///
/// # Errors
/// Either can't start.
pub fn serve(args: &ServeArgs, out: &Output) -> Result<Exit, Failure> {
    let Some(listen) = args.web else { return serve::serve(&args.config, out) };
    serve::serve_beside(
        &args.config,
        out,
        |server, config| beside(server, config, listen, &args.browsers),
        |gateway| start(gateway, out),
    )
}

fn beside(server: &Server, config: &ServerConfig, listen: SocketAddr, args: &BrowserArgs) -> Result<Gateway, Failure> {
    let at = server.address();
    let host = match at.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    let upstream =
        Upstream { host: host.to_string(), port: at.port(), pin: server.pin(), key: Some(server.gateway_key()) };
    bind(listen, upstream, &config.data_dir.join("web"), args)
}

/// Opens the port.
///
/// # Errors
/// There is no page, no certificate, or the port is taken.
pub fn bind(listen: SocketAddr, upstream: Upstream, keys: &Path, args: &BrowserArgs) -> Result<Gateway, Failure> {
    let page = args.page.as_deref().map_or_else(Page::embedded, Page::read).map_err(|error| page_failure(&error))?;
    let (tls, authority) = match (args.plain, &args.certificate, &args.certificate_key) {
        (true, ..) => (None, None),
        (false, Some(chain), Some(key)) => {
            let tls = certificate::given(chain, key).map_err(|error| certificate_failure(&error))?;
            (Some(tls), None)
        }
        (false, ..) => {
            let hosts = certificate::hosts_of(reachable(listen.ip()), &args.web_name);
            let (tls, authority) = certificate::own(keys, &hosts).map_err(|error| certificate_failure(&error))?;
            (Some(tls), Some(authority))
        }
    };
    let config = Config {
        listen,
        tls,
        authority,
        is_behind_proxy: args.behind_proxy,
        origins: Origins::new(args.web_name.iter().cloned()),
        page,
        upstream,
        connections_max: CONNECTIONS_MAX,
        per_source_max: PER_SOURCE_MAX,
    };
    Gateway::bind(config).map_err(|error| gateway_failure(&error))
}

/// Runs it in a thread of its own, and says where it is.
///
/// # Errors
/// There is no thread.
pub fn start(gateway: Gateway, out: &Output) -> Result<Running, Failure> {
    let listening = gateway.listening();
    let scheme = if listening.is_secure { "https" } else { "http" };
    let hosts = reachable(listening.address.ip());
    let links: Vec<_> =
        hosts.iter().map(|host| format!("{scheme}://{}/", SocketAddr::new(*host, listening.address.port()))).collect();
    out.talk(&out.lang.fill(&lang::BROWSERS, &[&links.join(" ")]));
    if !listening.is_secure {
        out.talk(out.lang.text(&lang::BROWSERS_PLAIN));
    }
    let authority = gateway.authority().map(|authority| authority.fingerprint.clone());
    if let Some(fingerprint) = &authority {
        let page = links.first().map(|link| format!("{link}ca")).unwrap_or_default();
        out.talk(&out.lang.fill(&lang::BROWSERS_OWN_KEY, &[&page, fingerprint]));
    }
    out.object(|| {
        let address = listening.address.to_string();
        object("browsers", json!({"address": address, "links": links, "authority_sha256": authority}))
    });
    let figures = gateway.figures();
    let (stop, stopping) = async_channel::bounded(1);
    let thread = std::thread::Builder::new().name("gateway".to_owned());
    let spawned = thread.spawn(move || gateway.run(&stopping));
    spawned.map_err(|error| Failure::new(Exit::Failed, "E-SYS-01", error))?;
    Ok(Running { figures, _stop: stop })
}

fn read_key(path: &Path) -> Result<[u8; 32], Failure> {
    let text = std::fs::read_to_string(path).map_err(|error| error.to_string());
    let key = text.and_then(|text| parse_hex(text.trim()).ok_or_else(|| "no key of 64 hexadecimal digits".to_owned()));
    key.map_err(|error| Failure::new(Exit::Config, "E-WEB-03", format!("{}: {error}", path.display())))
}

fn page_failure(error: &PageError) -> Failure {
    Failure::new(Exit::Config, "E-WEB-01", error)
        .advise("Build it with scripts/web (needs Node 18 or newer) and build this program again, or give --page DIR")
}

fn certificate_failure(error: &CertificateError) -> Failure {
    Failure::new(Exit::Config, "E-WEB-02", error)
}

fn gateway_failure(error: &GatewayError) -> Failure {
    Failure::new(Exit::Failed, "E-WEB-05", error)
        .advise("Another program may be listening there. Choose another place for browsers")
}
