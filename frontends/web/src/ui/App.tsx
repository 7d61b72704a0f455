import { useEffect } from 'preact/hooks';
import { canSend } from '../audio';
import { lang, setLang, tr, trCode } from '../i18n';
import type { Toast } from '../state';
import { answer, dismiss, door, state } from '../store';
import { Doorstep } from './Doorstep';
import { Icon } from './icons';
import { Lobby } from './Lobby';
import { Prejoin } from './Prejoin';
import { Room } from './Room';
import { SignIn } from './SignIn';

const TOAST_MS = 6000;

export function App() {
  const { me, room, connection, doorstep } = state.value;
  useEffect(() => {
    document.title = room ? `${room.name} – HPH Meeting` : 'HPH Meeting';
  }, [room?.name]);
  return (
    <div class="shell">
      {connection === 'lost' || (me && connection === 'connecting') ? (
        <p class="strip" role="status" data-test="reconnecting">
          {tr('reconnecting')}
        </p>
      ) : null}
      {me ? doorstep ? <Doorstep /> : room ? <Room /> : door.value ? <Prejoin /> : <Lobby /> : <SignIn />}
      <CallToast />
      <div class="toasts" aria-live="polite">
        {state.value.toasts.map((toast) => (
          <ToastCard key={toast.id} toast={toast} />
        ))}
      </div>
    </div>
  );
}

function ToastCard({ toast }: { toast: Toast }) {
  useEffect(() => {
    const timer = setTimeout(() => dismiss(toast.id), TOAST_MS);
    return () => clearTimeout(timer);
  }, [toast.id]);
  return (
    <div class="toast">
      <span>{trCode(toast.code, ...toast.values)}</span>
      <button type="button" class="plain" aria-label={tr('close')} onClick={() => dismiss(toast.id)}>
        <Icon name="close" />
      </button>
    </div>
  );
}

function CallToast() {
  const { call } = state.value;
  return call ? (
    <div class="call" role="alertdialog" aria-label={tr('rings', call.name, call.roomName)} data-test="call">
      <p>{tr('rings', call.name, call.roomName)}</p>
      <div class="row">
        <button type="button" class="primary" data-test="accept" onClick={() => answer(true)}>
          {tr('accept')}
        </button>
        <button type="button" onClick={() => answer(false)}>
          {tr('decline')}
        </button>
      </div>
    </div>
  ) : null;
}

/** Language and theme, on every screen. */
export function Corner() {
  return (
    <span class="corner">
      <button
        type="button"
        class="plain"
        data-test="language"
        lang={lang.value === 'vi' ? 'en' : 'vi'}
        onClick={() => setLang(lang.value === 'vi' ? 'en' : 'vi')}
      >
        {tr('other_language')}
      </button>
      <button type="button" class="plain" aria-label={tr('theme')} onClick={changeTheme}>
        <Icon name="theme" />
      </button>
    </span>
  );
}

function changeTheme(): void {
  const root = document.documentElement;
  const isDark = root.dataset.theme
    ? root.dataset.theme === 'dark'
    : matchMedia('(prefers-color-scheme: dark)').matches;
  root.dataset.theme = isDark ? 'light' : 'dark';
}

/** Says plainly what this page can't do here, and how to mend it. */
export function Limits() {
  if (!window.isSecureContext) {
    return (
      <section class="notice" role="note" data-test="insecure">
        <h2>{tr('insecure_title')}</h2>
        <p>{tr('insecure_text')}</p>
        <ol class="steps">
          <li>{tr('insecure_step_1')}</li>
          <li>{tr('insecure_step_2')}</li>
        </ol>
        <p>{tr('insecure_privacy')}</p>
      </section>
    );
  }
  return canSend ? null : (
    <section class="notice" role="note">
      <p>{tr('no_codec')}</p>
    </section>
  );
}
