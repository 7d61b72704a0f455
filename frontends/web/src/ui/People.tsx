import { useEffect } from 'preact/hooks';
import { tr } from '../i18n';
import type { Act } from '../protocol';
import { type Participant, shownCode } from '../state';
import { acceptKey, ask, safetyCode, state } from '../store';
import { Breakouts, MoveTo } from './Breakouts';
import { Rules } from './Door';
import { Icon } from './icons';
import { Sure } from './Sure';

interface Props {
  here: Participant[];
  close: () => void;
  write: (username: string) => void;
}

export function People({ here, close, write }: Props) {
  const me = here.find((person) => person.isMe);
  const { changedKeys, online, room } = state.value;
  const isLocked = room?.isLocked === true;
  const keys = here.map((person) => person.keys).join();
  useEffect(() => ask({ do: 'safety_code' }), [keys]);
  const elsewhere = [...online.values()].filter((person) => !here.some((other) => other.username === person.username));
  const mayHost = (person: Participant) =>
    !person.isMe &&
    (me?.role === 'owner' || (me?.role === 'host' && (person.role === 'guest' || person.role === 'member')));
  return (
    <aside class="panel" aria-label={tr('people', here.length)}>
      <header class="row between">
        <h2>{tr('people', here.length)}</h2>
        <button type="button" class="plain" aria-label={tr('close')} onClick={close}>
          <Icon name="close" />
        </button>
      </header>
      <ul class="people">
        {here.map((person) => (
          <li key={person.member} data-test="person">
            <span class="row">
              <Icon name={person.tracks[0].is_on ? 'microphone' : 'microphone_off'} />
              {person.hand ? <Icon name="hand" /> : null}
              <bdi>{person.isMe ? tr('you', person.name) : person.name}</bdi>
              <span class="quiet">{`@${person.username}`}</span>
              {changedKeys.has(person.username) ? <span class="warn">{tr('key_is_changed')}</span> : null}
            </span>
            {person.isMe ? null : (
              <span class="row wrap">
                <button type="button" onClick={() => write(person.username)}>
                  {tr('write_to')}
                </button>
                {changedKeys.has(person.username) ? (
                  <button type="button" onClick={() => acceptKey(person.username)}>
                    {tr('accept_key')}
                  </button>
                ) : null}
                {mayHost(person) ? <Order person={person} isOwner={me?.role === 'owner'} /> : null}
                {room && room.breakouts.size > 0 && mayHost(person) ? (
                  <MoveTo room={room} username={person.username} name={person.name} />
                ) : null}
              </span>
            )}
          </li>
        ))}
      </ul>
      {me?.role === 'owner' || me?.role === 'host' ? (
        <section class="row wrap" aria-label={tr('keep_order')}>
          <button type="button" data-test="lock" onClick={() => moderate(isLocked ? 'unlock' : 'lock')}>
            {tr(isLocked ? 'unlock' : 'lock')}
          </button>
          <button type="button" data-test="mute-all" onClick={() => moderate('mute_all')}>
            {tr('mute_all')}
          </button>
          {room ? <Rules room={room} /> : null}
          <Sure label={tr('end_room')} act={() => moderate('end')} />
        </section>
      ) : null}
      {room && (me?.role === 'owner' || me?.role === 'host') ? <Breakouts room={room} me={me} /> : null}
      {elsewhere.length > 0 ? (
        <section>
          <h3>{tr('online')}</h3>
          <ul class="people">
            {elsewhere.map((person) => (
              <li key={person.username} class="row between">
                <bdi>{person.name}</bdi>
                <button type="button" data-test="call-person" onClick={() => ask({ do: 'call', to: person.username })}>
                  {tr('call')}
                </button>
              </li>
            ))}
          </ul>
        </section>
      ) : null}
      <section>
        <h3 class="row">
          <Icon name="shield" />
          {tr('safety')}
        </h3>
        <p class="code" data-test="safety">
          {shownCode(safetyCode.value)}
        </p>
        <p class="quiet small">{tr('safety_text')}</p>
      </section>
    </aside>
  );
}

function moderate(act: Act, whom = ''): void {
  ask({ do: 'moderate', act, whom });
}

/** What a host may do with somebody. */
function Order({ person, isOwner }: { person: Participant; isOwner: boolean }) {
  const { username } = person;
  const isHost = person.role === 'host';
  return (
    <>
      {person.tracks[0].is_on ? (
        <button type="button" data-test="mute-them" onClick={() => moderate('mute', username)}>
          {tr('mute_them')}
        </button>
      ) : (
        <button type="button" onClick={() => moderate('ask_unmute', username)}>
          {tr('ask_unmute')}
        </button>
      )}
      {person.tracks[1].is_on || person.tracks[2].is_on ? (
        <button type="button" onClick={() => moderate('stop_video', username)}>
          {tr('stop_video')}
        </button>
      ) : null}
      {person.hand ? (
        <button type="button" onClick={() => moderate('lower_hand', username)}>
          {tr('lower_hand')}
        </button>
      ) : null}
      {isOwner && person.role !== 'guest' ? (
        <button type="button" onClick={() => moderate(isHost ? 'unmake_host' : 'make_host', username)}>
          {tr(isHost ? 'unmake_host' : 'make_host')}
        </button>
      ) : null}
      <button type="button" data-test="remove-them" onClick={() => moderate('remove', username)}>
        {tr('remove_them')}
      </button>
      <Sure label={tr('ban')} act={() => moderate('ban', username)} />
    </>
  );
}
