import { describe, expect, it } from 'vitest';
import { actOf } from '../src/keys';
import { Outbox } from '../src/outbox';
import { People } from '../src/people';
import type { AppEvent, Figures } from '../src/protocol';
import { bars, FULL, type Quality, steady } from '../src/quality';
import { fold, initial, initialOf, reduce, type State, shownCode } from '../src/state';
import { arrange, spotlight } from '../src/tiles';
import { Batch, CONTROL, DATAGRAMS, parseDatagrams, parseDropped, parseOpened } from '../src/wire';

function happened(events: AppEvent[], from: State = initial): State {
  return events.reduce(reduce, from);
}

const IN_ROOM: AppEvent[] = [
  { t: 'welcome', username: 'guest-a', display_name: 'Hường', server: 'Lớp', sign: '' },
  { t: 'joined', request: 1, room: 7, name: 'Nhóm 17', slot: 0 },
];

describe('state', () => {
  it('shows each message once, whichever word of it comes first', () => {
    const own = { t: 'chat', room: 7, id: 4, author: 'guest-a', display_name: 'Hường', time_ms: 1, text: 'a' } as const;
    const sent = { t: 'sent', kind: 'chat', reference: '9', to: '', text: 'a' } as const;
    const stored = { t: 'chat_stored', reference: '9', room: 7, id: 4, time_ms: 1 } as const;
    for (const order of [
      [sent, stored, own],
      [sent, own, stored],
    ]) {
      const { lines, unread } = happened([...IN_ROOM, ...order]);
      expect(lines.map((line) => [line.text, line.status])).toEqual([['a', 'stored']]);
      expect(unread).toBe(0);
    }
  });

  it('keeps the lines when it comes back to the room, and begins anew in another', () => {
    const chat: AppEvent = { t: 'chat', room: 7, id: 1, author: 'b', display_name: 'B', time_ms: 1, text: 'x' };
    const lost: AppEvent = { t: 'connection', state: 'lost', why: '' };
    expect(happened([...IN_ROOM, chat, lost, ...IN_ROOM]).lines).toHaveLength(1);
    expect(
      happened([...IN_ROOM, chat, { t: 'joined', request: 2, room: 8, name: 'Khác', slot: 1 }]).lines,
    ).toHaveLength(0);
  });

  it('replaces whoever has a place, and forgets who leaves', () => {
    const track = { is_on: false, codec: 'opus', width: 0, height: 0 } as const;
    const person = (member: number): AppEvent => ({
      t: 'participant',
      room: 7,
      slot: 3,
      member,
      username: `u${member}`,
      display_name: 'X',
      seal: '',
      sign: '',
      tracks: [track, track, track, track],
      role: 'member',
      hand: 0,
      is_new: true,
      is_me: false,
    });
    const { room } = happened([...IN_ROOM, person(1), person(2)]);
    expect([...(room?.participants.values() ?? [])].map((other) => other.username)).toEqual(['u2']);
    const gone: AppEvent = { t: 'participant_gone', room: 7, slot: 3, username: 'u2' };
    expect(happened([...IN_ROOM, person(2), gone]).room?.participants.size).toBe(0);
    expect(happened([...IN_ROOM, { ...person(2), room: 9 } as AppEvent]).room?.participants.size).toBe(0);
  });

  it('takes a message back and changes one', () => {
    const chat: AppEvent = { t: 'chat', room: 7, id: 1, author: 'b', display_name: 'B', time_ms: 1, text: 'x' };
    const change = (text: string | null): AppEvent => ({
      t: 'chat_changed',
      room: 7,
      id: 2,
      target: 1,
      author: 'b',
      time_ms: 2,
      text,
    });
    expect(happened([...IN_ROOM, chat, change('y')]).lines[0]).toMatchObject({ text: 'y', isEdited: true });
    expect(happened([...IN_ROOM, chat, change(null)]).lines[0]?.text).toBeNull();
  });

  it('keeps no more lines and toasts than it may', () => {
    const chat = (id: number): AppEvent => ({
      t: 'chat',
      room: 7,
      id,
      author: 'b',
      display_name: 'B',
      time_ms: 1,
      text: 'x',
    });
    const many = Array.from({ length: 700 }, (_, id) => chat(id));
    expect(happened([...IN_ROOM, ...many]).lines).toHaveLength(500);
    const failed: AppEvent[] = Array.from({ length: 9 }, () => ({ t: 'failed', what: 'x' }));
    expect(happened(failed).toasts).toHaveLength(3);
  });

  it('knows Vietnamese names', () => {
    expect([initialOf('Nguyễn Thị Hường'), initialOf('  '), initialOf('đạt')]).toEqual(['H', '?', 'Đ']);
    expect(fold('Đạt Ngọc')).toBe('dat ngoc');
  });
});

describe('outbox', () => {
  it('sends again until it is acknowledged, and keeps the order', () => {
    const outbox = new Outbox();
    const [first, second] = [outbox.push('', 'a'), outbox.push('', 'b')];
    for (const waiting of outbox.due(0, () => true)) {
      waiting.sent = true;
    }
    expect(outbox.due(0, () => true)).toHaveLength(0);
    expect(outbox.refuse(first?.reference ?? 0n, 'too_fast', 0)).toBeNull();
    outbox.resend();
    expect(outbox.due(0, () => true)).toHaveLength(0);
    expect(outbox.due(2000, () => true)).toEqual([first, second]);
    outbox.acknowledge(first?.reference ?? 0n);
    expect(outbox.refuse(second?.reference ?? 0n, 'not_in_room', 0)).toBe(second);
    expect(outbox.size).toBe(0);
  });

  it('is bounded', () => {
    const outbox = new Outbox();
    const taken = Array.from({ length: 300 }, () => outbox.push('', 'a')).filter(Boolean);
    expect(taken).toHaveLength(256);
  });
});

describe('people', () => {
  it('believes the first key, not another one until it is accepted, and no guest', () => {
    const people = new People({});
    expect(people.meet('dat', 'k1')).toBe('new');
    expect(people.meet('dat', 'k1')).toBe('seen');
    expect(people.meet('dat', 'k2')).toBe('changed');
    expect(people.accept('dat')).toBe(true);
    expect([people.meet('dat', 'k1'), people.meet('dat', 'k2')]).toEqual(['seen', 'seen']);
    expect(people.accept('lan')).toBe(false);
    expect(people.meet('guest-abc', 'k')).toBe('not_kept');
  });

  it('is filled by nobody beyond its room', () => {
    const people = new People({});
    for (let index = 0; index < 1500; index += 1) {
      people.meet(`u${index}`, 'k');
    }
    expect(Object.keys(people.all())).toHaveLength(1000);
    expect(people.meet('u7', 'other')).toBe('changed');
  });
});

describe('wire', () => {
  it('takes what it puts together apart, and nothing that is cut off', () => {
    const sent: Uint8Array[] = [];
    const batch = new Batch(DATAGRAMS, (message) => sent.push(message));
    batch.push(Uint8Array.of(1, 2, 3));
    batch.push(new Uint8Array(1200).fill(9));
    batch.flush();
    batch.flush();
    const message = sent[0] ?? new Uint8Array();
    expect(sent).toHaveLength(1);
    expect([...parseDatagrams(message)].map((bytes) => bytes.length)).toEqual([3, 1200]);
    expect([...parseDatagrams(message.subarray(0, message.length - 1))]).toHaveLength(1);
    expect([...parseDatagrams(Uint8Array.of(DATAGRAMS, 1))]).toHaveLength(0);
  });

  it('never makes a message that the gateway refuses', () => {
    const lengths: number[] = [];
    const batch = new Batch(CONTROL, (message) => lengths.push(message.length));
    for (let index = 0; index < 100; index += 1) {
      batch.push(new Uint8Array(4000));
    }
    batch.flush();
    expect(Math.max(...lengths)).toBeLessThanOrEqual(65_536);
    expect(lengths.reduce((sum, length) => sum + length - 1, 0)).toBe(400_000);
  });

  it('takes only its own version from a gateway', () => {
    expect(parseOpened(Uint8Array.of(0, 1, ...new Uint8Array(64)))).toHaveLength(64);
    expect(parseOpened(Uint8Array.of(0, 2, ...new Uint8Array(64)))).toBeNull();
    expect(parseOpened(Uint8Array.of(0, 1, ...new Uint8Array(63)))).toBeNull();
  });
});

describe('layout', () => {
  it('shows everybody, within the stage', () => {
    for (const [width, height] of [
      [1248, 592],
      [592, 1100],
      [760, 400],
    ] as const) {
      for (let count = 1; count <= 32; count += 1) {
        const grid = arrange(count, width, height);
        const rows = Math.ceil(count / grid.columns);
        expect(grid.columns * (grid.width + 12) - 12).toBeLessThanOrEqual(width);
        expect(rows * (grid.height + 12) - 12).toBeLessThanOrEqual(height);
        expect(grid.width).toBeGreaterThan(40);
      }
    }
    expect(arrange(0, 100, 100).width).toBe(0);
  });

  it('shows safety codes as eight groups of five digits', () => {
    expect(shownCode('d0435d7cf304553bf5e1d71dda29077c')).toBe('53315 23932 62212 21819 62945 55069 55849 01916');
  });
});

describe('quality', () => {
  const figures = (loss: number, rtt: number, isUp = true): Figures => ({
    is_up: isUp,
    is_tunnelled: false,
    rtt_us: rtt * 1000,
    loss_up: 0,
    loss_down: Math.round(loss * 65536),
    levels: [],
    voices: [],
    pictures: [],
    drops: {},
    coding_ms: 0,
    unsent_bytes: 0,
    dropped: [0, 0, 0],
  });

  it('goes by loss and delay', () => {
    expect(
      [figures(0, 20), figures(0.02, 20), figures(0, 300), figures(0.5, 20), figures(0, 20, false)].map(bars),
    ).toEqual([4, 3, 2, 1, 0]);
  });

  it('is worse after three seconds and better after six, and forgets what did not last', () => {
    let now: Quality = FULL;
    const look = (value: 1 | 4, at: number) => {
      now = steady(now, value, at);
      return now.shown;
    };
    expect([look(1, 0), look(1, 2900), look(4, 2950), look(1, 3000), look(1, 5900), look(1, 6000)]).toEqual([
      4, 4, 4, 4, 4, 1,
    ]);
    expect([look(4, 7000), look(4, 12_900), look(4, 13_000)]).toEqual([1, 1, 4]);
  });
});

describe('spotlight', () => {
  it('has a large tile and a strip beside it, or below in a high window, within the stage', () => {
    for (const [width, height] of [
      [1280, 700],
      [600, 900],
      [320, 200],
    ] as const) {
      const { large, small, isBeside } = spotlight(5, width, height);
      expect(isBeside).toBe(width > height);
      expect(isBeside ? large.width + small.width : large.width).toBeLessThanOrEqual(width);
      expect(isBeside ? large.height : large.height + small.height).toBeLessThanOrEqual(height);
      expect(large.width * large.height).toBeGreaterThan(4 * small.width * small.height);
    }
    expect(spotlight(1, 100, 50).large).toEqual({ width: 100, height: 50 });
  });
});

describe('keys', () => {
  it('are those of the desktop program, and none with other modifiers', () => {
    expect(
      ['m', 'V', 'd', 'h', 'R', 'c', 'p', 'w', 's', 't', '?', 'Escape'].map((key) => actOf(key, false, false)?.act),
    ).toEqual([
      'microphone',
      'camera',
      'share',
      'hand',
      'hand',
      'chat',
      'people',
      'layout',
      'fullScreen',
      'diagnostics',
      'help',
      'close',
    ]);
    expect(['c', 'D', 'k', 'K'].map((key) => actOf(key, true, key === 'D' || key === 'K')?.act)).toEqual([
      undefined,
      'diagnostics',
      'palette',
      undefined,
    ]);
    expect(actOf('x', false, false)).toBe(null);
  });

  it('with digits are reactions, and with Alt people', () => {
    expect(actOf('6', false, false)).toEqual({ act: 'react', number: 6 });
    expect([actOf('7', false, false), actOf('0', false, false), actOf('m', false, false, true)]).toEqual([
      null,
      null,
      null,
    ]);
    expect(actOf('9', false, false, true)).toEqual({ act: 'person', number: 9 });
  });
});

describe('what the gateway dropped', () => {
  it('is read, and nothing else is taken for it', () => {
    const message = new Uint8Array(25);
    message.set([3, 0, 0, 0, 0, 0, 0, 0, 2]);
    message[16] = 7;
    message[24] = 1;
    expect(parseDropped(message)).toEqual([2, 7, 1]);
    expect(parseDropped(message.subarray(0, 24))).toBeNull();
    expect(parseDropped(new Uint8Array(25))).toBeNull();
  });
});
