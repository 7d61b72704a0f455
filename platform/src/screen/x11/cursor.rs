//! The cursor: no part of the screen's pixels, so it is drawn into the picture.

use x11rb::protocol::xfixes::{ConnectionExt as _, GetCursorImageReply};
use x11rb::rust_connection::RustConnection;

use crate::picture::Picture;

/// Form and place of the cursor. None if the server can't tell.
pub fn cursor(connection: &RustConnection) -> Option<GetCursorImageReply> {
    connection.xfixes_get_cursor_image().ok()?.reply().ok()
}

/// Draws the cursor into a picture whose upper left corner lies at `origin` of the screen; what lies outside is left out.
pub fn draw(cursor: &GetCursorImageReply, picture: &mut Picture, origin: (i32, i32)) {
    let left = i32::from(cursor.x) - i32::from(cursor.xhot) - origin.0;
    let top = i32::from(cursor.y) - i32::from(cursor.yhot) - origin.1;
    let (width, height) = (i32::from(picture.width), i32::from(picture.height));
    let row_pixels = usize::from(cursor.width).max(1);
    for (row, line) in (top..).zip(cursor.cursor_image.chunks_exact(row_pixels).take(cursor.height.into())) {
        for (column, argb) in (left..).zip(line) {
            if (0..width).contains(&column) && (0..height).contains(&row) {
                let at = (row * width + column) as usize * 3;
                blend(&mut picture.rgb[at..at + 3], *argb);
            }
        }
    }
}

/// Puts a pixel over another: alpha, red, green, blue, from the highest byte; already multiplied by alpha.
fn blend(pixel: &mut [u8], argb: u32) {
    let [alpha, colour @ ..] = argb.to_be_bytes();
    for (below, above) in pixel.iter_mut().zip(colour) {
        let shown = u16::from(*below) * (255 - u16::from(alpha)) / 255;
        *below = u8::try_from(shown + u16::from(above)).unwrap_or(u8::MAX);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn square(x: i16, y: i16, argb: u32) -> GetCursorImageReply {
        GetCursorImageReply {
            x,
            y,
            width: 2,
            height: 2,
            xhot: 1,
            yhot: 1,
            cursor_image: vec![argb; 4],
            ..Default::default()
        }
    }

    fn drawn(cursor: &GetCursorImageReply, origin: (i32, i32)) -> Vec<(u16, u16)> {
        let mut picture = Picture::black(4, 3);
        draw(cursor, &mut picture, origin);
        let places = (0..3).flat_map(|y| (0..4).map(move |x| (x, y)));
        places.filter(|(x, y)| picture.pixel(*x, *y) != Some([0; 3])).collect()
    }

    #[test]
    fn the_cursor_points_with_its_hot_spot_and_is_cut_at_the_border() {
        let white = 0xFFFF_FFFF;
        assert_eq!(drawn(&square(2, 1, white), (0, 0)), [(1, 0), (2, 0), (1, 1), (2, 1)]);
        assert_eq!(drawn(&square(102, 51, white), (100, 50)), [(1, 0), (2, 0), (1, 1), (2, 1)]);
        assert_eq!(drawn(&square(0, 0, white), (0, 0)), [(0, 0)]);
        assert_eq!(drawn(&square(4, 3, white), (0, 0)), [(3, 2)]);
        assert_eq!(drawn(&square(-100, 500, white), (0, 0)), []);
    }

    #[test]
    fn what_is_half_there_lets_half_through() {
        let mut pixel = [200, 100, 0];
        blend(&mut pixel, 0x8040_0000);
        assert_eq!(pixel, [163, 49, 0]);
        blend(&mut pixel, 0);
        assert_eq!(pixel, [163, 49, 0], "what is not there changes nothing");
        blend(&mut pixel, 0x01FF_FFFF);
        assert_eq!(pixel, [255; 3], "a wrong alpha does not wrap around");
    }
}
