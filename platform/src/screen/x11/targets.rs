//! What a display has to share.

use std::io;

use x11rb::connection::Connection;
use x11rb::protocol::randr::ConnectionExt as _;
use x11rb::protocol::xproto::{Atom, AtomEnum, ConnectionExt as _, MapState, Window};
use x11rb::rust_connection::RustConnection;

use super::{connect, failed};
use crate::screen::{Screen, ScreenKind};

/// Smaller ones are panels and helpers.
const WINDOW_MIN: u16 = 32;
/// More windows than anybody can choose from.
const WINDOWS_MAX: usize = 200;
/// Longer titles are cut: 32-bit units.
const TITLE_MAX: u32 = 64;

/// Monitors (the first one first), all of them together, windows.
pub fn screens(display: Option<&str>) -> io::Result<Vec<Screen>> {
    let (connection, number) = connect(display)?;
    let root = connection.setup().roots.get(number).ok_or_else(|| failed("it has no screen"))?;
    let whole = Screen {
        kind: ScreenKind::Whole,
        name: "all".to_owned(),
        window: 0,
        width: root.width_in_pixels,
        height: root.height_in_pixels,
    };
    let mut all: Vec<_> = monitors(&connection, root.root).into_iter().map(|(screen, _)| screen).collect();
    all.push(whole);
    all.extend(windows(&connection, root.root)?);
    Ok(all)
}

/// Monitors with their places on the screen; none if the server can't tell.
pub fn monitors(connection: &RustConnection, root: Window) -> Vec<(Screen, (i16, i16))> {
    let told = connection.randr_get_monitors(root, true).ok().and_then(|cookie| cookie.reply().ok());
    let mut monitors = told.map(|told| told.monitors).unwrap_or_default();
    monitors.sort_by_key(|monitor| !monitor.primary);
    let named = monitors.into_iter().map(|monitor| {
        let name = connection.get_atom_name(monitor.name).ok().and_then(|cookie| cookie.reply().ok());
        let name = name.map_or_else(|| "monitor".to_owned(), |name| String::from_utf8_lossy(&name.name).into_owned());
        let (width, height) = (monitor.width, monitor.height);
        (Screen { kind: ScreenKind::Monitor, name, window: 0, width, height }, (monitor.x, monitor.y))
    });
    named.collect()
}

/// Windows that people see: those that the window manager lists, or all that are on the screen if there is none.
fn windows(connection: &RustConnection, root: Window) -> io::Result<Vec<Screen>> {
    let list = atom(connection, "_NET_CLIENT_LIST")?;
    let listed = connection.get_property(false, root, list, AtomEnum::WINDOW, 0, u32::MAX / 4).map_err(failed)?;
    let listed: Vec<Window> = listed
        .reply()
        .ok()
        .and_then(|reply| Some(reply.value32()?.collect()))
        .filter(|all: &Vec<_>| !all.is_empty())
        .unwrap_or_default();
    let found = if listed.is_empty() {
        connection.query_tree(root).map_err(failed)?.reply().map_err(failed)?.children
    } else {
        listed
    };
    Ok(found.into_iter().take(WINDOWS_MAX).filter_map(|window| describe(connection, window)).collect())
}

/// None if it is not on the screen, too small, or has no title.
fn describe(connection: &RustConnection, window: Window) -> Option<Screen> {
    let attributes = connection.get_window_attributes(window).ok()?.reply().ok()?;
    let geometry = connection.get_geometry(window).ok()?.reply().ok()?;
    let (width, height) = (geometry.width, geometry.height);
    let is_seen = attributes.map_state == MapState::VIEWABLE && width >= WINDOW_MIN && height >= WINDOW_MIN;
    let name = title(connection, window).filter(|_| is_seen)?;
    Some(Screen { kind: ScreenKind::Window, name, window, width, height })
}

fn title(connection: &RustConnection, window: Window) -> Option<String> {
    let modern = (atom(connection, "_NET_WM_NAME").ok()?, atom(connection, "UTF8_STRING").ok()?);
    let old = (Atom::from(AtomEnum::WM_NAME), Atom::from(AtomEnum::ANY));
    [modern, old].into_iter().find_map(|(name, kind)| {
        let told = connection.get_property(false, window, name, kind, 0, TITLE_MAX).ok()?.reply().ok()?;
        let text = String::from_utf8_lossy(&told.value).chars().filter(|c| !c.is_control()).collect::<String>();
        (!text.trim().is_empty()).then(|| text.trim().to_owned())
    })
}

fn atom(connection: &RustConnection, name: &str) -> io::Result<Atom> {
    Ok(connection.intern_atom(false, name.as_bytes()).map_err(failed)?.reply().map_err(failed)?.atom)
}
