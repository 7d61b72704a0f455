// Messages of the WebSocket: a byte that says what they are, then bytes (ARCHITECTURE.md, the gateway).

export const OPENED = 0;
export const CONTROL = 1;
export const DATAGRAMS = 2;
export const DROPPED = 3;
/** Version of these messages. */
export const VERSION = 1;
/** What the page speaks over the WebSocket. */
export const SUBPROTOCOL = 'hph-web-1';
/** Bytes of one message, at most 64 KiB at the gateway. */
const MESSAGE_MAX = 32 * 1024;
const EXPORTED = 64;

/** The 64 exported bytes of the gateway's first message; nothing if it is another version's. */
export function parseOpened(message: Uint8Array): Uint8Array | null {
  return message[0] === OPENED && message[1] === VERSION && message.length >= 2 + EXPORTED
    ? message.subarray(2, 2 + EXPORTED)
    : null;
}

/** What the gateway dropped for us: frames of pictures, packets of pictures, packets of voices. */
export function parseDropped(message: Uint8Array): [number, number, number] | null {
  if (message[0] !== DROPPED || message.length < 25) {
    return null;
  }
  const view = new DataView(message.buffer, message.byteOffset, message.byteLength);
  const count = (at: number) => Number(view.getBigUint64(at));
  return [count(1), count(9), count(17)];
}

/** The datagrams of a message. What is cut off at its end is left out. */
export function* parseDatagrams(message: Uint8Array): Generator<Uint8Array> {
  let at = 1;
  while (at + 2 <= message.length) {
    const length = ((message[at] ?? 0) << 8) | (message[at + 1] ?? 0);
    const end = at + 2 + length;
    if (end > message.length) {
      return;
    }
    yield message.subarray(at + 2, end);
    at = end;
  }
}

/** Gathers what one input leads to, so that a frame's datagrams leave in one message. */
export class Batch {
  #parts: Uint8Array[] = [];
  #length = 0;

  constructor(
    readonly kind: number,
    readonly send: (message: Uint8Array<ArrayBuffer>) => void,
  ) {}

  /** Takes a copy. */
  push(bytes: Uint8Array): void {
    if (this.#length + bytes.length + 2 > MESSAGE_MAX) {
      this.flush();
    }
    this.#parts.push(bytes.slice());
    this.#length += bytes.length + 2;
  }

  flush(): void {
    if (this.#parts.length === 0) {
      return;
    }
    const message = new Uint8Array(1 + this.#length);
    message[0] = this.kind;
    let at = 1;
    for (const part of this.#parts) {
      if (this.kind === DATAGRAMS) {
        message[at] = part.length >> 8;
        message[at + 1] = part.length & 0xff;
        at += 2;
      }
      message.set(part, at);
      at += part.length;
    }
    this.#parts = [];
    this.#length = 0;
    this.send(message.subarray(0, at));
  }
}
