import { useEffect, useRef, useState } from 'preact/hooks';
import { lang, tr } from '../i18n';
import { type Line, people } from '../state';
import { ask, state } from '../store';
import { Icon } from './icons';

interface Props {
  to: string;
  setTo: (to: string) => void;
  close: () => void;
}

export function Chat({ to, setTo, close }: Props) {
  const { lines, room } = state.value;
  const [text, setText] = useState('');
  const end = useRef<HTMLLIElement>(null);
  useEffect(() => end.current?.scrollIntoView({ block: 'end' }), [lines.length]);
  const others = people(room).filter((person) => !person.isMe);
  const receiver = others.find((person) => person.username === to);
  const send = () => {
    const words = text.trim();
    if (words) {
      ask(to ? { do: 'direct', to, text: words } : { do: 'chat', text: words });
      setText('');
    }
  };
  return (
    <aside class="panel" aria-label={tr('chat')}>
      <header class="row between">
        <h2>{tr('chat')}</h2>
        <button type="button" class="plain" aria-label={tr('close')} onClick={close}>
          <Icon name="close" />
        </button>
      </header>
      <p class="quiet small">{tr('chat_readable')}</p>
      <ol class="lines" data-test="lines" aria-live="polite">
        {lines.map((line) => (
          <Row key={line.key} line={line} />
        ))}
        <li ref={end} aria-hidden="true" />
      </ol>
      <form
        class={`composer${to ? ' direct' : ''}`}
        onSubmit={(event) => {
          event.preventDefault();
          send();
        }}
      >
        <label class="field">
          {tr('to')}
          <select data-test="to" value={to} onChange={(event) => setTo(event.currentTarget.value)}>
            <option value="">{tr('everybody')}</option>
            {others.map((person) => (
              <option key={person.username} value={person.username}>
                {`${person.name} @${person.username}`}
              </option>
            ))}
          </select>
        </label>
        <div class="row">
          {to ? <Icon name="lock" /> : null}
          <textarea
            data-test="message"
            rows={2}
            aria-label={to ? tr('message_to', receiver?.name ?? to) : tr('message')}
            placeholder={to ? tr('message_to', receiver?.name ?? to) : tr('message')}
            value={text}
            onInput={(event) => setText(event.currentTarget.value)}
            onKeyDown={(event) => {
              // Enter that ends a composition (Telex, VNI) sends nothing.
              if (event.key === 'Enter' && !event.shiftKey && !event.isComposing) {
                event.preventDefault();
                send();
              }
            }}
          />
          <button type="submit" class="primary" aria-label={tr('send')} data-test="send">
            <Icon name="send" />
          </button>
        </div>
      </form>
    </aside>
  );
}

/** One message is one row, whatever it contains: its text is a text node. */
function Row({ line }: { line: Line }) {
  const time = new Date(line.timeMs).toLocaleTimeString(lang.value, { hour: '2-digit', minute: '2-digit' });
  const who = line.isDirect ? (line.isMine ? tr('direct_to', line.to) : tr('direct_from', line.name)) : line.name;
  const text = line.text ?? tr(line.isDirect ? 'unreadable' : 'taken_back');
  const remark = line.status === 'waiting' ? tr('waiting') : line.status === 'failed' ? tr('not_sent') : '';
  return (
    <li
      class={`line${line.isMine ? ' mine' : ''}${line.isDirect ? ' direct' : ''}`}
      data-test="line"
      data-status={line.status}
    >
      <span class="who">
        {line.isDirect ? <Icon name="lock" /> : null}
        <bdi>{who}</bdi> <time>{time}</time> {remark}
        {line.isEdited ? ` ${tr('edited')}` : ''}
      </span>
      <bdi class={line.text === null ? 'text quiet' : 'text'} dir="auto">
        {text}
      </bdi>
    </li>
  );
}
