// Signs that somebody shows for a moment.

/** By their number in the protocol. */
export const REACTIONS = [
  { emoji: '👍', name: 'thumbs_up' },
  { emoji: '🎉', name: 'party' },
  { emoji: '👏', name: 'clap' },
  { emoji: '😂', name: 'laugh' },
  { emoji: '❤️', name: 'heart' },
  { emoji: '🤔', name: 'think' },
] as const;

/** For so long one is shown. */
export const SHOWN_MS = 3000;

/** Each shown one, by place; the next one of the same participant takes its place. */
export type Shown = Map<number, { emoji: string; until: number }>;

/** Somebody shows one. What is over is left out. */
export function show(shown: Shown, slot: number, emoji: string, now: number): Shown {
  const next = new Map([...shown].filter(([, other]) => other.until > now));
  next.set(slot, { emoji, until: now + SHOWN_MS });
  return next;
}
