import { useEffect, useState } from 'preact/hooks';
import { tr } from '../i18n';
import { REACTIONS, SHOWN_MS } from '../reactions';
import type { Room } from '../state';
import { ask, state } from '../store';

/** A button with the six signs. */
export function Reactions() {
  const [isOpen, setOpen] = useState(false);
  const react = (reaction: number) => {
    ask({ do: 'react', reaction });
    setOpen(false);
  };
  return (
    <span class="reactions">
      <button
        type="button"
        class="toggle"
        aria-expanded={isOpen}
        data-test="react"
        title={tr('react')}
        onClick={() => setOpen(!isOpen)}
      >
        <span aria-hidden="true">🙂</span>
        <span class="label">{tr('react')}</span>
      </button>
      {isOpen ? (
        <span class="signs">
          {REACTIONS.map(({ emoji, name }, reaction) => (
            <button
              type="button"
              key={name}
              class="plain"
              data-test={`react-${name}`}
              aria-label={tr(`react_${name}`)}
              title={tr(`react_${name}`)}
              onClick={() => react(reaction)}
            >
              <span aria-hidden="true">{emoji}</span>
            </button>
          ))}
        </span>
      ) : null}
    </span>
  );
}

/** What somebody shows now, over their tile. */
export function Reaction({ slot }: { slot: number }) {
  const shown = state.value.room?.reactions.get(slot);
  const [, draw] = useState(0);
  useEffect(() => {
    const timer = shown ? setTimeout(() => draw((count) => count + 1), SHOWN_MS) : undefined;
    return () => clearTimeout(timer);
  }, [shown]);
  return shown && shown.until > Date.now() ? (
    <span class="reaction" aria-hidden="true" data-test="reaction" key={shown.until}>
      {shown.emoji}
    </span>
  ) : null;
}

/** Says who shows what, when nothing else is being said. */
export function ReactionsSaid({ room }: { room: Room }) {
  const last = [...room.reactions].sort(([, a], [, b]) => b.until - a.until)[0];
  const who = last ? room.participants.get(last[0]) : undefined;
  const sign = REACTIONS.find(({ emoji }) => emoji === last?.[1].emoji);
  return (
    <span class="unseen" role="status" aria-live="polite" data-test="reaction-said">
      {who && sign ? tr('reacted', who.name, tr(`react_${sign.name}`)) : ''}
    </span>
  );
}

/** The way back from a breakout room, for hosts. */
export function WayBack({ room }: { room: Room }) {
  const me = [...room.participants.values()].find((person) => person.isMe);
  if (room.breakout.number === 0) {
    return null;
  }
  const isHost = me?.role === 'host' || me?.role === 'owner';
  return (
    <span class="row" data-test="breakout">
      <span class="quiet">{tr('breakout_of', room.breakout.number)}</span>
      {isHost ? (
        <button
          type="button"
          data-test="go-back"
          onClick={() => ask({ do: 'move', username: me?.username ?? '', number: 0 })}
        >
          {tr('go_back')}
        </button>
      ) : null}
    </span>
  );
}
