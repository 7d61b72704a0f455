// The page's end of the worker: events into the state, wishes into commands, and what is kept between visits.

import { signal } from '@preact/signals';
import wasmUrl from '../../../target/web/hph_web.wasm?url';
import { canSend, chooseSpeaker, closeMicrophone, listen, openMicrophone, resample } from './audio';
import { openCamera, openScreen, type Source } from './camera';
import { choose, type Kind, look, wished } from './devices';
import { fromHex, toHex } from './hex';
import { lang } from './i18n';
import { fromHash, fromText } from './invitation';
import { hideAll, show } from './preview';
import { type Account, type AppEvent, CAMERA, type Command, MICROPHONE, SCREEN } from './protocol';
import { bars, FULL, type Quality, steady } from './quality';
import { type Remote, safeName } from './remote';
import { initial, reduce, type State, toast } from './state';
import workerUrl from './worker.ts?worker&url';

export const state = signal<State>(initial);
/** What is on here, or wished to be. */
export const devices = signal({ microphone: false, camera: false, screen: false });
export const preview = signal<{ camera: MediaStream | null }>({ camera: null });
export const safetyCode = signal('');
/** The room in front of whose door we stand: devices are tried before going in. */
export const door = signal<{ name: string; mayCreate: boolean } | null>(null);
/** The tile that is large because somebody chose it: its key, or nothing. */
export const pinned = signal('');
/** How good our way to the server is. */
export const quality = signal<Quality>(FULL);
const link = fromHash(location.hash);
/** A room of the link that was opened. */
export const wantedRoom = signal(link.room);

interface Visit {
  /** Seed of the keys of this device: 32 bytes in hexadecimal. */
  device: string;
  account: Account | null;
  /** The secret of the invitation that they came with, or its digits; a guest comes back with it. */
  ticket: string;
}

let worker: Worker | null = null;
const sources = new Map<number, Source>();

/** A guest is whoever has this tab: a second tab is somebody else. Somebody with an account has one device for all tabs. */
function load(): Visit {
  const tab = sessionStorage.getItem('visit');
  if (tab) {
    const kept: Visit = JSON.parse(tab);
    return { ...kept, ticket: link.secret || kept.ticket };
  }
  const account: Account | null = JSON.parse(localStorage.getItem('account') ?? 'null');
  const device = localStorage.getItem('device') ?? toHex(crypto.getRandomValues(new Uint8Array(32)));
  const { secret: ticket } = link;
  return { device: account ? device : toHex(crypto.getRandomValues(new Uint8Array(32))), account, ticket };
}

const visit = load();

export function ask(command: Command, transfer: Transferable[] = []): void {
  worker?.postMessage(command, transfer);
}

export function begin(): void {
  document.documentElement.lang = lang.value;
  // Another link in this tab is another visit.
  addEventListener('hashchange', () => location.reload());
  const policy = globalThis.trustedTypes?.createPolicy('hph', {
    createScriptURL: (url: string) => {
      if (url !== workerUrl) {
        throw new TypeError('only the worker of this page');
      }
      return url;
    },
  });
  const url = policy ? (policy.createScriptURL(workerUrl) as unknown as string) : workerUrl;
  worker = new Worker(url, { type: 'module' });
  worker.onmessage = ({ data }: MessageEvent<AppEvent | { t: 'safety_code'; code: string }>) => {
    if (data.t === 'safety_code') {
      safetyCode.value = data.code;
    } else {
      handle(data);
    }
  };
  const people = JSON.parse(localStorage.getItem('people') ?? '{}');
  const scheme = location.protocol === 'https:' ? 'wss' : 'ws';
  const socket = `${scheme}://${location.host}/session`;
  ask({ do: 'start', device: fromHex(visit.device), people, socket, wasm: new URL(wasmUrl, location.href).href });
}

function handle(event: AppEvent): void {
  const before = state.value;
  state.value = reduce(before, event);
  switch (event.t) {
    case 'ready':
      if (visit.account) {
        ask({ do: 'sign_in', account: visit.account, ticket: visit.ticket });
      } else {
        ask({ do: 'probe', ticket: visit.ticket });
      }
      break;
    case 'welcome':
      keep(event.username, event.token ?? '');
      ask({ do: 'watch_lobby', on: true });
      if (wantedRoom.value && !before.room) {
        approach(wantedRoom.value, true);
      }
      break;
    case 'presented':
      wantedRoom.value = event.room || wantedRoom.value;
      break;
    case 'ticket_refused':
      // What is good for nothing is not said again.
      visit.ticket = '';
      break;
    case 'only_room':
      approach(event.name, false);
      break;
    case 'sign_in_failed':
      forget();
      break;
    case 'connection':
      if (event.state === 'off' && !before.server) {
        setTimeout(() => state.value.connection === 'off' && ask({ do: 'probe', ticket: visit.ticket }), 2000);
      }
      break;
    case 'moved':
      following = { microphone: devices.value.microphone, camera: devices.value.camera };
      break;
    case 'joined':
      void follow();
      wantedRoom.value = event.name;
      history.replaceState(null, '', `#/${encodeURIComponent(event.name)}`);
      if (door.value) {
        door.value = null;
        void carryIn();
      }
      break;
    case 'figures':
      quality.value = steady(quality.value, bars(event.figures), Date.now());
      break;
    case 'left':
      hideAll();
      leaveDevices();
      if (before.moving?.from === event.room) {
        break;
      }
      history.replaceState(null, '', ' ');
      wantedRoom.value = '';
      break;
    case 'muted':
      if ((event.tracks & 1) !== 0) {
        closeMicrophone();
        devices.value = { ...devices.value, microphone: false };
      }
      if ((event.tracks & 0b110) !== 0) {
        stopSource(CAMERA);
        stopSource(SCREEN);
        devices.value = { ...devices.value, camera: false, screen: false };
      }
      break;
    case 'other_rate':
      void resample(ask);
      break;
    case 'picture_taken':
      sources.get(event.track)?.taken();
      break;
    case 'password_wanted':
    case 'waiting':
      nameDoorstep();
      break;
    case 'file_came':
      if (!event.isShown) {
        save(event.name, event.blob);
      } else {
        void show(event.file, event.blob).then((isPicture) => isPicture || fail('no_picture', event.name));
      }
      break;
    case 'trusted':
      localStorage.setItem('people', JSON.stringify(event.people));
      break;
  }
}

/** Remembers who we are: a guest in this tab, an account by its token (never the password) in this browser. */
function keep(username: string, token: string): void {
  if (token) {
    visit.account = { kind: 'token', username, token };
    localStorage.setItem('account', JSON.stringify(visit.account));
    localStorage.setItem('device', visit.device);
  }
  sessionStorage.setItem('visit', JSON.stringify(visit));
}

function forget(): void {
  visit.account = null;
  sessionStorage.removeItem('visit');
  localStorage.removeItem('account');
}

export function signIn(account: Account): void {
  visit.account = account.kind === 'password' ? null : account;
  state.value = { ...state.value, failure: null };
  ask({ do: 'sign_in', account, ticket: visit.ticket });
  void listen(ask);
}

/** Takes what somebody pasted or typed; whether it is an invitation. */
export function present(text: string): boolean {
  const given = fromText(text);
  if (!given) {
    return false;
  }
  visit.ticket = given.secret;
  wantedRoom.value = given.room || wantedRoom.value;
  state.value = { ...state.value, failure: null, ticket: null };
  ask({ do: 'probe', ticket: given.secret });
  return true;
}

export function signOut(): void {
  visit.ticket = '';
  leaveDevices();
  forget();
  ask({ do: 'sign_out' });
}

/** Goes to the door of a room; straight in, where there is no device to try. */
export function approach(name: string, mayCreate: boolean): void {
  if (canSend) {
    door.value = { name: name.normalize('NFC').trim(), mayCreate };
  } else {
    join(name, mayCreate);
  }
}

export function turnBack(): void {
  door.value = null;
  wantedRoom.value = '';
  history.replaceState(null, '', ' ');
}

/** Switches on what was wished for at the door. */
/** What was on where we were sent from. */
let following: { microphone: boolean; camera: boolean } | null = null;

/** Where we were sent, what was on is on again. */
async function follow(): Promise<void> {
  const was = following;
  following = null;
  if (was?.microphone) {
    await setMicrophone(true);
  }
  if (was?.camera) {
    await setCamera(true);
  }
}

async function carryIn(): Promise<void> {
  const { microphone, camera } = wished.value;
  if (microphone) {
    await setMicrophone(true);
  }
  if (camera) {
    await setCamera(true);
  }
}

/** Another device: what is on goes on with it. */
export async function change(kind: Kind, id: string): Promise<void> {
  choose(kind, id);
  const { microphone, camera } = devices.value;
  if (kind === 'microphone' && microphone) {
    await setMicrophone(true);
  } else if (kind === 'camera' && camera) {
    stopSource(CAMERA);
    await setCamera(true);
  } else if (kind === 'speaker') {
    await chooseSpeaker().catch((error: unknown) => fail('no_speaker', error));
  }
}

export function join(name: string, mayCreate: boolean): void {
  ask({ do: 'join', name: name.normalize('NFC').trim(), may_create: mayCreate });
  void listen(ask);
}

export function leave(): void {
  leaveDevices();
  ask({ do: 'leave' });
}

function leaveDevices(): void {
  closeMicrophone();
  stopSource(CAMERA);
  stopSource(SCREEN);
  devices.value = { microphone: false, camera: false, screen: false };
}

function stopSource(track: number): void {
  sources.get(track)?.stop();
  sources.delete(track);
  if (track === CAMERA) {
    preview.value = { camera: null };
  }
}

function fail(code: string, error: unknown): void {
  state.value = toast(state.value, code, error instanceof Error ? error.message || error.name : String(error));
}

export async function setMicrophone(on: boolean): Promise<void> {
  if (on && canSend) {
    try {
      await openMicrophone(ask);
    } catch (error) {
      fail('no_microphone', error);
      return;
    }
  } else {
    closeMicrophone();
  }
  devices.value = { ...devices.value, microphone: on };
  void look();
  ask({ do: 'track', track: MICROPHONE, on, width: 0, height: 0 });
}

export async function setCamera(on: boolean): Promise<void> {
  if (on) {
    try {
      const source = await openCamera(ask);
      sources.set(CAMERA, source);
      preview.value = { camera: source.stream };
      ask({ do: 'track', track: CAMERA, on: true, width: source.width, height: source.height });
      void look();
    } catch (error) {
      fail('no_camera', error);
      return;
    }
  } else {
    stopSource(CAMERA);
    ask({ do: 'track', track: CAMERA, on: false, width: 0, height: 0 });
  }
  devices.value = { ...devices.value, camera: on };
}

export async function setScreen(on: boolean): Promise<void> {
  if (on) {
    try {
      const source = await openScreen(ask, () => void setScreen(false));
      sources.set(SCREEN, source);
      ask({ do: 'track', track: SCREEN, on: true, width: source.width, height: source.height });
    } catch (error) {
      if (!(error instanceof DOMException && error.name === 'NotAllowedError')) {
        fail('no_screen', error);
      }
      return;
    }
  } else {
    stopSource(SCREEN);
    ask({ do: 'track', track: SCREEN, on: false, width: 0, height: 0 });
  }
  devices.value = { ...devices.value, screen: on };
}

export function dismiss(id: number): void {
  state.value = { ...state.value, toasts: state.value.toasts.filter((other) => other.id !== id) };
}

export function read(): void {
  state.value = { ...state.value, unread: 0 };
}

export function acceptKey(username: string): void {
  ask({ do: 'accept_key', username });
  const changedKeys = new Set(state.value.changedKeys);
  changedKeys.delete(username);
  state.value = { ...state.value, changedKeys };
}

export function answer(accept: boolean): void {
  const { call, room } = state.value;
  if (!call) {
    return;
  }
  ask({ do: 'answer', call: call.call, accept });
  state.value = { ...state.value, call: null };
  if (accept) {
    if (room) {
      leave();
    }
    join(call.roomName, false);
  }
}

/** The name of a room that asks for its password: the one that we went to. */
function nameDoorstep(): void {
  const { doorstep } = state.value;
  if (doorstep && doorstep.name === '') {
    state.value = { ...state.value, doorstep: { ...doorstep, name: door.value?.name ?? wantedRoom.value } };
  }
}

/** Leaves the doorstep of a room, or the room itself if we had been in it. */
export function leaveDoorstep(): void {
  const { doorstep, room } = state.value;
  if (!doorstep) {
    return;
  }
  ask({ do: 'turn_back', room: doorstep.room });
  state.value = { ...state.value, doorstep: null };
  if (room?.id === doorstep.room) {
    leave();
    state.value = { ...state.value, room: null };
  }
  turnBack();
}

/** Sends files to the room, or sealed to one person. */
export function sendFiles(to: string, files: Iterable<File>): void {
  for (const file of files) {
    ask({ do: 'send_file', to, file, name: safeName(file.name.normalize('NFC')) });
  }
}

export function fetchFile(remote: Remote, isShown = false): void {
  ask({ do: 'fetch_file', remote, isShown });
}

/** Gives a file to the browser, which keeps it where it keeps downloads. */
function save(name: string, blob: Blob): void {
  const url = URL.createObjectURL(blob);
  const link = document.createElement('a');
  link.href = url;
  link.download = safeName(name);
  document.body.append(link);
  link.click();
  link.remove();
  // The browser has begun to read it by then.
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}

/** The conversation again, in place of what was found in it. */
export function clearSearch(): void {
  const { room } = state.value;
  if (room?.search) {
    state.value = { ...state.value, room: { ...room, search: null } };
  }
}
