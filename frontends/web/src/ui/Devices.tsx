import { useEffect } from 'preact/hooks';
import { chosen, type Kind, look, present } from '../devices';
import { tr } from '../i18n';
import { change } from '../store';

/** Which microphone, camera and loudspeaker. */
export function Devices() {
  useEffect(() => void look(), []);
  return (
    <div class="column" data-test="devices">
      <Picker kind="camera" />
      <Picker kind="microphone" />
      {'setSinkId' in AudioContext.prototype ? <Picker kind="speaker" /> : null}
    </div>
  );
}

function Picker({ kind }: { kind: Kind }) {
  const found = present.value[kind];
  const id = chosen.value[kind];
  return (
    <label class="field">
      {tr(`the_${kind}`)}
      <select
        data-test={`the-${kind}`}
        value={found.some((device) => device.id === id) ? id : ''}
        onChange={(event) => void change(kind, event.currentTarget.value)}
      >
        <option value="">{tr('browsers_choice')}</option>
        {found
          .filter((device) => device.id !== '' && device.id !== 'default')
          .map((device) => (
            <option key={device.id} value={device.id}>
              {device.name}
            </option>
          ))}
      </select>
    </label>
  );
}
