//! A sound server of our own without hardware, for tests and benches: PulseAudio in a folder that goes away, with a
//! loudspeaker `spk` that plays to nobody and a microphone `mic` that hears what it plays.

use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use hph_core::time::Duration;

use crate::clock::Clock;
use crate::entropy;

/// Environment variable that programs find the server by.
pub const VARIABLE: &str = "PULSE_SERVER";

/// A running server; it ends with this value.
pub struct PrivateSoundServer {
    child: Child,
    folder: PathBuf,
}

impl PrivateSoundServer {
    /// Starts a server and waits until it answers.
    ///
    /// # Errors
    /// `pulseaudio` is not installed, or does not start.
    pub fn start() -> io::Result<Self> {
        let name = format!("hph-sound-{}-{:08x}", std::process::id(), u32::from_be_bytes(entropy::array()));
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir(&folder)?;
        let socket = folder.join("native");
        let child = Command::new("pulseaudio")
            .args(["-n", "--daemonize=no", "--exit-idle-time=-1", "--realtime=no", "--high-priority=no"])
            .args(["--use-pid-file=no", "--disable-shm=yes", "--log-target=stderr", "--log-level=error"])
            .arg(format!("--load=module-native-protocol-unix auth-anonymous=1 socket={}", socket.display()))
            .arg("--load=module-null-sink sink_name=spk rate=48000 channels=2 sink_properties=device.description=Spk")
            .arg("--load=module-remap-source source_name=mic master=spk.monitor source_properties=device.description=Mic")
            .env("HOME", &folder)
            .env("XDG_RUNTIME_DIR", &folder)
            .env_remove(VARIABLE)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| io::Error::new(error.kind(), format!("pulseaudio: {error}")))?;
        let mut server = Self { child, folder };
        server.wait_until_ready(&socket)?;
        server.control(&["set-default-sink", "spk"])?;
        server.control(&["set-default-source", "mic"])?;
        Ok(server)
    }

    fn wait_until_ready(&mut self, socket: &Path) -> io::Result<()> {
        for _ in 0..500 {
            if let Some(status) = self.child.try_wait()? {
                return Err(io::Error::other(format!("pulseaudio ended: {status}")));
            }
            if socket.exists() && self.control(&["info"]).is_ok() {
                return Ok(());
            }
            Clock::sleep(Duration::from_millis(20));
        }
        Err(io::Error::new(io::ErrorKind::TimedOut, "pulseaudio does not answer"))
    }

    /// What [`VARIABLE`] must be for programs that shall use this server.
    pub fn address(&self) -> String {
        format!("unix:{}", self.folder.join("native").display())
    }

    /// Tells the server something, as `pactl` does: `load-module`, `unload-module`, `set-default-sink`. What it answers.
    ///
    /// # Errors
    /// `pactl` is not installed, or the server refuses.
    pub fn control(&self, arguments: &[&str]) -> io::Result<String> {
        control(&self.address(), arguments)
    }
}

impl Drop for PrivateSoundServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// Tells the server at `address` something, see [`PrivateSoundServer::control`].
///
/// # Errors
/// As there.
pub fn control(address: &str, arguments: &[&str]) -> io::Result<String> {
    let output = Command::new("pactl").env(VARIABLE, address).args(arguments).stdin(Stdio::null()).output()?;
    match output.status.success() {
        true => Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned()),
        false => Err(io::Error::other(String::from_utf8_lossy(&output.stderr).trim().to_owned())),
    }
}

/// Runs this program once more with the same arguments, or `arguments` if there are any, against a server of its own;
/// true in that second run. The environment of a running program can't be changed safely, so it takes two.
///
/// # Errors
/// There is no server, or the second run failed.
pub fn is_inside(arguments: &[&str]) -> io::Result<bool> {
    const MARK: &str = "HPH_PRIVATE_SOUND_SERVER";
    if std::env::var_os(MARK).is_some() {
        return Ok(true);
    }
    let server = PrivateSoundServer::start()?;
    let mut again = Command::new(std::env::current_exe()?);
    if arguments.is_empty() {
        again.args(std::env::args_os().skip(1));
    } else {
        again.args(arguments);
    }
    let status = again.env(VARIABLE, server.address()).env(MARK, "1").stdin(Stdio::null()).status()?;
    match status.success() {
        true => Ok(false),
        false => Err(io::Error::other(format!("the run against a sound server failed: {status}"))),
    }
}
