import { describe, expect, it } from 'vitest';
import type { AppEvent } from '../src/protocol';
import { SHOWN_MS, show } from '../src/reactions';
import { initial, reduce, type State } from '../src/state';

function happened(events: AppEvent[], from: State = initial): State {
  return events.reduce(reduce, from);
}

const IN_ROOM: AppEvent[] = [
  { t: 'welcome', username: 'guest-a', display_name: 'Hường', server: 'Lớp', sign: '' },
  { t: 'joined', request: 1, room: 7, name: 'Nhóm 17', slot: 0 },
];

describe('reactions', () => {
  it('shows the last one of everybody, and forgets what is over', () => {
    const first = show(new Map(), 1, '👍', 1000);
    const both = show(show(first, 2, '🎉', 1500), 1, '👏', 2000);
    expect([...both].map(([slot, { emoji }]) => [slot, emoji]).sort()).toEqual([
      [1, '👏'],
      [2, '🎉'],
    ]);
    expect(both.get(1)?.until).toBe(2000 + SHOWN_MS);
    expect([...show(both, 3, '❤️', 1500 + SHOWN_MS).keys()].sort()).toEqual([1, 3]);
  });

  it('belongs to the room that is shown', () => {
    const reacted = (room: number): AppEvent => ({ t: 'reacted', room, slot: 1, emoji: '👍' });
    expect(happened([...IN_ROOM, reacted(8)]).room?.reactions.size).toBe(0);
    expect(happened([...IN_ROOM, reacted(7)]).room?.reactions.get(1)?.emoji).toBe('👍');
  });
});

describe('breakout rooms', () => {
  const moved: AppEvent = { t: 'moved', from: 7, room: 9, parent: 7, number: 2, name: 'Nhóm 2' };
  const left: AppEvent = { t: 'left', room: 7, reason: 'asked' };
  const joined: AppEvent = { t: 'joined', request: 0, room: 9, name: 'Nhóm 2', slot: 0 };

  it('goes from one room to the other without a look at the lobby', () => {
    const between = happened([...IN_ROOM, moved, left]);
    expect(between.room?.id).toBe(7);
    const there = happened([joined], between);
    expect([there.room?.id, there.room?.breakout, there.moving]).toEqual([9, { parent: 7, number: 2 }, null]);
  });

  it('knows after a lost connection where it is, and after the way back that it is no breakout room', () => {
    const there = happened([...IN_ROOM, moved, left, joined, joined]);
    expect(there.room?.breakout.number).toBe(2);
    const back: AppEvent = { t: 'moved', from: 9, room: 7, parent: 7, number: 0, name: 'Nhóm 17' };
    const home = happened([back, { t: 'left', room: 9, reason: 'asked' }, ...IN_ROOM.slice(1)], there);
    expect([home.room?.id, home.room?.breakout.number]).toEqual([7, 0]);
  });
});
