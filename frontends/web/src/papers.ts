// What an account has beside its rooms: invitations that it made, devices that may sign in.

import type { Core } from './core';
import type { World } from './desk';
import type { AppEvent, CoreEvent } from './protocol';

export type Invitation = Omit<Extract<CoreEvent, { t: 'invitation' }>, 't' | 'request'>;
export type Device = Omit<Extract<CoreEvent, { t: 'device' }>, 't' | 'request'>;

/** What the page is told when a list is whole, and of an invitation that was made. */
export type PaperEvent =
  | { t: 'invitations'; list: Invitation[] }
  | { t: 'invited'; invitation: Invitation }
  | { t: 'devices'; list: Device[] };

export type PaperCommand =
  | { do: 'invite'; uses: number; valid_s: number; may_register: boolean }
  | { do: 'list_invitations' }
  | { do: 'withdraw'; id: string }
  | { do: 'list_devices' }
  | { do: 'revoke_device'; sign: string };

export class Papers {
  #invitations = new Map<number, Invitation[]>();
  #devices = new Map<number, Device[]>();
  #made = new Set<number>();
  /** What is to be read again once something was done. */
  #after = new Map<number, () => void>();
  readonly #world: World;

  constructor(world: World) {
    this.#world = world;
  }

  obey(command: PaperCommand): void {
    const { room } = this.#world;
    switch (command.do) {
      case 'invite': {
        const { uses, valid_s, may_register } = command;
        this.#made.add(this.#say((core, request) => core.invite(request, room(), uses, valid_s, may_register)));
        break;
      }
      case 'list_invitations':
        this.#invitations.set(
          this.#say((core, request) => core.listInvitations(request, room())),
          [],
        );
        break;
      case 'withdraw': {
        const request = this.#say((core, request) => core.withdraw(request, room(), BigInt(command.id)));
        this.#after.set(request, () => this.obey({ do: 'list_invitations' }));
        break;
      }
      case 'list_devices':
        this.#devices.set(
          this.#say((core, request) => core.listDevices(request)),
          [],
        );
        break;
      case 'revoke_device': {
        const request = this.#say((core, request) => core.revokeDevice(request, command.sign));
        this.#after.set(request, () => this.obey({ do: 'list_devices' }));
        break;
      }
    }
  }

  /** What came from the server; whether nobody else needs to know. */
  hear(event: CoreEvent): boolean {
    switch (event.t) {
      case 'invitation': {
        const { t: _, request, ...invitation } = event;
        if (this.#made.delete(request)) {
          this.#tell({ t: 'invited', invitation });
          this.obey({ do: 'list_invitations' });
        } else {
          this.#invitations.get(request)?.push(invitation);
        }
        return true;
      }
      case 'invitations_all':
        this.#tell({ t: 'invitations', list: this.#invitations.get(event.request) ?? [] });
        this.#invitations.delete(event.request);
        return true;
      case 'device': {
        const { t: _, request, ...device } = event;
        this.#devices.get(request)?.push(device);
        return true;
      }
      case 'devices_all':
        this.#tell({ t: 'devices', list: this.#devices.get(event.request) ?? [] });
        this.#devices.delete(event.request);
        return true;
      case 'account_done':
        this.#after.get(event.request)?.();
        this.#after.delete(event.request);
        return true;
      default:
        return false;
    }
  }

  /** The connection is gone: nothing that was asked is answered any more. */
  forget(): void {
    for (const asked of [this.#invitations, this.#devices, this.#made, this.#after]) {
      asked.clear();
    }
  }

  #say(input: (core: Core, request: number) => void): number {
    const request = this.#world.number();
    this.#world.act((core) => input(core, request));
    return request;
  }

  #tell(event: AppEvent): void {
    this.#world.tell(event);
  }
}
