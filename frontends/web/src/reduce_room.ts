// The part of the state that is the room's door, its past and its files.

import type { AppEvent } from './protocol';
import { lineOf, type Room, type State, toast } from './state';

/** The next state. */
export function reduceRoom(state: State, event: AppEvent): State {
  const { room } = state;
  switch (event.t) {
    case 'password_wanted': {
      const name = state.doorstep?.room === event.room ? state.doorstep.name : (room?.name ?? '');
      return { ...state, doorstep: { room: event.room, name, wants: 'password', wasWrong: false } };
    }
    case 'wrong_password':
      return state.doorstep ? { ...state, doorstep: { ...state.doorstep, wasWrong: true } } : state;
    case 'waiting':
      return { ...state, doorstep: { room: event.room, name: event.name, wants: 'host', wasWrong: false } };
    case 'history':
      return room ? withPage(state, room, event) : state;
    case 'file_progress': {
      const { request, name, isSent, done, total } = event;
      return { ...state, transfers: new Map(state.transfers).set(request, { name, isSent, done, total }) };
    }
    case 'file_sent':
    case 'file_came':
      return withoutTransfer(state, event.request);
    case 'file_failed': {
      const name = state.transfers.get(event.request)?.name ?? '';
      const next = withoutTransfer(state, event.request);
      return event.reason === 'stopped' ? next : toast(next, `file_${event.reason}`, name);
    }
    default:
      return room && 'room' in event && event.room === room.id
        ? { ...state, room: withOwn(room, event) }
        : event.t === 'files_all' && room
          ? { ...state, room: { ...room, shelfBefore: event.before } }
          : state;
  }
}

function withOwn(room: Room, event: AppEvent): Room {
  switch (event.t) {
    case 'knock': {
      const knocks = new Map(room.knocks);
      if (event.is_waiting) {
        knocks.set(event.username, event.display_name);
      } else {
        knocks.delete(event.username);
      }
      return { ...room, knocks };
    }
    case 'rules': {
      const { has_waiting_room: hasWaitingRoom, has_password: hasPassword, hosts_share: hostsShare } = event;
      return { ...room, rules: { hasWaitingRoom, hasPassword, hostsShare } };
    }
    case 'file': {
      const others = room.shelf.filter((other) => other.file !== event.file);
      return { ...room, shelf: [...others, event].sort((a, b) => b.file - a.file) };
    }
    case 'file_gone':
      return { ...room, shelf: room.shelf.filter((other) => other.file !== event.file) };
    default:
      return room;
  }
}

function withPage(state: State, room: Room, page: Extract<AppEvent, { t: 'history' }>): State {
  const found = page.found.map((message) => lineOf(message, message.author === state.me?.username));
  if (page.words !== '') {
    const before = page.isMore && room.search?.words === page.words ? room.search.lines : [];
    return {
      ...state,
      room: { ...room, search: { words: page.words, lines: [...before, ...found], before: page.before } },
    };
  }
  const known = new Set(state.lines.map((line) => line.key));
  const older = found.reverse().filter((line) => !known.has(line.key));
  return { ...state, lines: [...older, ...state.lines], room: { ...room, linesBefore: page.before } };
}

function withoutTransfer(state: State, request: number): State {
  const transfers = new Map(state.transfers);
  transfers.delete(request);
  return { ...state, transfers };
}
