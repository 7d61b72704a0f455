// Whose keys are remembered (PROTOCOL.md section 14.2): the first key of a login name is believed, another one is not until its
// owner's friend says so. Guests are whoever has the device.

export type Judgement = 'not_kept' | 'new' | 'seen' | 'changed';

/** People that are remembered: what a server can make a page keep is bounded, and pushes nobody out. */
const PEOPLE_MAX = 1000;

export class People {
  readonly #known: Map<string, string[]>;
  readonly #changed = new Map<string, string>();

  constructor(known: Record<string, string[]>) {
    this.#known = new Map(Object.entries(known));
  }

  /** Somebody shows a key: both keys in hexadecimal, seal then sign. */
  meet(username: string, keys: string): Judgement {
    if (username.startsWith('guest-')) {
      return 'not_kept';
    }
    const known = this.#known.get(username);
    if (!known) {
      if (this.#known.size >= PEOPLE_MAX) {
        return 'not_kept';
      }
      this.#known.set(username, [keys]);
      return 'new';
    }
    if (known.includes(keys)) {
      return 'seen';
    }
    this.#changed.set(username, keys);
    return 'changed';
  }

  /** The user has asked them by another way: both keys are theirs. */
  accept(username: string): boolean {
    const keys = this.#changed.get(username);
    if (!keys) {
      return false;
    }
    this.#known.set(username, [...(this.#known.get(username) ?? []).slice(-3), keys]);
    this.#changed.delete(username);
    return true;
  }

  all(): Record<string, string[]> {
    return Object.fromEntries(this.#known);
  }
}
