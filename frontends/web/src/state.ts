// What is shown, made of what happened: a pure function of the state before and one event.

import type { Device, Invitation } from './papers';
import type { AppEvent, Connection, Figures, FileOnShelf, ParticipantEvent, Role, Track } from './protocol';
import { type Shown, show } from './reactions';
import { reduceRoom } from './reduce_room';

/** Lines of chat that are kept. */
const LINES_MAX = 500;
/** And of those that somebody paged back to. */
export const LINES_PAGED_MAX = 2000;
const TOASTS_MAX = 3;

export interface Participant {
  slot: number;
  member: number;
  username: string;
  name: string;
  tracks: [Track, Track, Track, Track];
  role: Role;
  hand: number;
  isMe: boolean;
  keys: string;
}

/** One message. Numbers of direct messages are their own row. */
export interface Line {
  key: string;
  id: number;
  author: string;
  name: string;
  timeMs: number;
  /** Nothing: taken back, or a direct message that no key of ours opens. */
  text: string | null;
  isDirect: boolean;
  /** To whom, for a direct message of ours. */
  to: string;
  isMine: boolean;
  isEdited: boolean;
  status: 'waiting' | 'stored' | 'failed';
}

export interface Room {
  id: number;
  name: string;
  slot: number;
  isLocked: boolean;
  participants: Map<number, Participant>;
  speaker: number | null;
  /** What holds for whoever comes. */
  rules: Rules;
  /** Who waits to be let in, by login name, as far as we may let in. */
  knocks: Map<string, string>;
  /** What lies on the room's shelf, the newest first. */
  shelf: FileOnShelf[];
  /** Where older files begin; 0: there are none, or it was not asked yet. */
  shelfBefore: number;
  /** Where older messages begin; 0: there are none; nothing: nobody asked yet. */
  linesBefore: number | null;
  /** What was looked for, and found. */
  search: { words: string; lines: Line[]; before: number } | null;
  reactions: Shown;
  /** Which breakout room it is, and of which room; 0: none. */
  breakout: { parent: number; number: number };
  /** The breakout rooms of this meeting by their numbers, and, to hosts, who belongs where. */
  breakouts: Map<number, string>;
  assigned: Map<string, number>;
}

export interface Rules {
  hasWaitingRoom: boolean;
  hasPassword: boolean;
  hostsShare: boolean;
}

/** A room that we are not in yet: it wants a password, or a host is asked. */
export interface Doorstep {
  room: number;
  name: string;
  wants: 'password' | 'host';
  wasWrong: boolean;
}

/** A file on its way. */
export interface Transfer {
  name: string;
  isSent: boolean;
  done: number;
  total: number;
}

export interface Toast {
  id: number;
  code: string;
  values: string[];
}

export interface Call {
  call: number;
  from: string;
  name: string;
  roomName: string;
}

export interface State {
  isReady: boolean;
  connection: Connection;
  server: { name: string; password: boolean; register: boolean; guest: boolean } | null;
  me: { username: string; name: string; token: string; sign: string } | null;
  /** What the invitation leads to that somebody came with. */
  ticket: { room: string } | null;
  /** Invitations to this room that there are, and the one that was made last, with its secrets. */
  invitations: Invitation[];
  invited: Invitation | null;
  /** Devices of this account; nothing: nobody asked. */
  myDevices: Device[] | null;
  /** Why the last sign-in failed: a code, and the seconds to wait. */
  failure: { why: string; seconds: number } | null;
  rooms: Map<number, { room: number; name: string; people: number }>;
  online: Map<number, { username: string; name: string }>;
  room: Room | null;
  isDatagramUp: boolean;
  lines: Line[];
  unread: number;
  call: Call | null;
  toasts: Toast[];
  figures: Figures | null;
  changedKeys: Set<string>;
  doorstep: Doorstep | null;
  transfers: Map<number, Transfer>;
  /** Where we are sent and are not yet. */
  moving: { from: number; to: number; parent: number; number: number } | null;
}

export const initial: State = {
  isReady: false,
  connection: 'off',
  server: null,
  me: null,
  ticket: null,
  invitations: [],
  invited: null,
  myDevices: null,
  failure: null,
  rooms: new Map(),
  online: new Map(),
  room: null,
  isDatagramUp: false,
  lines: [],
  unread: 0,
  call: null,
  toasts: [],
  figures: null,
  changedKeys: new Set(),
  doorstep: null,
  transfers: new Map(),
  moving: null,
};

let toastId = 0;

/** Adds something to be told for some seconds. */
export function toast(state: State, code: string, ...values: string[]): State {
  toastId += 1;
  return { ...state, toasts: [...state.toasts, { id: toastId, code, values }].slice(-TOASTS_MAX) };
}

function set<K, V>(map: Map<K, V>, key: K, value: V | null): Map<K, V> {
  const next = new Map(map);
  if (value === null) {
    next.delete(key);
  } else {
    next.set(key, value);
  }
  return next;
}

function addLine(state: State, line: Line): State {
  // What somebody paged back to is not taken away by what is new, within bounds.
  const most = Math.min(Math.max(LINES_MAX, state.lines.length), LINES_PAGED_MAX);
  const lines = [...state.lines, line].slice(-most);
  const wasCut = lines.length <= state.lines.length;
  const room = wasCut && state.room ? { ...state.room, linesBefore: null } : state.room;
  return { ...state, lines, room, unread: line.isMine ? state.unread : state.unread + 1 };
}

/** A message of the room as it was said or found. */
export function lineOf(
  event: {
    id: number;
    author: string;
    display_name: string;
    time_ms: number;
    text: string | null;
    edited_ms?: number;
  },
  isMine: boolean,
): Line {
  return {
    key: `r${event.id}`,
    id: event.id,
    author: event.author,
    name: event.display_name,
    timeMs: event.time_ms,
    text: event.text,
    isDirect: false,
    to: '',
    isMine,
    isEdited: (event.edited_ms ?? 0) > 0 && event.text !== null,
    status: 'stored',
  };
}

function participant(event: ParticipantEvent): Participant {
  const { slot, member, username, display_name: name, tracks, role, hand, is_me: isMe } = event;
  return { slot, member, username, name, tracks, role, hand, isMe, keys: event.seal + event.sign };
}

/** Where a room stands that we come into. */
function placeOf({ moving, room }: State, id: number): Room['breakout'] {
  if (moving?.to === id) {
    return { parent: moving.parent, number: moving.number };
  }
  return room?.id === id ? room.breakout : { parent: id, number: 0 };
}

/** The next state. */
export function reduce(state: State, event: AppEvent): State {
  const { room } = state;
  switch (event.t) {
    case 'ready':
      return { ...state, isReady: true };
    case 'connection': {
      const isOver = event.state === 'off';
      const next = { ...state, connection: event.state, isDatagramUp: false, figures: null };
      const nobody = { me: null, room: null, rooms: new Map(), online: new Map(), call: null, doorstep: null };
      return isOver ? { ...next, ...nobody } : next;
    }
    case 'hello': {
      const { name, password, register, guest } = event;
      return { ...state, server: { name, password, register, guest } };
    }
    case 'welcome': {
      const me = { username: event.username, name: event.display_name, token: event.token ?? '', sign: event.sign };
      return { ...state, me, failure: null, rooms: new Map(), online: new Map() };
    }
    case 'presented':
      // Whatever else was given to somebody, other programs know what to do with.
      return event.kind === 'invitation' ? { ...state, ticket: { room: event.room }, failure: null } : state;
    case 'ticket_refused':
      return { ...state, ticket: null, failure: { why: event.why, seconds: event.retry_after_s } };
    case 'invitations':
      return { ...state, invitations: event.list };
    case 'invited':
      return { ...state, invited: event.invitation };
    case 'devices':
      return { ...state, myDevices: event.list };
    case 'sign_in_failed':
      return { ...state, failure: { why: event.why, seconds: event.retry_after_s } };
    case 'signed_out':
      return event.reason === 'signed_in_elsewhere' || event.reason === 'revoked'
        ? { ...state, failure: { why: event.reason, seconds: 0 } }
        : state;
    case 'joined': {
      const isBack = room?.id === event.room;
      const place = placeOf(state, event.room);
      const isSameMeeting = room?.breakout.parent === place.parent;
      const joined = {
        id: event.room,
        name: event.name,
        slot: event.slot,
        isLocked: false,
        participants: new Map<number, Participant>(),
        speaker: null,
        rules: { hasWaitingRoom: false, hasPassword: false, hostsShare: false },
        knocks: new Map<string, string>(),
        shelf: isBack ? room.shelf : [],
        shelfBefore: isBack ? room.shelfBefore : 0,
        linesBefore: isBack ? room.linesBefore : null,
        search: isBack ? room.search : null,
        reactions: new Map(),
        breakout: place,
        breakouts: isSameMeeting ? room.breakouts : new Map(),
        assigned: isSameMeeting ? room.assigned : new Map(),
      };
      const [lines, unread] = isBack ? [state.lines, state.unread] : [[], 0];
      const papers = isBack ? {} : { invitations: [], invited: null };
      return { ...state, ...papers, moving: null, room: joined, doorstep: null, lines, unread };
    }
    case 'moved': {
      const { from, room: to, parent, number, name } = event;
      const next = { ...state, moving: { from, to, parent, number } };
      return number === 0 ? toast(next, 'moved_back') : toast(next, 'moved', name);
    }
    case 'reacted':
      if (room?.id !== event.room) {
        return state;
      }
      return { ...state, room: { ...room, reactions: show(room.reactions, event.slot, event.emoji, Date.now()) } };
    case 'breakouts_end':
      return event.after_s > 0
        ? toast(state, 'breakouts_end', String(event.after_s))
        : room?.breakout.parent === event.room
          ? { ...state, room: { ...room, breakouts: new Map(), assigned: new Map() } }
          : state;
    case 'breakout':
      return room?.breakout.parent === event.room
        ? { ...state, room: { ...room, breakouts: set(room.breakouts, event.number, event.name) } }
        : state;
    case 'assigned':
      return room?.breakout.parent === event.room
        ? { ...state, room: { ...room, assigned: set(room.assigned, event.username, event.number) } }
        : state;
    case 'breakouts_told':
      return toast(state, 'breakouts_told', event.display_name, event.text);
    case 'left': {
      // The next room is there in a moment.
      if (state.moving?.from === event.room) {
        return state;
      }
      const next = { ...state, room: null, doorstep: null };
      return event.reason === 'asked' ? next : toast(next, `left_${event.reason}`, room?.name ?? '');
    }
    case 'participant':
      if (room?.id !== event.room) {
        return state;
      }
      return { ...state, room: { ...room, participants: set(room.participants, event.slot, participant(event)) } };
    case 'participant_gone':
      if (room?.id !== event.room) {
        return state;
      }
      return { ...state, room: { ...room, participants: set(room.participants, event.slot, null) } };
    case 'speaker':
      return room?.id === event.room ? { ...state, room: { ...room, speaker: event.slot } } : state;
    case 'room_locked':
      return room?.id === event.room ? { ...state, room: { ...room, isLocked: event.is_locked } } : state;
    case 'lobby_room':
      return {
        ...state,
        rooms: set(state.rooms, event.place, { room: event.room, name: event.name, people: event.people }),
      };
    case 'lobby_room_gone':
      return { ...state, rooms: set(state.rooms, event.place, null) };
    case 'lobby_person':
      return {
        ...state,
        online: set(state.online, event.place, { username: event.username, name: event.display_name }),
      };
    case 'lobby_person_gone':
      return { ...state, online: set(state.online, event.place, null) };
    case 'datagrams':
      return { ...state, isDatagramUp: event.is_up };
    case 'figures':
      return { ...state, figures: event.figures };
    case 'muted':
      return toast(state, (event.tracks & 1) !== 0 ? 'muted_by' : 'stopped_by', event.by);
    case 'unmute_asked':
      return toast(state, 'unmute_asked', event.by);
    case 'ringing':
      return { ...state, call: { call: event.call, from: event.from, name: event.display_name, roomName: event.name } };
    case 'call_state': {
      const ended = state.call?.call === event.call && event.outcome !== 'ringing';
      const next = ended ? { ...state, call: null } : state;
      return event.request !== 0 ? toast(next, `call_${event.outcome}`) : next;
    }
    case 'refused':
      // Not let in: the lobby again.
      return toast({ ...state, doorstep: null }, `refused_${event.reason}`);
    case 'failed':
      return toast(state, 'failed', event.what);
    case 'key_changed':
      return state.changedKeys.has(event.username)
        ? state
        : toast(
            { ...state, changedKeys: new Set([...state.changedKeys, event.username]) },
            'key_changed',
            event.username,
          );
    default:
      return reduceChat(state, event);
  }
}

function reduceChat(state: State, event: AppEvent): State {
  const { room } = state;
  switch (event.t) {
    case 'chat': {
      if (state.room?.id !== event.room) {
        return state;
      }
      const isMine = event.author === state.me?.username;
      const line = lineOf(event, isMine);
      // Our own comes back after it was stored: it takes the place of the one that waited.
      const own = isMine ? state.lines.findIndex((other) => other.key === line.key) : -1;
      return own < 0 ? addLine(state, line) : { ...state, lines: state.lines.with(own, line) };
    }
    case 'chat_changed': {
      if (state.room?.id !== event.room) {
        return state;
      }
      const change = (line: Line): Line =>
        !line.isDirect && line.id === event.target
          ? { ...line, text: event.text, isEdited: event.text !== null }
          : line;
      const search = room?.search && { ...room.search, lines: room.search.lines.map(change) };
      return { ...state, lines: state.lines.map(change), room: { ...state.room, search: search ?? null } };
    }
    case 'sent':
      return addLine(state, {
        key: `w${event.reference}`,
        id: 0,
        author: state.me?.username ?? '',
        name: state.me?.name ?? '',
        timeMs: Date.now(),
        text: event.text,
        isDirect: event.kind === 'direct',
        to: event.to,
        isMine: true,
        isEdited: false,
        status: 'waiting',
      });
    case 'chat_stored': {
      const at = state.lines.findIndex((line) => line.key === `w${event.reference}`);
      const waiting = state.lines[at];
      if (!waiting) {
        return state;
      }
      // It may have come back before this word of it.
      const isThere = state.lines.some((line) => line.key === `r${event.id}`);
      const stored: Line = { ...waiting, key: `r${event.id}`, id: event.id, timeMs: event.time_ms, status: 'stored' };
      return { ...state, lines: isThere ? state.lines.toSpliced(at, 1) : state.lines.with(at, stored) };
    }
    case 'direct_stored':
      return { ...state, lines: state.lines.map((line) => mark(line, event.reference, 'stored')) };
    case 'not_sent': {
      const next = { ...state, lines: state.lines.map((line) => mark(line, event.reference, 'failed')) };
      return toast(next, `not_sent_${event.reason}`);
    }
    case 'direct':
      return addLine(state, {
        key: `d${event.id}`,
        id: event.id,
        author: event.from,
        name: event.from,
        timeMs: event.time_ms,
        text: event.text,
        isDirect: true,
        to: state.me?.username ?? '',
        isMine: false,
        isEdited: false,
        status: 'stored',
      });
    default:
      return reduceRoom(state, event);
  }
}

function mark(line: Line, reference: string, status: Line['status']): Line {
  return line.key === `w${reference}` ? { ...line, status } : line;
}

/** Participants in the order in which they came. */
export function people(room: Room | null): Participant[] {
  return [...(room?.participants.values() ?? [])].sort((a, b) => a.member - b.member);
}

/** The letter of an avatar: of a Vietnamese name the last word is the given one. */
export function initialOf(name: string): string {
  const word = name.trim().split(/\s+/).at(-1) ?? '';
  return [...word][0]?.toUpperCase() ?? '?';
}

/** Without diacritics and case, for search: `dat` finds Đạt. */
export function fold(text: string): string {
  return text.normalize('NFD').replace(/\p{M}/gu, '').replace(/[đĐ]/g, 'd').toLowerCase();
}

/** Eight groups of five digits (PROTOCOL.md section 14.1). */
export function shownCode(code: string): string {
  const pairs = code.match(/.{4}/g) ?? [];
  return pairs.map((pair) => String(Number.parseInt(pair, 16)).padStart(5, '0')).join(' ');
}
