//! Where tiles stand: pure functions of the stage, the number of tiles and what was there before.
//!
//! The grid shows the largest pictures of 16:9 that fit uncropped. Then each tile grows inside its cell, between 4:3 and
//! 16:9, and its picture covers it: at most a quarter is cut off.

/// Widest tile that a picture covers.
pub const ASPECT_WIDE: f32 = 16.0 / 9.0;
/// Narrowest tile that a picture covers.
pub const ASPECT_NARROW: f32 = 4.0 / 3.0;
/// Space between tiles. **Units:** logical pixels.
pub const GAP: f32 = 12.0;
/// Another number of columns must be better by so much to be taken.
const HYSTERESIS: f32 = 1.03;
/// A tile that is narrower goes to another page. **Units:** logical pixels.
pub const TILE_WIDTH_MIN: f32 = 160.0;
/// Tiles of the rail beside a large picture. **Units:** logical pixels.
pub const RAIL_TILE: Size = Size { width: 180.0, height: 135.0 };
/// The part of the stage's shorter side that the own picture takes beside one other.
const CORNER_SHARE: f32 = 0.25;

/// Width and height. **Units:** logical pixels.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Size {
    /// Width.
    pub width: f32,
    /// Height.
    pub height: f32,
}

/// A place on the stage. **Units:** logical pixels from its upper left corner.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Rect {
    /// From the left.
    pub x: f32,
    /// From above.
    pub y: f32,
    /// Width.
    pub width: f32,
    /// Height.
    pub height: f32,
}

impl Rect {
    /// Its area.
    pub const fn area(&self) -> f32 {
        self.width * self.height
    }

    /// Its middle.
    pub const fn center(&self) -> (f32, f32) {
        (self.x + self.width / 2.0, self.y + self.height / 2.0)
    }
}

/// Bounds of a page.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limits {
    /// Most tiles on a page.
    pub page_max: usize,
    /// Narrowest tile, unless there is only one.
    pub tile_width_min: f32,
}

impl Limits {
    /// A desktop's window.
    pub const DESKTOP: Self = Self { page_max: 25, tile_width_min: TILE_WIDTH_MIN };
    /// A small device that decodes few pictures.
    pub const KIOSK: Self = Self { page_max: 9, tile_width_min: TILE_WIDTH_MIN };
}

/// A page of equal tiles.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Grid {
    /// Columns: pass them in the next time.
    pub columns: usize,
    /// Most tiles on a page.
    pub per_page: usize,
    /// Pages, at least one.
    pub pages: usize,
    /// The page that is shown, from 0.
    pub page: usize,
    /// Its tiles, row by row.
    pub tiles: Vec<Rect>,
}

/// Places `count` tiles and gives those of page `page`, or of the last one if there are not so many. `earlier` is the number
/// of columns before.
pub fn grid(stage: Size, count: usize, page: usize, limits: &Limits, earlier: Option<usize>) -> Grid {
    let per_page = per_page(stage, count, limits);
    let pages = count.div_ceil(per_page).max(1);
    let page = page.min(pages - 1);
    // All pages have the columns of a full one, so that nothing jumps when one turns them.
    let laid_out = if pages > 1 { per_page } else { count };
    let columns = columns(stage, laid_out, earlier);
    let here = count.saturating_sub(page * per_page).min(per_page);
    Grid { columns, per_page, pages, page, tiles: place(stage, columns, laid_out, here) }
}

/// As many as fit without tiles becoming too narrow.
fn per_page(stage: Size, count: usize, limits: &Limits) -> usize {
    let most = limits.page_max.max(1).min(count.max(1));
    let is_wide_enough = |&count: &usize| {
        let columns = columns(stage, count, None);
        tile_size(cell(stage, columns, count)).width >= limits.tile_width_min
    };
    (1..=most).rev().find(is_wide_enough).unwrap_or(1)
}

/// The number of columns with the largest pictures, the smaller one of two that are equal; `earlier` if nothing is clearly
/// better.
fn columns(stage: Size, count: usize, earlier: Option<usize>) -> usize {
    let score = |columns: usize| picture_area(cell(stage, columns, count));
    let best = (1..=count).fold((1, 0.0), |best, columns| {
        let area = score(columns);
        if area > best.1 { (columns, area) } else { best }
    });
    match earlier {
        Some(earlier) if (1..=count).contains(&earlier) && best.1 <= score(earlier) * HYSTERESIS => earlier,
        _ => best.0,
    }
}

fn cell(stage: Size, columns: usize, count: usize) -> Size {
    let rows = count.div_ceil(columns.max(1)).max(1);
    let side =
        |whole: f32, parts: usize| ((whole - GAP * parts.saturating_sub(1) as f32) / parts.max(1) as f32).max(0.0);
    Size { width: side(stage.width, columns), height: side(stage.height, rows) }
}

/// Area of the largest picture of 16:9 that fits.
fn picture_area(cell: Size) -> f32 {
    (cell.width * cell.width / ASPECT_WIDE).min(cell.height * cell.height * ASPECT_WIDE)
}

/// The largest tile in a cell, neither wider than 16:9 nor narrower than 4:3.
fn tile_size(cell: Size) -> Size {
    let width = cell.width.min(cell.height * ASPECT_WIDE);
    Size { width, height: cell.height.min(width / ASPECT_NARROW) }
}

/// `here` tiles in the cells of `laid_out`, the last row in the middle.
fn place(stage: Size, columns: usize, laid_out: usize, here: usize) -> Vec<Rect> {
    let cell = cell(stage, columns, laid_out);
    let tile = tile_size(cell);
    let rows = laid_out.div_ceil(columns.max(1)).max(1);
    // The whole block stands in the middle, and its tiles beside each other: what a cell has left over goes to the edges.
    let top = (stage.height - block(tile.height, rows)) / 2.0;
    (0..here)
        .map(|index| {
            let (row, column) = (index / columns, index % columns);
            let in_row = here.saturating_sub(row * columns).min(columns);
            let left = (stage.width - block(tile.width, in_row)) / 2.0;
            let x = left + column as f32 * (tile.width + GAP);
            Rect { x, y: top + row as f32 * (tile.height + GAP), width: tile.width, height: tile.height }
        })
        .collect()
}

fn block(side: f32, count: usize) -> f32 {
    side * count as f32 + GAP * count.saturating_sub(1) as f32
}

/// How a picture is put into its tile.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fit {
    /// All of the tile is covered; the edges of the picture may be cut off.
    #[default]
    Cover,
    /// All of the picture is seen; the tile may have margins.
    Contain,
}

/// How a picture of that size is put into a tile. A screen is never cut, nor a picture that stands where the tile lies, nor
/// one that would lose more than a quarter.
pub fn fit(tile: Size, picture: (u16, u16), is_screen: bool) -> Fit {
    let (width, height) = (f32::from(picture.0), f32::from(picture.1));
    if is_screen || width <= 0.0 || height <= 0.0 || tile.width <= 0.0 || tile.height <= 0.0 {
        return Fit::Contain;
    }
    let is_other_way = (width > height) != (tile.width > tile.height);
    if is_other_way || cropped(tile, (width, height)) > 0.25 + f32::EPSILON { Fit::Contain } else { Fit::Cover }
}

/// The part of a picture that is cut off when it covers a tile, 0 to 1.
fn cropped(tile: Size, (width, height): (f32, f32)) -> f32 {
    let (tile, picture) = (tile.width / tile.height, width / height);
    1.0 - (tile / picture).min(picture / tile)
}

/// A large picture and a rail of small ones.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Spotlight {
    /// The large one.
    pub main: Rect,
    /// The small ones, in order; those that do not fit are left out.
    pub rail: Vec<Rect>,
    /// Whether the rail is below, and not at the right.
    pub is_below: bool,
}

/// Places one large picture and up to `others` small ones: at the right, or below where the stage is higher than wide.
pub fn spotlight(stage: Size, others: usize) -> Spotlight {
    if others == 0 {
        return Spotlight { main: whole(stage), ..Spotlight::default() };
    }
    let is_below = stage.width < stage.height;
    // On a small stage the rail takes no more than a quarter of it.
    let scale = if is_below { stage.height * 0.25 / RAIL_TILE.height } else { stage.width * 0.25 / RAIL_TILE.width };
    let tile = Size { width: RAIL_TILE.width * scale.min(1.0), height: RAIL_TILE.height * scale.min(1.0) };
    let (length, side) = if is_below { (stage.width, tile.width) } else { (stage.height, tile.height) };
    let fitting = if side > 0.0 { ((length + GAP) / (side + GAP)).floor().max(0.0) as usize } else { 0 };
    let shown = others.min(fitting);
    let start = (length - block(side, shown)) / 2.0;
    let along = |index: usize| start + index as f32 * (side + GAP);
    let rail = (0..shown).map(|index| {
        let (x, y) = if is_below {
            (along(index), stage.height - tile.height)
        } else {
            (stage.width - tile.width, along(index))
        };
        Rect { x, y, width: tile.width, height: tile.height }
    });
    let rail = rail.collect();
    let (width, height) = if is_below {
        (stage.width, (stage.height - tile.height - GAP).max(0.0))
    } else {
        ((stage.width - tile.width - GAP).max(0.0), stage.height)
    };
    Spotlight { main: Rect { x: 0.0, y: 0.0, width, height }, rail, is_below }
}

const fn whole(stage: Size) -> Rect {
    Rect { x: 0.0, y: 0.0, width: stage.width, height: stage.height }
}

/// A corner of the stage.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Corner {
    /// Above, at the left.
    TopLeft,
    /// Above, at the right.
    TopRight,
    /// Below, at the left.
    BottomLeft,
    /// Below, at the right.
    #[default]
    BottomRight,
}

impl Corner {
    /// The corner that is next to a point, where a picture that was dragged is let go.
    pub fn nearest(stage: Size, (x, y): (f32, f32)) -> Self {
        match (x < stage.width / 2.0, y < stage.height / 2.0) {
            (true, true) => Self::TopLeft,
            (false, true) => Self::TopRight,
            (true, false) => Self::BottomLeft,
            (false, false) => Self::BottomRight,
        }
    }
}

/// Two people: the other one on the whole stage, oneself in a corner.
pub fn one_to_one(stage: Size, corner: Corner) -> (Rect, Rect) {
    let height = stage.width.min(stage.height) * CORNER_SHARE;
    let width = (height * ASPECT_WIDE).min(stage.width);
    let (right, bottom) = ((stage.width - width - GAP).max(0.0), (stage.height - height - GAP).max(0.0));
    let (x, y) = match corner {
        Corner::TopLeft => (GAP, GAP),
        Corner::TopRight => (right, GAP),
        Corner::BottomLeft => (GAP, bottom),
        Corner::BottomRight => (right, bottom),
    };
    (whole(stage), Rect { x: x.min(right), y: y.min(bottom), width, height })
}

/// Width of the picture that is worth being sent for a tile of that width at that scale: a little more than it shows is of
/// no use. **Units:** pixels of the screen.
pub fn wanted_width(tile_width: f32, scale: f32) -> u16 {
    (tile_width * scale).ceil().clamp(1.0, f32::from(u16::MAX)) as u16
}

#[cfg(test)]
mod tests;
