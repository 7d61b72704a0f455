use super::*;

/// The stages of the design, with the mean uncropped picture over 1 to 16 people that was measured there.
const STAGES: [(f32, f32, f32); 4] =
    [(1248.0, 592.0, 71.0), (900.0, 592.0, 71.0), (760.0, 400.0, 70.0), (592.0, 1100.0, 67.0)];

fn size(width: f32, height: f32) -> Size {
    Size { width, height }
}

fn page_of(stage: Size, count: usize) -> Grid {
    grid(stage, count, 0, &Limits::DESKTOP, None)
}

/// The part of the stage that pictures of 16:9 take, all of each shown, in percent.
fn uncropped(stage: Size, count: usize) -> f32 {
    let tiles = page_of(stage, count).tiles;
    let pictures: f32 = tiles.iter().map(|tile| picture_area(size(tile.width, tile.height))).sum();
    100.0 * pictures / (stage.width * stage.height)
}

#[test]
fn pictures_take_as_much_of_the_stage_as_the_design_measured() {
    for (width, height, percent) in STAGES {
        let stage = size(width, height);
        let mean = (1..=16).map(|count| uncropped(stage, count)).sum::<f32>() / 16.0;
        assert!(mean.round() >= percent, "{width}x{height}: {mean:.2}");
    }
}

#[test]
fn everybody_is_seen_and_nobody_lies_over_another_or_outside() {
    for (width, height, _) in STAGES {
        let stage = size(width, height);
        for count in 0..=16 {
            let tiles = page_of(stage, count).tiles;
            assert_eq!(tiles.len(), count, "{width}x{height}");
            for (index, tile) in tiles.iter().enumerate() {
                let is_inside = tile.x > -0.01 && tile.y > -0.01 && tile.x + tile.width < width + 0.01;
                assert!(is_inside && tile.y + tile.height < height + 0.01, "{count}: {tile:?}");
                let aspect = tile.width / tile.height;
                assert!((ASPECT_NARROW - 0.001..=ASPECT_WIDE + 0.001).contains(&aspect), "{count}: {aspect}");
                assert!(cropped(size(tile.width, tile.height), (16.0, 9.0)) <= 0.2501);
                assert_eq!(fit(size(tile.width, tile.height), (1280, 720), false), Fit::Cover);
                for other in &tiles[..index] {
                    let is_apart = other.x + other.width <= tile.x + 0.01 || other.y + other.height <= tile.y + 0.01;
                    assert!(is_apart || tile.x + tile.width <= other.x + 0.01, "{count}: {tile:?} {other:?}");
                }
            }
        }
    }
}

#[test]
fn the_number_of_columns_is_what_shows_most() {
    for (width, height, count, expected) in [
        (1248.0, 592.0, 1, 1),
        (1248.0, 592.0, 2, 2),
        (1248.0, 592.0, 4, 2),
        (1248.0, 592.0, 7, 3),
        (1248.0, 592.0, 8, 3),
        (1600.0, 400.0, 8, 4),
        (1248.0, 592.0, 9, 3),
        (900.0, 592.0, 5, 2),
        (592.0, 1100.0, 2, 1),
        (592.0, 1100.0, 4, 1),
        (592.0, 1100.0, 7, 2),
        (1000.0, 10.0, 3, 3),
    ] {
        assert_eq!(columns(size(width, height), count, None), expected, "{width}x{height}, {count}");
    }
}

#[test]
fn the_last_row_stands_in_the_middle() {
    let tiles = page_of(size(1248.0, 592.0), 5).tiles;
    let last_row: Vec<_> = tiles.iter().filter(|tile| tile.y > tiles[0].y + 1.0).collect();
    assert!(!last_row.is_empty() && last_row.len() < 3);
    let middle = last_row.iter().map(|tile| tile.center().0).sum::<f32>() / last_row.len() as f32;
    assert!((middle - 624.0).abs() < 0.1, "{middle}");
}

#[test]
fn columns_stay_until_others_are_clearly_better() {
    // While a hand makes a window wider, not quite steadily.
    let changes = |keeps: bool| {
        let (mut columns, mut changes) = (None, 0);
        for step in 0..400 {
            let wobble = if step % 2 == 0 { 4.0 } else { -4.0 };
            let stage = size(500.0 + step as f32 * 2.0 + wobble, 592.0);
            let grid = grid(stage, 6, 0, &Limits::DESKTOP, columns.filter(|_| keeps));
            changes += usize::from(columns.is_some_and(|earlier| earlier != grid.columns));
            columns = Some(grid.columns);
        }
        changes
    };
    assert_eq!(changes(true), 1);
    assert!(changes(false) > 1, "the hand is steady: this shows nothing");
    let stage = size(1248.0, 592.0);
    assert_eq!(grid(stage, 4, 0, &Limits::DESKTOP, Some(4)).columns, 2, "four in a row waste the stage");
    assert_eq!(grid(stage, 2, 0, &Limits::DESKTOP, Some(7)).columns, 2, "more columns than tiles");
}

#[test]
fn what_does_not_fit_goes_to_other_pages() {
    let stage = size(1248.0, 592.0);
    for (count, limits, pages, first, last) in [
        (25, Limits::DESKTOP, 1, 25, 25),
        (26, Limits::DESKTOP, 2, 25, 1),
        (32, Limits::DESKTOP, 2, 25, 7),
        (10, Limits::KIOSK, 2, 9, 1),
        (0, Limits::DESKTOP, 1, 0, 0),
    ] {
        let page = |page| grid(stage, count, page, &limits, None);
        assert_eq!((page(0).pages, page(0).tiles.len(), page(99).tiles.len()), (pages, first, last), "{count}");
        assert_eq!(page(99).page, pages - 1);
        if pages > 1 {
            assert_eq!(page(0).tiles[0].width, page(1).tiles[0].width, "tiles keep their size");
        }
    }
    let narrow = grid(size(500.0, 400.0), 20, 0, &Limits::DESKTOP, None);
    assert!(narrow.pages > 1 && narrow.tiles.iter().all(|tile| tile.width >= TILE_WIDTH_MIN), "{narrow:?}");
    assert_eq!(grid(size(100.0, 100.0), 3, 0, &Limits::DESKTOP, None).tiles.len(), 1, "one is always shown");
    assert!(grid(size(0.0, 0.0), 3, 0, &Limits::DESKTOP, None).tiles[0].width.is_finite());
}

#[test]
fn a_picture_is_cut_only_a_little() {
    let tile = size(400.0, 300.0);
    for (picture, is_screen, expected) in [
        ((1280, 720), false, Fit::Cover),
        ((640, 480), false, Fit::Cover),
        ((720, 1280), false, Fit::Contain),
        ((1280, 720), true, Fit::Contain),
        ((2560, 720), false, Fit::Contain),
        ((0, 0), false, Fit::Contain),
    ] {
        assert_eq!(fit(tile, picture, is_screen), expected, "{picture:?}");
    }
}

#[test]
fn a_rail_is_beside_a_wide_stage_and_below_a_high_one() {
    let wide = spotlight(size(1248.0, 592.0), 6);
    assert_eq!((wide.rail.len(), wide.is_below), (4, false));
    assert_eq!(wide.main, Rect { x: 0.0, y: 0.0, width: 1248.0 - 180.0 - GAP, height: 592.0 });
    assert_eq!((wide.rail[0].width, wide.rail[0].height), (180.0, 135.0));
    let high = spotlight(size(592.0, 1100.0), 2);
    assert!(high.is_below && high.rail.len() == 2 && high.rail[0].y > high.main.height);
    assert_eq!(spotlight(size(800.0, 480.0), 0).main.width, 800.0);
    let small = spotlight(size(480.0, 400.0), 3);
    assert!(small.main.width >= 480.0 * 0.7, "{small:?}");
    assert!(spotlight(size(0.0, 0.0), 3).main.width.is_finite());
}

#[test]
fn the_own_picture_stays_in_its_corner() {
    let stage = size(1248.0, 592.0);
    for corner in [Corner::TopLeft, Corner::TopRight, Corner::BottomLeft, Corner::BottomRight] {
        let (other, me) = one_to_one(stage, corner);
        assert_eq!(other.area(), 1248.0 * 592.0);
        assert_eq!(Corner::nearest(stage, me.center()), corner, "{me:?}");
        assert!(me.x >= 0.0 && me.x + me.width <= 1248.0 && me.y >= 0.0 && me.y + me.height <= 592.0);
    }
}

#[test]
fn a_tile_wants_the_pixels_that_it_has() {
    for (width, scale, expected) in [(320.0, 1.0, 320), (320.2, 1.5, 481), (0.0, 1.0, 1), (1e9, 2.0, u16::MAX)] {
        assert_eq!(wanted_width(width, scale), expected);
    }
}
