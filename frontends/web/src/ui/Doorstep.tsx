import { useEffect, useRef, useState } from 'preact/hooks';
import { tr } from '../i18n';
import { ask, leaveDoorstep, state } from '../store';

/** In front of a room that wants a password, or until a host lets us in. */
export function Doorstep() {
  const { doorstep } = state.value;
  const [password, setPassword] = useState('');
  const [isBusy, setBusy] = useState(false);
  const field = useRef<HTMLInputElement>(null);
  const wasWrong = doorstep?.wasWrong === true;
  useEffect(() => field.current?.focus(), [doorstep?.wants]);
  useEffect(() => setBusy(false), [doorstep]);
  if (!doorstep) {
    return null;
  }
  if (doorstep.wants === 'host') {
    return (
      <main class="card" data-test="waiting-room">
        <h1>{tr('waits_title')}</h1>
        <p role="status">{tr('waits_text', doorstep.name)}</p>
        <div class="row">
          <button type="button" data-test="turn-back" onClick={leaveDoorstep}>
            {tr('back')}
          </button>
        </div>
      </main>
    );
  }
  return (
    <main class="card" data-test="password-wanted">
      <h1>{doorstep.name || tr('wants_password')}</h1>
      <form
        class="column"
        onSubmit={(event) => {
          event.preventDefault();
          setBusy(true);
          ask({ do: 'enter', room: doorstep.room, password: password.normalize('NFKC') });
          setPassword('');
        }}
      >
        <p>{tr('wants_password')}</p>
        <label class="field">
          {tr('room_password')}
          <input
            ref={field}
            data-test="room-password"
            type="password"
            autocomplete="off"
            required
            aria-invalid={wasWrong}
            value={password}
            onInput={(event) => setPassword(event.currentTarget.value)}
          />
        </label>
        {wasWrong ? (
          <p class="error" role="alert" data-test="wrong-password">
            {tr('password_wrong')}
          </p>
        ) : null}
        <div class="row between">
          <button type="button" data-test="turn-back" onClick={leaveDoorstep}>
            {tr('back')}
          </button>
          <button type="submit" class="primary" data-test="say-password" disabled={isBusy}>
            {tr('go_in')}
          </button>
        </div>
      </form>
    </main>
  );
}
