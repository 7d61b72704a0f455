import { useState } from 'preact/hooks';
import { tr } from '../i18n';
import { ask, state } from '../store';
import { shownTime } from './Invite';
import { Sure } from './Sure';

/** The devices that may sign in to this account. */
export function MyDevices() {
  const { myDevices, me } = state.value;
  const [isOpen, setOpen] = useState(false);
  const open = () => {
    setOpen(!isOpen);
    if (!isOpen) {
      ask({ do: 'list_devices' });
    }
  };
  return (
    <section class="column">
      <h2>
        <button type="button" aria-expanded={isOpen} data-test="my-devices" onClick={open}>
          {tr('my_devices')}
        </button>
      </h2>
      {isOpen ? (
        <>
          <p class="quiet small">{tr('my_devices_text')}</p>
          <ul class="people" data-test="devices">
            {(myDevices ?? []).map(({ sign, name, last_seen_ms, is_here }) => (
              <li key={sign} class="row between" data-test="device">
                <span>
                  <bdi>{name}</bdi>
                  <code class="quiet small">{` ${sign.slice(0, 8)} `}</code>
                  <span class="quiet small">
                    {sign === me?.sign
                      ? tr('this_device')
                      : is_here
                        ? tr('is_here')
                        : tr('last_seen', shownTime(last_seen_ms))}
                  </span>
                </span>
                <Sure
                  label={tr('revoke')}
                  name={tr('revoke_it', `${name} ${sign.slice(0, 8)}`)}
                  test="revoke"
                  act={() => ask({ do: 'revoke_device', sign })}
                />
              </li>
            ))}
          </ul>
        </>
      ) : null}
    </section>
  );
}
