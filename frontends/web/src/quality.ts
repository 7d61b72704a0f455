// How good our way to the server is, in bars; the rule of all frontends: worse is shown when it has lasted for 3 s, better
// when it has lasted for 6.

import type { Figures } from './protocol';

export type Bars = 0 | 1 | 2 | 3 | 4;

const DOWN_AFTER_MS = 3000;
const UP_AFTER_MS = 6000;

/** The bars of one look. */
export function bars({ is_up, is_tunnelled, loss_up, loss_down, rtt_us }: Figures): Bars {
  const loss = Math.max(loss_up, loss_down) / 65536;
  const rtt = rtt_us / 1000;
  if (!is_up && !is_tunnelled) {
    return 0;
  }
  if (loss < 0.01 && rtt < 150) {
    return 4;
  }
  if (loss < 0.03 && rtt < 250) {
    return 3;
  }
  return loss < 0.08 && rtt < 400 ? 2 : 1;
}

export interface Quality {
  shown: Bars;
  /** Since when it was always worse, or always better. */
  worseSince: number | null;
  betterSince: number | null;
}

export const FULL: Quality = { shown: 4, worseSince: null, betterSince: null };

export function steady(before: Quality, now: Bars, at: number): Quality {
  const worseSince = now < before.shown ? (before.worseSince ?? at) : null;
  const betterSince = now > before.shown ? (before.betterSince ?? at) : null;
  const isDue =
    (worseSince !== null && at - worseSince >= DOWN_AFTER_MS) ||
    (betterSince !== null && at - betterSince >= UP_AFTER_MS);
  return isDue ? { shown: now, worseSince: null, betterSince: null } : { shown: before.shown, worseSince, betterSince };
}
