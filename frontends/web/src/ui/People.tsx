import { useEffect } from 'preact/hooks';
import { tr } from '../i18n';
import { type Participant, shownCode } from '../state';
import { acceptKey, ask, safetyCode, state } from '../store';
import { Icon } from './icons';

interface Props {
  here: Participant[];
  close: () => void;
  write: (username: string) => void;
}

export function People({ here, close, write }: Props) {
  const me = here.find((person) => person.isMe);
  const { changedKeys, online } = state.value;
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
                {mayHost(person) ? (
                  <>
                    <button type="button" onClick={() => ask({ do: 'moderate', act: 'mute', whom: person.username })}>
                      {tr('mute_them')}
                    </button>
                    <button type="button" onClick={() => ask({ do: 'moderate', act: 'remove', whom: person.username })}>
                      {tr('remove_them')}
                    </button>
                  </>
                ) : null}
              </span>
            )}
          </li>
        ))}
      </ul>
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
