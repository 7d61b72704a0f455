// Rooms that want a password: what they asked for, and what was answered, so that a lost connection asks nobody again.

import type { Core } from './core';

const ITERATIONS = 100_000;

interface Known {
  room: number;
  salt: string;
  key: Uint8Array;
  request: number;
}

export class Doors {
  readonly #asked = new Map<number, string>();
  #known: Known[] = [];

  /** A room asks. Gives the key, if it was said before and the password is the same. */
  handleWanted(request: number, room: number, salt: string): Uint8Array | null {
    this.#asked.set(room, salt);
    const known = this.#known.find((other) => other.room === room && other.salt === salt);
    if (known) {
      known.request = request;
    }
    return known?.key ?? null;
  }

  /** What a room asked for. */
  salt(room: number): string | undefined {
    return this.#asked.get(room);
  }

  /** This is said now. */
  say(request: number, room: number, salt: string, key: Uint8Array): void {
    this.#known = [...this.#known.filter((other) => other.room !== room), { room, salt, key, request }];
  }

  /** It was wrong: the room for which it was, if it was for one. */
  handleWrong(request: number): number | null {
    const wrong = this.#known.find((other) => other.request === request);
    this.#known = this.#known.filter((other) => other !== wrong);
    return wrong?.room ?? null;
  }
}

/** A room's key: by the browser, beside what runs here; by the core, where the browser does not give that to a page. */
export async function roomKey(core: Core, password: string, salt: Uint8Array<ArrayBuffer>): Promise<Uint8Array> {
  if (!crypto.subtle) {
    return core.roomKey(password, salt);
  }
  const bytes = new TextEncoder().encode(password);
  const key = await crypto.subtle.importKey('raw', bytes, 'PBKDF2', false, ['deriveBits']);
  const how = { name: 'PBKDF2', hash: 'SHA-256', salt, iterations: ITERATIONS };
  return new Uint8Array(await crypto.subtle.deriveBits(how, key, 256));
}
