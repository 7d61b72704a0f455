use super::*;

/// A die that falls the same way each time (splitmix64).
struct Dice(u64);

impl Dice {
    const fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ z >> 31) % bound as u64) as usize
    }
}

fn png_of(width: u32, height: u32, color: png::ColorType, sample: impl Fn(usize) -> u8) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, width, height);
    encoder.set_color(color);
    let samples: Vec<u8> = (0..width as usize * height as usize * color.samples()).map(sample).collect();
    encoder.write_header().and_then(|mut writer| writer.write_image_data(&samples)).expect("written");
    bytes
}

/// A JPEG of 8x8 grey pixels, by hand: baseline, one component, every coefficient zero.
fn grey_jpeg(width: u16, height: u16) -> Vec<u8> {
    let mut bytes = vec![0xff, 0xd8, 0xff, 0xdb, 0, 67, 0];
    bytes.extend([1; 64]);
    bytes.extend([0xff, 0xc0, 0, 11, 8]);
    bytes.extend(height.to_be_bytes());
    bytes.extend(width.to_be_bytes());
    bytes.extend([1, 1, 0x11, 0]);
    for class in [0x00, 0x10] {
        bytes.extend([0xff, 0xc4, 0, 20, class, 1]);
        bytes.extend([0; 15]);
        bytes.push(0);
    }
    bytes.extend([0xff, 0xda, 0, 8, 1, 1, 0, 0, 63, 0]);
    // Two bits a block: no difference, end of block.
    bytes.extend(std::iter::repeat_n(0, (usize::from(width.min(64)) / 8) * (usize::from(height.min(64)) / 8) / 4 + 1));
    bytes.extend([0xff, 0xd9]);
    bytes
}

#[test]
fn pictures_of_each_kind_come_out_as_they_are() {
    for (color, first) in [
        (png::ColorType::Grayscale, [200, 200, 200]),
        (png::ColorType::Rgb, [200, 200, 200]),
        // A fifth of it shines through to the paper.
        (png::ColorType::Rgba, [211, 211, 211]),
        (png::ColorType::GrayscaleAlpha, [211, 211, 211]),
    ] {
        let pixels = decode(&png_of(4, 3, color, |_| 200)).expect("a picture");
        let pixel = pixels.as_slice()[0];
        assert_eq!(((pixels.width(), pixels.height()), [pixel.r, pixel.g, pixel.b]), ((4, 3), first), "{color:?}");
    }
    let pixels = decode(&grey_jpeg(16, 8)).expect("a picture");
    assert_eq!((pixels.width(), pixels.height(), pixels.as_slice()[0].g), (16, 8, 128));
}

#[test]
fn a_large_picture_is_made_small_by_the_mean_of_its_pixels() {
    let stripes = png_of(1400, 700, png::ColorType::Grayscale, |at| if at % 2 == 0 { 0 } else { 200 });
    let pixels = decode(&stripes).expect("a picture");
    assert_eq!((pixels.width(), pixels.height()), (466, 233));
    assert!(pixels.as_slice().iter().all(|pixel| (60..=140).contains(&pixel.r)), "no stripe is left out");
    assert!(decode(&png_of(3, 2000, png::ColorType::Rgb, |_| 9)).is_some_and(|pixels| pixels.height() == 500));
}

#[test]
fn what_says_to_be_huge_is_not_even_begun() {
    // A header alone, of 30000x30000, as the file of a hundred bytes that fills a gigabyte has it.
    let mut bomb = png_of(1, 1, png::ColorType::Rgb, |_| 0);
    bomb[16..20].copy_from_slice(&30_000_u32.to_be_bytes());
    bomb[20..24].copy_from_slice(&30_000_u32.to_be_bytes());
    let sum = crc(&bomb[12..29]);
    bomb[29..33].copy_from_slice(&sum.to_be_bytes());
    assert!(decode(&bomb).is_none());
    assert!(decode(&grey_jpeg(60_000, 60_000)).is_none());
    assert!(!is_bounded(8000, 8000) && !is_bounded(0, 5) && is_bounded(6000, 4000));
}

/// The sum behind each part of a PNG (its specification, annex D).
fn crc(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0u32, |sum, byte| {
        (0..8).fold(sum ^ u32::from(*byte), |sum, _| if sum & 1 == 1 { sum >> 1 ^ 0xedb8_8320 } else { sum >> 1 })
    })
}

#[test]
fn damaged_pictures_are_refused_and_never_end_the_program() {
    let good = [png_of(20, 20, png::ColorType::Rgba, |at| at as u8), grey_jpeg(32, 32)];
    let mut dice = Dice(1);
    for turn in 0..4000 {
        let mut bytes = good[turn % 2].clone();
        for _ in 0..=dice.below(6) {
            let at = dice.below(bytes.len());
            bytes[at] = dice.below(256) as u8;
        }
        if dice.below(3) == 0 {
            bytes.truncate(dice.below(bytes.len()));
        }
        let folder = tempfile::tempdir().expect("a folder");
        if turn % 100 == 0 {
            let path = folder.path().join("a.png");
            std::fs::write(&path, &bytes).expect("written");
            let _ = read(&path);
        }
        if let Some(pixels) = decode(&bytes) {
            assert!(pixels.width() as usize <= SHOWN_MAX && pixels.height() as usize <= SHOWN_MAX);
        }
    }
    for nothing in [&b""[..], b"GIF89a", b"\x89PNG", b"\xff\xd8\xff", b"<svg xmlns='http://www.w3.org/2000/svg'/>"] {
        assert!(decode(nothing).is_none());
    }
}

#[test]
fn a_file_that_is_too_long_or_not_there_is_no_picture() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("a.png");
    assert!(read(&path).is_none());
    let mut long = png_of(4, 4, png::ColorType::Rgb, |_| 7);
    std::fs::write(&path, &long).expect("written");
    assert!(read(&path).is_some());
    long.resize(BYTES_MAX as usize + 1, 0);
    std::fs::write(&path, &long).expect("written");
    assert!(read(&path).is_none());
}
