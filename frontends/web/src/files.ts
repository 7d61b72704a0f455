// Files on their way. What was interrupted goes on where the other end says that it ended; of several the first goes first, and is
// there sooner than two at half the pace.

import type { Core } from './core';
import type { World } from './desk';
import { fromHex, toHex } from './hex';
import { PIECE_BYTES, type Remote, sealedSize, storedSize, TAG_BYTES, toDirect } from './remote';

/** Bytes of a file in one message, in one range, and on their way to the server (PROTOCOL.md section 9.3). */
const CHUNK_BYTES = 8192;
const RANGE_BYTES = 256 * 1024;
const AHEAD_BYTES = 256 * 1024;
const SEALED_BYTES = PIECE_BYTES + TAG_BYTES;
/** So much of the socket may be taken: voices and pictures wait behind it. */
const UNSENT_BYTES = 24 * 1024;
const AGAIN_MS = 1500;
const TRIES_MAX = 10;
const BACK_MS = 8000;
/** What came is given to the browser in blocks of this size: it may put them on its disk. */
const BLOCK_BYTES = 1024 * 1024;
/** Hashes of whole files have numbers below this, those of single pieces this one. */
const PIECE_HASH = 0xffff_ffff;

export type FileEvent =
  | { t: 'file_progress'; request: number; name: string; isSent: boolean; done: number; total: number }
  | { t: 'file_sent'; request: number }
  /** `isShown`: it is to be seen on the page, not kept. */
  | { t: 'file_came'; request: number; name: string; blob: Blob; file: number; isShown: boolean }
  | { t: 'file_failed'; request: number; reason: string };

interface Upload {
  request: number;
  reference: bigint;
  room: number;
  to: string;
  file: File;
  name: string;
  key: Uint8Array | null;
  stage: 'waiting' | 'reading' | 'ready' | 'asked' | 'sending';
  plain: string;
  sentHash: Uint8Array;
  /** Hashes of the pieces as they were read first: no other bytes are ever sealed in their place. */
  pieces: string[];
  number: number;
  sent: number;
  taken: number;
  after: number;
  tries: number;
}

interface Download {
  request: number;
  remote: Remote;
  isShown: boolean;
  done: number;
  asked: number;
  /** What of a sealed piece is there. */
  piece: Uint8Array[];
  pieceBytes: number;
  index: number;
  block: Uint8Array<ArrayBuffer>[];
  blockBytes: number;
  blobs: Blob[];
  after: number;
  tries: number;
}

export class Transfers {
  #uploads: Upload[] = [];
  #downloads: Download[] = [];
  #isPumping = false;
  #resumed = 0;
  readonly #world: World;

  constructor(world: World) {
    this.#world = world;
  }

  /** Takes a file for a room, or sealed for one person. */
  send(room: number, to: string, file: File, name: string): void {
    const [high = 0, low = 0] = crypto.getRandomValues(new Uint32Array(2));
    this.#uploads.push({
      request: this.#world.number(),
      reference: (BigInt(high) << 32n) | BigInt(low) || 1n,
      room: to ? 0 : room,
      to,
      file,
      name,
      key: to ? crypto.getRandomValues(new Uint8Array(32)) : null,
      stage: 'waiting',
      plain: '',
      sentHash: new Uint8Array(),
      pieces: [],
      number: 0,
      sent: 0,
      taken: 0,
      after: 0,
      tries: 0,
    });
    this.poll();
  }

  fetch(remote: Remote, isShown: boolean): void {
    const request = this.#world.number();
    this.#world.core().hashBegin(request);
    const download: Download = {
      request,
      remote,
      isShown,
      done: 0,
      asked: 0,
      piece: [],
      pieceBytes: 0,
      index: 0,
      block: [],
      blockBytes: 0,
      blobs: [],
      after: 0,
      tries: 0,
    };
    this.#downloads.push(download);
    this.#progressOf(download);
    this.poll();
  }

  /** Gives something up. */
  stop(request: number): void {
    this.#fail(request, 'stopped');
  }

  /** The connection is another one: everything is asked again. */
  resume(): void {
    this.#resumed = Date.now();
    for (const upload of this.#uploads) {
      if (upload.stage === 'asked' || upload.stage === 'sending') {
        upload.stage = 'ready';
      }
    }
    for (const download of this.#downloads) {
      download.asked = download.done;
    }
  }

  handleWanted(reference: string, number: number, from: number): void {
    const upload = this.#uploads.find((other) => other.reference === BigInt(reference));
    if (upload?.stage === 'asked') {
      Object.assign(upload, { stage: 'sending', number, sent: from, taken: from });
    } else if (upload?.stage === 'sending') {
      upload.taken = Math.max(upload.taken, from);
    }
    if (upload) {
      this.#progress(upload, from);
    }
    this.poll();
  }

  handleStored(reference: string, number: number): void {
    const upload = this.#uploads.find((other) => other.reference === BigInt(reference));
    if (!upload) {
      return;
    }
    this.#uploads = this.#uploads.filter((other) => other !== upload);
    if (upload.to && upload.key) {
      const { name, file, plain, key } = upload;
      const remote = { file: number, name, size: file.size, sha256: plain, key: toHex(key) };
      this.#world.post(upload.to, toDirect(remote));
    }
    this.#world.tell({ t: 'file_sent', request: upload.request });
    this.poll();
  }

  /** A piece came. What was not asked for is not kept. */
  handlePiece(file: number, from: number, bytes: Uint8Array): void {
    const download = this.#downloads.find((other) => other.remote.file === file && other.done === from);
    if (!download || from + bytes.length > download.asked) {
      return;
    }
    download.done += bytes.length;
    download.tries = 0;
    const copy = new Uint8Array(bytes);
    if (download.remote.key) {
      this.#takeSealed(download, copy);
    } else {
      this.#keep(download, copy);
    }
    this.#progressOf(download);
    if (this.#downloads.includes(download) && download.done === storedSize(download.remote)) {
      this.#finish(download);
    }
    this.poll();
  }

  /** The server refused that number; whether it was about a file. */
  refuse(number: bigint, reason: string): boolean {
    const now = Date.now();
    const upload = this.#uploads.find((other) => other.reference === number);
    const download = this.#downloads.find((other) => BigInt(other.request) === number);
    const it = upload ?? download;
    if (!it) {
      return false;
    }
    it.tries += 1;
    it.after = now + AGAIN_MS;
    // Behind a new connection we may not be back in the room of a file: then it is not there for us.
    const isEarly = reason === 'no_such_file' && now - this.#resumed < BACK_MS;
    if (!(isEarly || ['too_fast', 'storage', 'not_in_room'].includes(reason)) || it.tries > TRIES_MAX) {
      this.#fail(it.request, reason);
    } else if (upload) {
      upload.stage = 'ready';
    } else if (download) {
      download.asked = download.done;
    }
    return true;
  }

  /** Does what can be done now. */
  poll(): void {
    if (!this.#isPumping && this.#world.isUp() && (this.#uploads.length > 0 || this.#downloads.length > 0)) {
      this.#isPumping = true;
      this.#pump()
        .catch((error: unknown) => {
          const first = this.#uploads[0];
          if (first) {
            this.#fail(first.request, error instanceof Error ? error.name : String(error));
          }
        })
        .finally(() => {
          this.#isPumping = false;
        });
    }
  }

  async #pump(): Promise<void> {
    this.#ask();
    for (;;) {
      const [upload] = this.#uploads;
      if (!upload || upload.after > Date.now() || this.#world.unsent() > UNSENT_BYTES) {
        return;
      }
      if (upload.stage === 'waiting') {
        upload.stage = 'reading';
        await this.#read(upload);
        upload.stage = 'ready';
      } else if (upload.stage === 'ready') {
        if (upload.room !== 0 && this.#world.room() !== upload.room) {
          return;
        }
        upload.stage = 'asked';
        const { reference, room, to, name, file, sentHash } = upload;
        const size = to ? sealedSize(file.size) : file.size;
        if (!this.#world.core().offerFile(reference, room, to, to ? '' : name, size, sentHash)) {
          this.#fail(upload.request, 'invalid');
        }
        this.#world.flush();
      } else if (upload.stage !== 'sending' || !(await this.#sendNext(upload))) {
        return;
      }
    }
  }

  /** Asks for the next range of the first download, when half of the last is here. */
  #ask(): void {
    const [download] = this.#downloads;
    if (!download || download.after > Date.now()) {
      return;
    }
    const total = storedSize(download.remote);
    if (total === 0) {
      this.#finish(download);
      return;
    }
    if (download.asked < total && download.asked - download.done < RANGE_BYTES / 2) {
      const count = Math.min(RANGE_BYTES, total - download.asked);
      this.#world.core().fetchFile(download.request, download.remote.file, download.asked, count);
      download.asked += count;
      this.#world.flush();
    }
  }

  /** Reads a file through: its hash, and that of what is sent. */
  async #read(upload: Upload): Promise<void> {
    const { request, file, key } = upload;
    const [plain, sent] = [request, this.#world.number()];
    const core = this.#world.core();
    core.hashBegin(plain);
    core.hashBegin(sent);
    const step = key ? PIECE_BYTES : RANGE_BYTES;
    for (let at = 0; at < file.size || (key && at === 0); at += step) {
      const bytes = await bytesOf(file, at, step);
      core.hashUpdate(plain, bytes);
      if (key) {
        upload.pieces.push(hashOf(core, bytes));
        core.hashUpdate(sent, sealed(core, key, at / PIECE_BYTES, at + step >= file.size, bytes));
      }
      if (!this.#uploads.includes(upload)) {
        break;
      }
    }
    const [hash, sentHash] = [core.hashFinish(plain), core.hashFinish(sent)];
    upload.plain = toHex(hash);
    upload.sentHash = key ? sentHash : hash;
  }

  /** Sends the next pieces of a file; whether there is more to do now. */
  async #sendNext(upload: Upload): Promise<boolean> {
    const { file, key, number } = upload;
    const total = key ? sealedSize(file.size) : file.size;
    if (upload.sent >= total || upload.sent - upload.taken >= AHEAD_BYTES) {
      return false;
    }
    const core = this.#world.core();
    let bytes: Uint8Array;
    if (key) {
      const index = Math.floor(upload.sent / SEALED_BYTES);
      const at = index * PIECE_BYTES;
      const plain = await bytesOf(file, at, PIECE_BYTES);
      if (upload.pieces[index] !== hashOf(core, plain)) {
        this.#fail(upload.request, 'changed');
        return true;
      }
      const piece = sealed(core, key, index, at + PIECE_BYTES >= file.size, plain);
      bytes = piece.subarray(upload.sent - index * SEALED_BYTES);
    } else {
      bytes = await bytesOf(file, upload.sent, PIECE_BYTES);
    }
    // The connection may be another one by now.
    if (upload.stage !== 'sending') {
      return true;
    }
    for (let at = 0; at < bytes.length; at += CHUNK_BYTES) {
      const chunk = bytes.subarray(at, at + CHUNK_BYTES);
      core.sendChunk(number, upload.sent, chunk);
      upload.sent += chunk.length;
    }
    this.#world.flush();
    return true;
  }

  #takeSealed(download: Download, bytes: Uint8Array<ArrayBuffer>): void {
    let rest = bytes;
    const total = storedSize(download.remote);
    while (rest.length > 0) {
      const begin = download.index * SEALED_BYTES;
      const wanted = Math.min(SEALED_BYTES, total - begin) - download.pieceBytes;
      const part = rest.subarray(0, wanted);
      download.piece.push(part);
      download.pieceBytes += part.length;
      rest = rest.subarray(part.length);
      if (part.length < wanted) {
        return;
      }
      const whole = concat(download.piece, download.pieceBytes);
      const isLast = begin + whole.length >= total;
      const opened = this.#world.core().openPiece(fromHex(download.remote.key), download.index, isLast, whole);
      if (!opened) {
        this.#fail(download.request, 'false_file');
        return;
      }
      download.index += 1;
      download.piece = [];
      download.pieceBytes = 0;
      this.#keep(download, opened);
    }
  }

  #keep(download: Download, bytes: Uint8Array<ArrayBuffer>): void {
    this.#world.core().hashUpdate(download.request, bytes);
    download.block.push(bytes);
    download.blockBytes += bytes.length;
    if (download.blockBytes >= BLOCK_BYTES) {
      download.blobs.push(new Blob(download.block));
      download.block = [];
      download.blockBytes = 0;
    }
  }

  #finish(download: Download): void {
    const { request, remote, isShown } = download;
    const hash = toHex(this.#world.core().hashFinish(request));
    if (hash !== remote.sha256) {
      this.#fail(request, 'false_file');
      return;
    }
    this.#downloads = this.#downloads.filter((other) => other !== download);
    const blob = new Blob([...download.blobs, ...download.block], { type: 'application/octet-stream' });
    this.#world.tell({ t: 'file_came', request, name: remote.name, blob, file: remote.file, isShown });
  }

  #fail(request: number, reason: string): void {
    this.#uploads = this.#uploads.filter((other) => other.request !== request);
    this.#downloads = this.#downloads.filter((other) => other.request !== request);
    this.#world.tell({ t: 'file_failed', request, reason });
  }

  #progress({ request, name, file, to }: Upload, done: number): void {
    const total = to ? sealedSize(file.size) : file.size;
    this.#world.tell({ t: 'file_progress', request, name, isSent: true, done, total });
  }

  #progressOf({ request, remote, done }: Download): void {
    // Each piece is too often to be shown.
    if (done % RANGE_BYTES < CHUNK_BYTES || done === storedSize(remote)) {
      const { name } = remote;
      this.#world.tell({ t: 'file_progress', request, name, isSent: false, done, total: storedSize(remote) });
    }
  }
}

async function bytesOf(file: File, at: number, length: number): Promise<Uint8Array> {
  return new Uint8Array(await file.slice(at, at + length).arrayBuffer());
}

function hashOf(core: Core, bytes: Uint8Array): string {
  core.hashBegin(PIECE_HASH);
  core.hashUpdate(PIECE_HASH, bytes);
  return toHex(core.hashFinish(PIECE_HASH));
}

function sealed(core: Core, key: Uint8Array, index: number, isLast: boolean, bytes: Uint8Array): Uint8Array {
  return core.sealPiece(key, index, isLast, bytes);
}

function concat(parts: Uint8Array[], length: number): Uint8Array {
  const whole = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
