//! The people of the pictures, and what their cameras show.

use slint::{Image, Rgb8Pixel, SharedPixelBuffer};

/// Name, letter of the given name, hue.
pub const PEOPLE: [(&str, &str, f32); 7] = [
    ("Nguyễn Thị Hường", "H", 10.0),
    ("Trần Quốc Đạt", "Đ", 60.0),
    ("Lê Mỹ Ngọc", "N", 130.0),
    ("Phạm Ỷ Lan", "L", 190.0),
    ("Grace Hopper", "G", 250.0),
    ("Đỗ Uyển Nhi", "N", 300.0),
    ("Vũ Khương Duy", "D", 340.0),
];

/// A picture as a camera may give it: a wall with light on it, and somebody before it.
pub fn portrait(index: usize) -> Image {
    const WIDTH: usize = 320;
    const HEIGHT: usize = 180;
    const WALLS: [[f32; 3]; 7] = [
        [196.0, 178.0, 150.0],
        [120.0, 140.0, 160.0],
        [150.0, 170.0, 140.0],
        [186.0, 150.0, 140.0],
        [130.0, 120.0, 150.0],
        [160.0, 175.0, 185.0],
        [175.0, 160.0, 120.0],
    ];
    const COATS: [[f32; 3]; 7] = [
        [60.0, 84.0, 120.0],
        [80.0, 60.0, 70.0],
        [180.0, 70.0, 70.0],
        [50.0, 90.0, 80.0],
        [90.0, 90.0, 96.0],
        [110.0, 80.0, 130.0],
        [40.0, 60.0, 90.0],
    ];
    let (wall, coat) = (WALLS[index % 7], COATS[index % 7]);
    let mut pixels = SharedPixelBuffer::<Rgb8Pixel>::new(WIDTH as u32, HEIGHT as u32);
    let middle = 150.0 + (index * 29 % 40) as f32;
    for (at, pixel) in pixels.make_mut_slice().iter_mut().enumerate() {
        let (x, y) = ((at % WIDTH) as f32, (at / WIDTH) as f32);
        let is_in = |cx: f32, cy: f32, rx: f32, ry: f32| ((x - cx) / rx).powi(2) + ((y - cy) / ry).powi(2) < 1.0;
        let light = 0.7 + 0.4 * (1.0 - x / WIDTH as f32) * (1.0 - y / HEIGHT as f32);
        let shade = if is_in(middle, 70.0, 27.0, 35.0) && y > 52.0 {
            [214.0, 168.0, 138.0]
        } else if is_in(middle, 64.0, 33.0, 40.0) {
            [44.0, 34.0, 32.0]
        } else if is_in(middle, 176.0, 80.0, 66.0) || (is_in(middle, 112.0, 13.0, 20.0) && y > 96.0) {
            coat
        } else {
            wall
        };
        let [r, g, b] = shade.map(|channel| (channel * light).clamp(0.0, 255.0) as u8);
        *pixel = Rgb8Pixel { r, g, b };
    }
    Image::from_rgb8(pixels)
}

/// A slide, as somebody may show it.
pub fn slide() -> Image {
    const WIDTH: usize = 640;
    const HEIGHT: usize = 360;
    let mut pixels = SharedPixelBuffer::<Rgb8Pixel>::new(WIDTH as u32, HEIGHT as u32);
    for (at, pixel) in pixels.make_mut_slice().iter_mut().enumerate() {
        let (x, y) = (at % WIDTH, at / WIDTH);
        let is_title = (40..300).contains(&x) && (40..62).contains(&y);
        let is_line = (40..280).contains(&x) && (100..260).contains(&y) && y % 32 < 10 && x < 40 + 240 - (y * 7 % 90);
        let bar = (x.saturating_sub(360)) / 56;
        let is_bar =
            (360..584).contains(&x) && (x - 360) % 56 < 40 && y < 300 && y > 300 - [90, 140, 120, 190][bar % 4];
        let [r, g, b] = match () {
            () if is_title => [36, 60, 110],
            () if is_line => [150, 156, 166],
            () if is_bar => [36, 87, 214],
            () => [250, 250, 252],
        };
        *pixel = Rgb8Pixel { r, g, b };
    }
    Image::from_rgb8(pixels)
}
