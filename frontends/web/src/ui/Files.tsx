import { useEffect, useRef } from 'preact/hooks';
import { lang, tr } from '../i18n';
import { hide, mayShow, previews } from '../preview';
import type { FileOnShelf } from '../protocol';
import type { Remote } from '../remote';
import { ask, fetchFile, sendFiles, state } from '../store';
import { Icon } from './icons';
import { Sure } from './Sure';

/** The room's shelf, and what is on its way. */
export function Files({ close }: { close: () => void }) {
  const { room, me } = state.value;
  useEffect(() => ask({ do: 'list_files', before: 0 }), [room?.id]);
  if (!room) {
    return null;
  }
  const role = [...room.participants.values()].find((person) => person.isMe)?.role;
  const mayOrder = role === 'host' || role === 'owner';
  return (
    <aside class="panel" aria-label={tr('files')} data-test="files-panel">
      <header class="row between">
        <h2>{tr('files_of_room')}</h2>
        <button type="button" class="plain" aria-label={tr('close')} onClick={close}>
          <Icon name="close" />
        </button>
      </header>
      <p class="quiet small">{tr('files_readable')}</p>
      <SendFile to="" label={tr('send_file')} />
      <OnTheirWay />
      {room.shelf.length === 0 ? <p class="quiet">{tr('no_files')}</p> : null}
      <ul class="people" data-test="shelf">
        {room.shelf.map((file) => (
          <OnShelf key={file.file} file={file} mayDelete={mayOrder || file.author === me?.username} />
        ))}
      </ul>
      {room.shelfBefore > 0 ? (
        <button type="button" onClick={() => ask({ do: 'list_files', before: room.shelfBefore })}>
          {tr('older_files')}
        </button>
      ) : null}
    </aside>
  );
}

function OnShelf({ file, mayDelete }: { file: FileOnShelf; mayDelete: boolean }) {
  const { name, size, sha256, display_name, time_ms } = file;
  const when = new Date(time_ms).toLocaleString(lang.value, { dateStyle: 'short', timeStyle: 'short' });
  return (
    <li data-test="shelf-file">
      <bdi class="file-name">{name}</bdi>
      <span class="quiet small">
        {`${shownSize(size)} · `}
        <bdi>{display_name}</bdi>
        {` · ${when}`}
      </span>
      <span class="row wrap">
        <Fetch remote={{ file: file.file, name, size, sha256, key: '' }} />
        <Look remote={{ file: file.file, name, size, sha256, key: '' }} />
        {mayDelete ? (
          <Sure
            label={tr('delete')}
            name={tr('delete_it', name)}
            test="delete-file"
            act={() => ask({ do: 'delete_file', file: file.file })}
          />
        ) : null}
      </span>
      <Picture file={file.file} name={name} />
    </li>
  );
}

/** A picture that is looked at. */
export function Picture({ file, name }: { file: number; name: string }) {
  const url = previews.value.get(file);
  return url ? <img class="preview" src={url} alt={name} decoding="async" data-test="picture" /> : null;
}

/** Lets one look at a picture without keeping it. */
export function Look({ remote }: { remote: Remote }) {
  const { file, name, size } = remote;
  if (!mayShow(name, size)) {
    return null;
  }
  const isShown = previews.value.has(file);
  return (
    <button
      type="button"
      data-test="look"
      aria-pressed={isShown}
      aria-label={tr(isShown ? 'look_away' : 'look_at_it', name)}
      onClick={() => (isShown ? hide(file) : fetchFile(remote, true))}
    >
      {tr(isShown ? 'hide' : 'look_at')}
    </button>
  );
}

export function Fetch({ remote }: { remote: Remote }) {
  return (
    <button
      type="button"
      data-test="download"
      aria-label={tr('download_it', remote.name)}
      onClick={() => fetchFile(remote)}
    >
      {tr('download')}
    </button>
  );
}

/** A button that lets one choose files to send. */
export function SendFile({ to, label }: { to: string; label: string }) {
  const input = useRef<HTMLInputElement>(null);
  return (
    <>
      <input
        ref={input}
        hidden
        type="file"
        multiple
        data-test="file-input"
        onChange={(event) => {
          sendFiles(to, event.currentTarget.files ?? []);
          event.currentTarget.value = '';
        }}
      />
      <button
        type="button"
        data-test="send-file"
        aria-label={label}
        title={label}
        onClick={() => input.current?.click()}
      >
        <Icon name="file" />
        <span>{tr('send_file')}</span>
      </button>
    </>
  );
}

/** How far files are that are sent or fetched. */
export function OnTheirWay() {
  const { transfers } = state.value;
  return transfers.size > 0 ? (
    <ul class="transfers" data-test="transfers">
      {[...transfers].map(([request, { name, isSent, done, total }]) => (
        <li key={request} class="row">
          <label class="field grow small">
            <span>{tr(isSent ? 'sending_file' : 'fetching_file', name)}</span>
            <progress max={Math.max(1, total)} value={done} />
          </label>
          <button
            type="button"
            class="plain"
            aria-label={tr('stop_it', name)}
            onClick={() => ask({ do: 'stop_file', request })}
          >
            <Icon name="close" />
          </button>
        </li>
      ))}
    </ul>
  ) : null;
}

/** Bytes as people say them. */
export function shownSize(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB'];
  const step = Math.min(units.length - 1, Math.floor(Math.log2(Math.max(1, bytes)) / 10));
  const number = bytes / 1024 ** step;
  const digits = step === 0 || number >= 100 ? 0 : 1;
  return `${number.toLocaleString(lang.value, { maximumFractionDigits: digits })} ${units[step]}`;
}
