//! The stage as it is now: which tiles stand where.

use hph_client::view::RoomView;

use super::layout::{self, Fit, Rect};
use super::tiles::{Picture, Tile, TileId, is_on};
use super::{Layout, Room};
use crate::time::Now;

/// A narrower tile shows no name. **Units:** logical pixels.
const NAME_TAG_WIDTH_MIN: f32 = 100.0;

/// A tile in its place.
#[derive(Clone, Debug, PartialEq)]
pub struct Placed {
    /// What is in it.
    pub tile: Tile,
    /// Where it stands. **Units:** logical pixels on the stage.
    pub rect: Rect,
    /// How its picture is put in.
    pub fit: Fit,
    /// Whether it is one of a rail, or the small one beside another.
    pub is_small: bool,
}

impl Placed {
    /// Whether its name fits below the picture: a narrow tile has none.
    pub const fn has_name_tag(&self) -> bool {
        self.rect.width >= NAME_TAG_WIDTH_MIN
    }
}

/// How tiles stand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Arrangement {
    /// Nobody else is here: the invitation stands on the stage.
    #[default]
    Alone,
    /// The other one is large, we are in a corner.
    OneToOne,
    /// All alike.
    Grid {
        /// In a row.
        columns: usize,
    },
    /// One large, others in a rail.
    Spotlight {
        /// Whether the rail is below.
        is_below: bool,
    },
}

/// The stage.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Scene {
    /// How tiles stand.
    pub arrangement: Arrangement,
    /// The tiles, those in front last.
    pub tiles: Vec<Placed>,
    /// Pages, at least one.
    pub pages: usize,
    /// The page that is shown.
    pub page: usize,
    /// Tiles that find no place in the rail.
    pub hidden: usize,
    /// Whether the layout is a spotlight only because somebody shows a screen.
    pub is_forced: bool,
}

impl Room {
    /// The stage as it is now.
    pub fn scene(&self, view: &RoomView, now: Now) -> Scene {
        let order = self.tiles.order();
        let others: Vec<TileId> = order.iter().copied().filter(|id| view.my_slot != Some(id.slot)).collect();
        let is_forced = self.tiles.has_screen(view);
        let scene = match others.as_slice() {
            [] => self.grid(view, now, Arrangement::Alone),
            [other] if self.layout == Layout::Grid && !is_forced => self.one_to_one(view, *other, now),
            _ if is_forced || self.layout == Layout::Spotlight => self.spotlight(view, now),
            _ => self.grid(view, now, Arrangement::Grid { columns: 1 }),
        };
        Scene { is_forced: is_forced && self.layout != Layout::Spotlight, ..scene }
    }

    fn grid(&self, view: &RoomView, now: Now, arrangement: Arrangement) -> Scene {
        let order = self.tiles.order();
        let grid = layout::grid(self.stage, order.len(), self.page, &self.limits, self.columns);
        let here = order.iter().skip(grid.page * grid.per_page);
        let tiles = here.zip(&grid.tiles).filter_map(|(id, rect)| self.placed(view, *id, *rect, false, now)).collect();
        let arrangement = match arrangement {
            Arrangement::Grid { .. } => Arrangement::Grid { columns: grid.columns },
            other => other,
        };
        Scene { arrangement, tiles, pages: grid.pages, page: grid.page, ..Scene::default() }
    }

    fn one_to_one(&self, view: &RoomView, other: TileId, now: Now) -> Scene {
        let (whole, corner) = layout::one_to_one(self.stage, self.corner);
        let me = self.tiles.order().iter().find(|id| view.my_slot == Some(id.slot) && !id.is_screen);
        let other = self.placed(view, other, whole, false, now);
        let me = me.and_then(|id| self.placed(view, *id, corner, true, now));
        let tiles = other.into_iter().chain(me).collect();
        Scene { arrangement: Arrangement::OneToOne, tiles, pages: 1, ..Scene::default() }
    }

    fn spotlight(&self, view: &RoomView, now: Now) -> Scene {
        let Some(large) = self.tiles.large(view) else { return Scene { pages: 1, ..Scene::default() } };
        let rail: Vec<TileId> = self.tiles.order().iter().copied().filter(|id| *id != large).collect();
        let spotlight = layout::spotlight(self.stage, rail.len());
        let small = rail.iter().zip(&spotlight.rail).filter_map(|(id, rect)| self.placed(view, *id, *rect, true, now));
        let tiles = self.placed(view, large, spotlight.main, false, now).into_iter().chain(small).collect();
        let hidden = rail.len() - spotlight.rail.len();
        let arrangement = Arrangement::Spotlight { is_below: spotlight.is_below };
        Scene { arrangement, tiles, pages: 1, hidden, ..Scene::default() }
    }

    fn placed(&self, view: &RoomView, id: TileId, rect: Rect, is_small: bool, now: Now) -> Option<Placed> {
        let tile = self.tiles.tile(view, id, now.at)?;
        let size = layout::Size { width: rect.width, height: rect.height };
        let fit = match tile.picture {
            Picture::Live { width, height } => layout::fit(size, (width, height), id.is_screen),
            _ if id.is_screen => Fit::Contain,
            _ => Fit::Cover,
        };
        Some(Placed { tile, rect, fit, is_small })
    }

    /// Tiles of the first page, if it is full.
    pub(super) fn per_page(&self, view: &RoomView) -> usize {
        let count = self.tiles.order().len().max(view.participants.len());
        layout::grid(self.stage, count, 0, &self.limits, self.columns).per_page
    }

    /// The width that is wanted of each picture of others that is on: that of its tile, or none where it is not seen.
    pub(super) fn widths(&self, view: &RoomView, scene: &Scene) -> Vec<(TileId, u16)> {
        let is_others = |id: &&TileId| {
            let who = view.participants.get(&id.slot);
            view.my_slot != Some(id.slot) && who.is_some_and(|who| is_on(who, id.track()))
        };
        let width = |id: &TileId| {
            let placed = scene.tiles.iter().find(|placed| placed.tile.id == *id).filter(|_| self.is_front());
            placed.map_or(0, |placed| layout::wanted_width(placed.rect.width, self.scale))
        };
        self.tiles.order().iter().filter(is_others).map(|id| (*id, width(id))).collect()
    }
}
