// Where tiles go: the number of columns that shows the most of a 16:9 picture (the rule of all frontends).

export const GAP = 12;
const SHAPE = 16 / 9;
/** A tile grows in its cell within these shapes. */
const NARROWEST = 4 / 3;
const WIDEST = 17 / 9;
/** Another number of columns must show so much more to be worth the jump. */
const HYSTERESIS = 1.03;

export interface Grid {
  columns: number;
  width: number;
  height: number;
}

/** The grid of `count` tiles on a stage. `before` are the columns until now, 0 for none. */
export function arrange(count: number, width: number, height: number, before = 0): Grid {
  if (count === 0 || width <= 0 || height <= 0) {
    return { columns: 1, width: 0, height: 0 };
  }
  const cell = (columns: number): [number, number] => {
    const rows = Math.ceil(count / columns);
    return [(width - GAP * (columns - 1)) / columns, (height - GAP * (rows - 1)) / rows];
  };
  const score = (columns: number): number => {
    const [w, h] = cell(columns);
    return w <= 0 || h <= 0 ? 0 : Math.min((w * w) / SHAPE, h * h * SHAPE);
  };
  let columns = 1;
  for (let other = 2; other <= count; other += 1) {
    if (score(other) > score(columns)) {
      columns = other;
    }
  }
  if (before >= 1 && before <= count && score(columns) <= score(before) * HYSTERESIS) {
    columns = before;
  }
  const [w, h] = cell(columns);
  const shape = Math.min(Math.max(w / h, NARROWEST), WIDEST);
  return { columns, width: Math.floor(Math.min(w, h * shape)), height: Math.floor(Math.min(h, w / shape)) };
}

/** One large tile and a strip of small ones beside or below it. */
export interface Spotlight {
  large: { width: number; height: number };
  small: { width: number; height: number };
  /** Whether the strip stands beside it. */
  isBeside: boolean;
}

/** The small ones take so much of the longer side, within these bounds. */
const STRIP_SHARE = 0.2;
const STRIP_MIN = 96;
const STRIP_MAX = 240;

/** Small ones get smaller before they leave the strip, down to this height. */
const SMALL_MIN = 54;

/** Where tiles stand when one of `count` is large. */
export function spotlight(count: number, width: number, height: number): Spotlight {
  const none = { width: 0, height: 0 };
  if (width <= 0 || height <= 0) {
    return { large: none, small: none, isBeside: true };
  }
  const isBeside = width >= height * 1.2;
  if (count <= 1) {
    return { large: { width, height }, small: none, isBeside };
  }
  const within = (side: number) => Math.min(Math.max(side * STRIP_SHARE, STRIP_MIN), STRIP_MAX, side / 2);
  const smallWidth = isBeside ? within(width) : within(height) * SHAPE;
  const room = ((isBeside ? height : width) + GAP) / (count - 1) - GAP;
  const smallHeight = Math.max(Math.min(smallWidth / SHAPE, isBeside ? room : room / SHAPE), SMALL_MIN);
  const small = { width: Math.floor(smallHeight * SHAPE), height: Math.floor(smallHeight) };
  const large = isBeside
    ? { width: Math.floor(width - small.width - GAP), height: Math.floor(height) }
    : { width: Math.floor(width), height: Math.floor(height - small.height - GAP) };
  // As in the grid: a picture is not cut to a shape that it never had.
  const shape = Math.min(Math.max(large.width / large.height, NARROWEST), WIDEST);
  return {
    large: {
      width: Math.floor(Math.min(large.width, large.height * shape)),
      height: Math.floor(Math.min(large.height, large.width / shape)),
    },
    small,
    isBeside,
  };
}
