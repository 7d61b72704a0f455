// Messages that the server has not acknowledged: sent again until it has, under the same reference.

export interface Waiting {
  reference: bigint;
  /** A login name, or nothing: the room. */
  to: string;
  text: string;
  /** The message of the room that it changes, 0: it is one itself. One without text is taken back. */
  target: number;
  /** Whether it is on its way. */
  sent: boolean;
  /** For a direct message: under which number its receiver's keys were asked for. */
  request: number;
  /** Not before this moment, in milliseconds. */
  after: number;
}

/** Messages that may wait. */
const WAITING_MAX = 256;
const RETRY_MS = 1100;

export class Outbox {
  #waiting: Waiting[] = [];

  /** Takes a message; nothing if too many wait. */
  push(to: string, text: string, target = 0): Waiting | null {
    if (this.#waiting.length >= WAITING_MAX) {
      return null;
    }
    const [high = 0, low = 0] = crypto.getRandomValues(new Uint32Array(2));
    const reference = (BigInt(high) << 32n) | BigInt(low) || 1n;
    const waiting = { reference, to, text, target, sent: false, request: 0, after: 0 };
    this.#waiting.push(waiting);
    return waiting;
  }

  /** The connection is another one: everything goes again. */
  resend(): void {
    for (const waiting of this.#waiting) {
      waiting.sent = false;
      waiting.request = 0;
    }
  }

  /** What may go now, in order. */
  due(now: number, mayGo: (waiting: Waiting) => boolean): Waiting[] {
    const blocked = new Set<string>();
    return this.#waiting.filter((waiting) => {
      if (waiting.sent || blocked.has(waiting.to)) {
        return false;
      }
      if (waiting.after > now || !mayGo(waiting)) {
        blocked.add(waiting.to);
        return false;
      }
      return true;
    });
  }

  acknowledge(reference: bigint): void {
    this.#waiting = this.#waiting.filter((waiting) => waiting.reference !== reference);
  }

  /** The server refused a number: the message that is given up, if it was one. One that was too fast goes again. */
  refuse(number: bigint, reason: string, now: number): Waiting | null {
    const waiting = this.#waiting.find(
      (other) => other.reference === number || (other.request !== 0 && BigInt(other.request) === number),
    );
    if (!waiting) {
      return null;
    }
    if (reason === 'too_fast' || reason === 'storage') {
      waiting.sent = false;
      waiting.request = 0;
      waiting.after = now + RETRY_MS;
      return null;
    }
    this.acknowledge(waiting.reference);
    return waiting;
  }

  /** The direct message whose receiver's keys were asked for under that number. */
  asked(request: number): Waiting | undefined {
    return this.#waiting.find((waiting) => waiting.request === request);
  }

  forget(reference: bigint): void {
    this.acknowledge(reference);
  }

  get size(): number {
    return this.#waiting.length;
  }
}
