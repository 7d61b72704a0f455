// Which microphone, camera and loudspeaker: what there is, and what was chosen in this browser.

import { signal } from '@preact/signals';

export type Kind = 'microphone' | 'camera' | 'speaker';

export interface Device {
  id: string;
  name: string;
}

const KINDS: Record<MediaDeviceKind, Kind> = {
  audioinput: 'microphone',
  videoinput: 'camera',
  audiooutput: 'speaker',
};

/** What there is. Browsers tell names only to a page that may use a device of that kind. */
export const present = signal<Record<Kind, Device[]>>({ microphone: [], camera: [], speaker: [] });

/** What was chosen; empty: the browser's own choice. */
export const chosen = signal<Record<Kind, string>>({
  microphone: '',
  camera: '',
  speaker: '',
  ...JSON.parse(localStorage.getItem('devices') ?? '{}'),
});

/** What somebody wants to enter a room with. Nothing is on that was not wished for once. */
export const wished = signal<{ microphone: boolean; camera: boolean }>({
  microphone: false,
  camera: false,
  ...JSON.parse(localStorage.getItem('wished') ?? '{}'),
});

export function choose(kind: Kind, id: string): void {
  chosen.value = { ...chosen.value, [kind]: id };
  localStorage.setItem('devices', JSON.stringify(chosen.value));
}

export function wish(kind: 'microphone' | 'camera', on: boolean): void {
  wished.value = { ...wished.value, [kind]: on };
  localStorage.setItem('wished', JSON.stringify(wished.value));
}

/** What to ask the browser for: the chosen device if it is still there, else any. */
export function wanted(kind: Kind): { deviceId?: ConstrainDOMString } {
  const id = chosen.value[kind];
  return id ? { deviceId: { ideal: id } } : {};
}

/** Looks what there is, now and whenever something is plugged in. */
export async function look(): Promise<void> {
  const { mediaDevices } = navigator;
  if (!mediaDevices) {
    return;
  }
  mediaDevices.ondevicechange = () => void look();
  const found = await mediaDevices.enumerateDevices();
  const next: Record<Kind, Device[]> = { microphone: [], camera: [], speaker: [] };
  for (const { kind, deviceId, label } of found) {
    if (label) {
      next[KINDS[kind]].push({ id: deviceId, name: label });
    }
  }
  present.value = next;
}
