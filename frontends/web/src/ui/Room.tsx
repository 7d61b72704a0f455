import { useEffect, useRef, useState } from 'preact/hooks';
import { canSend } from '../audio';
import { tr } from '../i18n';
import { CAMERA, SCREEN } from '../protocol';
import { type Participant, people } from '../state';
import { ask, devices, leave, read, setCamera, setMicrophone, setScreen, state } from '../store';
import { arrange } from '../tiles';
import { Limits } from './App';
import { Chat } from './Chat';
import { Icon, type IconName } from './icons';
import { People } from './People';
import { Tile } from './Tile';

export function Room() {
  const { room, isDatagramUp, unread, connection } = state.value;
  const [panel, setPanel] = useState<'none' | 'chat' | 'people'>('none');
  const [to, setTo] = useState('');
  if (!room) {
    return null;
  }
  const here = people(room);
  const me = here.find((person) => person.isMe);
  const on = devices.value;
  // What others see of us is what the server has confirmed, not what we wish.
  const isHeard = me?.tracks[0].is_on === true;
  const open = (wanted: 'chat' | 'people') => {
    const next = panel === wanted ? 'none' : wanted;
    setPanel(next);
    setTo('');
    if (next === 'chat') {
      read();
    }
  };
  return (
    <div class="room" data-test="room">
      <header class="bar top">
        <h1>{room.name}</h1>
        {room.isLocked ? <Icon name="lock" /> : null}
        <span class="quiet grow" data-test="path">
          {!isDatagramUp && connection === 'up' ? tr('media_blocked') : ''}
        </span>
        <Latency />
      </header>
      <div class="body">
        <main class="stage-area">
          <Limits />
          <Stage here={here} speaker={room.speaker} />
          {here.length === 1 ? <Alone name={room.name} /> : null}
        </main>
        {panel === 'chat' ? <Chat to={to} setTo={setTo} close={() => open('chat')} /> : null}
        {panel === 'people' ? (
          <People
            here={here}
            close={() => open('people')}
            write={(username) => {
              setPanel('chat');
              setTo(username);
              read();
            }}
          />
        ) : null}
      </div>
      <nav class="bar bottom" aria-label={room.name}>
        <Toggle
          icon={isHeard ? 'microphone' : 'microphone_off'}
          label={tr(on.microphone ? 'mute' : 'unmute')}
          on={isHeard}
          test="microphone"
          disabled={!canSend}
          act={() => void setMicrophone(!on.microphone)}
        />
        <Toggle
          icon={on.camera ? 'camera' : 'camera_off'}
          label={tr(on.camera ? 'camera_off' : 'camera_on')}
          on={on.camera}
          test="camera"
          disabled={!canSend}
          act={() => void setCamera(!on.camera)}
        />
        <Toggle
          icon="screen"
          label={tr(on.screen ? 'stop_sharing' : 'share')}
          on={on.screen}
          test="share"
          disabled={!canSend}
          act={() => void setScreen(!on.screen)}
        />
        <Toggle
          icon="hand"
          label={tr(me?.hand ? 'lower_hand' : 'raise_hand')}
          on={!!me?.hand}
          test="hand"
          act={() => ask({ do: 'hand', up: !me?.hand })}
        />
        <Toggle
          icon="chat"
          label={unread > 0 && panel !== 'chat' ? tr('chat_unread', unread) : tr('chat')}
          on={panel === 'chat'}
          test="chat"
          badge={panel === 'chat' ? 0 : unread}
          act={() => open('chat')}
        />
        <Toggle
          icon="people"
          label={tr('people', here.length)}
          on={panel === 'people'}
          test="people"
          act={() => open('people')}
        />
        <button type="button" class="leave" data-test="leave" onClick={leave}>
          <Icon name="leave" />
          <span class="label">{tr('leave')}</span>
        </button>
      </nav>
    </div>
  );
}

interface ToggleProps {
  icon: IconName;
  label: string;
  on: boolean;
  test: string;
  disabled?: boolean;
  badge?: number;
  act: () => void;
}

function Toggle({ icon, label, on, test, disabled = false, badge = 0, act }: ToggleProps) {
  return (
    <button
      type="button"
      class="toggle"
      aria-pressed={on}
      data-test={test}
      disabled={disabled}
      title={label}
      onClick={act}
    >
      <Icon name={icon} />
      <span class="label">{label}</span>
      {badge > 0 ? (
        <span class="badge" aria-hidden="true">
          {badge > 9 ? '9+' : badge}
        </span>
      ) : null}
    </button>
  );
}

function Latency() {
  const { figures } = state.value;
  return figures?.is_up ? <span class="quiet">{`${Math.round(figures.rtt_us / 1000)} ms`}</span> : null;
}

interface Shown {
  key: string;
  person: Participant;
  track: number;
}

/** Tiles keep their order: people in that in which they came, shared screens first. */
function Stage({ here, speaker }: { here: Participant[]; speaker: number | null }) {
  const stage = useRef<HTMLDivElement>(null);
  const [size, setSize] = useState({ width: 0, height: 0 });
  const columns = useRef(0);
  useEffect(() => {
    const element = stage.current;
    if (!element) {
      return;
    }
    const watch = new ResizeObserver(() => setSize({ width: element.clientWidth, height: element.clientHeight }));
    watch.observe(element);
    return () => watch.disconnect();
  }, []);
  const screens = here.filter((person) => person.tracks[SCREEN].is_on && !person.isMe);
  const shown: Shown[] = [
    ...screens.map((person) => ({ key: `s${person.member}${person.username}`, person, track: SCREEN })),
    ...here.map((person) => ({ key: `c${person.member}${person.username}`, person, track: CAMERA })),
  ];
  const grid = arrange(shown.length, size.width, size.height, columns.current);
  columns.current = grid.columns;
  return (
    <div class="stage" ref={stage}>
      {shown.map(({ key, person, track }) => (
        <Tile
          key={key}
          person={person}
          track={track}
          width={grid.width}
          height={grid.height}
          isSpeaking={speaker === person.slot && track === CAMERA}
        />
      ))}
    </div>
  );
}

function Alone({ name }: { name: string }) {
  const [isCopied, setCopied] = useState(false);
  const link = `${location.origin}/#/${encodeURIComponent(name)}`;
  return (
    <p class="alone">
      {tr('alone')} <code>{link}</code>{' '}
      {navigator.clipboard ? (
        <button type="button" onClick={() => navigator.clipboard.writeText(link).then(() => setCopied(true))}>
          {tr(isCopied ? 'copied' : 'copy')}
        </button>
      ) : null}
    </p>
  );
}
