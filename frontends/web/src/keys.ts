// Keys in a room: the same as those of the desktop program. They work wherever nobody is writing.

export interface Acts {
  microphone(on?: boolean): void;
  camera(): void;
  share(): void;
  hand(): void;
  chat(): void;
  people(): void;
  layout(): void;
  diagnostics(): void;
}

/** What a key does, if anything. */
export function actOf(key: string, isCtrl: boolean, isShift: boolean): keyof Acts | null {
  if (isCtrl) {
    return isShift && key.toLowerCase() === 'd' ? 'diagnostics' : null;
  }
  const acts: Record<string, keyof Acts> = {
    m: 'microphone',
    v: 'camera',
    d: 'share',
    h: 'hand',
    c: 'chat',
    p: 'people',
    w: 'layout',
  };
  return acts[key.toLowerCase()] ?? null;
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
    if (altKey || metaKey || event.isComposing || takesKeys(target, key)) {
      return;
    }
    if (key === ' ' && !ctrlKey) {
      event.preventDefault();
      if (!repeat && !isHeld && !isOn()) {
        isHeld = true;
        acts.microphone(true);
      }
      return;
    }
    const act = repeat ? null : actOf(key, ctrlKey, shiftKey);
    if (act) {
      event.preventDefault();
      acts[act]();
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
