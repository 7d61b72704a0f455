//! A screen that is shared.

use std::io;

use hph_core::time::Duration;
use x11rb::connection::{Connection, RequestConnection};
use x11rb::protocol::Event;
use x11rb::protocol::composite::{ConnectionExt as _, Redirect};
use x11rb::protocol::damage::{self, ConnectionExt as _, Damage, ReportLevel};
use x11rb::protocol::shm::ConnectionExt as _;
use x11rb::protocol::xfixes::{self, ConnectionExt as _};
use x11rb::protocol::xproto::{ChangeWindowAttributesAux, ConnectionExt as _, Drawable, EventMask, Pixmap, Window};
use x11rb::protocol::{composite, shm};
use x11rb::rust_connection::RustConnection;

use super::cursor::{cursor, draw};
use super::pixels::{Area, Pixels};
use super::targets::monitors;
use super::{connect, failed};
use crate::camera::{CameraFormat, CameraSource, Captured, CapturedImage};
use crate::pacer::{Pacer, Pacing};
use crate::picture::Picture;
use crate::screen::fit::fit;
use crate::screen::{Screen, ScreenKind, ScreenMode, format_of};

/// A screen, monitor or window of an X11 display. Pixels are fetched only when something was drawn since the last time. A window that
/// changes its size is made to fit the first one; a window that is closed is the end.
pub struct X11Screen {
    connection: RustConnection,
    root: Window,
    /// The window that is shared; none for a screen or monitor.
    window: Option<Window>,
    /// What is behind a window even where others cover it; none without the extension for that, or for a screen.
    behind: Option<Pixmap>,
    area: Area,
    pixels: Pixels,
    damage: Option<Damage>,
    /// The last picture as it was fetched, without the cursor.
    ground: Picture,
    is_stale: bool,
    is_closed: bool,
    format: CameraFormat,
    pacer: Pacer,
}

impl X11Screen {
    /// Begins to share `screen` of a display; that of the environment if none is named.
    ///
    /// # Errors
    /// What the server says; `NotFound` if what is to be shared is gone.
    pub fn open(display: Option<&str>, screen: &Screen, mode: ScreenMode) -> io::Result<Self> {
        let (connection, number) = connect(display)?;
        let setup = connection.setup().roots.get(number).ok_or_else(|| failed("it has no screen"))?.clone();
        let pixels = Pixels::new(&connection, &setup)?;
        let window = (screen.kind == ScreenKind::Window).then_some(screen.window);
        let area = area_of(&connection, setup.root, screen)?;
        let format = format_of(area.width, area.height, mode);
        let pacer = Pacer::new(Pacing::RealTime, format.fps.into(), Duration::from_secs(1));
        let (ground, is_stale, is_closed) = (Picture::default(), true, false);
        let (behind, damage) = (None, None);
        let mut source = Self {
            connection,
            root: setup.root,
            window,
            behind,
            area,
            pixels,
            damage,
            ground,
            is_stale,
            is_closed,
            format,
            pacer,
        };
        source.prepare()?;
        source.fetch()?;
        Ok(source)
    }

    /// Asks for what the server is to tell, as far as it can.
    fn prepare(&mut self) -> io::Result<()> {
        let connection = &self.connection;
        let has =
            |name: &'static str| Ok::<_, io::Error>(connection.extension_information(name).map_err(failed)?.is_some());
        if has(xfixes::X11_EXTENSION_NAME)? {
            connection.xfixes_query_version(5, 0).map_err(failed)?.reply().map_err(failed)?;
        }
        if has(shm::X11_EXTENSION_NAME)? {
            connection.shm_query_version().map_err(failed)?.reply().map_err(failed)?;
        }
        let watched = self.window.unwrap_or(self.root);
        if has(damage::X11_EXTENSION_NAME)? {
            connection.damage_query_version(1, 1).map_err(failed)?.reply().map_err(failed)?;
            let id = connection.generate_id().map_err(failed)?;
            let made = connection.damage_create(id, watched, ReportLevel::NON_EMPTY).map_err(failed)?;
            self.damage = made.check().is_ok().then_some(id);
        }
        if let Some(window) = self.window {
            let mask = ChangeWindowAttributesAux::new().event_mask(EventMask::STRUCTURE_NOTIFY);
            let asked = connection.change_window_attributes(window, &mask).map_err(failed)?;
            asked.check().map_err(failed)?;
            if has(composite::X11_EXTENSION_NAME)? {
                connection.composite_query_version(0, 4).map_err(failed)?.reply().map_err(failed)?;
                // Another program may have done it already: then this fails, and is not needed.
                let _ = connection.composite_redirect_window(window, Redirect::AUTOMATIC).map_err(failed)?.check();
                self.look_behind()?;
            }
        }
        Ok(())
    }

    /// Gets the pixels behind the window anew: they are others after each change of its size.
    fn look_behind(&mut self) -> io::Result<()> {
        let Some(window) = self.window else { return Ok(()) };
        if let Some(old) = self.behind.take() {
            self.connection.free_pixmap(old).map_err(failed)?;
        }
        let id = self.connection.generate_id().map_err(failed)?;
        let named = self.connection.composite_name_window_pixmap(window, id).map_err(failed)?;
        self.behind = named.check().is_ok().then_some(id);
        Ok(())
    }

    /// Reads what the server told since the last time.
    fn read_events(&mut self) -> io::Result<()> {
        let mut is_resized = false;
        while let Some(event) = self.connection.poll_for_event().map_err(failed)? {
            match event {
                Event::DamageNotify(_) => self.is_stale = true,
                Event::ConfigureNotify(told) if Some(told.window) == self.window => {
                    let (width, height) = (told.width.max(1), told.height.max(1));
                    is_resized |= (width, height) != (self.area.width, self.area.height);
                    self.area = Area { width, height, ..self.area };
                }
                Event::MapNotify(told) if Some(told.window) == self.window => is_resized = true,
                Event::DestroyNotify(told) if Some(told.window) == self.window => self.is_closed = true,
                _ => {}
            }
        }
        if is_resized && !self.is_closed && self.behind.is_some() {
            self.look_behind()?;
        }
        self.is_stale |= is_resized || self.damage.is_none();
        Ok(())
    }

    /// Takes the pixels as they are now.
    fn fetch(&mut self) -> io::Result<()> {
        if let Some(damage) = self.damage {
            // Before the pixels, so that what is drawn meanwhile counts for the next time.
            self.connection.damage_subtract(damage, x11rb::NONE, x11rb::NONE).map_err(failed)?;
        }
        let from: Drawable = self.behind.or(self.window).unwrap_or(self.root);
        let mut picture = std::mem::take(&mut self.ground);
        let taken = self.pixels.take(&self.connection, from, self.area, &mut picture);
        // A window may be hidden or change its size at this moment: the old picture stays until it is told.
        match taken {
            Ok(()) => self.is_stale = false,
            Err(_) if self.window.is_some() && picture.is_consistent() => {}
            Err(error) => return Err(error),
        }
        self.ground = picture;
        Ok(())
    }

    /// Where the upper left corner of the picture lies on the screen.
    fn origin(&self) -> (i32, i32) {
        let Some(window) = self.window else { return (self.area.x.into(), self.area.y.into()) };
        let asked = self.connection.translate_coordinates(window, self.root, 0, 0).ok();
        let told = asked.and_then(|cookie| cookie.reply().ok());
        told.map_or((i32::MIN / 2, i32::MIN / 2), |told| (told.dst_x.into(), told.dst_y.into()))
    }
}

impl CameraSource for X11Screen {
    fn format(&self) -> CameraFormat {
        self.format
    }

    fn next_frame(&mut self) -> io::Result<Option<Captured>> {
        self.pacer.skip_late();
        let at = self.pacer.wait(1);
        self.read_events()?;
        if self.is_closed {
            return Ok(None);
        }
        if self.is_stale {
            self.fetch()?;
        }
        let mut picture = self.ground.clone();
        if let Some(cursor) = cursor(&self.connection) {
            draw(&cursor, &mut picture, self.origin());
        }
        let picture = fit(picture, self.format.width, self.format.height);
        Ok(Some(Captured { at, image: CapturedImage::Picture(picture) }))
    }
}

/// The part of the root, or all of a window.
fn area_of(connection: &RustConnection, root: Window, screen: &Screen) -> io::Result<Area> {
    let gone =
        || io::Error::new(io::ErrorKind::NotFound, format!("\u{201c}{}\u{201d} is not there any more", screen.name));
    match screen.kind {
        ScreenKind::Monitor => {
            let found = monitors(connection, root).into_iter().find(|(monitor, _)| monitor.name == screen.name);
            let (monitor, (x, y)) = found.ok_or_else(gone)?;
            Ok(Area { x, y, width: monitor.width.max(1), height: monitor.height.max(1) })
        }
        ScreenKind::Choice => Err(gone()),
        ScreenKind::Whole | ScreenKind::Window => {
            let drawable = if screen.kind == ScreenKind::Window { screen.window } else { root };
            let told = connection.get_geometry(drawable).map_err(failed)?.reply().map_err(|_| gone())?;
            Ok(Area { x: 0, y: 0, width: told.width.max(1), height: told.height.max(1) })
        }
    }
}
