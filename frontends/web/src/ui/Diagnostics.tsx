import { tr } from '../i18n';
import { quality, state } from '../store';
import { Devices } from './Devices';
import { Icon } from './icons';

/** Bars of our own way to the server. */
export function Bars() {
  const { shown } = quality.value;
  return (
    <svg
      class="bars"
      viewBox="0 0 24 24"
      role="img"
      aria-label={tr('quality', shown)}
      data-test="bars"
      data-bars={shown}
    >
      {[1, 2, 3, 4].map((bar) => (
        <rect
          key={bar}
          x={bar * 5 - 1}
          y={20 - bar * 4}
          width={3}
          height={bar * 4}
          class={bar <= shown ? 'on' : 'off'}
        />
      ))}
    </svg>
  );
}

/** Devices, and what is measured: for whoever wants to know why it sounds as it does. */
export function Diagnostics({ close }: { close: () => void }) {
  const { figures, room } = state.value;
  const percent = (part: number) => `${((part * 100) / 65536).toFixed(1)} %`;
  const ms = (us: number) => `${Math.round(us / 1000)} ms`;
  const nameOf = (slot: number) => room?.participants.get(slot)?.name ?? String(slot);
  const rows: [string, string][] = figures
    ? [
        [tr('d_way'), tr(figures.is_tunnelled ? 'd_tunnel' : figures.is_up ? 'd_datagrams' : 'd_none')],
        [tr('d_rtt'), ms(figures.rtt_us)],
        [tr('d_loss'), `${percent(figures.loss_up)} / ${percent(figures.loss_down)}`],
        [tr('d_dropped'), figures.dropped.join(' / ')],
        [tr('d_unsent'), `${Math.round(figures.unsent_bytes / 1024)} KiB`],
        [tr('d_coding'), `${figures.coding_ms.toFixed(1)} ms`],
        ...figures.voices
          .filter(([, track]) => track === 0)
          .map(([slot, , delay, played, concealed]): [string, string] => [
            tr('d_voice', nameOf(slot)),
            `${ms(delay)}, ${played > 0 ? ((concealed * 100) / played).toFixed(1) : '0.0'} %`,
          ]),
      ]
    : [];
  const drops = Object.entries(figures?.drops ?? {});
  return (
    <aside class="panel" aria-label={tr('settings')} data-test="diagnostics">
      <header class="row between">
        <h2>{tr('settings')}</h2>
        <button type="button" class="plain" aria-label={tr('close')} onClick={close}>
          <Icon name="close" />
        </button>
      </header>
      <Devices />
      <h3>{tr('diagnostics')}</h3>
      <table>
        <tbody>
          {rows.map(([name, value]) => (
            <tr key={name}>
              <th scope="row">{name}</th>
              <td>{value}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {drops.length > 0 ? (
        <p class="quiet small">{drops.map(([name, count]) => `${name} ${count}`).join(', ')}</p>
      ) : null}
      <h3>{tr('keys')}</h3>
      <p class="small">{tr('keys_text')}</p>
    </aside>
  );
}
