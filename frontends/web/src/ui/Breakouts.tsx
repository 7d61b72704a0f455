import { useState } from 'preact/hooks';
import { tr } from '../i18n';
import type { Participant, Room } from '../state';
import { ask, state } from '../store';
import { Sure } from './Sure';

/** As many as a room may have (BREAKOUTS_MAX of the core). */
const MOST = 8;

/** Splits the meeting, for hosts: who belongs where, and how all come back. */
export function Breakouts({ room, me }: { room: Room; me: Participant }) {
  const [count, setCount] = useState(2);
  const [text, setText] = useState('');
  const { breakouts } = room;
  const first = breakouts.size + 1;
  const names = (many: number) => Array.from({ length: many }, (_, n) => tr('breakout_name', first + n));
  if (breakouts.size === 0) {
    return (
      <form
        class="row wrap"
        aria-label={tr('breakouts')}
        onSubmit={(event) => {
          event.preventDefault();
          ask({ do: 'open_breakouts', names: names(count) });
        }}
      >
        <h3>{tr('breakouts')}</h3>
        <label class="field">
          {tr('breakout_count')}
          <input
            type="number"
            min={1}
            max={MOST}
            required
            data-test="breakout-count"
            value={count}
            onInput={(event) => setCount(event.currentTarget.valueAsNumber || 1)}
          />
        </label>
        <button type="submit" data-test="open-breakouts">
          {tr('open_breakouts')}
        </button>
      </form>
    );
  }
  return (
    <section class="column" aria-label={tr('breakouts')} data-test="breakouts">
      <h3>{tr('breakouts')}</h3>
      <ul class="people">
        {[...breakouts]
          .sort(([a], [b]) => a - b)
          .map(([number, name]) => (
            <Group key={number} room={room} me={me} number={number} name={name} />
          ))}
      </ul>
      <div class="row wrap">
        <button type="button" data-test="spread" onClick={() => ask({ do: 'spread' })}>
          {tr('spread')}
        </button>
        {breakouts.size < MOST ? (
          <button type="button" onClick={() => ask({ do: 'open_breakouts', names: names(1) })}>
            {tr('open_another')}
          </button>
        ) : null}
        <button type="button" onClick={() => ask({ do: 'end_breakouts', after_s: 60 })}>
          {tr('end_in_a_minute')}
        </button>
        <Sure label={tr('end_breakouts')} test="end-breakouts" act={() => ask({ do: 'end_breakouts', after_s: 0 })} />
      </div>
      <form
        class="row"
        onSubmit={(event) => {
          event.preventDefault();
          ask({ do: 'tell_breakouts', text: text.normalize('NFC').trim() });
          setText('');
        }}
      >
        <label class="field grow">
          {tr('tell_breakouts')}
          <input
            required
            maxLength={500}
            data-test="breakouts-text"
            value={text}
            onInput={(event) => setText(event.currentTarget.value)}
          />
        </label>
        <button type="submit" data-test="tell-breakouts">
          {tr('send')}
        </button>
      </form>
    </section>
  );
}

function Group({ room, me, number, name }: { room: Room; me: Participant; number: number; name: string }) {
  const members = [...room.assigned].filter(([, place]) => place === number).map(([username]) => username);
  const known = nameOf(room);
  return (
    <li data-test="breakout-room">
      <span class="row between">
        <strong>{name}</strong>
        {room.breakout.number === number ? null : (
          <button
            type="button"
            data-test="go-there"
            aria-label={`${tr('go_there')}: ${name}`}
            onClick={() => ask({ do: 'move', username: me.username, number })}
          >
            {tr('go_there')}
          </button>
        )}
      </span>
      {members.length === 0 ? <span class="quiet small">{tr('nobody_there')}</span> : null}
      <ul>
        {members.map((username) => (
          <li key={username} class="row between small" data-test="assigned">
            <bdi>{known(username)}</bdi>
            <MoveTo room={room} username={username} name={known(username)} />
          </li>
        ))}
      </ul>
    </li>
  );
}

/** Names of whoever is here or in the lobby's list; else the login name. */
function nameOf(room: Room): (username: string) => string {
  const here = [...room.participants.values()];
  const online = [...state.value.online.values()];
  return (username) => [...here, ...online].find((person) => person.username === username)?.name ?? `@${username}`;
}

/** Sends somebody elsewhere. */
export function MoveTo({ room, username, name }: { room: Room; username: string; name: string }) {
  const place = room.assigned.get(username) ?? room.breakout.number;
  const places: [number, string][] = [[0, tr('main_room')], ...room.breakouts];
  return (
    <label class="field small">
      <span class="hidden">{tr('move_to', name)}</span>
      <select
        data-test="move-to"
        value={place}
        onChange={(event) => ask({ do: 'move', username, number: Number(event.currentTarget.value) })}
      >
        {places.map(([number, title]) => (
          <option key={number} value={number}>
            {title}
          </option>
        ))}
      </select>
    </label>
  );
}
