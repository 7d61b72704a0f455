// Pictures on the shelf that are looked at on the page: few at a time, of kinds that browsers draw and no scripts are in, and of
// sides that no browser chokes on.

import { signal } from '@preact/signals';

/** Larger files are not fetched to be looked at. */
export const SHOWN_BYTES_MAX = 8 * 1024 * 1024;
/** Pictures that are kept. */
const KEPT_MAX = 6;
const PIXELS_MAX = 40_000_000;
const HEAD_BYTES = 64 * 1024;

type Kind = 'image/png' | 'image/jpeg' | 'image/gif' | 'image/webp';

/** What is shown, by its file's number: an address of it in this page; nothing if it is no picture. */
export const previews = signal<Map<number, string>>(new Map());

/** Whether a file's name is that of a picture. */
export function mayShow(name: string, size: number): boolean {
  return size <= SHOWN_BYTES_MAX && /\.(png|jpe?g|gif|webp)$/i.test(name);
}

/** Kind and sides by what is in it, whatever its name says; nothing if it is no such picture. */
export function pictureOf(head: Uint8Array): { kind: Kind; width: number; height: number } | null {
  const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
  const says = (at: number, text: string) => [...text].every((sign, n) => head[at + n] === sign.charCodeAt(0));
  if (says(1, 'PNG\r\n') && head.length >= 24) {
    return { kind: 'image/png', width: view.getUint32(16), height: view.getUint32(20) };
  }
  if ((says(0, 'GIF87a') || says(0, 'GIF89a')) && head.length >= 10) {
    return { kind: 'image/gif', width: view.getUint16(6, true), height: view.getUint16(8, true) };
  }
  if (says(0, 'RIFF') && says(8, 'WEBP') && head.length >= 30) {
    return webp(view, says);
  }
  return head[0] === 0xff && head[1] === 0xd8 ? jpeg(view) : null;
}

function webp(view: DataView, says: (at: number, text: string) => boolean): ReturnType<typeof pictureOf> {
  const kind = 'image/webp';
  if (says(12, 'VP8X')) {
    const side = (at: number) => 1 + (view.getUint16(at, true) | (view.getUint8(at + 2) << 16));
    return { kind, width: side(24), height: side(27) };
  }
  if (says(12, 'VP8L')) {
    const bits = view.getUint32(21, true);
    return { kind, width: 1 + (bits & 0x3fff), height: 1 + ((bits >> 14) & 0x3fff) };
  }
  return says(12, 'VP8 ')
    ? { kind, width: view.getUint16(26, true) & 0x3fff, height: view.getUint16(28, true) & 0x3fff }
    : null;
}

/** The sides stand in the first frame header (ITU-T T.81, B.2.2). */
function jpeg(view: DataView): ReturnType<typeof pictureOf> {
  for (let at = 2; at + 9 <= view.byteLength && view.getUint8(at) === 0xff; ) {
    const marker = view.getUint8(at + 1);
    if (marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker)) {
      return { kind: 'image/jpeg', width: view.getUint16(at + 7), height: view.getUint16(at + 5) };
    }
    at += 2 + view.getUint16(at + 2);
  }
  return null;
}

/** A file has come to be looked at; whether it can be. */
export async function show(file: number, blob: Blob): Promise<boolean> {
  const head = new Uint8Array(await blob.slice(0, HEAD_BYTES).arrayBuffer());
  const picture = pictureOf(head);
  if (!picture || picture.width * picture.height > PIXELS_MAX || picture.width * picture.height === 0) {
    return false;
  }
  hide(file);
  const shown = new Map(previews.value);
  for (const oldest of [...shown.keys()].slice(0, Math.max(0, shown.size + 1 - KEPT_MAX))) {
    URL.revokeObjectURL(shown.get(oldest) ?? '');
    shown.delete(oldest);
  }
  previews.value = shown.set(file, URL.createObjectURL(blob.slice(0, blob.size, picture.kind)));
  return true;
}

export function hide(file: number): void {
  const shown = new Map(previews.value);
  URL.revokeObjectURL(shown.get(file) ?? '');
  shown.delete(file);
  previews.value = shown;
}

/** Nothing of a room is kept when it is left. */
export function hideAll(): void {
  for (const url of previews.value.values()) {
    URL.revokeObjectURL(url);
  }
  previews.value = new Map();
}
