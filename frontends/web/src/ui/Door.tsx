import { useState } from 'preact/hooks';
import { tr } from '../i18n';
import type { Act } from '../protocol';
import type { Room } from '../state';
import { ask } from '../store';
import { Sure } from './Sure';

function moderate(act: Act, whom = ''): void {
  ask({ do: 'moderate', act, whom });
}

/** Who waits to be let in: shown to hosts wherever they look. */
export function Knocks({ room }: { room: Room }) {
  return room.knocks.size > 0 ? (
    <section class="knocks" aria-label={tr('knocking', room.knocks.size)} data-test="knocks">
      <ul class="column" aria-live="polite">
        {[...room.knocks].map(([username, name]) => (
          <li key={username} class="row wrap between">
            <span>
              {tr('knocks', name)} <span class="quiet">{`@${username}`}</span>
            </span>
            <span class="row">
              <button
                type="button"
                class="primary"
                data-test="admit"
                aria-label={tr('admit_whom', name)}
                onClick={() => moderate('admit', username)}
              >
                {tr('admit')}
              </button>
              <button
                type="button"
                data-test="turn-away"
                aria-label={tr('turn_away_whom', name)}
                onClick={() => moderate('turn_away', username)}
              >
                {tr('turn_away')}
              </button>
            </span>
          </li>
        ))}
      </ul>
    </section>
  ) : null;
}

/** What hosts decide about whoever comes. */
export function Rules({ room }: { room: Room }) {
  const { hasWaitingRoom, hasPassword, hostsShare } = room.rules;
  const [password, setPassword] = useState<string | null>(null);
  return (
    <>
      <button
        type="button"
        data-test="waiting-room-switch"
        aria-pressed={hasWaitingRoom}
        onClick={() => moderate(hasWaitingRoom ? 'no_waiting_room' : 'waiting_room')}
      >
        {tr(hasWaitingRoom ? 'waiting_room_off' : 'waiting_room_on')}
      </button>
      <button
        type="button"
        data-test="hosts-share"
        aria-pressed={hostsShare}
        onClick={() => moderate(hostsShare ? 'all_share' : 'hosts_share')}
      >
        {tr(hostsShare ? 'everybody_shares' : 'only_hosts_share')}
      </button>
      {hasPassword ? <Sure label={tr('remove_password')} act={() => moderate('no_password')} /> : null}
      {password === null ? (
        <button type="button" data-test="set-password" onClick={() => setPassword('')}>
          {tr('set_password')}
        </button>
      ) : (
        <form
          class="row"
          onSubmit={(event) => {
            event.preventDefault();
            ask({ do: 'set_password', password: password.normalize('NFKC') });
            setPassword(null);
          }}
        >
          <label class="field">
            {tr('room_password')}
            <input
              type="text"
              required
              autocomplete="off"
              data-test="new-password"
              value={password}
              onInput={(event) => setPassword(event.currentTarget.value)}
            />
          </label>
          <button type="submit" class="primary" data-test="password-ok">
            {tr('set_password')}
          </button>
        </form>
      )}
    </>
  );
}
