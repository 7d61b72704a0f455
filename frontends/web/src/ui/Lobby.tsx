import { useState } from 'preact/hooks';
import { tr } from '../i18n';
import { hasAccount } from '../invitation';
import { fold } from '../state';
import { approach, signOut, state } from '../store';
import { Corner, Limits } from './App';
import { MyDevices } from './MyDevices';

export function Lobby() {
  const { rooms, online, me, server } = state.value;
  const [search, setSearch] = useState('');
  const [name, setName] = useState('');
  const all = [...rooms.entries()].sort(([a], [b]) => a - b).map(([, room]) => room);
  const found = all.filter((room) => fold(room.name).includes(fold(search)));
  return (
    <main class="page" data-test="lobby">
      <header class="row between">
        <h1>{`${tr('lobby')}${server ? ` · ${server.name}` : ''}`}</h1>
        <span class="row">
          <span class="quiet">{me?.name}</span>
          <button type="button" onClick={signOut}>
            {tr('sign_out')}
          </button>
          <Corner />
        </span>
      </header>
      <Limits />
      <form
        class="row wrap"
        onSubmit={(event) => {
          event.preventDefault();
          approach(name, true);
        }}
      >
        <label class="field grow">
          {tr('room_name')}
          <input
            data-test="room-name"
            required
            maxLength={64}
            value={name}
            onInput={(event) => setName(event.currentTarget.value)}
          />
        </label>
        <button type="submit" class="primary" data-test="create">
          {tr('create_join')}
        </button>
      </form>
      <section>
        <div class="row between">
          <h2>{tr('rooms')}</h2>
          {all.length > 3 ? (
            <input
              type="search"
              aria-label={tr('search')}
              placeholder={tr('search')}
              value={search}
              onInput={(event) => setSearch(event.currentTarget.value)}
            />
          ) : null}
        </div>
        {found.length === 0 ? <p class="quiet">{tr(all.length ? 'nothing_found' : 'no_rooms')}</p> : null}
        <ul class="rooms">
          {found.map((room) => (
            <li key={room.room} class="room-card" data-test="room-card">
              <strong>{room.name}</strong>
              <span class={room.people ? 'live' : 'quiet'} data-test="count">
                {tr('in_room', room.people)}
              </span>
              <button
                type="button"
                aria-label={`${tr('join')}: ${room.name}`}
                onClick={() => approach(room.name, false)}
              >
                {tr('join')}
              </button>
            </li>
          ))}
        </ul>
      </section>
      <section>
        <h2>{tr('online')}</h2>
        <ul class="names">
          {[...online.values()].map((person) => (
            <li key={person.username} title={`@${person.username}`}>
              {person.name}
            </li>
          ))}
        </ul>
      </section>
      {hasAccount(me?.username ?? '') ? <MyDevices /> : null}
    </main>
  );
}
