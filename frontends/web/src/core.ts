// The core in WebAssembly: its functions, and the memory through which both sides pass bytes.

import { fromHex } from './hex';
import { TAG_BYTES } from './remote';

/** What the core asks of the worker. Bytes are lent until the function returns. */
export interface Host {
  control(bytes: Uint8Array): void;
  datagram(bytes: Uint8Array): void;
  event(json: string): void;
  voice(slot: number, track: number, begins: boolean, timestamp: number, samples: number, bytes: Uint8Array): void;
  /** Whoever was heard from that place is gone; -1: all are. */
  forgetVoices(slot: number): void;
  picture(slot: number, track: number): void;
  jpeg(slot: number, track: number, bytes: Uint8Array): void;
  piece(file: number, from: number, bytes: Uint8Array): void;
}

interface Exports extends WebAssembly.Exports {
  memory: WebAssembly.Memory;
  input(): number;
  create(now: number): void;
  connected(kind: number, first: number, second: number, length: number): void;
  disconnected(): void;
  handle_control(now: number, length: number): void;
  handle_datagram(now: number, length: number): void;
  tick(now: number): number;
  sign_out(): void;
  watch_lobby(now: number, on: number): void;
  join_named(request: number, mayCreate: number, length: number): number;
  leave(now: number, room: number): void;
  set_track(now: number, room: number, track: number, on: number, width: number, height: number): void;
  want(room: number, slot: number, track: number, width: number): void;
  chat(reference: bigint, room: number, length: number): number;
  look_up(request: number, length: number): number;
  send_direct(now: number, reference: bigint, name: number, length: number): number;
  raise_hand(room: number, up: number): number;
  react(request: number, room: number, reaction: number): number;
  set_ticket(length: number): void;
  invite(request: number, room: number, uses: number, validS: number, mayRegister: number): number;
  list_invitations(request: number, room: number): number;
  withdraw(request: number, room: number, id: bigint): number;
  list_devices(request: number): number;
  revoke_device(request: number, length: number): number;
  open_breakout(request: number, room: number, length: number): number;
  spread(request: number, room: number): number;
  tell_breakouts(request: number, room: number, length: number): number;
  end_breakouts(request: number, room: number, afterS: number): number;
  move_person(request: number, room: number, number: number, length: number): number;
  moderate(request: number, room: number, act: number, length: number): number;
  call(request: number, room: number, length: number): number;
  answer_call(call: number, accept: number): number;
  level(samples: number): number;
  send_voice(now: number, room: number, captured: number, level: number, length: number): number;
  end_voice(now: number, room: number, toc: number): void;
  send_picture(now: number, room: number, track: number, captured: number, width: number, height: number): void;
  draw(slot: number, track: number, force: number): number;
  safety_code(room: number): number;
  edit_chat(reference: bigint, room: number, id: number, length: number): number;
  delete_chat(reference: bigint, room: number, id: number): number;
  read_history(request: number, room: number, before: number, count: number): number;
  search_chat(request: number, room: number, before: number, count: number, length: number): number;
  room_key(length: number): number;
  enter(request: number, room: number, length: number): number;
  set_password(request: number, room: number, length: number): number;
  offer_file(reference: bigint, room: number, size: number, to: number, length: number): number;
  send_chunk(file: number, from: number, length: number): number;
  fetch_file(request: number, file: number, from: number, count: number): number;
  delete_file(request: number, file: number): number;
  list_files(request: number, room: number, before: number, count: number): number;
  hash_begin(number: number): void;
  hash_update(number: number, length: number): void;
  hash_finish(number: number): number;
  seal_piece(index: number, isLast: number, length: number): number;
  open_piece(index: number, isLast: number, length: number): number;
  figures(now: number): void;
}

export class Core {
  readonly #exports: Exports;
  readonly #input: number;
  readonly #encoder = new TextEncoder();

  private constructor(
    exports: Exports,
    readonly module: WebAssembly.Module,
  ) {
    this.#exports = exports;
    this.#input = exports.input();
  }

  /** Compiles and starts the core. `device` is the seed of this device's keys. */
  static async load(response: Promise<Response>, host: Host, device: Uint8Array): Promise<Core> {
    let memory: WebAssembly.Memory | undefined;
    const bytes = (at: number, length: number) =>
      new Uint8Array(memory?.buffer ?? new ArrayBuffer(0), at >>> 0, length);
    const text = new TextDecoder();
    const imports = {
      host: {
        host_control: (at: number, length: number) => host.control(bytes(at, length)),
        host_datagram: (at: number, length: number) => host.datagram(bytes(at, length)),
        host_event: (at: number, length: number) => host.event(text.decode(bytes(at, length))),
        host_voice: (
          slot: number,
          track: number,
          begins: number,
          time: number,
          count: number,
          at: number,
          length: number,
        ) => host.voice(slot, track, begins !== 0, time >>> 0, count, bytes(at, length)),
        host_forget_voices: (slot: number) => host.forgetVoices(slot),
        host_picture: (slot: number, track: number) => host.picture(slot, track),
        host_jpeg: (slot: number, track: number, at: number, length: number) =>
          host.jpeg(slot, track, bytes(at, length)),
        host_piece: (file: number, from: number, at: number, length: number) =>
          host.piece(file, from, bytes(at, length)),
      },
    };
    const { instance, module } = await WebAssembly.instantiateStreaming(response, imports);
    const exports = instance.exports as Exports;
    memory = exports.memory;
    const core = new Core(exports, module);
    core.#put(device, crypto.getRandomValues(new Uint8Array(32)));
    exports.create(now());
    return core;
  }

  /** A connection is open: what the gateway said of it, and how to sign in; nothing: only ask. */
  connected(exported: Uint8Array, account: import('./protocol').Account | null): void {
    const head = [exported, crypto.getRandomValues(new Uint8Array(34))];
    if (account === null) {
      this.#exports.connected(0, 0, 0, this.#put(...head));
    } else if (account.kind === 'guest') {
      this.#exports.connected(1, 0, 0, this.#put(...head, this.#utf8(account.name)));
    } else if (account.kind === 'token') {
      this.#exports.connected(4, 0, 0, this.#put(...head, fromHex(account.token), this.#utf8(account.username)));
    } else {
      const [username, password] = [this.#utf8(account.username), this.#utf8(account.password.normalize('NFKC'))];
      const length = this.#put(...head, username, password, this.#utf8(account.name));
      this.#exports.connected(account.register ? 3 : 2, username.length, password.length, length);
    }
  }

  disconnected(): void {
    this.#exports.disconnected();
  }

  handleControl(bytes: Uint8Array): void {
    this.#exports.handle_control(now(), this.#put(bytes));
  }

  handleDatagram(bytes: Uint8Array): void {
    this.#exports.handle_datagram(now(), this.#put(bytes));
  }

  /** Milliseconds until it wants to be called again. */
  tick(): number {
    return this.#exports.tick(now()) / 1000;
  }

  signOut(): void {
    this.#exports.sign_out();
  }

  watchLobby(on: boolean): void {
    this.#exports.watch_lobby(now(), Number(on));
  }

  joinNamed(request: number, name: string, mayCreate: boolean): boolean {
    return this.#exports.join_named(request, Number(mayCreate), this.#put(this.#utf8(name))) !== 0;
  }

  leave(room: number): void {
    this.#exports.leave(now(), room);
  }

  setTrack(room: number, track: number, on: boolean, width: number, height: number): void {
    this.#exports.set_track(now(), room, track, Number(on), width, height);
  }

  want(room: number, slot: number, track: number, width: number): void {
    this.#exports.want(room, slot, track, width);
  }

  chat(reference: bigint, room: number, text: string): boolean {
    return this.#exports.chat(reference, room, this.#put(this.#utf8(text))) !== 0;
  }

  lookUp(request: number, username: string): boolean {
    return this.#exports.look_up(request, this.#put(this.#utf8(username))) !== 0;
  }

  sendDirect(reference: bigint, to: string, keys: string, text: string): boolean {
    const name = this.#utf8(to);
    const length = this.#put(fromHex(keys), name, this.#utf8(text));
    return this.#exports.send_direct(now(), reference, name.length, length) !== 0;
  }

  raiseHand(room: number, up: boolean): void {
    this.#exports.raise_hand(room, Number(up));
  }

  react(request: number, room: number, reaction: number): void {
    this.#exports.react(request, room, reaction);
  }

  /** The secret of an invitation, or its digits: presented with each connection from now on; nothing: none. */
  setTicket(secret: string): void {
    this.#exports.set_ticket(this.#put(this.#utf8(secret)));
  }

  invite(request: number, room: number, uses: number, validS: number, mayRegister: boolean): boolean {
    return this.#exports.invite(request, room, uses, validS, Number(mayRegister)) !== 0;
  }

  listInvitations(request: number, room: number): boolean {
    return this.#exports.list_invitations(request, room) !== 0;
  }

  withdraw(request: number, room: number, id: bigint): boolean {
    return this.#exports.withdraw(request, room, id) !== 0;
  }

  listDevices(request: number): boolean {
    return this.#exports.list_devices(request) !== 0;
  }

  revokeDevice(request: number, sign: string): boolean {
    return this.#exports.revoke_device(request, this.#put(fromHex(sign))) !== 0;
  }

  openBreakout(request: number, room: number, name: string): boolean {
    return this.#exports.open_breakout(request, room, this.#put(this.#utf8(name))) !== 0;
  }

  spread(request: number, room: number): boolean {
    return this.#exports.spread(request, room) !== 0;
  }

  tellBreakouts(request: number, room: number, text: string): boolean {
    return this.#exports.tell_breakouts(request, room, this.#put(this.#utf8(text))) !== 0;
  }

  endBreakouts(request: number, room: number, afterS: number): boolean {
    return this.#exports.end_breakouts(request, room, afterS) !== 0;
  }

  movePerson(request: number, room: number, whom: string, number: number): void {
    this.#exports.move_person(request, room, number, this.#put(this.#utf8(whom)));
  }

  moderate(request: number, room: number, act: number, whom: string): boolean {
    return this.#exports.moderate(request, room, act, this.#put(this.#utf8(whom))) !== 0;
  }

  call(request: number, room: number, to: string): boolean {
    return this.#exports.call(request, room, this.#put(this.#utf8(to))) !== 0;
  }

  answerCall(call: number, accept: boolean): void {
    this.#exports.answer_call(call, Number(accept));
  }

  /** Level and voice bit of a block of sound, as RFC 6464 has them. */
  level(samples: Float32Array): number {
    this.#putSamples(samples);
    return this.#exports.level(samples.length);
  }

  sendVoice(room: number, capturedUs: number, level: number, packet: Uint8Array): boolean {
    return this.#exports.send_voice(now(), room, capturedUs, level, this.#put(packet)) !== 0;
  }

  endVoice(room: number, toc: number): void {
    this.#exports.end_voice(now(), room, toc);
  }

  sendPicture(room: number, track: number, capturedUs: number, picture: ImageData): void {
    this.#put(new Uint8Array(picture.data.buffer));
    this.#exports.send_picture(now(), room, track, capturedUs, picture.width, picture.height);
  }

  /** A picture as it is now; nothing if there is none, or nothing new in it and `force` is not set. Lent until the next call. */
  draw(slot: number, track: number, force: boolean): ImageData | null {
    if (this.#exports.draw(slot, track, Number(force)) === 0) {
      return null;
    }
    const view = new DataView(this.#exports.memory.buffer, this.#input, 12);
    const [width, height, at] = [view.getUint16(0, true), view.getUint16(2, true), view.getUint32(8, true)];
    const rgba = new Uint8ClampedArray(this.#exports.memory.buffer as ArrayBuffer, at, width * height * 4);
    return new ImageData(rgba, width, height);
  }

  safetyCode(room: number): Uint8Array | null {
    const has = this.#exports.safety_code(room) !== 0;
    return has ? new Uint8Array(this.#exports.memory.buffer, this.#input, 16).slice() : null;
  }

  editChat(reference: bigint, room: number, id: number, text: string): boolean {
    return this.#exports.edit_chat(reference, room, id, this.#put(this.#utf8(text))) !== 0;
  }

  deleteChat(reference: bigint, room: number, id: number): boolean {
    return this.#exports.delete_chat(reference, room, id) !== 0;
  }

  readHistory(request: number, room: number, before: number, count: number): boolean {
    return this.#exports.read_history(request, room, before, count) !== 0;
  }

  searchChat(request: number, room: number, before: number, count: number, words: string): boolean {
    return this.#exports.search_chat(request, room, before, count, this.#put(this.#utf8(words))) !== 0;
  }

  /** **Bound:** some hundred milliseconds. */
  roomKey(password: string, salt: Uint8Array): Uint8Array {
    this.#exports.room_key(this.#put(salt, this.#utf8(password)));
    return this.#taken(0, 32);
  }

  enter(request: number, room: number, key: Uint8Array): boolean {
    return this.#exports.enter(request, room, this.#put(key)) !== 0;
  }

  setPassword(request: number, room: number, salt: Uint8Array, key: Uint8Array): boolean {
    return this.#exports.set_password(request, room, this.#put(salt, key)) !== 0;
  }

  offerFile(reference: bigint, room: number, to: string, name: string, size: number, sha256: Uint8Array): boolean {
    const receiver = this.#utf8(to);
    const length = this.#put(sha256, receiver, this.#utf8(name));
    return this.#exports.offer_file(reference, room, size, receiver.length, length) !== 0;
  }

  sendChunk(file: number, from: number, bytes: Uint8Array): boolean {
    return this.#exports.send_chunk(file, from, this.#put(bytes)) !== 0;
  }

  fetchFile(request: number, file: number, from: number, count: number): boolean {
    return this.#exports.fetch_file(request, file, from, count) !== 0;
  }

  deleteFile(request: number, file: number): boolean {
    return this.#exports.delete_file(request, file) !== 0;
  }

  listFiles(request: number, room: number, before: number, count: number): boolean {
    return this.#exports.list_files(request, room, before, count) !== 0;
  }

  hashBegin(number: number): void {
    this.#exports.hash_begin(number);
  }

  hashUpdate(number: number, bytes: Uint8Array): void {
    this.#exports.hash_update(number, this.#put(bytes));
  }

  hashFinish(number: number): Uint8Array {
    this.#exports.hash_finish(number);
    return this.#taken(0, 32);
  }

  /** A piece of a file, sealed, with its tag. */
  sealPiece(key: Uint8Array, index: number, isLast: boolean, piece: Uint8Array): Uint8Array {
    const length = this.#put(key, piece);
    this.#exports.seal_piece(index, Number(isLast), length);
    return this.#taken(key.length, piece.length + TAG_BYTES);
  }

  /** Opens a sealed piece; nothing if it is none. */
  openPiece(key: Uint8Array, index: number, isLast: boolean, sealed: Uint8Array): Uint8Array<ArrayBuffer> | null {
    const isOpened = this.#exports.open_piece(index, Number(isLast), this.#put(key, sealed)) !== 0;
    return isOpened ? this.#taken(key.length, sealed.length - TAG_BYTES) : null;
  }

  figures(): Omit<import('./protocol').Figures, 'coding_ms' | 'unsent_bytes' | 'dropped' | 'voices'> {
    this.#exports.figures(now());
    const view = new DataView(this.#exports.memory.buffer, this.#input, 8);
    const json = new Uint8Array(this.#exports.memory.buffer, view.getUint32(0, true), view.getUint32(4, true));
    return JSON.parse(new TextDecoder().decode(json));
  }

  /** A copy of what a call put to the input. */
  #taken(from: number, length: number): Uint8Array<ArrayBuffer> {
    return new Uint8Array(this.#exports.memory.buffer, this.#input + from, length).slice();
  }

  #utf8(text: string): Uint8Array {
    return this.#encoder.encode(text);
  }

  /** Writes to the input, and gives the length. */
  #put(...parts: Uint8Array[]): number {
    let length = 0;
    for (const part of parts) {
      new Uint8Array(this.#exports.memory.buffer, this.#input + length, part.length).set(part);
      length += part.length;
    }
    return length;
  }

  #putSamples(samples: Float32Array): void {
    new Float32Array(this.#exports.memory.buffer, this.#input, samples.length).set(samples);
  }
}

/** Microseconds on the worker's monotonic clock, never 0. */
export function now(): number {
  return Math.floor(performance.now() * 1000) + 1_000_000;
}
