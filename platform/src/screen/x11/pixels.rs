//! Pixels from the server.
//!
//! The memory that the server writes to is read as the file that it is, in pieces that fit the processor's cache: one copy more
//! than with a mapping, too small to be noticed, and no memory that another program changes under a Rust reference.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use x11rb::connection::{Connection, RequestConnection};
use x11rb::protocol::shm::{self, ConnectionExt as _, Seg};
use x11rb::protocol::xproto::{ConnectionExt as _, Drawable, ImageFormat, ImageOrder, Screen};
use x11rb::rust_connection::RustConnection;

use super::failed;
use crate::picture::Picture;

/// Bytes of a pixel as the server stores it.
const STORED_BYTES: usize = 4;
/// Bytes read at once.
const PIECE_BYTES: usize = 128 * 1024;

/// A part of a drawable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Area {
    /// Column of the upper left corner.
    pub x: i16,
    /// Its row.
    pub y: i16,
    /// Pixels in a row; not 0.
    pub width: u16,
    /// Rows; not 0.
    pub height: u16,
}

/// Where the server puts pixels.
pub struct Pixels {
    shared: Option<(Seg, File)>,
    len_bytes: usize,
    piece: Vec<u8>,
}

impl Pixels {
    /// Nothing is taken from the server yet.
    ///
    /// # Errors
    /// `Unsupported`: pixels of this screen are not of red, green and blue in four bytes.
    pub fn new(connection: &RustConnection, screen: &Screen) -> io::Result<Self> {
        let setup = connection.setup();
        let stored = setup.pixmap_formats.iter().find(|format| format.depth == screen.root_depth);
        let visuals = screen.allowed_depths.iter().flat_map(|depth| &depth.visuals);
        let visual = visuals.into_iter().find(|visual| visual.visual_id == screen.root_visual);
        let is_usual = setup.image_byte_order == ImageOrder::LSB_FIRST
            && stored.is_some_and(|format| usize::from(format.bits_per_pixel) == STORED_BYTES * 8)
            && visual.is_some_and(|v| (v.red_mask, v.green_mask, v.blue_mask) == (0xFF_0000, 0xFF00, 0xFF));
        if !is_usual {
            let text = format!("a screen of {} bits a pixel can't be shared, but of 24", screen.root_depth);
            return Err(io::Error::new(io::ErrorKind::Unsupported, text));
        }
        Ok(Self { shared: None, len_bytes: 0, piece: vec![0; PIECE_BYTES] })
    }

    /// Takes the pixels of an area, which must lie inside the drawable, into `picture`.
    ///
    /// # Errors
    /// What the server says: the drawable may be gone, or smaller than it was.
    pub fn take(
        &mut self,
        connection: &RustConnection,
        from: Drawable,
        area: Area,
        picture: &mut Picture,
    ) -> io::Result<()> {
        let needed = usize::from(area.width) * usize::from(area.height) * STORED_BYTES;
        picture.width = area.width;
        picture.height = area.height;
        picture.rgb.resize(needed / STORED_BYTES * 3, 0);
        if needed > self.len_bytes {
            self.grow(connection, needed)?;
        }
        let Some((segment, file)) = &self.shared else { return take_by_message(connection, from, area, picture) };
        let format = ImageFormat::Z_PIXMAP.into();
        let Area { x, y, width, height } = area;
        let asked = connection.shm_get_image(from, x, y, width, height, !0, format, *segment, 0).map_err(failed)?;
        asked.reply().map_err(failed)?;
        let mut at = 0;
        for pixels in picture.rgb.chunks_mut(PIECE_BYTES / STORED_BYTES * 3) {
            let piece = &mut self.piece[..pixels.len() / 3 * STORED_BYTES];
            file.read_exact_at(piece, at)?;
            at += piece.len() as u64;
            convert(piece, pixels);
        }
        Ok(())
    }

    /// Gets shared memory of that size; where there is none (a display on another machine), pixels come as messages.
    fn grow(&mut self, connection: &RustConnection, needed: usize) -> io::Result<()> {
        if let Some((segment, _)) = self.shared.take() {
            connection.shm_detach(segment).map_err(failed)?;
        }
        self.len_bytes = needed;
        let is_there = connection.extension_information(shm::X11_EXTENSION_NAME).map_err(failed)?.is_some();
        let Some(size) = u32::try_from(needed).ok().filter(|_| is_there) else { return Ok(()) };
        let segment = connection.generate_id().map_err(failed)?;
        let made = connection.shm_create_segment(segment, size, false).map_err(failed)?.reply();
        self.shared = made.ok().map(|made| (segment, File::from(made.shm_fd)));
        Ok(())
    }
}

fn take_by_message(connection: &RustConnection, from: Drawable, area: Area, picture: &mut Picture) -> io::Result<()> {
    let Area { x, y, width, height } = area;
    let asked = connection.get_image(ImageFormat::Z_PIXMAP, from, x, y, width, height, !0).map_err(failed)?;
    let told = asked.reply().map_err(failed)?;
    if told.data.len() < picture.rgb.len() / 3 * STORED_BYTES {
        return Err(failed("fewer pixels than asked for"));
    }
    convert(&told.data, &mut picture.rgb);
    Ok(())
}

/// Blue, green, red and a byte without meaning become red, green, blue.
fn convert(stored: &[u8], rgb: &mut [u8]) {
    let (stored, _) = stored.as_chunks::<STORED_BYTES>();
    let (pixels, _) = rgb.as_chunks_mut();
    for (pixel, [blue, green, red, _]) in pixels.iter_mut().zip(stored) {
        *pixel = [*red, *green, *blue];
    }
}
