// Older messages of the room, a page at a time: those before the oldest that is shown, or those that have some words.

import type { CoreEvent } from './protocol';

export type Found = Omit<Extract<CoreEvent, { t: 'chat_found' }>, 't' | 'request' | 'room'>;

/** What was asked for, as it is now: the newest first. */
export interface PageEvent {
  t: 'history';
  /** Nothing: not looked for, but paged to. */
  words: string;
  found: Found[];
  /** Where it goes on; 0: there is nothing older. */
  before: number;
  /** Whether it goes on from an earlier page. */
  isMore: boolean;
}

/** Messages of one page. */
export const PAGE = 50;

interface Asked {
  request: number;
  words: string;
  isMore: boolean;
  found: Found[];
}

export class History {
  #asked: Asked | null = null;

  /** Asked for; an earlier question is forgotten: the server answers one at a time. */
  ask(request: number, words: string, isMore: boolean): void {
    this.#asked = { request, words, isMore, found: [] };
  }

  get isBusy(): boolean {
    return this.#asked !== null;
  }

  take({ request, id, author, display_name, time_ms, edited_ms, text }: Extract<CoreEvent, { t: 'chat_found' }>): void {
    if (this.#asked?.request === request) {
      this.#asked.found.push({ id, author, display_name, time_ms, edited_ms, text });
    }
  }

  /** That was all: what to tell the page. */
  finish(request: number, before: number): PageEvent | null {
    if (this.#asked?.request !== request) {
      return null;
    }
    const { words, isMore, found } = this.#asked;
    this.#asked = null;
    return { t: 'history', words, found, before, isMore };
  }

  /** It was refused, or the connection is gone. */
  forget(request?: number): void {
    if (request === undefined || this.#asked?.request === request) {
      this.#asked = null;
    }
  }
}
