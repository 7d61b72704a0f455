import { describe, expect, it } from 'vitest';
import { Doors } from '../src/doors';
import { History } from '../src/history';
import type { AppEvent, FileOnShelf } from '../src/protocol';
import { fromDirect, PIECE_BYTES, safeName, sealedSize, storedSize, toDirect } from '../src/remote';
import { initial, reduce, type State } from '../src/state';

function happened(events: AppEvent[], from: State = initial): State {
  return events.reduce(reduce, from);
}

const IN_ROOM: AppEvent[] = [
  { t: 'welcome', username: 'guest-a', display_name: 'Hường', server: 'Lớp', sign: '' },
  { t: 'joined', request: 1, room: 7, name: 'Nhóm 17', slot: 0 },
];

const found = (id: number, text: string | null = `tin ${id}`) => ({
  id,
  author: 'b',
  display_name: 'B',
  time_ms: id,
  edited_ms: 0,
  text,
});

describe('older messages', () => {
  it('are put before those that are there, in order and once', () => {
    const chat = (id: number): AppEvent => ({ t: 'chat', room: 7, ...found(id), text: `tin ${id}` });
    const page: AppEvent = { t: 'history', words: '', found: [found(3), found(2), found(1)], before: 0, isMore: true };
    const state = happened([...IN_ROOM, chat(3), chat(4), page]);
    expect(state.lines.map((line) => line.id)).toEqual([1, 2, 3, 4]);
    expect(state.room?.linesBefore).toBe(0);
    expect(state.unread).toBe(2);
  });

  it('that were looked for stand by themselves, and change with what they are', () => {
    const page = (ids: number[], isMore: boolean): AppEvent => ({
      t: 'history',
      words: 'bài',
      found: ids.map((id) => found(id)),
      before: 1,
      isMore,
    });
    const change: AppEvent = { t: 'chat_changed', room: 7, id: 99, target: 5, author: 'b', time_ms: 1, text: null };
    const state = happened([...IN_ROOM, page([9, 5], false), page([4], true), change]);
    expect(state.room?.search?.lines.map((line) => line.text)).toEqual(['tin 9', null, 'tin 4']);
    expect(state.lines).toHaveLength(0);
    expect(happened([page([3], false)], state).room?.search?.lines).toHaveLength(1);
  });

  it('belong to the question that was asked last', () => {
    const history = new History();
    history.ask(1, 'a', false);
    history.take({ t: 'chat_found', request: 9, room: 7, ...found(1) });
    expect(history.finish(9, 0)).toBeNull();
    history.take({ t: 'chat_found', request: 1, room: 7, ...found(2) });
    expect(history.finish(1, 5)?.found.map(({ id }) => id)).toEqual([2]);
    expect(history.isBusy).toBe(false);
  });
});

describe('the door of a room', () => {
  it('asks for the password, says that it was wrong, and waits for a host', () => {
    const wanted: AppEvent = { t: 'password_wanted', request: 2, room: 8, salt: '00' };
    const wrong: AppEvent = { t: 'wrong_password', room: 8 };
    const waits: AppEvent = { t: 'waiting', request: 2, room: 8, name: 'Kín' };
    expect(happened([wanted]).doorstep).toMatchObject({ room: 8, wants: 'password', wasWrong: false });
    expect(happened([wanted, wrong]).doorstep?.wasWrong).toBe(true);
    expect(happened([wanted, waits]).doorstep).toMatchObject({ name: 'Kín', wants: 'host' });
    const refused: AppEvent = { t: 'refused', request: '2', reason: 'turned_away', retry_after_s: 0 };
    expect(happened([waits, refused]).doorstep).toBeNull();
    expect(happened([waits, refused]).toasts.map(({ code }) => code)).toEqual(['refused_turned_away']);
    expect(happened([wanted, ...IN_ROOM]).doorstep).toBeNull();
  });

  it('says again what was right, until it is wrong or another one', () => {
    const [doors, key] = [new Doors(), new Uint8Array(32)];
    expect(doors.handleWanted(1, 7, 'aa')).toBeNull();
    doors.say(1, 7, 'aa', key);
    expect(doors.handleWanted(5, 7, 'aa')).toBe(key);
    expect(doors.handleWanted(6, 7, 'bb')).toBeNull();
    expect(doors.handleWrong(5)).toBe(7);
    expect(doors.handleWanted(8, 7, 'aa')).toBeNull();
  });

  it('shows hosts who waits, until they do no longer', () => {
    const knock = (username: string, is_waiting: boolean): AppEvent => ({
      t: 'knock',
      room: 7,
      username,
      display_name: 'Đạt',
      is_waiting,
    });
    const state = happened([...IN_ROOM, knock('a', true), knock('b', true), knock('a', false)]);
    expect([...(state.room?.knocks.keys() ?? [])]).toEqual(['b']);
    expect(happened([...IN_ROOM, { ...knock('a', true), room: 9 } as AppEvent]).room?.knocks.size).toBe(0);
  });
});

describe('files', () => {
  const file = (number: number): FileOnShelf => ({
    t: 'file',
    request: 0,
    room: 7,
    file: number,
    author: 'b',
    display_name: 'B',
    time_ms: 1,
    name: 'a.pdf',
    size: 1,
    sha256: '00',
  });

  it('lie on the shelf of their room, the newest first and once', () => {
    const gone: AppEvent = { t: 'file_gone', request: 0, room: 7, file: 1 };
    const state = happened([...IN_ROOM, file(1), file(3), file(2), file(3), gone, { ...file(4), room: 8 }]);
    expect(state.room?.shelf.map((other) => other.file)).toEqual([3, 2]);
  });

  it('are told until they are there, and then no longer', () => {
    const progress: AppEvent = { t: 'file_progress', request: 5, name: 'a', isSent: true, done: 1, total: 2 };
    expect(happened([progress]).transfers.get(5)?.done).toBe(1);
    expect(happened([progress, { t: 'file_sent', request: 5 }]).transfers.size).toBe(0);
    const failed = happened([progress, { t: 'file_failed', request: 5, reason: 'no_space' }]);
    expect([failed.transfers.size, failed.toasts[0]?.code]).toEqual([0, 'file_no_space']);
    expect(happened([progress, { t: 'file_failed', request: 5, reason: 'stopped' }]).toasts).toHaveLength(0);
  });

  it('for one person come back from the message that tells of them', () => {
    for (const name of ['bài tập & đáp án=1.pdf', 'a', 'ờ'.repeat(66)]) {
      const remote = { file: 7, name, size: 9, sha256: '01'.repeat(32), key: 'a5'.repeat(32) };
      expect(fromDirect(toDirect(remote))).toEqual(remote);
    }
    const good = toDirect({ file: 7, name: 'a', size: 9, sha256: '01'.repeat(32), key: 'a5'.repeat(32) });
    expect(fromDirect(good.replace('name=a', 'name=..%2F..%2Fetc%2Fpasswd'))?.name).toBe('_.._etc_passwd');
    for (const [from, to] of [
      ['hph-file:', 'file:'],
      [':7?', ':x?'],
      ['size=9', 'size=-9'],
      ['sha256=01', 'sha256=0'],
      ['name=a', 'name=%F'],
    ] as const) {
      expect(fromDirect(good.replace(from, to))).toBeNull();
    }
    expect(fromDirect('chào')).toBeNull();
  });

  it('have a tag for each piece, if they are sealed', () => {
    expect([0, 1, PIECE_BYTES, PIECE_BYTES + 1].map(sealedSize)).toEqual([16, 17, PIECE_BYTES + 16, PIECE_BYTES + 33]);
    expect(storedSize({ file: 1, name: '', size: 5, sha256: '', key: '' })).toBe(5);
  });

  it('are called what is a name everywhere', () => {
    for (const [name, safe] of [
      ['bài tập.pdf', 'bài tập.pdf'],
      ['../../etc/passwd', '_.._etc_passwd'],
      ['/etc/passwd', '_etc_passwd'],
      ['C:\\x', 'C__x'],
      ['CON', '_CON'],
      ['con.txt', '_con.txt'],
      ['com1.log', '_com1.log'],
      ['command.log', 'command.log'],
      ['.bashrc', 'bashrc'],
      ['...', 'file'],
      ['an toàn\u202egpj.exe', 'an toàn_gpj.exe'],
      ['a\nb', 'a_b'],
    ] as const) {
      expect(safeName(name)).toBe(safe);
    }
    const long = safeName(`${'ờ'.repeat(100)}.pdf`);
    expect(new TextEncoder().encode(long).length).toBeLessThanOrEqual(200);
    expect(long.endsWith('.pdf')).toBe(true);
  });
});
