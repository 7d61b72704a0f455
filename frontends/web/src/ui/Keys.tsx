import { tr } from '../i18n';
import { Icon } from './icons';

/** What the keys do, for whoever asks by `?`. */
export function Keys({ close }: { close: () => void }) {
  const keys: [string, string][] = [
    ['M', tr('key_microphone')],
    [tr('key_space'), tr('key_talk')],
    ['V', tr('the_camera')],
    ['D', tr('share')],
    ['H, R', tr('raise_hand')],
    ['1 – 6', tr('key_reactions')],
    ['C', tr('chat')],
    ['P', tr('key_people')],
    ['W', tr('spotlight')],
    ['Alt+1 – 9', tr('key_person')],
    ['S', tr('key_full')],
    ['T, Ctrl+Shift+D', tr('settings')],
    ['Ctrl+K', tr('palette')],
    ['Esc', tr('key_close')],
    ['?', tr('key_help')],
  ];
  return (
    <aside class="panel" aria-label={tr('keys')} data-test="keys-panel">
      <header class="row between">
        <h2>{tr('keys')}</h2>
        <button type="button" class="plain" aria-label={tr('close')} onClick={close}>
          <Icon name="close" />
        </button>
      </header>
      <table>
        <tbody>
          {keys.map(([key, what]) => (
            <tr key={key}>
              <th scope="row">
                <kbd>{key}</kbd>
              </th>
              <td>{what}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </aside>
  );
}
