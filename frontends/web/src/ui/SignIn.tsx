import { useState } from 'preact/hooks';
import { tr, trCode } from '../i18n';
import { present, signIn, state, wantedRoom } from '../store';
import { Corner, Limits } from './App';

export function SignIn() {
  const { server, failure, connection, ticket } = state.value;
  const [way, setWay] = useState<'guest' | 'password'>('guest');
  const [name, setName] = useState('');
  const [username, setUsername] = useState('');
  const [password, setPassword] = useState('');
  const [register, setRegister] = useState(false);
  // Who is invited comes in though others don't: to a room as a guest, or by an account of their own.
  const takesGuests = server?.guest !== false || (ticket?.room ?? '') !== '';
  const registers = server?.register === true || ticket !== null;
  const isGuest = way === 'guest' && takesGuests;
  const isBusy = connection === 'connecting' && server !== null;
  const submit = (event: Event) => {
    event.preventDefault();
    if (isGuest) {
      signIn({ kind: 'guest', name: name.normalize('NFC').trim() });
    } else {
      signIn({ kind: 'password', username: username.trim().toLowerCase(), password, name: '', register });
      setPassword('');
    }
  };
  return (
    <main class="card">
      <header class="row between">
        <h1>{tr('welcome')}</h1>
        <Corner />
      </header>
      <p class="quiet" data-test="server" aria-live="polite">
        {server
          ? tr('server_at', server.name)
          : tr(connection === 'off' && state.value.isReady ? 'no_server' : 'looking')}
        {wantedRoom.value ? ` · ${wantedRoom.value}` : ''}
      </p>
      <Limits />
      {ticket ? (
        <p class="notice" role="status" data-test="is-invited">
          {ticket.room ? tr('invited_to', ticket.room) : tr('invited_here')}
        </p>
      ) : null}
      {server && !takesGuests && !server.password ? <p role="alert">{tr('no_way_in')}</p> : null}
      <form onSubmit={submit} class="column">
        <fieldset class="tabs">
          <legend class="hidden">{tr('enter')}</legend>
          <label>
            <input type="radio" name="way" checked={isGuest} disabled={!takesGuests} onChange={() => setWay('guest')} />
            {tr('as_guest')}
          </label>
          <label>
            <input
              type="radio"
              name="way"
              data-test="by-password"
              checked={!isGuest}
              disabled={server?.password === false}
              onChange={() => setWay('password')}
            />
            {tr('with_password')}
          </label>
        </fieldset>
        {isGuest ? (
          <label class="field">
            {tr('your_name')}
            <input
              data-test="name"
              autocomplete="nickname"
              required
              maxLength={64}
              value={name}
              onInput={(event) => setName(event.currentTarget.value)}
            />
          </label>
        ) : (
          <>
            <label class="field">
              {tr('username')}
              <input
                data-test="username"
                autocomplete="username"
                autocapitalize="none"
                required
                minLength={3}
                maxLength={20}
                pattern="[A-Za-z0-9_.\-]+"
                title={tr('username_rule')}
                value={username}
                onInput={(event) => setUsername(event.currentTarget.value)}
              />
            </label>
            <label class="field">
              {tr('password')}
              <input
                data-test="password"
                type="password"
                autocomplete={register ? 'new-password' : 'current-password'}
                required
                value={password}
                onInput={(event) => setPassword(event.currentTarget.value)}
              />
            </label>
            {registers ? (
              <label class="check">
                <input
                  type="checkbox"
                  data-test="register"
                  checked={register}
                  onChange={(event) => setRegister(event.currentTarget.checked)}
                />
                {tr('register')}
              </label>
            ) : null}
          </>
        )}
        {failure ? (
          <p class="error" role="alert" data-test="failure">
            {trCode(`signin_${failure.why}`, failure.seconds)}
          </p>
        ) : null}
        <button type="submit" class="primary" data-test="enter" disabled={!server || isBusy}>
          {tr(isBusy ? 'entering' : 'enter')}
        </button>
      </form>
      {ticket ? null : <Presents />}
    </main>
  );
}

/** For whoever was given a link or a code. */
function Presents() {
  const [isOpen, setOpen] = useState(false);
  const [text, setText] = useState('');
  const [isWrong, setWrong] = useState(false);
  if (!isOpen) {
    return (
      <button type="button" data-test="have-invitation" onClick={() => setOpen(true)}>
        {tr('have_invitation')}
      </button>
    );
  }
  return (
    <form
      class="column"
      onSubmit={(event) => {
        event.preventDefault();
        setWrong(!present(text));
      }}
    >
      <label class="field">
        {tr('link_or_code')}
        <input
          required
          autocomplete="off"
          maxLength={2048}
          data-test="invitation-text"
          value={text}
          aria-invalid={isWrong}
          onInput={(event) => setText(event.currentTarget.value)}
        />
      </label>
      {isWrong ? (
        <p class="error" role="alert">
          {tr('no_invitation_text')}
        </p>
      ) : null}
      <button type="submit" data-test="use-invitation">
        {tr('use_it')}
      </button>
    </form>
  );
}
