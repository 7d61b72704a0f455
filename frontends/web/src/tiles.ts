// Where tiles go: the number of columns that shows the most of a 16:9 picture (the rule of all frontends).

const GAP = 12;
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
