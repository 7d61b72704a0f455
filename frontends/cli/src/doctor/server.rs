//! What a server needs: configuration, data, its key, room on the disk, its ports, its limits.

use std::fs;
use std::io;
use std::net::{SocketAddr, TcpListener, ToSocketAddrs, UdpSocket};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::Path;

use hph_client::link::parse_address;
use hph_server::admin::socket_path;
use hph_server::config::{ConfigError, Origin, ServerConfig};
use hph_server::store::{DATABASE_FILE, Store};
use hph_server::tls::{Identity, fingerprint};

use super::{Finding, existing, quoted};
use crate::addresses::reachable;
use crate::exit::{Exit, Failure};
use crate::lang;
use crate::output::Output;
use crate::serve::ConfigArgs;

/// With less than this free nothing can be promised any more. **Units:** bytes.
const DISK_LEAST: u64 = 50_000_000;
/// With less than this free it is time to think about it.
const DISK_LITTLE: u64 = 1_000_000_000;
/// Files that a server opens beside its connections.
const OWN_FILES: u64 = 64;
/// What the kernel should let a socket of ours hold back while a relay thread is busy; more is better. **Units:** bytes.
const RECEIVE_BUFFER: u64 = 2_000_000;

/// Runs `doctor server`.
///
/// # Errors
/// The command line makes no sense.
pub fn run(args: &ConfigArgs, out: &Output) -> Result<Exit, Failure> {
    let config = match args.read()? {
        Ok((config, _)) => config,
        Err(error) => return super::tell([of_config_error(&error)], out),
    };
    // A server that runs holds its ports and its data, and it looked at them when it began.
    let is_running = UnixStream::connect(socket_path(&config.data_dir)).is_ok();
    let good = Finding::good("config", out.lang.text(&lang::CONFIG_GOOD));
    let checks: [&dyn Fn() -> Finding; 10] = [
        &|| data(&config, out),
        &|| key(&config, out),
        &|| database(&config, is_running, out),
        &|| disk(existing(&config.data_dir), out),
        &|| port("tcp", config.listen, is_running, out, |at| TcpListener::bind(at).map(drop)),
        &|| port("udp", config.listen, is_running, out, |at| UdpSocket::bind(at).map(drop)),
        &|| metrics(&config, is_running, out),
        &|| address(&config, out),
        &|| super::files(u64::from(config.sessions_max) + u64::from(config.unauthenticated_max) + OWN_FILES, out),
        &|| super::clock(written(&config), out),
    ];
    super::tell([good].into_iter().chain(checks.iter().map(|check| check())).chain([buffers(out)]), out)
}

/// The line that is wrong, and the command that makes it right.
fn of_config_error(error: &ConfigError) -> Finding {
    let at = match error {
        ConfigError::Read { path, .. } => {
            return Finding::bad("config", error.to_string(), format!("sudo chmod a+r {}", quoted(path)));
        }
        ConfigError::NoDataDir => {
            return Finding::bad("config", error.to_string(), "export HPH_DATA_DIR=$PWD/hph-data");
        }
        ConfigError::Syntax { at, .. } | ConfigError::UnknownKey { at, .. } | ConfigError::Value { at, .. } => at,
    };
    let fix = match (at, error) {
        (Origin::File { name, line }, ConfigError::UnknownKey { key, closest: Some(closest), .. }) => {
            format!("sed -i '{line}s/{key}/{closest}/' {}", quoted(Path::new(name)))
        }
        // Without the line its built-in value holds, and that works.
        (Origin::File { name, line }, _) => format!("sed -i '{line}s/^/# /' {}", quoted(Path::new(name))),
        (Origin::Environment(name), _) => format!("unset {name}"),
        (Origin::Flag(_) | Origin::Default, _) => "hph config default".to_owned(),
    };
    Finding::bad("config", error.to_string(), fix)
}

/// Whether data can be written where it is to be kept.
fn data(config: &ServerConfig, out: &Output) -> Finding {
    let directory = &config.data_dir;
    let shown = directory.display();
    let there = existing(directory);
    if !there.is_dir() {
        let what = out.lang.fill(&lang::DOCTOR_NO_DIRECTORY, &[&there.display()]);
        return Finding::bad("data", what, format!("mv {0} {0}.old", quoted(there)));
    }
    // Asking for rights is not enough: a disk may be full, or read-only.
    match tempfile::Builder::new().prefix(".doctor").tempfile_in(there) {
        Ok(_) if there == directory => Finding::good("data", out.lang.fill(&lang::DOCTOR_DATA, &[&shown])),
        Ok(_) => Finding::good("data", out.lang.fill(&lang::DOCTOR_DATA_LATER, &[&shown])),
        Err(error) => {
            let what = out.lang.fill(&lang::DOCTOR_NO_WRITING, &[&there.display(), &error]);
            let fix = match error.kind() {
                io::ErrorKind::ReadOnlyFilesystem => {
                    format!("sudo mount -o remount,rw \"$(stat -c %m {})\"", quoted(there))
                }
                io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => MAKE_ROOM.to_owned(),
                _ => format!("sudo install -d -m 700 -o \"$(id -un)\" {}", quoted(directory)),
            };
            Finding::bad("data", what, fix)
        }
    }
}

/// The key that people know the server by.
fn key(config: &ServerConfig, out: &Output) -> Finding {
    if !config.data_dir.is_dir() {
        return Finding::good("key", out.lang.text(&lang::DOCTOR_KEY_LATER));
    }
    let folder = config.data_dir.join("tls");
    let path = folder.join("key.pem");
    if let Ok(metadata) = fs::metadata(&path)
        && metadata.permissions().mode() & 0o077 != 0
    {
        let what = out.lang.fill(&lang::DOCTOR_KEY_OPEN, &[&path.display()]);
        return Finding::bad("key", what, format!("chmod 600 {}", quoted(&path)));
    }
    match Identity::look(&config.data_dir) {
        Ok(Some(pin)) => Finding::good("key", out.lang.fill(&lang::DOCTOR_KEY, &[&fingerprint(&pin)])),
        Ok(None) => Finding::good("key", out.lang.text(&lang::DOCTOR_KEY_LATER)),
        Err(error) => {
            let what = out.lang.fill(&lang::DOCTOR_KEY_DAMAGED, &[&error]);
            Finding::bad("key", what, format!("mv {0} {0}.damaged", quoted(&folder)))
        }
    }
}

/// Accounts and messages.
fn database(config: &ServerConfig, is_running: bool, out: &Output) -> Finding {
    if is_running {
        return Finding::good("database", out.lang.text(&lang::DOCTOR_RUNNING));
    }
    if !config.data_dir.is_dir() {
        return Finding::good("database", out.lang.text(&lang::DOCTOR_DATABASE_LATER));
    }
    match Store::inspect(&config.data_dir) {
        Ok(true) => Finding::good("database", out.lang.text(&lang::DOCTOR_DATABASE)),
        Ok(false) => Finding::good("database", out.lang.text(&lang::DOCTOR_DATABASE_LATER)),
        Err(error) => {
            let directory = quoted(&config.data_dir);
            let what = out.lang.fill(&lang::DOCTOR_DATABASE_DAMAGED, &[&error]);
            Finding::bad(
                "database",
                what,
                format!("mv {directory} {directory}.damaged && hph restore --data {directory} BACKUP.tar"),
            )
        }
    }
}

const MAKE_ROOM: &str = "sudo apt-get clean && sudo journalctl --vacuum-size=100M";

/// Room for what people will say and send.
fn disk(at: &Path, out: &Output) -> Finding {
    let Ok(disk) = rustix::fs::statvfs(at) else {
        return Finding::doubtful("disk", out.lang.fill(&lang::DOCTOR_DISK_UNKNOWN, &[&at.display()]), "");
    };
    of_space(disk.f_bavail.saturating_mul(disk.f_frsize), out)
}

fn of_space(free: u64, out: &Output) -> Finding {
    let what = out.lang.fill(&lang::DOCTOR_DISK, &[&(free / 1_000_000)]);
    match free {
        DISK_LITTLE.. => Finding::good("disk", what),
        DISK_LEAST..DISK_LITTLE => Finding::doubtful("disk", what, MAKE_ROOM),
        ..DISK_LEAST => Finding::bad("disk", what, MAKE_ROOM),
    }
}

/// Whether the server can have the port that it wants.
fn port(
    check: &'static str,
    at: SocketAddr,
    is_running: bool,
    out: &Output,
    bind: impl Fn(SocketAddr) -> io::Result<()>,
) -> Finding {
    if is_running {
        return Finding::good(check, out.lang.text(&lang::DOCTOR_RUNNING));
    }
    let Err(error) = bind(at) else {
        return Finding::good(check, out.lang.fill(&lang::DOCTOR_PORT_FREE, &[&at]));
    };
    match error.kind() {
        io::ErrorKind::AddrInUse => {
            let what = out.lang.fill(&lang::DOCTOR_PORT_TAKEN, &[&at]);
            Finding::bad(check, what, format!("hph serve --listen {}", SocketAddr::new(at.ip(), next(at.port()))))
        }
        io::ErrorKind::PermissionDenied => {
            let what = out.lang.fill(&lang::DOCTOR_PORT_FORBIDDEN, &[&at.port()]);
            Finding::bad(check, what, format!("sudo sysctl -w net.ipv4.ip_unprivileged_port_start={}", at.port()))
        }
        _ => {
            let what = out.lang.fill(&lang::DOCTOR_NOT_OURS, &[&at.ip(), &error]);
            Finding::bad(check, what, format!("hph serve --listen 0.0.0.0:{}", at.port()))
        }
    }
}

const fn next(port: u16) -> u16 {
    if port == u16::MAX { 7400 } else { port + 1 }
}

/// Whether figures can be read where they are to be.
fn metrics(config: &ServerConfig, is_running: bool, out: &Output) -> Finding {
    match config.metrics {
        None => Finding::good("metrics", out.lang.text(&lang::DOCTOR_NO_METRICS)),
        Some(at) if is_running => Finding::good("metrics", format!("http://{at}/metrics")),
        Some(at) => match TcpListener::bind(at) {
            Ok(_) => Finding::good("metrics", format!("http://{at}/metrics")),
            Err(error) => {
                let what = out.lang.fill(&lang::DOCTOR_METRICS, &[&at, &error]);
                let other = SocketAddr::new(at.ip(), next(at.port()));
                Finding::bad("metrics", what, format!("hph serve --set metrics={other}"))
            }
        },
    }
}

/// Whether invitations name something that others can reach.
fn address(config: &ServerConfig, out: &Output) -> Finding {
    let own = reachable(config.listen.ip());
    let shown = own.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let Some(public) = &config.public_address else {
        let is_lonely = own.iter().all(std::net::IpAddr::is_loopback) && !config.listen.ip().is_loopback();
        let what = out.lang.fill(&lang::DOCTOR_ADDRESS, &[&shown]);
        return if is_lonely {
            Finding::doubtful("address", what, "nmcli networking on")
        } else {
            Finding::good("address", what)
        };
    };
    let (host, port) = parse_address(public).unwrap_or_else(|| (public.clone(), config.listen.port()));
    match (host.as_str(), port).to_socket_addrs().map(|mut found| found.next()) {
        Ok(Some(found)) => Finding::good("address", format!("{public} = {}", found.ip())),
        _ => {
            let what = out.lang.fill(&lang::DOCTOR_NO_SUCH_HOST, &[&host]);
            let better = own.first().map_or_else(String::new, ToString::to_string);
            Finding::bad("address", what, format!("hph serve --public-address {better}"))
        }
    }
}

/// When the database was last written: the clock can't be earlier.
/// **Units:** milliseconds of Unix time.
fn written(config: &ServerConfig) -> Option<u64> {
    let modified = fs::metadata(config.data_dir.join(DATABASE_FILE)).and_then(|metadata| metadata.modified()).ok()?;
    let since = modified.duration_since(std::time::UNIX_EPOCH).ok()?;
    u64::try_from(since.as_millis()).ok()
}

/// How much the kernel holds back for a thread that is busy.
fn buffers(out: &Output) -> Finding {
    let most = fs::read_to_string("/proc/sys/net/core/rmem_max").ok().and_then(|text| text.trim().parse::<u64>().ok());
    match most {
        Some(most) if most < RECEIVE_BUFFER => {
            let what = out.lang.fill(&lang::DOCTOR_BUFFERS, &[&(most / 1000)]);
            Finding::doubtful("buffers", what, "sudo sysctl -w net.core.rmem_max=4194304 net.core.wmem_max=4194304")
        }
        Some(most) => Finding::good("buffers", format!("net.core.rmem_max = {most}")),
        None => Finding::good("buffers", "?"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::State;
    use super::*;

    #[test]
    fn a_disk_that_fills_is_told_of_before_it_is_full() {
        let out = Output::new(true, -1, false);
        let states = [0, DISK_LEAST - 1, DISK_LEAST, DISK_LITTLE - 1, DISK_LITTLE, u64::MAX];
        let states = states.map(|free| of_space(free, &out).state);
        use State::{Bad, Doubtful, Good};
        assert_eq!(states, [Bad, Bad, Doubtful, Doubtful, Good, Good]);
    }

    #[test]
    fn each_kind_of_wrong_line_has_a_command_that_mends_it() {
        let at = Origin::File { name: "/etc/hph-server/hph-server.toml".to_owned(), line: 3 };
        let (key, closest) = ("lisen".to_owned(), Some("listen"));
        let unknown = of_config_error(&ConfigError::UnknownKey { at: at.clone(), key: key.clone(), closest });
        assert_eq!(unknown.fix, "sed -i '3s/lisen/listen/' /etc/hph-server/hph-server.toml");
        let foreign = of_config_error(&ConfigError::UnknownKey { at: at.clone(), key, closest: None });
        assert_eq!(foreign.fix, "sed -i '3s/^/# /' /etc/hph-server/hph-server.toml");
        let value =
            ConfigError::Value { at: Origin::Environment("HPH_LISTEN".into()), key: "listen", reason: "?".into() };
        assert_eq!(of_config_error(&value).fix, "unset HPH_LISTEN");
        assert_eq!(of_config_error(&ConfigError::NoDataDir).state, State::Bad);
    }
}
