//! What somebody needs who takes part: their own files, a microphone, a loudspeaker, a camera, a way to the server.

use hph_client::core::time::{Duration, Instant};
use hph_client::discover::Discovery;
use hph_client::engine::{EndReason, ask};
use hph_client::link::Invitation;
use hph_client::pins::PinStore;
use hph_client::platform::audio::{self, DeviceKind};
use hph_client::platform::camera::device::{camera_formats, cameras};
use hph_client::platform::clock::Clock;
use hph_client::tls::fingerprint;

use crate::doctor::{self, Finding, quoted};
use crate::exit::{Exit, Failure};
use crate::identity::{parse_target, server_of, state_dir};
use crate::lang;
use crate::output::Output;
use crate::serve::ConfigArgs;
use crate::sources::trouble;
use crate::text::one_row;

/// Files that somebody opens who takes part in a few rooms.
const FILES: u64 = 256;
/// Servers nearby have this long to say that they are there.
const LOOK: Duration = Duration::from_millis(1500);
/// From here on people talk over each other. **Units:** milliseconds.
const SLOW_MS: u64 = 300;

/// What `doctor` can be told.
#[derive(clap::Args, Clone, Debug)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Args {
    #[command(subcommand)]
    what: Option<What>,
    /// A server that should be reached: a link, or HOST[:PORT]
    #[arg(value_name = "LINK", value_parser = parse_target)]
    server: Option<Invitation>,
    /// Where keys are kept, instead of the user's directory for state
    #[arg(long, value_name = "DIR")]
    state: Option<std::path::PathBuf>,
}

#[derive(clap::Subcommand, Clone, Debug)]
enum What {
    /// Look at what a server of this machine needs
    Server(Box<ConfigArgs>),
}

/// Runs `doctor`.
///
/// # Errors
/// The command line makes no sense.
pub fn run(args: &Args, out: &Output) -> Result<Exit, Failure> {
    if let Some(What::Server(config)) = &args.what {
        return doctor::server::run(config, out);
    }
    let state = state_dir(args.state.clone())?;
    let pins = PinStore::new(state.join("pins"));
    let checks: [&dyn Fn() -> Finding; 7] = [
        &|| keys(&state, &pins, out),
        &|| sound("microphone", DeviceKind::Microphone, out),
        &|| sound("speaker", DeviceKind::Speaker, out),
        &|| camera(out),
        &|| lan(out),
        &|| doctor::files(FILES, out),
        &|| doctor::clock(None, out),
    ];
    let server = args.server.iter().map(|target| server(target, &pins, out));
    doctor::tell(checks.iter().map(|check| check()).chain(server), out)
}

/// Whether keys can be remembered, and those that were can be read.
fn keys(state: &std::path::Path, pins: &PinStore, out: &Output) -> Finding {
    if let Err(error) = pins.pin("localhost", 1) {
        let path = quoted(&state.join("pins"));
        return Finding::bad("keys", error.to_string(), format!("mv {path} {path}.damaged"));
    }
    let there = doctor::existing(state);
    match tempfile::Builder::new().prefix(".doctor").tempfile_in(there) {
        Ok(_) => Finding::good("keys", out.lang.fill(&lang::DOCTOR_DATA, &[&state.display()])),
        Err(error) => {
            let what = out.lang.fill(&lang::DOCTOR_NO_WRITING, &[&there.display(), &error]);
            Finding::bad("keys", what, format!("sudo install -d -m 700 -o \"$(id -un)\" {}", quoted(state)))
        }
    }
}

fn sound(check: &'static str, kind: DeviceKind, out: &Output) -> Finding {
    match audio::list(kind) {
        Err(error) => Finding::bad(
            check,
            trouble(&error, out.lang).0,
            "systemctl --user restart pipewire pipewire-pulse wireplumber",
        ),
        Ok(devices) => match devices.iter().find(|device| !device.is_monitor) {
            None => Finding::doubtful(check, out.lang.text(&lang::NO_DEVICES), "sudo usermod -aG audio \"$(id -un)\""),
            Some(first) => {
                let chosen = devices.iter().find(|device| device.is_default).unwrap_or(first);
                Finding::good(check, one_row(&chosen.name))
            }
        },
    }
}

fn camera(out: &Output) -> Finding {
    let cameras = cameras();
    let Some(first) = cameras.first() else {
        return Finding::doubtful("camera", out.lang.text(&lang::NO_DEVICES), "sudo usermod -aG video \"$(id -un)\"");
    };
    match camera_formats(first) {
        Ok(_) => Finding::good("camera", one_row(&first.name)),
        Err(error) => {
            let what = format!("{}: {error}", one_row(&first.name));
            Finding::bad("camera", what, format!("fuser -k {}", quoted(&first.path())))
        }
    }
}

/// Whether servers are found without an address.
fn lan(out: &Output) -> Finding {
    let discovery = match Discovery::start() {
        Ok(discovery) => discovery,
        Err(error) => return Finding::doubtful("lan", error.to_string(), "nmcli networking on"),
    };
    Clock::sleep(LOOK);
    let names: Vec<_> = discovery.servers().iter().map(|server| one_row(&server.name)).collect();
    if names.is_empty() {
        return Finding::good("lan", out.lang.text(&lang::E_NOBODY));
    }
    Finding::good("lan", names.join(", "))
}

/// Whether a server answers, whether it is the one that is known, and how soon.
fn server(target: &Invitation, pins: &PinStore, out: &Output) -> Finding {
    let named = server_of(target);
    let trust = match pins.trust(&target.host, target.port, target.pin) {
        Ok(trust) => trust,
        Err(error) => return Finding::bad("server", error.to_string(), format!("hph forget {}", target.host)),
    };
    let began: Instant = Clock::now();
    match ask(&target.host, target.port, trust, &format!("hph {}", env!("CARGO_PKG_VERSION"))) {
        Ok(offer) => {
            let ms = Clock::now().since(began).as_micros() / 1000;
            let what =
                out.lang.fill(&lang::DOCTOR_SERVER, &[&one_row(&offer.name), &named, &ms, &fingerprint(&offer.pin)]);
            // Three round trips: TCP, TLS, the greeting.
            if ms > 3 * SLOW_MS {
                Finding::doubtful("server", what, format!("ping -c 5 {}", target.host))
            } else {
                Finding::good("server", what)
            }
        }
        Err(EndReason::Pin(mismatch)) => {
            let what = out.lang.fill(&lang::E_PIN, &[&named, &mismatch]);
            Finding::bad("server", what, format!("hph forget {}", target.host))
        }
        Err(EndReason::Unreachable(why)) => {
            let what = out.lang.fill(&lang::DOCTOR_NO_SERVER, &[&named, &why]);
            Finding::bad("server", what, "hph find")
        }
        Err(reason) => Finding::bad("server", format!("{named}: {reason:?}"), "hph version"),
    }
}
