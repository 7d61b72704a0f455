import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import { tr } from '../i18n';
import { LINES_PAGED_MAX, type Line as Message, people, type Room } from '../state';
import { ask, clearSearch, state } from '../store';
import { OnTheirWay, SendFile } from './Files';
import { Icon } from './icons';
import { Line } from './Line';

interface Props {
  to: string;
  setTo: (to: string) => void;
  close: () => void;
}

export function Chat({ to, setTo, close }: Props) {
  const { lines, room } = state.value;
  const [text, setText] = useState('');
  const [editing, setEditing] = useState<Message | null>(null);
  const [isSearching, setSearching] = useState(false);
  const end = useRef<HTMLLIElement>(null);
  const field = useRef<HTMLTextAreaElement>(null);
  // What is new at the end is shown; what is old at the beginning moves nothing.
  const newest = lines.at(-1)?.key;
  useEffect(() => end.current?.scrollIntoView({ block: 'end' }), [newest]);
  const others = people(room).filter((person) => !person.isMe);
  const role = people(room).find((person) => person.isMe)?.role;
  const mayOrder = role === 'host' || role === 'owner';
  const receiver = others.find((person) => person.username === to);
  const begin = (line: Message) => {
    setEditing(line);
    setText(line.text ?? '');
  };
  // Once its text is there: one writes on at its end.
  useLayoutEffect(() => {
    if (editing) {
      field.current?.focus();
      field.current?.setSelectionRange(editing.text?.length ?? 0, editing.text?.length ?? 0);
    }
  }, [editing]);
  const stop = () => {
    setEditing(null);
    setText('');
  };
  const send = () => {
    const words = text.trim();
    if (!words) {
      return;
    }
    if (editing) {
      ask({ do: 'edit', id: editing.id, text: words });
    } else {
      ask(to ? { do: 'direct', to, text: words } : { do: 'chat', text: words });
    }
    stop();
  };
  return (
    <aside class="panel" aria-label={tr('chat')}>
      <header class="row between">
        <h2>{tr('chat')}</h2>
        <span>
          <button
            type="button"
            class="plain"
            aria-label={tr('search_chat')}
            aria-expanded={isSearching}
            data-test="search"
            onClick={() => {
              setSearching(!isSearching);
              clearSearch();
            }}
          >
            <Icon name="search" />
          </button>
          <button type="button" class="plain" aria-label={tr('close')} onClick={close}>
            <Icon name="close" />
          </button>
        </span>
      </header>
      <p class="quiet small">{tr('chat_readable')}</p>
      {isSearching ? <Search /> : null}
      {room?.search ? (
        <Results search={room.search} mayOrder={mayOrder} />
      ) : (
        <>
          {room && hasOlder(room, lines) ? (
            <button
              type="button"
              data-test="older"
              onClick={() => ask({ do: 'history', words: '', before: room.linesBefore ?? oldest(lines) })}
            >
              {tr('older')}
            </button>
          ) : null}
          {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keyboard */}
          <ol class="lines" data-test="lines" aria-live="polite" aria-label={tr('chat')} tabIndex={0}>
            {lines.map((line) => (
              <Line key={line.key} line={line} mayOrder={mayOrder} edit={begin} />
            ))}
            <li ref={end} aria-hidden="true" />
          </ol>
        </>
      )}
      <OnTheirWay />
      <form
        class={`composer${to ? ' direct' : ''}`}
        onSubmit={(event) => {
          event.preventDefault();
          send();
        }}
      >
        {editing ? (
          <div class="row between small" role="status">
            {tr('editing')}
            <button type="button" data-test="cancel-edit" onClick={stop}>
              {tr('cancel')}
            </button>
          </div>
        ) : (
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
        )}
        <div class="row">
          {to ? <Icon name="lock" /> : null}
          <textarea
            ref={field}
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
              } else if (event.key === 'Escape' && editing) {
                stop();
              }
            }}
          />
          <button type="submit" class="primary" aria-label={tr('send')} data-test="send">
            <Icon name="send" />
          </button>
        </div>
        <SendFile to={to} label={to ? tr('send_file_to', receiver?.name ?? to) : tr('send_file')} />
      </form>
    </aside>
  );
}

/** The oldest message of the room that is shown; 0 if none is. */
function oldest(lines: Message[]): number {
  return lines.find((line) => !line.isDirect && line.id > 0)?.id ?? 0;
}

function hasOlder(room: Room, lines: Message[]): boolean {
  if (lines.length >= LINES_PAGED_MAX) {
    return false;
  }
  return room.linesBefore === null ? oldest(lines) > 1 : room.linesBefore > 0;
}

function Search() {
  const [words, setWords] = useState('');
  const field = useRef<HTMLInputElement>(null);
  useEffect(() => field.current?.focus(), []);
  return (
    <form
      class="row"
      onSubmit={(event) => {
        event.preventDefault();
        ask({ do: 'history', words: words.trim(), before: 0 });
      }}
    >
      <input
        ref={field}
        class="grow"
        type="search"
        required
        data-test="search-words"
        aria-label={tr('search_words')}
        placeholder={tr('search_words')}
        value={words}
        onInput={(event) => setWords(event.currentTarget.value)}
      />
      <button type="submit" aria-label={tr('search_chat')} data-test="search-go">
        <Icon name="search" />
      </button>
    </form>
  );
}

/** What was found, the newest first. */
function Results({ search, mayOrder }: { search: NonNullable<Room['search']>; mayOrder: boolean }) {
  const { words, lines, before } = search;
  return (
    <>
      <div class="row between">
        <p role="status" data-test="found">
          {tr('search_found', words, lines.length)}
        </p>
        <button type="button" data-test="search-end" onClick={clearSearch}>
          {tr('search_end')}
        </button>
      </div>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keyboard */}
      <ol class="lines" aria-label={tr('search_found', words, lines.length)} tabIndex={0}>
        {lines.map((line) => (
          <Line key={line.key} line={line} mayOrder={mayOrder} edit={null} />
        ))}
      </ol>
      {before > 0 ? (
        <button type="button" data-test="older" onClick={() => ask({ do: 'history', words, before })}>
          {tr('older')}
        </button>
      ) : null}
    </>
  );
}
