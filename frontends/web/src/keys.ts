// Keys in a room: the same as those of the desktop program. They work wherever nobody is writing.

import { REACTIONS } from './reactions';

export interface Acts {
  microphone(on?: boolean): void;
  camera(): void;
  share(): void;
  hand(): void;
  chat(): void;
  people(): void;
  layout(): void;
  diagnostics(): void;
  fullScreen(): void;
  help(): void;
  palette(): void;
  close(): void;
  /** From 1. */
  react(number: number): void;
  /** Makes somebody large, from 1 in the order in which they came. */
  person(number: number): void;
}

const LETTERS: Record<string, keyof Acts> = {
  m: 'microphone',
  v: 'camera',
  d: 'share',
  h: 'hand',
  r: 'hand',
  c: 'chat',
  p: 'people',
  w: 'layout',
  s: 'fullScreen',
  t: 'diagnostics',
  '?': 'help',
  escape: 'close',
};

/** What a key does, if anything, and with which number. */
export function actOf(
  key: string,
  isCtrl: boolean,
  isShift: boolean,
  isAlt = false,
): { act: keyof Acts; number: number } | null {
  const number = /^[1-9]$/.test(key) ? Number(key) : 0;
  if (isCtrl) {
    const letter = isAlt ? '' : key.toLowerCase();
    const act = isShift && letter === 'd' ? 'diagnostics' : !isShift && letter === 'k' ? 'palette' : null;
    return act ? { act, number: 0 } : null;
  }
  if (isAlt) {
    return number > 0 ? { act: 'person', number } : null;
  }
  if (number > 0) {
    return number <= REACTIONS.length ? { act: 'react', number } : null;
  }
  const act = LETTERS[key.toLowerCase()];
  return act ? { act, number: 0 } : null;
}

/** Whether what has the focus takes keys itself. */
function takesKeys(target: EventTarget | null, key: string): boolean {
  if (!(target instanceof Element)) {
    return false;
  }
  return target.matches('input, textarea, select') || (key === ' ' && target.matches('button, a, summary, video'));
}

/** Listens until the returned function is called. `isOn` says whether the microphone is. */
export function watchKeys(acts: Acts, isOn: () => boolean): () => void {
  // Open only while Space is held, in a page that has the focus.
  let isHeld = false;
  const release = () => {
    if (isHeld) {
      isHeld = false;
      acts.microphone(false);
    }
  };
  const down = (event: KeyboardEvent) => {
    const { key, target, repeat, ctrlKey, shiftKey, altKey, metaKey } = event;
    // What is open above the room has the keys.
    if (document.querySelector('dialog[open]')) {
      return;
    }
    if (metaKey || event.isComposing || (!ctrlKey && key !== 'Escape' && takesKeys(target, key))) {
      return;
    }
    if (key === ' ' && !ctrlKey && !altKey) {
      event.preventDefault();
      if (!repeat && !isHeld && !isOn()) {
        isHeld = true;
        acts.microphone(true);
      }
      return;
    }
    const found = repeat ? null : actOf(key, ctrlKey, shiftKey, altKey);
    if (found?.act === 'react' || found?.act === 'person') {
      event.preventDefault();
      acts[found.act](found.number);
    } else if (found) {
      event.preventDefault();
      acts[found.act]();
    }
  };
  const up = (event: KeyboardEvent) => event.key === ' ' && release();
  addEventListener('keydown', down);
  addEventListener('keyup', up);
  addEventListener('blur', release);
  return () => {
    release();
    removeEventListener('keydown', down);
    removeEventListener('keyup', up);
    removeEventListener('blur', release);
  };
}
