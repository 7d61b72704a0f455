//! How large things are drawn: by the screen's millimetres, so that a finger meets what it aims at on every panel.

/// What a finger aims at is at least so large. **Units:** millimetres.
pub const TARGET_MM: f32 = 9.0;
/// The smallest of our targets. **Units:** logical pixels.
pub const TARGET_PX: f32 = 64.0;
/// A wider screen hangs on a wall and is looked at from afar. **Units:** millimetres.
const WALL_MM: f32 = 500.0;
/// Fewer logical pixels than this in a row leave no place for six buttons.
const WIDTH_MIN_PX: f32 = 640.0;
/// Fewer rows leave none for a bar, a stage and a keyboard.
const HEIGHT_MIN_PX: f32 = 400.0;

/// A screen.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Panel {
    /// Its pixels.
    pub pixels: (u32, u32),
    /// Its sides; 0: it does not say. **Units:** millimetres.
    pub mm: (u32, u32),
}

/// Pixels of the screen in one logical pixel. `percent`: as the owner says; none: by the screen's millimetres.
///
/// Never so large that the six buttons of a room have no place, never below 1: a screen on a wall is looked at from afar.
pub fn scale(panel: Panel, percent: Option<u32>) -> f32 {
    let (width, height) = (panel.pixels.0 as f32, panel.pixels.1 as f32);
    let most = (width / WIDTH_MIN_PX).min(height / HEIGHT_MIN_PX).max(1.0);
    if let Some(percent) = percent {
        return (percent as f32 / 100.0).clamp(0.5, 4.0);
    }
    let by_finger = match millimetres(panel) {
        Some(mm) if mm <= WALL_MM => TARGET_MM * (width / mm) / TARGET_PX,
        // A television, or a projector that does not say how large it is: as large as on one of 1280 pixels.
        _ => width / 1280.0,
    };
    // In steps of a quarter, so that lines stay sharp; up, so that targets are never too small.
    let stepped = (by_finger * 4.0).ceil() / 4.0;
    stepped.clamp(1.0, (most * 4.0).floor() / 4.0)
}

/// How wide it is; none if it says nothing that could be: some panels say 160 by 90 for 16:9, others centimetres.
fn millimetres(panel: Panel) -> Option<f32> {
    let (width, height) = panel.mm;
    if width < 50 || height < 30 || (width, height) == (160, 90) || (width, height) == (16, 9) {
        return None;
    }
    let per_mm = panel.pixels.0 as f32 / width as f32;
    // From 25 to 500 dots an inch.
    (1.0..=20.0).contains(&per_mm).then_some(width as f32)
}

/// The sides of a screen in its description (EDID, bytes 54 onwards: the first detailed timing; else bytes 21 and 22 in
/// centimetres). **Units:** millimetres; none if it is none.
pub fn edid_mm(edid: &[u8]) -> Option<(u32, u32)> {
    const HEADER: [u8; 8] = [0, 255, 255, 255, 255, 255, 255, 0];
    if edid.get(..8)? != HEADER {
        return None;
    }
    let byte = |at: usize| edid.get(at).copied().map(u32::from);
    let (low_w, low_h, high) = (byte(66)?, byte(67)?, byte(68)?);
    let exact = (low_w + ((high >> 4) << 8), low_h + ((high & 15) << 8));
    let is_timing = byte(54)? != 0 || byte(55)? != 0;
    if is_timing && exact.0 > 0 && exact.1 > 0 {
        return Some(exact);
    }
    let coarse = (byte(21)? * 10, byte(22)? * 10);
    (coarse.0 > 0 && coarse.1 > 0).then_some(coarse)
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn panel(pixels: (u32, u32), mm: (u32, u32)) -> Panel {
        Panel { pixels, mm }
    }

    #[test]
    fn a_finger_meets_nine_millimetres_on_every_panel() {
        for (name, screen, wanted) in [
            ("the 7 inch of 800x480", panel((800, 480), (154, 86)), 1.0),
            ("Touch Display 2, 210 dpi", panel((1280, 720), (155, 88)), 1.25),
            ("10 inch of 1280x800", panel((1280, 800), (217, 136)), 1.0),
            ("15 inch of 1920x1080", panel((1920, 1080), (344, 194)), 1.0),
            ("10 inch of 1920x1200", panel((1920, 1200), (217, 136)), 1.25),
            ("a television of 4K, 55 inch", panel((3840, 2160), (1210, 680)), 3.0),
            ("a small one of 4K, 13 inch", panel((3840, 2160), (294, 165)), 2.0),
        ] {
            let scale = scale(screen, None);
            assert_eq!(scale, wanted, "{name}");
            let target = TARGET_PX * scale / (screen.pixels.0 as f32 / screen.mm.0 as f32);
            assert!(target >= TARGET_MM, "{name}: {target} mm");
        }
    }

    #[test]
    fn a_screen_that_says_nothing_or_nonsense_is_taken_as_a_wall() {
        for mm in [(0, 0), (160, 90), (16, 9), (10, 10), (5000, 3000)] {
            assert_eq!(scale(panel((1920, 1080), mm), None), 1.5, "{mm:?}");
            assert_eq!(scale(panel((800, 480), mm), None), 1.0, "{mm:?}");
        }
    }

    #[test]
    fn there_is_always_place_for_the_buttons_and_the_owner_decides() {
        assert_eq!(scale(panel((1280, 720), (70, 40)), None), 1.75, "a watch, nearly");
        assert_eq!(scale(panel((800, 480), (50, 30)), None), 1.0);
        assert_eq!(scale(panel((1280, 720), (155, 88)), Some(200)), 2.0);
        assert_eq!(scale(panel((0, 0), (0, 0)), None), 1.0);
    }

    #[test]
    fn the_description_of_a_screen_says_how_large_it_is() {
        let mut edid = vec![0; 128];
        edid[..8].copy_from_slice(&[0, 255, 255, 255, 255, 255, 255, 0]);
        (edid[21], edid[22]) = (34, 19);
        assert_eq!(edid_mm(&edid), Some((340, 190)), "in centimetres");
        (edid[54], edid[66], edid[67], edid[68]) = (1, 0x58, 0xc2, 0x10);
        assert_eq!(edid_mm(&edid), Some((344, 194)));
        assert_eq!(edid_mm(&edid[..60]), None);
        edid[0] = 1;
        assert_eq!(edid_mm(&edid), None);
        assert_eq!(edid_mm(&[]), None);
    }
}
