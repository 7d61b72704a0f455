//! The virtual machine: its drivers, its files.

use std::fs;
use std::process::{Child, Command};

use hph_core::time::Duration;
use hph_platform::clock::Clock;

/// The driver that makes raw pictures, as its camera is called.
pub const RAW: &str = "vivid";
/// The looped camera, as `boot` names it.
pub const LOOPED: &str = "Looped";
/// Its device file, as `boot` numbers it.
pub const LOOPED_PATH: &str = "/dev/video9";

/// Another process of this program; ends with this value.
pub struct Other(Child);

impl Other {
    /// Starts it.
    pub fn start(arguments: [&str; 2]) -> Result<Self, String> {
        // By its name, which is how others see it.
        let program = std::env::current_exe().map_err(|error| error.to_string())?;
        let child = Command::new(program).args(arguments).spawn();
        child.map(Self).map_err(|error| error.to_string())
    }
}

impl Drop for Other {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Cameras that this process has open: as the kernel sees it.
pub fn open_cameras() -> Vec<String> {
    let files = fs::read_dir("/proc/self/fd").into_iter().flatten().flatten();
    let targets = files.filter_map(|file| fs::read_link(file.path()).ok());
    targets.map(|target| target.display().to_string()).filter(|target| target.starts_with("/dev/video")).collect()
}

/// Takes the raw camera from its driver, as pulling its plug does, or gives it back.
pub fn plug(is_in: bool) -> Result<(), String> {
    let what = if is_in { "bind" } else { "unbind" };
    let path = format!("/sys/bus/platform/drivers/vivid/{what}");
    fs::write(&path, "vivid.0").map_err(|error| format!("{path}: {error}"))
}

/// Takes the raw camera's driver out of the kernel, or puts it in again.
pub fn driver(is_in: bool) -> Result<(), String> {
    let path = if is_in { "/modules/vivid.again" } else { "/modules/vivid.out" };
    // Whoever closed the device may still be on the way out of the kernel.
    for _ in 0..20 {
        if Command::new("/bin/sh").arg(path).status().is_ok_and(|status| status.success()) {
            return Ok(());
        }
        Clock::sleep(Duration::from_millis(100));
    }
    Err(format!("{path} failed"))
}
