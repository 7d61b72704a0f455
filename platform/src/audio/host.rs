//! The sound system: which one, and what devices it has.

use std::io;

use cpal::traits::{DeviceTrait, HostTrait};
use cpal::{Device, ErrorKind, Host, HostId};

use super::{DeviceChoice, holder};

/// What a device does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeviceKind {
    /// It hears.
    Microphone,
    /// It is heard.
    Speaker,
}

/// A device that is there now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AudioDevice {
    /// Stays the same over restarts, and is what to store in a configuration.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// Whether the machine uses it when nobody chooses.
    pub is_default: bool,
    /// Whether it hears what a loudspeaker plays, and not a room.
    pub is_monitor: bool,
}

/// The devices of a kind, the default one first.
///
/// # Errors
/// There is no sound system, or it does not answer.
pub fn list(kind: DeviceKind) -> io::Result<Vec<AudioDevice>> {
    list_of(&open()?, kind)
}

/// The machine's sound system.
///
/// # Errors
/// There is none.
pub(super) fn open() -> io::Result<Host> {
    let hosts = cpal::available_hosts();
    let preferred = [HostId::PulseAudio, HostId::Alsa];
    let candidates = preferred.into_iter().filter(|id| hosts.contains(id));
    let mut last = io::Error::new(io::ErrorKind::NotFound, "there is no sound system");
    for id in candidates {
        match cpal::host_from_id(id) {
            Ok(host) => return Ok(host),
            Err(error) => last = of_cpal(&error),
        }
    }
    Err(last)
}

/// Whether this is the kernel's own sound system.
pub(super) fn is_alsa(host: Option<&Host>) -> bool {
    host.is_some_and(|host| host.id() == HostId::Alsa)
}

/// The devices of a kind, the default one first.
///
/// # Errors
/// The sound system does not answer.
pub(super) fn list_of(host: &Host, kind: DeviceKind) -> io::Result<Vec<AudioDevice>> {
    let default = default_of(host, kind).and_then(|device| id_of(&device));
    let is_of_kind = |device: &Device| match kind {
        DeviceKind::Microphone => device.supports_input(),
        DeviceKind::Speaker => device.supports_output(),
    };
    let devices = host.devices().map_err(|error| of_cpal(&error))?;
    let mut found: Vec<AudioDevice> = Vec::new();
    for device in devices.filter(is_of_kind) {
        let Some(id) = id_of(&device) else { continue };
        if found.iter().any(|other| other.id == id) {
            continue;
        }
        let name = device.description().map_or_else(|_| id.clone(), |about| about.name().to_owned());
        let is_monitor = kind == DeviceKind::Microphone && id.ends_with(".monitor");
        found.push(AudioDevice { is_default: Some(&id) == default.as_ref(), id, name, is_monitor });
    }
    found.sort_by_key(|device| (!device.is_default, device.is_monitor));
    Ok(found)
}

/// Finds the device that is meant, and its stable name.
///
/// # Errors
/// There is none of that name, or several.
pub(super) fn find(host: &Host, kind: DeviceKind, choice: &DeviceChoice) -> io::Result<(Device, String)> {
    let missing = |what: String| io::Error::new(io::ErrorKind::NotFound, what);
    let DeviceChoice::Named(name) = choice else {
        let device = default_of(host, kind).ok_or_else(|| missing("there is no default device".to_owned()))?;
        let id = id_of(&device).unwrap_or_default();
        return Ok((device, id));
    };
    let devices = list_of(host, kind)?;
    let chosen = choose(&devices, name)?;
    let device = host.devices().map_err(|error| of_cpal(&error))?.find(|device| {
        id_of(device).as_deref() == Some(&chosen.id)
            && match kind {
                DeviceKind::Microphone => device.supports_input(),
                DeviceKind::Speaker => device.supports_output(),
            }
    });
    device.map(|device| (device, chosen.id.clone())).ok_or_else(|| missing(format!("{name} is gone")))
}

/// The device with that stable name, or else the only one whose name has `name` in it.
fn choose<'a>(devices: &'a [AudioDevice], name: &str) -> io::Result<&'a AudioDevice> {
    if let Some(exact) = devices.iter().find(|device| device.id == name || device.name == name) {
        return Ok(exact);
    }
    let wanted = name.to_lowercase();
    let mut alike = devices.iter().filter(|device| device.name.to_lowercase().contains(&wanted));
    match (alike.next(), alike.next()) {
        (Some(one), None) => Ok(one),
        (Some(_), Some(_)) => {
            Err(io::Error::new(io::ErrorKind::InvalidInput, format!("several devices are called {name:?}")))
        }
        _ => {
            let names: Vec<_> = devices.iter().map(|device| device.name.as_str()).collect();
            let there = if names.is_empty() { "there is none".to_owned() } else { names.join(", ") };
            Err(io::Error::new(io::ErrorKind::NotFound, format!("no device is called {name:?}; {there}")))
        }
    }
}

fn default_of(host: &Host, kind: DeviceKind) -> Option<Device> {
    match kind {
        DeviceKind::Microphone => host.default_input_device(),
        DeviceKind::Speaker => host.default_output_device(),
    }
}

fn id_of(device: &Device) -> Option<String> {
    device.id().ok().map(|id| id.id().to_owned())
}

/// An error of a device in the terms of the standard library; a busy one says who holds it.
pub(super) fn of_device(error: &cpal::Error, kind: DeviceKind) -> io::Error {
    if error.kind() != ErrorKind::DeviceBusy {
        return of_cpal(error);
    }
    let who = holder::holders(kind);
    let text = if who.is_empty() { "another program uses it".to_owned() } else { who.join(", ") + " uses it" };
    io::Error::new(io::ErrorKind::ResourceBusy, text)
}

fn of_cpal(error: &cpal::Error) -> io::Error {
    let kind = match error.kind() {
        ErrorKind::DeviceBusy => io::ErrorKind::ResourceBusy,
        ErrorKind::DeviceNotAvailable | ErrorKind::HostUnavailable => io::ErrorKind::NotFound,
        ErrorKind::PermissionDenied => io::ErrorKind::PermissionDenied,
        ErrorKind::InvalidInput => io::ErrorKind::InvalidInput,
        ErrorKind::UnsupportedConfig | ErrorKind::UnsupportedOperation => io::ErrorKind::Unsupported,
        _ => io::ErrorKind::Other,
    };
    io::Error::new(kind, error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn device(id: &str, name: &str) -> AudioDevice {
        AudioDevice { id: id.to_owned(), name: name.to_owned(), is_default: false, is_monitor: false }
    }

    #[test]
    fn a_device_is_chosen_by_its_stable_name_its_name_or_a_part_that_only_it_has() {
        let devices = [device("usb.1", "Blue Yeti"), device("usb.2", "Blue Snowball"), device("pci", "Built-in Audio")];
        assert_eq!(choose(&devices, "usb.2").unwrap().name, "Blue Snowball");
        assert_eq!(choose(&devices, "Built-in Audio").unwrap().id, "pci");
        assert_eq!(choose(&devices, "yeti").unwrap().id, "usb.1");
        assert_eq!(choose(&devices, "blue").unwrap_err().kind(), io::ErrorKind::InvalidInput);
        let error = choose(&devices, "Røde").unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
        assert!(error.to_string().contains("Blue Yeti"), "{error}");
    }
}
