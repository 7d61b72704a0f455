// What is done with a room's messages, its files and its door, beside the meeting itself.

import type { Core } from './core';
import { Doors, roomKey } from './doors';
import { Transfers } from './files';
import { fromHex } from './hex';
import { History, PAGE } from './history';
import { Papers } from './papers';
import type { AppEvent, Command, CoreEvent } from './protocol';

export interface World {
  core(): Core;
  /** Whether somebody is signed in. */
  isUp(): boolean;
  /** Runs one input, and sends what follows. */
  act(input: (core: Core) => void): void;
  tell(event: AppEvent): void;
  /** The room that is shown, or 0. */
  room(): number;
  /** A number that no other request has. */
  number(): number;
  /** Bytes that the browser has not sent yet. */
  unsent(): number;
  /** Sends what the core said. */
  flush(): void;
  /** Sends a message to somebody or to the room; with a target it changes that one. */
  post(to: string, text: string, target?: number): void;
}

type Own =
  | 'edit'
  | 'take_back'
  | 'history'
  | 'enter'
  | 'turn_back'
  | 'set_password'
  | 'list_files'
  | 'send_file'
  | 'fetch_file'
  | 'stop_file'
  | 'delete_file'
  | 'move'
  | 'open_breakouts'
  | 'spread'
  | 'tell_breakouts'
  | 'end_breakouts'
  | import('./papers').PaperCommand['do'];
export type DeskCommand = Extract<Command, { do: Own }>;

export class Desk {
  readonly history = new History();
  readonly transfers: Transfers;
  readonly #papers: Papers;
  readonly #doors = new Doors();
  readonly #world: World;

  constructor(world: World) {
    this.#world = world;
    this.transfers = new Transfers(world);
    this.#papers = new Papers(world);
  }

  /** The connection is gone. */
  forget(): void {
    this.history.forget();
    this.#papers.forget();
  }

  obey(command: DeskCommand): void {
    const { act, number, room, post } = this.#world;
    switch (command.do) {
      case 'edit':
        post('', command.text, command.id);
        break;
      case 'take_back':
        post('', '', command.id);
        break;
      case 'history':
        this.#readPage(command.words, command.before);
        break;
      case 'enter':
        void this.#enter(command.room, command.password);
        break;
      case 'turn_back':
        act((core) => core.leave(command.room));
        break;
      case 'set_password':
        void this.#setPassword(command.password);
        break;
      case 'list_files':
        act((core) => void core.listFiles(number(), room(), command.before, PAGE));
        break;
      case 'send_file':
        this.transfers.send(room(), command.to, command.file, command.name);
        break;
      case 'fetch_file':
        this.transfers.fetch(command.remote, command.isShown);
        break;
      case 'stop_file':
        this.transfers.stop(command.request);
        break;
      case 'delete_file':
        act((core) => void core.deleteFile(number(), command.file));
        break;
      case 'move':
        act((core) => core.movePerson(number(), room(), command.username, command.number));
        break;
      case 'open_breakouts':
        for (const name of command.names) {
          act((core) => void core.openBreakout(number(), room(), name));
        }
        break;
      case 'spread':
        act((core) => void core.spread(number(), room()));
        break;
      case 'tell_breakouts':
        act((core) => void core.tellBreakouts(number(), room(), command.text));
        break;
      case 'end_breakouts':
        act((core) => void core.endBreakouts(number(), room(), command.after_s));
        break;
      default:
        this.#papers.obey(command);
    }
  }

  /** What came from the server; whether nobody else needs to know. */
  hear(event: CoreEvent): boolean {
    switch (event.t) {
      case 'chat_found':
        this.history.take(event);
        return true;
      case 'chat_found_all': {
        const page = this.history.finish(event.request, event.before);
        if (page) {
          this.#world.tell(page);
        }
        return true;
      }
      case 'file_wanted':
        this.transfers.handleWanted(event.reference, event.file, event.from);
        return true;
      case 'file_stored':
        this.transfers.handleStored(event.reference, event.file);
        return true;
      case 'password_wanted': {
        const key = this.#doors.handleWanted(event.request, event.room, event.salt);
        if (key) {
          this.#world.act((core) => void core.enter(event.request, event.room, key));
        }
        return key !== null;
      }
      default:
        return this.#papers.hear(event);
    }
  }

  /** Whether a refusal was of something that is told in another way. */
  isRefused(request: string, reason: string): boolean {
    const wrong = reason === 'wrong_password' ? this.#doors.handleWrong(Number(request)) : null;
    if (wrong !== null) {
      this.#world.tell({ t: 'wrong_password', room: wrong });
      return true;
    }
    this.history.forget(Number(request));
    return this.transfers.refuse(BigInt(request), reason);
  }

  #readPage(words: string, before: number): void {
    const { act, number, room, tell } = this.#world;
    if (this.history.isBusy) {
      return;
    }
    const request = number();
    this.history.ask(request, words, before !== 0);
    act((core) => {
      const isLegal =
        words === ''
          ? core.readHistory(request, room(), before, PAGE)
          : core.searchChat(request, room(), before, PAGE, words);
      if (!isLegal) {
        this.history.forget();
        tell({ t: 'failed', what: 'words' });
      }
    });
  }

  /** Says the password of a room that asked for it. */
  async #enter(room: number, password: string): Promise<void> {
    const { act, core, number } = this.#world;
    const salt = this.#doors.salt(room);
    if (salt === undefined) {
      return;
    }
    const key = await roomKey(core(), password, fromHex(salt));
    const request = number();
    this.#doors.say(request, room, salt, key);
    act((core) => void core.enter(request, room, key));
  }

  async #setPassword(password: string): Promise<void> {
    const { act, core, number, room } = this.#world;
    const salt = crypto.getRandomValues(new Uint8Array(16));
    const key = await roomKey(core(), password, salt);
    act((core) => void core.setPassword(number(), room(), salt, key));
  }
}
