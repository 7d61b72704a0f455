// Invitations as people pass them on: a link of this page, a link for programs, or what is typed.

/** What an invitation leads to: a room's name, or nothing; a secret to be presented, or nothing. */
export interface Given {
  room: string;
  secret: string;
}

export const NOTHING: Given = { room: '', secret: '' };
/** No link with all its parts at their longest is longer. */
const LINK_MAX = 2048;

/** 26 letters of a link, or nine digits. */
function isSecret(text: string): boolean {
  return /^(?:[a-z2-7]{26}|\d{9})$/.test(text);
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return '';
  }
}

/** What stands behind `#` in a link of this page: `/room`, and `?in=secret` behind it. */
export function fromHash(hash: string): Given {
  const [room = '', rest = ''] = hash.replace(/^#\/?/, '').split('?', 2);
  const secret = new URLSearchParams(rest).get('in') ?? '';
  return { room: decoded(room), secret: isSecret(secret) ? secret : '' };
}

/** A link of this page; with a secret it lets in. */
export function pageLink({ room, secret }: Given): string {
  return `${location.origin}/#/${encodeURIComponent(room)}${secret ? `?in=${secret}` : ''}`;
}

/** What somebody pasted or typed; nothing if it leads nowhere. */
export function fromText(text: string): Given | null {
  const given = text.trim().slice(0, LINK_MAX);
  const typed = given.replace(/[\s-]/g, '');
  if (isSecret(typed)) {
    return { room: '', secret: typed };
  }
  const hash = given.indexOf('#');
  if (/^https?:\/\//i.test(given) && hash >= 0) {
    const found = fromHash(given.slice(hash));
    return found.room || found.secret ? found : null;
  }
  const program = /^hph:\/\/[^/#]+\/?([^#]*)(?:#(.*))?$/i.exec(given);
  if (program) {
    const secret = new URLSearchParams(program[2] ?? '').get('in') ?? '';
    const found = { room: decoded(program[1] ?? ''), secret: isSecret(secret) ? secret : '' };
    return found.room || found.secret ? found : null;
  }
  return null;
}

/** Nine digits as people read them to each other. */
export function grouped(code: string): string {
  return code.match(/\d{1,3}/g)?.join('-') ?? '';
}

/** Whether somebody has an account, told by the login name as the core tells it. */
export function hasAccount(username: string): boolean {
  return username !== '' && !username.startsWith('guest-') && !username.startsWith('kiosk-');
}
