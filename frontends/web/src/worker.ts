// Everything but the page's face: the connection, the core, codecs and pictures, on a thread of their own.

import { Canvases } from './canvases';
import { Core, now } from './core';
import { Desk } from './desk';
import { toHex } from './hex';
import { Microphone, readSound } from './microphone';
import { Outbox, type Waiting } from './outbox';
import { People } from './people';
import { ACTS, type Account, type AppEvent, CAMERA, type Command, type CoreEvent, SCREEN } from './protocol';
import { Voices } from './voices';
import { Batch, CONTROL, DATAGRAMS, DROPPED, parseDatagrams, parseDropped, parseOpened, SUBPROTOCOL } from './wire';

const worker = self as unknown as DedicatedWorkerGlobalScope;

/** The first wait before a new attempt; it doubles up to the last. */
const BACKOFF_FIRST_MS = 250;
const BACKOFF_LAST_MS = 4000;
/** With so much unsent a picture is left out: it would only be late, and voices behind it. */
const UNSENT_MAX = 16 * 1024;
/** What came without completing a frame is drawn this often. */
const STALE_MS = 100;
const FIGURES_MS = 250;
/** Samples of sound a second. */
const RATE = 48_000;

type Pictures = Extract<Command, { do: 'pictures' }>;

let core: Core | null = null;
let people = new People({});
let socketUrl = '';
let socket: WebSocket | null = null;
let account: Account | null = null;
/** What is presented with each connection, or nothing. */
let ticket = '';
let isSignedIn = false;
let wantsSession = false;
let backoff = BACKOFF_FIRST_MS;
let retry: ReturnType<typeof setTimeout> | undefined;
let room = 0;
let request = 0;
let codingMs = 0;
let dropped: [number, number, number] = [0, 0, 0];
let wakes: ReturnType<typeof setTimeout> | undefined;

const outbox = new Outbox();
const canvases = new Canvases(() => core);
const desk = new Desk({
  core: live,
  isUp: () => core !== null && isSignedIn,
  act,
  tell,
  room: () => room,
  number: nextRequest,
  unsent: () => socket?.bufferedAmount ?? 0,
  flush: () => control.flush(),
  post,
});
/** How wide each picture is shown, by place and track: a server that we come back to does not know. */
const wants = new Map<number, number>();
const control = new Batch(CONTROL, transmit);
const datagrams = new Batch(DATAGRAMS, transmit);
const voices = new Voices();
const microphone = new Microphone(live, (captured, level, packet) => {
  act((core) => core.sendVoice(room, captured, level, packet));
});
const picture = new OffscreenCanvas(1, 1);
const pixels = picture.getContext('2d', { willReadFrequently: true });
const tracksOn = new Set<number>();

function live(): Core {
  if (!core) {
    throw new Error('the core is not there yet');
  }
  return core;
}

function tell(event: AppEvent): void {
  worker.postMessage(event);
}

function transmit(message: Uint8Array<ArrayBuffer>): void {
  if (socket?.readyState === WebSocket.OPEN) {
    socket.send(message);
  }
}

/** Runs one input, then sends what follows, and looks when the core wants to be woken. */
function act(input: (core: Core) => void): void {
  if (!core) {
    return;
  }
  input(core);
  control.flush();
  datagrams.flush();
  sendWaiting();
  desk.transfers.poll();
  canvases.draw();
  if (wakes === undefined) {
    wakes = setTimeout(
      () => {
        wakes = undefined;
        act((core) => void core.tick());
      },
      Math.max(1, isSignedIn ? core.tick() : 1000),
    );
    control.flush();
    datagrams.flush();
  }
}

const host = {
  control: (bytes: Uint8Array) => control.push(bytes),
  datagram: (bytes: Uint8Array) => datagrams.push(bytes),
  event: (json: string) => {
    // What follows from it may call the core: not while the core calls us.
    const event: CoreEvent = JSON.parse(json);
    queueMicrotask(() => hear(event));
  },
  voice: (slot: number, track: number, begins: boolean, timestamp: number, samples: number, bytes: Uint8Array) =>
    voices.decode(slot, track, begins, timestamp, samples, bytes),
  forgetVoices: (slot: number) => voices.forget(slot),
  picture: (slot: number, track: number) => canvases.mark(slot, track),
  jpeg: (slot: number, track: number, bytes: Uint8Array) => void canvases.drawJpeg(slot, track, bytes.slice()),
  piece: (file: number, from: number, bytes: Uint8Array) => {
    const copy = bytes.slice();
    queueMicrotask(() => desk.transfers.handlePiece(file, from, copy));
  },
};

function hear(event: CoreEvent): void {
  switch (event.t) {
    case 'hello':
      // Who signs in does so over a connection of its own; what was given to them is asked about first.
      if (ticket === '') {
        socket?.close();
      }
      break;
    case 'presented':
    case 'ticket_refused':
      socket?.close();
      break;
    case 'welcome':
      isSignedIn = true;
      backoff = BACKOFF_FIRST_MS;
      if (event.token) {
        // The password is needed no longer.
        account = { kind: 'token', username: event.username, token: event.token };
      }
      outbox.resend();
      desk.transfers.resume();
      tell({ t: 'connection', state: 'up', why: '' });
      break;
    case 'sign_in_failed':
      if (event.why === 'too_fast' && wantsSession && account?.kind === 'token') {
        backoff = Math.max(backoff, event.retry_after_s * 1000);
      } else {
        wantsSession = false;
      }
      socket?.close();
      break;
    case 'broken':
      socket?.close();
      return;
    case 'signed_out':
      if (event.reason === 'signed_in_elsewhere' || event.reason === 'asked' || event.reason === 'revoked') {
        wantsSession = false;
      }
      break;
    case 'joined':
      room = event.room;
      break;
    case 'left':
      room = 0;
      wants.clear();
      tracksOn.clear();
      break;
    case 'chat_stored':
    case 'direct_stored':
      outbox.acknowledge(BigInt(event.reference));
      break;
    case 'keys':
      sendDirect(event.request, event.username, event.seal + event.sign);
      return;
    case 'refused':
      if (isAnswered(event)) {
        return;
      }
      break;
    case 'participant':
      if (!event.is_me) {
        meet(event.username, event.seal + event.sign);
      }
      if (event.is_new) {
        wantAgain(event.room, event.slot);
      }
      break;
    case 'direct':
      if (event.text !== null) {
        meet(event.from, event.seal + event.sign);
      }
      break;
  }
  if (!desk.hear(event)) {
    tell(event);
  }
  act(() => {});
}

/** Whether a refusal was of something that is told in another way. */
function isAnswered({ request, reason }: Extract<CoreEvent, { t: 'refused' }>): boolean {
  const refused = outbox.refuse(BigInt(request), reason, Date.now());
  if (refused) {
    tell({ t: 'not_sent', reference: refused.reference.toString(), reason });
    return true;
  }
  return desk.isRefused(request, reason);
}

/** Somebody is new in a place: what is shown of that place is wanted of them. */
function wantAgain(room: number, slot: number): void {
  for (const track of [CAMERA, SCREEN]) {
    const width = wants.get(slot * 4 + track);
    if (width !== undefined) {
      act((core) => core.want(room, slot, track, width));
    }
  }
}

function meet(username: string, keys: string): boolean {
  const judgement = people.meet(username, keys);
  if (judgement === 'changed') {
    tell({ t: 'key_changed', username });
  } else if (judgement === 'new') {
    tell({ t: 'trusted', people: people.all() });
  }
  return judgement !== 'changed';
}

function sendDirect(number: number, username: string, keys: string): void {
  const waiting = outbox.asked(number);
  if (!waiting) {
    return;
  }
  if (!meet(username, keys)) {
    outbox.forget(waiting.reference);
    tell({ t: 'not_sent', reference: waiting.reference.toString(), reason: 'key_changed' });
    return;
  }
  act((core) => {
    if (!core.sendDirect(waiting.reference, username, keys, waiting.text)) {
      outbox.forget(waiting.reference);
      tell({ t: 'not_sent', reference: waiting.reference.toString(), reason: 'invalid' });
    }
  });
}

/** Sends messages that are due: to the room once we are in it, to people whose keys we ask for. */
function sendWaiting(): void {
  if (!core || !isSignedIn) {
    return;
  }
  for (const waiting of outbox.due(Date.now(), (waiting) => waiting.to !== '' || room !== 0)) {
    waiting.sent = true;
    if (waiting.to !== '') {
      waiting.request = nextRequest();
    }
    const isLegal = say(core, waiting);
    if (!isLegal) {
      outbox.forget(waiting.reference);
      tell({ t: 'not_sent', reference: waiting.reference.toString(), reason: 'invalid' });
    }
  }
  control.flush();
}

function say(core: Core, { reference, to, text, target, request }: Waiting): boolean {
  if (to !== '') {
    return core.lookUp(request, to);
  }
  if (target === 0) {
    return core.chat(reference, room, text);
  }
  return text === '' ? core.deleteChat(reference, room, target) : core.editChat(reference, room, target, text);
}

function nextRequest(): number {
  request = (request % 0x7fff_0000) + 1;
  return request;
}

function post(to: string, text: string, target = 0): void {
  const waiting = outbox.push(to, text, target);
  if (waiting && target === 0) {
    tell({ t: 'sent', kind: to === '' ? 'chat' : 'direct', reference: waiting.reference.toString(), to, text });
  } else if (!waiting) {
    tell({ t: 'failed', what: 'busy' });
  }
  act(() => {});
}

/** Opens a connection: to sign in, or only to ask who the server is. */
function connect(): void {
  clearTimeout(retry);
  const asks = !wantsSession;
  tell({ t: 'connection', state: asks ? 'asking' : 'connecting', why: '' });
  const opening = new WebSocket(socketUrl, SUBPROTOCOL);
  opening.binaryType = 'arraybuffer';
  socket = opening;
  let isOpen = false;
  opening.onmessage = ({ data }) => {
    if (socket !== opening) {
      return;
    }
    const message = new Uint8Array(data);
    if (!isOpen) {
      const exported = parseOpened(message);
      isOpen = exported !== null;
      if (exported) {
        act((core) => core.connected(exported, asks ? null : account));
      } else {
        opening.close();
      }
    } else if (message[0] === CONTROL) {
      act((core) => core.handleControl(message.subarray(1)));
    } else if (message[0] === DATAGRAMS) {
      act((core) => {
        for (const datagram of parseDatagrams(message)) {
          core.handleDatagram(datagram);
        }
      });
    } else if (message[0] === DROPPED) {
      dropped = parseDropped(message) ?? dropped;
    }
  };
  opening.onclose = () => {
    if (socket === opening) {
      lost();
    }
  };
}

/** The connection is gone: comes back by itself, unless nobody wants it. */
function lost(): void {
  socket = null;
  isSignedIn = false;
  core?.disconnected();
  outbox.resend();
  desk.forget();
  tell({ t: 'connection', state: wantsSession ? 'lost' : 'off', why: '' });
  if (wantsSession) {
    retry = setTimeout(connect, backoff * (0.75 + Math.random() / 2));
    backoff = Math.min(backoff * 2, BACKOFF_LAST_MS);
  }
}

/** Sends a picture within the sides that were announced; what has another shape gets bars. */
function sendPicture(track: number, width: number, height: number, source: VideoFrame | ImageBitmap): void {
  if (room === 0 || !pixels || !tracksOn.has(track) || (socket?.bufferedAmount ?? 0) >= UNSENT_MAX) {
    return;
  }
  const begun = performance.now();
  if (picture.width !== width || picture.height !== height) {
    picture.width = width;
    picture.height = height;
  }
  const [wide, high] =
    source instanceof ImageBitmap ? [source.width, source.height] : [source.displayWidth, source.displayHeight];
  const scale = Math.min(width / wide, height / high);
  const [shownWide, shownHigh] = [Math.round(wide * scale), Math.round(high * scale)];
  if (shownWide < width || shownHigh < height) {
    pixels.fillRect(0, 0, width, height);
  }
  pixels.drawImage(source, (width - shownWide) >> 1, (height - shownHigh) >> 1, shownWide, shownHigh);
  const image = pixels.getImageData(0, 0, width, height);
  // Its packets leave one after another, sooner than what the core waited for.
  clearTimeout(wakes);
  wakes = undefined;
  act((core) => core.sendPicture(room, track, now(), image));
  codingMs = performance.now() - begun;
}

/** Sends the pictures of a stream as fast as they can be coded, and no faster than wished; the browser drops the others. */
async function sendPictures({ track, width, height, rate, frames }: Pictures): Promise<void> {
  const reader = frames.getReader();
  const interval = 1e6 / rate;
  let due = 0;
  for (;;) {
    const { done, value: frame } = await reader.read();
    if (done) {
      return;
    }
    const at = now();
    // A camera's own rate is never quite what was asked for.
    if (at >= due - interval / 4) {
      due = Math.max(due, at - interval) + interval;
      sendPicture(track, width, height, frame);
    }
    frame.close();
  }
}

function obey(command: Exclude<Command, { do: 'start' }>): void {
  switch (command.do) {
    case 'probe':
      setTicket(command.ticket);
      wantsSession = false;
      socket?.close();
      connect();
      break;
    case 'sign_in':
      setTicket(command.ticket);
      account = command.account;
      wantsSession = true;
      backoff = BACKOFF_FIRST_MS;
      if (socket) {
        const old = socket;
        socket = null;
        old.close();
        core?.disconnected();
        isSignedIn = false;
      }
      connect();
      break;
    case 'sign_out':
      wantsSession = false;
      act((core) => core.signOut());
      account = null;
      clearTimeout(retry);
      setTimeout(() => !wantsSession && socket?.close(), 300);
      break;
    case 'watch_lobby':
      act((core) => core.watchLobby(command.on));
      break;
    case 'join':
      act((core) => {
        if (!core.joinNamed(nextRequest(), command.name, command.may_create)) {
          tell({ t: 'failed', what: 'room_name' });
        }
      });
      break;
    case 'leave':
      act((core) => core.leave(room));
      room = 0;
      wants.clear();
      tracksOn.clear();
      microphone.close();
      break;
    case 'chat':
      post('', command.text);
      break;
    case 'direct':
      post(command.to, command.text);
      break;
    case 'accept_key':
      if (people.accept(command.username)) {
        tell({ t: 'trusted', people: people.all() });
      }
      break;
    case 'track':
      setTrack(command.track, command.on, command.width, command.height);
      break;
    case 'want':
      wants.set(command.slot * 4 + command.track, command.width);
      act((core) => core.want(room, command.slot, command.track, command.width));
      break;
    case 'hand':
      act((core) => core.raiseHand(room, command.up));
      break;
    case 'react':
      act((core) => core.react(nextRequest(), room, command.reaction));
      break;
    case 'moderate':
      act((core) => void core.moderate(nextRequest(), room, ACTS.indexOf(command.act), command.whom));
      break;
    case 'call':
      act((core) => void core.call(nextRequest(), room, command.to));
      break;
    case 'answer':
      act((core) => core.answerCall(command.call, command.accept));
      break;
    case 'canvas':
      canvases.add(command.slot, command.track, command.canvas);
      break;
    case 'no_canvas': {
      const { slot, track } = command;
      canvases.remove(slot, track);
      if (wants.delete(slot * 4 + track) && room !== 0) {
        act((core) => core.want(room, slot, track, 0));
      }
      break;
    }
    case 'pictures':
      // It ends with its source; one that fails has ended too.
      sendPictures(command).catch(() => {});
      break;
    case 'picture':
      sendPicture(command.track, command.width, command.height, command.bitmap);
      command.bitmap.close();
      tell({ t: 'picture_taken', track: command.track });
      break;
    case 'speaker':
      voices.connect(command.port, live().module);
      break;
    case 'microphone':
      command.port.onmessage = ({ data }: MessageEvent<{ samples: Float32Array; frame: number }>) =>
        speak(data.samples, (data.frame * 1e6) / RATE);
      break;
    case 'sound':
      readSound(command.frames, speak)
        .then((isOurs) => isOurs || tell({ t: 'other_rate' }))
        // It ends with its source; one that fails has ended too.
        .catch(() => {});
      break;
    case 'safety_code': {
      const code = core?.safetyCode(room);
      worker.postMessage({ t: 'safety_code', code: code ? toHex(code) : '' });
      break;
    }
    default:
      desk.obey(command);
  }
}

function setTicket(secret: string): void {
  ticket = secret;
  core?.setTicket(secret);
}

function speak(samples: Float32Array, deviceUs: number): void {
  if (room !== 0 && core && tracksOn.has(0)) {
    microphone.handle(samples, deviceUs);
  }
}

function setTrack(track: number, on: boolean, width: number, height: number): void {
  if (track === 0 && !on && tracksOn.has(0)) {
    act((core) => core.endVoice(room, microphone.toc));
    microphone.close();
  }
  if (on) {
    tracksOn.add(track);
  } else {
    tracksOn.delete(track);
  }
  act((core) => core.setTrack(room, track, on, width, height));
}

async function start(command: Extract<Command, { do: 'start' }>): Promise<void> {
  people = new People(command.people);
  socketUrl = command.socket;
  core = await Core.load(fetch(command.wasm), host, command.device);
  setInterval(() => {
    canvases.drawStale();
  }, STALE_MS);
  setInterval(() => {
    if (core && isSignedIn) {
      const unsent = socket?.bufferedAmount ?? 0;
      const figures = { ...core.figures(), voices: voices.figures };
      microphone.adapt(figures, performance.now());
      tell({ t: 'figures', figures: { ...figures, coding_ms: codingMs, unsent_bytes: unsent, dropped } });
    }
  }, FIGURES_MS);
  tell({ t: 'ready' });
}

worker.onmessage = ({ data }: MessageEvent<Command>) => {
  if (data.do === 'start') {
    start(data).catch((error: unknown) => tell({ t: 'failed', what: `core: ${String(error)}` }));
  } else {
    obey(data);
  }
};
