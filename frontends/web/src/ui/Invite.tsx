import { useEffect, useState } from 'preact/hooks';
import { lang, tr } from '../i18n';
import { grouped, hasAccount, pageLink } from '../invitation';
import type { Invitation } from '../papers';
import type { Room } from '../state';
import { ask, state } from '../store';
import { Icon } from './icons';
import { Sure } from './Sure';

const HOUR_S = 3600;
const USES = [1, 5, 30, 200];
const VALID_S = [HOUR_S, 24 * HOUR_S, 7 * 24 * HOUR_S, 30 * 24 * HOUR_S];

/** How others come to this room: its link for whoever may come, invitations for everybody else. */
export function Invite({ room, close }: { room: Room; close: () => void }) {
  const { me, invited } = state.value;
  const role = [...room.participants.values()].find((person) => person.isMe)?.role;
  const mayInvite = (role === 'host' || role === 'owner') && hasAccount(me?.username ?? '');
  return (
    <aside class="panel" aria-label={tr('invite')} data-test="invite-panel">
      <header class="row between">
        <h2>{tr('invite_to', room.name)}</h2>
        <button type="button" class="plain" aria-label={tr('close')} onClick={close}>
          <Icon name="close" />
        </button>
      </header>
      {invited ? (
        <Made room={room} invitation={invited} />
      ) : (
        <Link label={tr('room_link')} link={pageLink({ room: room.name, secret: '' })} />
      )}
      {invited ? null : <p class="quiet small">{tr('room_link_text')}</p>}
      {mayInvite ? <Invitations /> : null}
    </aside>
  );
}

/** An invitation that was just made: the only moment in which anybody knows its secrets. */
function Made({ room, invitation }: { room: Room; invitation: Invitation }) {
  return (
    <section class="column" data-test="invited">
      <Link label={tr('invitation_link')} link={pageLink({ room: room.name, secret: invitation.secret })} />
      <p>
        {tr('invitation_code')}:{' '}
        <strong class="code" data-test="invitation-code">
          {grouped(invitation.code)}
        </strong>
      </p>
      <p class="quiet small">{tr('invitation_once')}</p>
    </section>
  );
}

function Link({ label, link }: { label: string; link: string }) {
  const [copied, setCopied] = useState('');
  return (
    <section class="column">
      <label class="field">
        {label}
        <input readOnly value={link} data-test="link" onFocus={(event) => event.currentTarget.select()} />
      </label>
      {navigator.clipboard ? (
        <button type="button" onClick={() => navigator.clipboard.writeText(link).then(() => setCopied(link))}>
          {tr(copied === link ? 'copied' : 'copy')}
        </button>
      ) : null}
      <Squares text={link} />
    </section>
  );
}

/** A text as squares for cameras; what draws them is loaded when they are looked at. */
function Squares({ text }: { text: string }) {
  const [drawn, setDrawn] = useState<{ size: number; path: string } | null>(null);
  useEffect(() => {
    let isOver = false;
    import('uqr')
      .then(({ encode }) => {
        // A border of four, as the standard wants it.
        const { data, size } = encode(text, { border: 4 });
        const dark = data.flatMap((row, y) => row.map((isDark, x) => (isDark ? `M${x} ${y}h1v1h-1z` : '')));
        if (!isOver) {
          setDrawn({ size, path: dark.join('') });
        }
      })
      // Without them there is still the link.
      .catch(() => {});
    return () => {
      isOver = true;
    };
  }, [text]);
  return drawn ? (
    <svg
      class="squares"
      viewBox={`0 0 ${drawn.size} ${drawn.size}`}
      role="img"
      aria-label={tr('qr_of')}
      data-test="squares"
      shape-rendering="crispEdges"
    >
      <path d={drawn.path} />
    </svg>
  ) : null;
}

function Invitations() {
  const { invitations } = state.value;
  const [uses, setUses] = useState(USES[1] ?? 1);
  const [valid, setValid] = useState(VALID_S[1] ?? HOUR_S);
  const [registers, setRegisters] = useState(false);
  useEffect(() => ask({ do: 'list_invitations' }), []);
  const shownValid = (seconds: number) =>
    seconds < 48 * HOUR_S ? tr('hours', seconds / HOUR_S) : tr('days', seconds / HOUR_S / 24);
  return (
    <>
      <form
        class="column"
        onSubmit={(event) => {
          event.preventDefault();
          ask({ do: 'invite', uses, valid_s: valid, may_register: registers });
        }}
      >
        <h3>{tr('make_invitation')}</h3>
        <div class="row wrap">
          <label class="field grow">
            {tr('invitation_uses')}
            <select data-test="uses" value={uses} onChange={(event) => setUses(Number(event.currentTarget.value))}>
              {USES.map((count) => (
                <option key={count} value={count}>
                  {count === 1 ? tr('uses_one') : tr('uses_many', count)}
                </option>
              ))}
            </select>
          </label>
          <label class="field grow">
            {tr('invitation_valid')}
            <select value={valid} onChange={(event) => setValid(Number(event.currentTarget.value))}>
              {VALID_S.map((seconds) => (
                <option key={seconds} value={seconds}>
                  {shownValid(seconds)}
                </option>
              ))}
            </select>
          </label>
        </div>
        <label class="check">
          <input
            type="checkbox"
            data-test="lets-register"
            checked={registers}
            onChange={(event) => setRegisters(event.currentTarget.checked)}
          />
          {tr('lets_register')}
        </label>
        <button type="submit" class="primary" data-test="make-invitation">
          {tr('make_invitation')}
        </button>
      </form>
      <section>
        <h3>{tr('invitations')}</h3>
        {invitations.length === 0 ? <p class="quiet">{tr('no_invitations')}</p> : null}
        <ul class="people" data-test="invitations">
          {invitations.map(({ id, uses, used, expires_ms }) => (
            <li key={id} class="row between" data-test="invitation">
              <span>{`#${id} · ${tr('invitation_row', used, uses, shownTime(expires_ms))}`}</span>
              <Sure
                label={tr('withdraw')}
                name={tr('withdraw_it', id)}
                test="withdraw"
                act={() => ask({ do: 'withdraw', id })}
              />
            </li>
          ))}
        </ul>
      </section>
    </>
  );
}

export function shownTime(ms: number): string {
  return new Date(ms).toLocaleString(lang.value, { dateStyle: 'short', timeStyle: 'short' });
}
