import { useEffect, useRef, useState } from 'preact/hooks';
import { canSend } from '../audio';
import { tr } from '../i18n';
import { watchKeys } from '../keys';
import { CAMERA, SCREEN } from '../protocol';
import { REACTIONS } from '../reactions';
import { type Participant, people } from '../state';
import {
  ask,
  devices,
  leave,
  pinned,
  quality,
  read,
  sendFiles,
  setCamera,
  setMicrophone,
  setScreen,
  state,
} from '../store';
import { arrange, GAP, spotlight } from '../tiles';
import { Limits } from './App';
import { Chat } from './Chat';
import { Bars, Diagnostics } from './Diagnostics';
import { Knocks } from './Door';
import { useDrop } from './drop';
import { Files } from './Files';
import { Invite } from './Invite';
import { Icon, type IconName } from './icons';
import { Keys } from './Keys';
import { type Choice, Palette } from './Palette';
import { People } from './People';
import { Reactions, ReactionsSaid, WayBack } from './Reactions';
import { Tile } from './Tile';

type Panel = 'none' | 'chat' | 'people' | 'files' | 'diagnostics' | 'invite' | 'keys';

export function Room() {
  const { room, isDatagramUp, unread, connection } = state.value;
  const [panel, setPanel] = useState<Panel>('none');
  const [to, setTo] = useState('');
  const [hasPalette, setPalette] = useState(false);
  const isOver = useDrop((files) => sendFiles(panel === 'chat' ? to : '', files));
  if (!room) {
    return null;
  }
  const here = people(room);
  const me = here.find((person) => person.isMe);
  const on = devices.value;
  // What others see of us is what the server has confirmed, not what we wish.
  const isHeard = me?.tracks[0].is_on === true;
  const [isSpotlight, setSpotlight] = useState(localStorage.getItem('layout') === 'spotlight');
  const open = (wanted: Exclude<Panel, 'none'>) => {
    const next = panel === wanted ? 'none' : wanted;
    setPanel(next);
    setTo('');
    if (next === 'chat') {
      read();
    }
  };
  const layOut = () => {
    setSpotlight(!isSpotlight);
    localStorage.setItem('layout', isSpotlight ? 'grid' : 'spotlight');
  };
  const acts = {
    microphone: (wanted = !devices.value.microphone) => void (canSend && setMicrophone(wanted)),
    camera: () => void (canSend && setCamera(!devices.value.camera)),
    share: () => void (canSend && setScreen(!devices.value.screen)),
    hand: () => ask({ do: 'hand', up: !me?.hand }),
    chat: () => open('chat'),
    people: () => open('people'),
    layout: layOut,
    diagnostics: () => open('diagnostics'),
    help: () => open('keys'),
    palette: () => setPalette(true),
    close: () => setPanel('none'),
    fullScreen: () => void turnFull(),
    react: (number: number) => ask({ do: 'react', reaction: number - 1 }),
    person: (number: number) => {
      const person = here.filter((person) => !person.isMe)[number - 1];
      if (person) {
        pin(tileKey(person, CAMERA));
      }
    },
  };
  const choices: Choice[] = [
    { name: tr(on.microphone ? 'mute' : 'unmute'), act: () => acts.microphone() },
    { name: tr(on.camera ? 'camera_off' : 'camera_on'), act: acts.camera },
    { name: tr(on.screen ? 'stop_sharing' : 'share'), act: acts.share },
    { name: tr(me?.hand ? 'lower_hand' : 'raise_hand'), act: acts.hand },
    ...REACTIONS.map(({ name }, at) => ({ name: tr(`react_${name}`), act: () => acts.react(at + 1) })),
    { name: tr('chat'), act: acts.chat },
    { name: tr('key_people'), act: acts.people },
    { name: tr('files'), act: () => open('files') },
    { name: tr('invite'), act: () => open('invite') },
    { name: tr('spotlight'), act: layOut },
    { name: tr('key_full'), act: acts.fullScreen },
    { name: tr('settings'), act: acts.diagnostics },
    { name: tr('keys'), act: acts.help },
    { name: tr('leave'), act: leave },
  ];
  // Keys are listened to once; what they do is that of the last time it was drawn.
  const latest = useRef(acts);
  latest.current = acts;
  useEffect(() => {
    const through = Object.fromEntries(
      Object.keys(acts).map((name) => [
        name,
        (given?: unknown) => (latest.current[name as keyof typeof acts] as (given?: unknown) => void)(given),
      ]),
    ) as typeof acts;
    return watchKeys(through, () => devices.value.microphone);
  }, []);
  return (
    <div class={`room${isOver ? ' dropping' : ''}`} data-test="room">
      {hasPalette ? <Palette choices={choices} close={() => setPalette(false)} /> : null}
      {isOver ? <p class="drop-hint">{tr('drop_here', panel === 'chat' && to ? to : room.name)}</p> : null}
      <header class="bar top">
        <h1>{room.name}</h1>
        {room.isLocked ? <Icon name="lock" /> : null}
        {room.rules.hasPassword ? <span class="quiet small">{tr('has_password')}</span> : null}
        {room.rules.hasWaitingRoom ? <span class="quiet small">{tr('has_waiting_room')}</span> : null}
        <WayBack room={room} />
        <ReactionsSaid room={room} />
        <span class="quiet grow" data-test="path">
          {!isDatagramUp && connection === 'up' ? tr('media_blocked') : ''}
        </span>
        <Latency />
        <button type="button" aria-expanded={panel === 'invite'} data-test="invite" onClick={() => open('invite')}>
          {tr('invite')}
        </button>
        <button
          type="button"
          class="plain row"
          aria-label={`${tr('settings')}, ${tr('quality', quality.value.shown)}`}
          aria-expanded={panel === 'diagnostics'}
          data-test="settings"
          onClick={() => open('diagnostics')}
        >
          <Bars />
          <Icon name="settings" />
        </button>
      </header>
      <div class="body">
        <main class="stage-area">
          <Limits />
          <Knocks room={room} />
          <Stage here={here} speaker={room.speaker} isSpotlight={isSpotlight} />
          {here.length === 1 ? <Alone name={room.name} /> : null}
        </main>
        {panel === 'chat' ? <Chat to={to} setTo={setTo} close={() => open('chat')} /> : null}
        {panel === 'diagnostics' ? <Diagnostics close={() => open('diagnostics')} /> : null}
        {panel === 'invite' ? <Invite room={room} close={() => open('invite')} /> : null}
        {panel === 'keys' ? <Keys close={() => open('keys')} /> : null}
        {panel === 'files' ? <Files close={() => open('files')} /> : null}
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
          act={() => acts.microphone()}
        />
        <Toggle
          icon={on.camera ? 'camera' : 'camera_off'}
          label={tr(on.camera ? 'camera_off' : 'camera_on')}
          on={on.camera}
          test="camera"
          disabled={!canSend}
          act={acts.camera}
        />
        <Toggle
          icon="screen"
          label={tr(on.screen ? 'stop_sharing' : 'share')}
          on={on.screen}
          test="share"
          disabled={!canSend}
          act={acts.share}
        />
        <Toggle
          icon="hand"
          label={tr(me?.hand ? 'lower_hand' : 'raise_hand')}
          on={!!me?.hand}
          test="hand"
          act={acts.hand}
        />
        <Reactions />
        <Toggle icon="layout" label={tr('spotlight')} on={isSpotlight} test="layout" act={layOut} />
        <Toggle
          icon="chat"
          label={unread > 0 && panel !== 'chat' ? tr('chat_unread', unread) : tr('chat')}
          on={panel === 'chat'}
          test="chat"
          badge={panel === 'chat' ? 0 : unread}
          act={() => open('chat')}
        />
        <Toggle icon="file" label={tr('files')} on={panel === 'files'} test="files" act={() => open('files')} />
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

function tileKey({ member, username }: Participant, track: number): string {
  return `${track === SCREEN ? 's' : 'c'}${member}${username}`;
}

/** Makes a tile large, or as the others again. */
function pin(key: string): void {
  pinned.value = key === pinned.value ? '' : key;
}

/** All of the screen, or no longer. A browser may not let it. */
async function turnFull(): Promise<void> {
  try {
    await (document.fullscreenElement ? document.exitFullscreen() : document.documentElement.requestFullscreen());
  } catch {
    // Then it stays as it is.
  }
}

interface Shown {
  key: string;
  person: Participant;
  track: number;
}

interface StageProps {
  here: Participant[];
  speaker: number | null;
  isSpotlight: boolean;
}

/**
 * Tiles keep their order: people in that in which they came, shared screens first. In the spotlight one of them is large: the
 * one that was clicked, else a screen, else whoever of the others spoke last.
 */
function Stage({ here, speaker, isSpotlight }: StageProps) {
  const stage = useRef<HTMLDivElement>(null);
  const [size, setSize] = useState({ width: 0, height: 0 });
  const columns = useRef(0);
  const spoke = useRef<number | null>(null);
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
    ...screens.map((person) => ({ key: tileKey(person, SCREEN), person, track: SCREEN })),
    ...here.map((person) => ({ key: tileKey(person, CAMERA), person, track: CAMERA })),
  ];
  if (speaker !== null && here.some((person) => person.slot === speaker && !person.isMe)) {
    spoke.current = speaker;
  }
  const isFound = shown.some((tile) => tile.key === pinned.value);
  const large =
    shown.find((tile) => tile.key === pinned.value) ??
    shown.find((tile) => tile.track === SCREEN) ??
    shown.find((tile) => tile.person.slot === spoke.current && !tile.person.isMe) ??
    shown.find((tile) => !tile.person.isMe) ??
    shown[0];
  const isLarge = (isSpotlight || isFound || screens.length > 0) && shown.length > 1;
  const grid = arrange(shown.length, size.width, size.height, columns.current);
  columns.current = grid.columns;
  let strip = 0;
  const spot = spotlight(shown.length, size.width, size.height);
  return (
    <div
      class={`stage${isLarge ? ' spotlight' : ''}`}
      ref={stage}
      data-test="stage"
      data-layout={isLarge ? 'spotlight' : 'grid'}
    >
      {shown.map((tile) => {
        const { key, person, track } = tile;
        const { width, height } = isLarge ? (tile === large ? spot.large : spot.small) : grid;
        // The strip begins behind the large one.
        const step = spot.isBeside ? spot.small.height : spot.small.width;
        const along = tile === large ? 0 : strip++ * (step + GAP);
        const across = tile === large ? 0 : (spot.isBeside ? spot.large.width : spot.large.height) + GAP;
        const place = isLarge ? (spot.isBeside ? { left: across, top: along } : { left: along, top: across }) : null;
        return (
          <Tile
            key={key}
            person={person}
            track={track}
            width={width}
            height={height}
            place={place}
            isPinned={key === pinned.value}
            pin={() => pin(key)}
            isSpeaking={speaker === person.slot && track === CAMERA}
          />
        );
      })}
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
