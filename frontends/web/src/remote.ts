// A file that can be fetched, how it is told to one person (PROTOCOL.md section 9.3), and what it may be called here.

import { fromHex, toHex } from './hex';

export interface Remote {
  /** Its number at the server. */
  file: number;
  name: string;
  /** Bytes, as they are once it is opened. */
  size: number;
  /** SHA-256 of those, in hexadecimal. */
  sha256: string;
  /** What opens it, in hexadecimal; nothing on a shelf. */
  key: string;
}

const SCHEME = 'hph-file:';
export const PIECE_BYTES = 32 * 1024;
export const TAG_BYTES = 16;
const NAME_MAX_BYTES = 200;

/** Bytes of a sealed file: an empty one is one empty piece. */
export function sealedSize(size: number): number {
  return size + Math.max(1, Math.ceil(size / PIECE_BYTES)) * TAG_BYTES;
}

/** What the server has of it. */
export function storedSize({ size, key }: Remote): number {
  return key ? sealedSize(size) : size;
}

/** The text of the direct message that tells of it. */
export function toDirect({ file, name, size, sha256, key }: Remote): string {
  const bytes = new TextEncoder().encode(name);
  const escaped = Array.from(bytes, (byte) => {
    const char = String.fromCharCode(byte);
    return /[A-Za-z0-9\-._~]/.test(char) ? char : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
  });
  return `${SCHEME}${file}?size=${size}&sha256=${sha256}&key=${key}&name=${escaped.join('')}`;
}

/** The file that a direct message tells of; nothing if it tells of none. */
export function fromDirect(text: string): Remote | null {
  const parts = /^hph-file:(\d{1,15})\?(.*)$/.exec(text);
  const fields = new Map((parts?.[2] ?? '').split('&').map((field) => splitOnce(field)));
  const [size, sha256, key] = [fields.get('size') ?? '', fields.get('sha256') ?? '', fields.get('key') ?? ''];
  const isHash = (digits: string) => /^[0-9a-f]{64}$/i.test(digits);
  if (!parts || !/^\d{1,15}$/.test(size) || !isHash(sha256) || !isHash(key)) {
    return null;
  }
  let name: string;
  try {
    name = decodeURIComponent(fields.get('name') ?? '');
  } catch {
    return null;
  }
  return {
    file: Number(parts[1]),
    name: safeName(name),
    size: Number(size),
    sha256: toHex(fromHex(sha256)),
    key: toHex(fromHex(key)),
  };
}

function splitOnce(field: string): [string, string] {
  const at = field.indexOf('=');
  return [field.slice(0, Math.max(at, 0)), field.slice(at + 1)];
}

/** Turns the direction of what follows, or shows nothing: `exe.fdp` could look like `pdf.exe`. */
const DECEPTIVE =
  /[\u{202a}-\u{202e}\u{2066}-\u{2069}\u{2028}\u{2029}\u{ad}\u{200b}-\u{200f}\u{2060}-\u{2064}\u{feff}]/gu;

/** A name that is one on every file system, stays in its folder and hides nothing: the rule of all frontends. */
export function safeName(name: string): string {
  let clean = name
    .replace(/[\p{Cc}/\\:*?"<>|]/gu, '_')
    .replace(DECEPTIVE, '_')
    .trim()
    .replace(/^\.+/, '')
    .replace(/[. ]+$/, '')
    .trimStart();
  clean = shorten(clean);
  const stem = (clean.split('.')[0] ?? '').toLowerCase();
  if (clean === '') {
    return 'file';
  }
  return /^(con|prn|aux|nul|com\d|lpt\d)$/.test(stem) ? `_${clean}` : clean;
}

/** Cuts a name that is too long in the middle, so that its ending stays. */
function shorten(name: string): string {
  const length = (text: string) => new TextEncoder().encode(text).length;
  if (length(name) <= NAME_MAX_BYTES) {
    return name;
  }
  const dot = name.lastIndexOf('.');
  const ending = dot >= 0 && length(name.slice(dot)) <= 16 ? name.slice(dot) : '';
  let kept = '';
  for (const char of name.slice(0, name.length - ending.length)) {
    if (length(kept) + length(char) + length(ending) > NAME_MAX_BYTES) {
      break;
    }
    kept += char;
  }
  return kept + ending;
}
