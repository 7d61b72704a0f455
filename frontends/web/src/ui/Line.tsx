import { Component } from 'preact';
import { lang, tr } from '../i18n';
import { fromDirect } from '../remote';
import type { Line as Message } from '../state';
import { ask } from '../store';
import { Fetch, Look, Picture, shownSize } from './Files';
import { Icon } from './icons';
import { Sure } from './Sure';

interface Props {
  line: Message;
  /** Whether we keep order here, and may take anybody's words back. */
  mayOrder: boolean;
  edit: ((line: Message) => void) | null;
}

/** A row is drawn when something of it changes: not hundreds of them at each word about anything else. */
export class Line extends Component<Props> {
  override shouldComponentUpdate({ line, mayOrder, edit }: Props): boolean {
    const { props } = this;
    return line !== props.line || mayOrder !== props.mayOrder || (edit === null) !== (props.edit === null);
  }

  override render(props: Props) {
    return <Row {...props} />;
  }
}

/** One message is one row, whatever it contains: its text is a text node. */
function Row({ line, mayOrder, edit }: Props) {
  const time = new Date(line.timeMs).toLocaleTimeString(lang.value, { hour: '2-digit', minute: '2-digit' });
  const who = line.isDirect ? (line.isMine ? tr('direct_to', line.to) : tr('direct_from', line.name)) : line.name;
  const file = line.isDirect && line.text !== null ? fromDirect(line.text) : null;
  const text = file?.name ?? line.text ?? tr(line.isDirect ? 'unreadable' : 'taken_back');
  const remark = line.status === 'waiting' ? tr('waiting') : line.status === 'failed' ? tr('not_sent') : '';
  const isThere = line.status === 'stored' && !line.isDirect && line.text !== null;
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
      {file ? (
        <span class="row wrap small" data-test="sealed-file">
          <span class="quiet">{`${tr('sealed_file')}, ${shownSize(file.size)}`}</span>
          <Fetch remote={file} />
          <Look remote={file} />
          <Picture file={file.file} name={file.name} />
        </span>
      ) : null}
      {isThere && (line.isMine || mayOrder) ? (
        <span class="acts">
          {line.isMine && edit ? (
            <button type="button" data-test="edit" aria-label={`${tr('edit')}: ${text}`} onClick={() => edit(line)}>
              {tr('edit')}
            </button>
          ) : null}
          <Sure
            label={tr('take_back')}
            name={`${tr('take_back')}: ${text}`}
            test="take-back"
            act={() => ask({ do: 'take_back', id: line.id })}
          />
        </span>
      ) : null}
    </li>
  );
}
