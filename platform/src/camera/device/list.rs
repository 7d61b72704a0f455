//! Which cameras there are, and what they are called.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use nokhwa::utils::{ApiBackend, CameraIndex};

/// Nodes of the Raspberry Pi that deliver pictures but are no cameras: codecs, image processors and raw sensors.
const NO_CAMERAS: [&str; 6] = ["bcm2835-codec", "bcm2835-isp", "pispbe", "rp1-cfe", "rpi-hevc", "unicam"];

/// A camera that is plugged in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CameraDevice {
    /// What its maker calls it; with ` (2)` for the second one of that name, in the order of their places. Stays as long as the
    /// cameras of that name stay in their sockets.
    pub name: String,
    /// Where it is plugged in, as the kernel calls the place: stays when it is unplugged and plugged in again.
    pub place: String,
    /// Its number: `/dev/video<index>`. May change whenever it is plugged in.
    pub index: u32,
}

impl CameraDevice {
    /// The device file.
    pub fn path(&self) -> PathBuf {
        PathBuf::from(format!("/dev/video{}", self.index))
    }
}

/// The cameras that are plugged in, in the order of their numbers. Opens none of them.
pub fn cameras() -> Vec<CameraDevice> {
    // nokhwa panics over a file in /dev called "video" without a number.
    let found = std::panic::catch_unwind(|| nokhwa::query(ApiBackend::Video4Linux));
    let found = found.ok().and_then(Result::ok).unwrap_or_default();
    let nodes = found.into_iter().filter_map(|info| {
        let CameraIndex::Index(index) = *info.index() else { return None };
        let name = info.human_name();
        let is_camera = !NO_CAMERAS.iter().any(|prefix| name.starts_with(prefix)) && takes_pictures(index);
        is_camera.then(|| CameraDevice { place: place(index), name, index })
    });
    named(nodes.collect())
}

/// The camera that somebody means: `default` (the first one), a device file, a place, a name, or a part of one name only.
///
/// # Errors
/// `NotFound` with the names of those that there are.
pub fn find_camera<'a>(cameras: &'a [CameraDevice], wanted: &str) -> io::Result<&'a CameraDevice> {
    let wanted_low = wanted.to_lowercase();
    let is_meant = |camera: &&CameraDevice| {
        camera.path() == Path::new(wanted) || camera.place == wanted || camera.name.to_lowercase() == wanted_low
    };
    let is_like = |camera: &&CameraDevice| camera.name.to_lowercase().contains(&wanted_low);
    let found = match cameras {
        [first, ..] if wanted == "default" => Some(first),
        _ => cameras.iter().find(is_meant).or_else(|| {
            let mut like = cameras.iter().filter(is_like);
            like.next().filter(|_| like.next().is_none() && !wanted.is_empty())
        }),
    };
    found.ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, not_found(cameras, wanted)))
}

fn not_found(cameras: &[CameraDevice], wanted: &str) -> String {
    if cameras.is_empty() {
        return "no camera is plugged in".to_owned();
    }
    let names: Vec<_> = cameras.iter().map(|camera| format!("\u{201c}{}\u{201d}", camera.name)).collect();
    format!("no camera, or more than one, is called \u{201c}{wanted}\u{201d}; there is {}", names.join(", "))
}

/// The camera in that place, or the only one of that name if it was plugged in elsewhere.
pub(super) fn find_again(cameras: &[CameraDevice], lost: &CameraDevice) -> Option<CameraDevice> {
    let here = cameras.iter().find(|camera| camera.place == lost.place && camera.name == lost.name);
    here.or_else(|| cameras.iter().find(|camera| camera.name == lost.name)).cloned()
}

/// Sorts by number, and tells apart those of the same name.
fn named(mut cameras: Vec<CameraDevice>) -> Vec<CameraDevice> {
    cameras.sort_by(|a, b| a.place.cmp(&b.place).then(a.index.cmp(&b.index)));
    let plain: Vec<String> = cameras.iter().map(|camera| camera.name.clone()).collect();
    for (at, camera) in cameras.iter_mut().enumerate() {
        let earlier = plain.iter().take(at).filter(|name| **name == camera.name).count();
        if earlier > 0 {
            camera.name = format!("{} ({})", camera.name, earlier + 1);
        }
    }
    cameras.sort_by_key(|camera| camera.index);
    cameras
}

/// Whether a node delivers pictures: a webcam has a second one for what it tells about them. udev knows; without it the
/// first node of a device is taken.
fn takes_pictures(index: u32) -> bool {
    let number = fs::read_to_string(node(index).join("dev")).unwrap_or_default();
    let known = fs::read_to_string(format!("/run/udev/data/c{}", number.trim())).unwrap_or_default();
    match known.lines().find_map(|line| line.strip_prefix("E:ID_V4L_CAPABILITIES=")) {
        Some(capabilities) => capabilities.split(':').any(|one| one == "capture"),
        None => fs::read_to_string(node(index).join("index")).map_or(true, |index| index.trim() == "0"),
    }
}

/// The device behind a node, and which of its nodes it is.
fn place(index: u32) -> String {
    let device = fs::canonicalize(node(index).join("device")).ok();
    let place = device.as_deref().and_then(Path::file_name).map(|name| name.to_string_lossy().into_owned());
    let part = fs::read_to_string(node(index).join("index")).ok().filter(|part| part.trim() != "0");
    match (place, part) {
        (Some(place), Some(part)) => format!("{place}/{}", part.trim()),
        (Some(place), None) => place,
        (None, _) => format!("video{index}"),
    }
}

fn node(index: u32) -> PathBuf {
    PathBuf::from(format!("/sys/class/video4linux/video{index}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn camera(name: &str, place: &str, index: u32) -> CameraDevice {
        CameraDevice { name: name.into(), place: place.into(), index }
    }

    fn three() -> Vec<CameraDevice> {
        named(vec![camera("C920", "1-2:1.0", 0), camera("Built-in", "1-9:1.0", 2), camera("C920", "1-1:1.0", 4)])
    }

    #[test]
    fn cameras_of_one_name_are_told_apart_by_their_sockets_not_by_their_numbers() {
        let names = |cameras: &[CameraDevice]| -> Vec<(String, String)> {
            let mut names: Vec<_> = cameras.iter().map(|c| (c.place.clone(), c.name.clone())).collect();
            names.sort();
            names
        };
        let before = three();
        assert_eq!(before.iter().map(|c| c.index).collect::<Vec<_>>(), [0, 2, 4]);
        assert_eq!(before[0].name, "C920 (2)");
        let after =
            named(vec![camera("C920", "1-1:1.0", 0), camera("C920", "1-2:1.0", 2), camera("Built-in", "1-9:1.0", 5)]);
        assert_eq!(names(&before), names(&after));
    }

    #[test]
    fn a_camera_is_found_by_default_file_place_name_and_part_of_a_name() {
        let cameras = three();
        for (wanted, index) in
            [("default", 0), ("/dev/video4", 4), ("1-9:1.0", 2), ("c920", 4), ("C920 (2)", 0), ("built", 2)]
        {
            assert_eq!(find_camera(&cameras, wanted).unwrap().index, index, "{wanted}");
        }
        for wanted in ["", "9", "/dev/video1", "Logitech"] {
            let error = find_camera(&cameras, wanted).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::NotFound);
            assert!(error.to_string().contains("Built-in"), "{error}");
        }
        assert!(find_camera(&[], "default").unwrap_err().to_string().contains("plugged in"));
    }

    #[test]
    fn a_lost_camera_is_known_again_in_its_place_or_by_its_name() {
        let cameras = three();
        assert_eq!(find_again(&cameras, &camera("Built-in", "1-9:1.0", 7)).unwrap().index, 2);
        assert_eq!(find_again(&cameras, &camera("Built-in", "3-1:1.0", 7)).unwrap().index, 2);
        assert_eq!(find_again(&cameras, &camera("Other", "1-9:1.0", 7)), None, "another one in its place is not it");
    }

    #[test]
    fn listing_cameras_opens_none_and_never_fails() {
        let cameras = cameras();
        assert!(cameras.iter().all(|camera| !camera.name.is_empty()));
    }
}
