//! How the board is: temperature, voltage, what is plugged in, how large its screen is. Read from the kernel's files below a root
//! that a test can make.

use std::fs;
use std::path::{Path, PathBuf};

use crate::scale::{Panel, edid_mm};

/// From here on the processor slows down (Raspberry Pi: 80 °C soft limit). **Units:** °C.
pub const HOT_C: i32 = 80;

/// How the board is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Health {
    /// Of the processor; none: it does not say. **Units:** °C.
    pub temperature_c: Option<i32>,
    /// The supply gives too little now.
    pub has_under_voltage: bool,
    /// The processor is held back now, by heat or by the supply.
    pub is_throttled: bool,
    /// There is a camera.
    pub has_camera: bool,
    /// There is a microphone.
    pub has_microphone: bool,
}

impl Health {
    /// Whether somebody should look after the board.
    pub fn is_well(&self) -> bool {
        !self.has_under_voltage && !self.is_throttled && self.temperature_c.is_none_or(|c| c < HOT_C)
    }
}

/// The kernel's files.
#[derive(Clone, Debug)]
pub struct Machine {
    root: PathBuf,
}

impl Default for Machine {
    fn default() -> Self {
        Self { root: PathBuf::from("/") }
    }
}

impl Machine {
    /// Below another root than `/`.
    pub fn at(root: &Path) -> Self {
        Self { root: root.to_owned() }
    }

    /// How it is now.
    pub fn health(&self) -> Health {
        // Bits 0 to 3 are now, 16 to 19 have been: under-voltage, capped, throttled, soft limit of temperature.
        let throttled = self.throttled().unwrap_or(0);
        Health {
            temperature_c: self.temperature_c(),
            has_under_voltage: throttled & 1 != 0 || self.has_alarm(),
            is_throttled: throttled & 0b1110 != 0,
            has_camera: self.has_any("dev", |name| name.starts_with("video")),
            has_microphone: self.has_any("dev/snd", |name| name.starts_with("pcm") && name.ends_with('c')),
        }
    }

    /// Which boot of the machine this is; empty if it does not say.
    pub fn boot_id(&self) -> String {
        self.read("proc/sys/kernel/random/boot_id").unwrap_or_default()
    }

    /// The screen that is connected; none if there is none.
    pub fn panel(&self) -> Option<Panel> {
        let mut connectors = self.list("sys/class/drm");
        connectors.sort();
        connectors.into_iter().filter(|name| name.contains('-')).find_map(|name| {
            let folder = format!("sys/class/drm/{name}");
            if self.read(&format!("{folder}/status")).as_deref() != Some("connected") {
                return None;
            }
            // The first mode is the one that the panel prefers.
            let modes = self.read(&format!("{folder}/modes"))?;
            let (width, height) = modes.lines().next()?.trim_end_matches('i').split_once('x')?;
            let pixels = (width.parse().ok()?, height.parse().ok()?);
            let edid = fs::read(self.root.join(&folder).join("edid")).unwrap_or_default();
            Some(Panel { pixels, mm: edid_mm(&edid).unwrap_or_default() })
        })
    }

    /// The hottest zone that could be.
    fn temperature_c(&self) -> Option<i32> {
        let zones = self.list("sys/class/thermal").into_iter().filter(|name| name.starts_with("thermal_zone"));
        let temperature = |name: String| -> Option<i32> {
            let milli: i32 = self.read(&format!("sys/class/thermal/{name}/temp"))?.parse().ok()?;
            Some(milli / 1000).filter(|c| (-40..=150).contains(c))
        };
        zones.filter_map(temperature).max()
    }

    /// What the Raspberry Pi's firmware says.
    fn throttled(&self) -> Option<u32> {
        let places = [
            "sys/devices/platform/soc/soc:firmware/get_throttled",
            "sys/devices/platform/soc@107c000000/soc@107c000000:firmware/get_throttled",
            "sys/devices/platform/axi/axi:firmware/get_throttled",
        ];
        let text = places.into_iter().find_map(|place| self.read(place))?;
        u32::from_str_radix(text.trim_start_matches("0x"), 16).ok()
    }

    /// What the driver `raspberrypi-hwmon` says.
    fn has_alarm(&self) -> bool {
        let monitors = self.list("sys/class/hwmon").into_iter().map(|name| format!("sys/class/hwmon/{name}"));
        monitors
            .filter(|folder| self.read(&format!("{folder}/name")).as_deref() == Some("rpi_volt"))
            .any(|folder| self.read(&format!("{folder}/in0_lcrit_alarm")).as_deref() == Some("1"))
    }

    fn read(&self, path: &str) -> Option<String> {
        fs::read_to_string(self.root.join(path)).ok().map(|text| text.trim().to_owned())
    }

    fn list(&self, path: &str) -> Vec<String> {
        let entries = fs::read_dir(self.root.join(path)).into_iter().flatten().flatten();
        entries.filter_map(|entry| entry.file_name().into_string().ok()).collect()
    }

    fn has_any(&self, path: &str, is_it: impl Fn(&str) -> bool) -> bool {
        self.list(path).iter().any(|name| is_it(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn machine(files: &[(&str, &[u8])]) -> (tempfile::TempDir, Machine) {
        let folder = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let machine = Machine::at(folder.path());
        (folder, machine)
    }

    #[test]
    fn a_board_that_says_nothing_is_well() {
        let (_folder, machine) = machine(&[]);
        assert_eq!((machine.health(), machine.panel(), machine.boot_id()), (Health::default(), None, String::new()));
        assert!(machine.health().is_well());
    }

    #[test]
    fn heat_and_a_weak_supply_are_seen() {
        let throttled = "sys/devices/platform/soc/soc:firmware/get_throttled";
        let zone = "sys/class/thermal/thermal_zone0/temp";
        for (files, is_well) in [
            (vec![(zone, &b"52300\n"[..]), (throttled, b"0\n")], true),
            (vec![(zone, &b"81000\n"[..])], false),
            (vec![(throttled, &b"50005\n"[..])], false),
            (vec![(throttled, &b"0x50000\n"[..])], true),
            (vec![(zone, &b"999999999\n"[..])], true),
            (
                vec![
                    ("sys/class/hwmon/hwmon1/name", &b"rpi_volt\n"[..]),
                    ("sys/class/hwmon/hwmon1/in0_lcrit_alarm", b"1\n"),
                ],
                false,
            ),
            (
                vec![
                    ("sys/class/hwmon/hwmon1/name", &b"nvme\n"[..]),
                    ("sys/class/hwmon/hwmon1/in0_lcrit_alarm", b"1\n"),
                ],
                true,
            ),
        ] {
            let (_folder, machine) = machine(&files);
            assert_eq!(machine.health().is_well(), is_well, "{files:?}: {:?}", machine.health());
        }
        let (_folder, machine) =
            machine(&[(zone, b"52300\n"), (throttled, b"50005\n"), ("sys/class/thermal/thermal_zone1/temp", b"61000")]);
        let health = machine.health();
        assert_eq!((health.temperature_c, health.has_under_voltage, health.is_throttled), (Some(61), true, true));
    }

    #[test]
    fn what_is_plugged_in_is_seen() {
        let (_folder, machine) = machine(&[("dev/video0", b""), ("dev/snd/pcmC0D0p", b"")]);
        assert_eq!((machine.health().has_camera, machine.health().has_microphone), (true, false));
        let (_folder, machine) = self::machine(&[("dev/snd/pcmC1D0c", b"")]);
        assert_eq!((machine.health().has_camera, machine.health().has_microphone), (false, true));
    }

    #[test]
    fn the_screen_that_is_connected_is_measured() {
        let mut edid = vec![0; 128];
        edid[..8].copy_from_slice(&[0, 255, 255, 255, 255, 255, 255, 0]);
        (edid[54], edid[66], edid[67]) = (1, 155, 88);
        let (_folder, machine) = machine(&[
            ("sys/class/drm/card0/dev", b""),
            ("sys/class/drm/card0-HDMI-A-1/status", b"disconnected\n"),
            ("sys/class/drm/card1-DSI-1/status", b"connected\n"),
            ("sys/class/drm/card1-DSI-1/modes", b"1280x720\n800x600\n"),
            ("sys/class/drm/card1-DSI-1/edid", &edid),
        ]);
        assert_eq!(machine.panel(), Some(Panel { pixels: (1280, 720), mm: (155, 88) }));
    }
}
