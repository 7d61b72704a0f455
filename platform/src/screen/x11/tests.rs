//! Tests against a real X server without a screen (Xvfb).

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use x11rb::connection::Connection;
use x11rb::protocol::xproto::{
    ChangeGCAux, ChangeWindowAttributesAux, ConfigureWindowAux, ConnectionExt as _, CreateGCAux, CreateWindowAux,
    Gcontext, PropMode, Rectangle, Window, WindowClass,
};
use x11rb::rust_connection::RustConnection;
use x11rb::wrapper::ConnectionExt as _;

use super::*;
use crate::camera::{CameraSource, CapturedImage};
use crate::clock::Clock;
use crate::picture::Picture;
use crate::screen::{Screen, ScreenKind, ScreenMode, open_screen};
use hph_core::time::Duration;

const BLUE: u32 = 0x2040E0;

/// An X server that ends with this value.
struct Display {
    server: Child,
    name: String,
}

impl Display {
    fn start(size: &str) -> Self {
        let mut server = Command::new("Xvfb")
            .args(["-displayfd", "1", "-screen", "0", size, "-nolisten", "tcp", "-noreset"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("no Xvfb: scripts/setup test installs it");
        let mut number = String::new();
        let told = server.stdout.take().expect("it has an output");
        BufReader::new(told).read_line(&mut number).expect("it tells its number");
        Self { server, name: format!(":{}", number.trim()) }
    }
}

impl Drop for Display {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

/// Somebody who draws.
struct Painter {
    connection: RustConnection,
    root: Window,
    brush: Gcontext,
}

impl Painter {
    fn new(display: &Display) -> Self {
        let (connection, number) = x11rb::connect(Some(&display.name)).unwrap();
        let root = connection.setup().roots[number].root;
        let brush = connection.generate_id().unwrap();
        connection.create_gc(brush, root, &CreateGCAux::new()).unwrap();
        let painter = Self { connection, root, brush };
        painter.show_cursor();
        painter
    }

    /// Without a window manager nobody has given the root window a cursor.
    fn show_cursor(&self) {
        let (font, cursor) = (self.connection.generate_id().unwrap(), self.connection.generate_id().unwrap());
        self.connection.open_font(font, b"cursor").unwrap();
        // A left-pointing arrow and its mask.
        self.connection.create_glyph_cursor(cursor, font, font, 68, 69, 0, 0, 0, u16::MAX, u16::MAX, u16::MAX).unwrap();
        let look = ChangeWindowAttributesAux::new().cursor(cursor);
        self.connection.change_window_attributes(self.root, &look).unwrap();
        self.settle();
    }

    fn fill(&self, on: Window, (x, y, width, height): (i16, i16, u16, u16), rgb: u32) {
        self.connection.change_gc(self.brush, &ChangeGCAux::new().foreground(rgb)).unwrap();
        self.connection.poly_fill_rectangle(on, self.brush, &[Rectangle { x, y, width, height }]).unwrap();
        self.settle();
    }

    fn window(&self, title: &str, (x, y, width, height): (i16, i16, u16, u16), rgb: u32) -> Window {
        let id = self.connection.generate_id().unwrap();
        let look = CreateWindowAux::new().background_pixel(rgb);
        let class = WindowClass::INPUT_OUTPUT;
        self.connection.create_window(0, id, self.root, x, y, width, height, 0, class, 0, &look).unwrap();
        let name = x11rb::protocol::xproto::AtomEnum::WM_NAME;
        let kind = x11rb::protocol::xproto::AtomEnum::STRING;
        self.connection.change_property8(PropMode::REPLACE, id, name, kind, title.as_bytes()).unwrap();
        self.connection.map_window(id).unwrap();
        self.settle();
        id
    }

    fn settle(&self) {
        self.connection.sync().unwrap();
    }
}

fn open(display: &Display, target: &str, mode: ScreenMode) -> Box<dyn CameraSource> {
    open_screen(&format!("{}/{target}", display.name), mode).unwrap()
}

fn next(source: &mut dyn CameraSource) -> Picture {
    match source.next_frame().unwrap().expect("it goes on").image {
        CapturedImage::Picture(picture) => picture,
        CapturedImage::Jpeg(_) => unreachable!("screens are pixels"),
    }
}

fn rgb(colour: u32) -> Option<[u8; 3]> {
    let [_, red, green, blue] = colour.to_be_bytes();
    Some([red, green, blue])
}

#[test]
fn what_is_drawn_is_what_is_shared_pixel_by_pixel() {
    let display = Display::start("640x480x24");
    let painter = Painter::new(&display);
    painter.connection.warp_pointer(x11rb::NONE, painter.root, 0, 0, 0, 0, 639, 479).unwrap();
    painter.fill(painter.root, (0, 0, 640, 480), 0x102030);
    let mut source = open(&display, "all", ScreenMode::Motion);
    assert_eq!((source.format().width, source.format().height, source.format().fps), (640, 480, 30));
    painter.fill(painter.root, (100, 50, 30, 20), BLUE);
    let picture = next(source.as_mut());
    for (x, y, colour) in
        [(99, 50, 0x102030), (100, 50, BLUE), (129, 69, BLUE), (130, 69, 0x102030), (100, 70, 0x102030)]
    {
        assert_eq!(picture.pixel(x, y), rgb(colour), "at {x}, {y}");
    }
    let blue = picture.rgb.chunks_exact(3).filter(|pixel| rgb(BLUE).is_some_and(|blue| blue == **pixel)).count();
    assert_eq!(blue, 600);
    painter.fill(painter.root, (0, 0, 640, 480), 0xFFFFFF);
    let picture = next(source.as_mut());
    assert_eq!(picture.pixel(100, 50), Some([255; 3]), "what is drawn later is seen later");
}

#[test]
fn the_cursor_is_in_the_picture_where_it_points() {
    let display = Display::start("320x240x24");
    let painter = Painter::new(&display);
    painter.fill(painter.root, (0, 0, 320, 240), 0x808080);
    let look = |x, y| {
        painter.connection.warp_pointer(x11rb::NONE, painter.root, 0, 0, 0, 0, x, y).unwrap();
        painter.settle();
        let picture = next(open(&display, "all", ScreenMode::Motion).as_mut());
        let is_drawn = |n: &usize| picture.rgb[n * 3..n * 3 + 3] != [0x80; 3];
        let drawn: Vec<usize> = (0..320 * 240).filter(is_drawn).collect();
        (drawn.iter().map(|n| n % 320).min(), drawn.len())
    };
    let ((first, count), (second, _)) = (look(50, 60), look(150, 60));
    assert!(count > 20, "{count} pixels");
    assert_eq!(second.unwrap() - first.unwrap(), 100);
}

#[test]
fn a_window_is_shared_alone_even_where_another_covers_it() {
    let display = Display::start("640x480x24");
    let painter = Painter::new(&display);
    let window = painter.window("Letter to Lan", (50, 40, 200, 100), 0x30A030);
    let mut source = open(&display, "letter", ScreenMode::Motion);
    assert_eq!((source.format().width, source.format().height), (200, 100));
    painter.window("Cover", (0, 0, 640, 480), 0xFF0000);
    let picture = next(source.as_mut());
    assert_eq!((picture.width, picture.height), (200, 100));
    assert!(picture.rgb.chunks_exact(3).all(|pixel| pixel == [0x30, 0xA0, 0x30]));
    painter.fill(window, (10, 10, 5, 5), BLUE);
    assert_eq!(next(source.as_mut()).pixel(12, 12), rgb(BLUE), "what is drawn under the cover is seen");
    let size = ConfigureWindowAux::new().width(400).height(200);
    painter.connection.configure_window(window, &size).unwrap();
    painter.settle();
    let picture = next(source.as_mut());
    assert_eq!((picture.width, picture.height), (200, 100), "a larger window is made to fit");
    painter.connection.destroy_window(window).unwrap();
    painter.settle();
    assert!(source.next_frame().unwrap().is_none(), "a closed window is the end");
}

#[test]
fn what_can_be_shared_is_listed_with_what_people_call_it() {
    let display = Display::start("640x480x24");
    let painter = Painter::new(&display);
    painter.window("Slides", (0, 0, 300, 200), 0);
    painter.window("tiny", (0, 0, 8, 8), 0);
    let screens = screens(Some(&display.name)).unwrap();
    let of = |kind: ScreenKind| screens.iter().filter(|screen| screen.kind == kind).collect::<Vec<&Screen>>();
    assert_eq!(of(ScreenKind::Whole).len(), 1);
    assert_eq!((of(ScreenKind::Whole)[0].width, of(ScreenKind::Whole)[0].height), (640, 480));
    assert_eq!(of(ScreenKind::Window).iter().map(|screen| screen.name.as_str()).collect::<Vec<_>>(), ["Slides"]);
    for monitor in of(ScreenKind::Monitor) {
        let mut source = open(&display, &monitor.name, ScreenMode::Text);
        assert_eq!(next(source.as_mut()).width, 640);
    }
    let error = open_screen(&format!("{}/no such window", display.name), ScreenMode::Text).err().unwrap();
    assert!(error.to_string().contains("Slides"), "{error}");
}

#[test]
fn a_screen_larger_than_a_picture_may_be_is_made_to_fit() {
    let display = Display::start("2560x120x24");
    let painter = Painter::new(&display);
    painter.fill(painter.root, (0, 0, 1280, 120), 0xFFFFFF);
    painter.fill(painter.root, (1280, 0, 1280, 120), BLUE);
    let mut source = open(&display, "all", ScreenMode::Text);
    assert_eq!((source.format().width, source.format().height, source.format().fps), (1920, 90, 5));
    let picture = next(source.as_mut());
    assert_eq!((picture.pixel(900, 10), picture.pixel(1000, 10)), (Some([255; 3]), rgb(BLUE)));
}

#[test]
fn a_server_that_goes_away_is_an_error_and_no_wait() {
    let display = Display::start("320x240x24");
    let mut source = open(&display, "all", ScreenMode::Motion);
    next(source.as_mut());
    drop(display);
    let begin = Clock::now();
    while source.next_frame().is_ok() {
        assert!(Clock::now().since(begin) < Duration::from_secs(5));
    }
    assert!(open_screen(":77777/all", ScreenMode::Text).is_err());
}

#[test]
fn motion_keeps_its_rate_while_the_screen_changes() {
    let display = Display::start("320x180x24");
    let painter = Painter::new(&display);
    let mut source = open(&display, "all", ScreenMode::Motion);
    let begin = Clock::now();
    for n in 0..30 {
        painter.fill(painter.root, (0, 0, 320, 180), n * 0x010203);
        assert_eq!(next(source.as_mut()).pixel(0, 0), rgb(n * 0x010203), "picture {n}");
    }
    let us = Clock::now().since(begin).as_micros();
    // 29 intervals of 33 ms; a loaded machine may be late, but not early.
    assert!((930_000..3_000_000).contains(&us), "{us} us for 30 pictures");
}
