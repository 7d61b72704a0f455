import { useEffect, useRef } from 'preact/hooks';
import { tr } from '../i18n';
import { CAMERA, SCREEN } from '../protocol';
import { initialOf, type Participant } from '../state';
import { ask, preview, state } from '../store';
import { Icon } from './icons';
import { Reaction } from './Reactions';

interface Props {
  person: Participant;
  track: number;
  width: number;
  height: number;
  isSpeaking: boolean;
  /** Where it stands on the stage; nothing: in the row. */
  place: { left: number; top: number } | null;
  isPinned: boolean;
  /** Makes it the large one, or no longer. */
  pin: () => void;
}

/** Somebody's picture, or their letter. */
export function Tile({ person, track, width, height, isSpeaking, place, isPinned, pin }: Props) {
  const isOn = person.tracks[track === SCREEN ? SCREEN : CAMERA].is_on;
  const isHeard = person.tracks[0].is_on;
  const levels = state.value.figures?.levels ?? [];
  const isLoud = isSpeaking && levels.some(([slot, , voice]) => slot === person.slot && voice === 1);
  const name = person.isMe ? tr('you', person.name) : person.name;
  const title = track === SCREEN ? tr('screen_of', person.name) : name;
  const remarks = [
    ...(isHeard ? [] : [tr('mic_off_of')]),
    ...(person.hand ? [tr('hand_of')] : []),
    ...(isLoud ? [tr('speaking')] : []),
  ];
  const label = [title, ...remarks].join(', ');
  return (
    <figure
      class={`tile${isLoud ? ' loud' : ''}${track === SCREEN ? ' screen' : ''}`}
      style={{ width: `${width}px`, height: `${height}px`, ...pixels(place) }}
      aria-label={label}
      data-test="tile"
      data-username={person.username}
      data-slot={person.slot}
      data-muted={!isHeard}
      data-track={track}
    >
      {person.isMe && track === CAMERA ? (
        <Self isOn={isOn} />
      ) : isOn ? (
        <Remote slot={person.slot} track={track} member={person.member} width={width} />
      ) : null}
      {isOn || track === SCREEN ? null : <Avatar name={person.name} />}
      {track === SCREEN ? null : <Reaction slot={person.slot} />}
      <figcaption class="tag">
        {isHeard || track === SCREEN ? null : <Icon name="microphone_off" />}
        {person.hand ? <Icon name="hand" /> : null}
        <span>{title}</span>
        {state.value.changedKeys.has(person.username) ? <span class="warn">{tr('key_is_changed')}</span> : null}
      </figcaption>
      <button
        type="button"
        class="pin"
        aria-pressed={isPinned}
        aria-label={tr('make_large', title)}
        title={tr('make_large', title)}
        onClick={pin}
      >
        <Icon name="pin" />
      </button>
    </figure>
  );
}

function pixels(place: Props['place']): Record<string, string> {
  return place ? { left: `${place.left}px`, top: `${place.top}px` } : {};
}

/** A canvas that the worker draws to. */
function Remote({ slot, track, member, width }: { slot: number; track: number; member: number; width: number }) {
  const place = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const canvas = document.createElement('canvas');
    canvas.width = 16;
    canvas.height = 9;
    place.current?.append(canvas);
    const offscreen = canvas.transferControlToOffscreen();
    ask({ do: 'canvas', slot, track, canvas: offscreen }, [offscreen]);
    return () => {
      ask({ do: 'no_canvas', slot, track });
      canvas.remove();
    };
  }, [slot, track, member]);
  const pixels = Math.round((width * window.devicePixelRatio) / 32) * 32;
  useEffect(() => {
    if (pixels > 0) {
      ask({ do: 'want', slot, track, width: Math.min(pixels, 4096) });
    }
  }, [slot, track, member, pixels]);
  return <div class="picture" ref={place} />;
}

/** Our own picture, as in a mirror. */
function Self({ isOn }: { isOn: boolean }) {
  const video = useRef<HTMLVideoElement>(null);
  const { camera } = preview.value;
  useEffect(() => {
    if (video.current) {
      video.current.srcObject = camera;
    }
  }, [camera, isOn]);
  return isOn && camera ? <video class="self" ref={video} autoplay muted playsInline /> : null;
}

function Avatar({ name }: { name: string }) {
  let hash = 0;
  for (const char of name) {
    hash = (hash * 31 + (char.codePointAt(0) ?? 0)) % 360;
  }
  // hsv(h, .45, .45) as hsl: white on it is readable at every hue.
  return (
    <div class="avatar" aria-hidden="true" style={{ background: `hsl(${hash} 29% 35%)` }}>
      {initialOf(name)}
    </div>
  );
}
