import { useEffect, useRef, useState } from 'preact/hooks';
import { chosen, look, wanted, wish, wished } from '../devices';
import { tr } from '../i18n';
import { door, join, turnBack } from '../store';
import { Devices } from './Devices';
import { Icon } from './icons';

/** In front of a room: one sees oneself, tries the microphone, and goes in. */
export function Prejoin() {
  const { microphone, camera } = wished.value;
  const place = door.value;
  const go = useRef<HTMLButtonElement>(null);
  useEffect(() => go.current?.focus(), []);
  if (!place) {
    return null;
  }
  return (
    <main class="card wide" data-test="prejoin">
      <h1>{place.name}</h1>
      <div class="door">
        <div class="column">
          <div class="mirror">
            {camera ? <Mirror key={chosen.value.camera} /> : <p class="quiet">{tr('camera_is_off')}</p>}
          </div>
          {microphone ? <Loudness key={chosen.value.microphone} /> : <p class="quiet">{tr('microphone_is_off')}</p>}
          <div class="row wrap">
            <button
              type="button"
              class="toggle"
              aria-pressed={microphone}
              data-test="wish-microphone"
              onClick={() => wish('microphone', !microphone)}
            >
              <Icon name={microphone ? 'microphone' : 'microphone_off'} />
              {tr(microphone ? 'mute' : 'unmute')}
            </button>
            <button
              type="button"
              class="toggle"
              aria-pressed={camera}
              data-test="wish-camera"
              onClick={() => wish('camera', !camera)}
            >
              <Icon name={camera ? 'camera' : 'camera_off'} />
              {tr(camera ? 'camera_off' : 'camera_on')}
            </button>
          </div>
        </div>
        <Devices />
      </div>
      <div class="row between">
        <button type="button" data-test="turn-back" onClick={turnBack}>
          {tr('back')}
        </button>
        <button
          type="button"
          class="primary"
          data-test="go-in"
          ref={go}
          onClick={() => join(place.name, place.mayCreate)}
        >
          {tr('go_in')}
        </button>
      </div>
    </main>
  );
}

/** Runs with a device of this kind for as long as it is shown; says why there is none. */
function useDevice(kind: 'camera' | 'microphone', use: (stream: MediaStream) => () => void): string {
  const [trouble, setTrouble] = useState('');
  useEffect(() => {
    let isOver = false;
    let end = () => {};
    const asked = kind === 'camera' ? { video: wanted(kind) } : { audio: wanted(kind) };
    navigator.mediaDevices.getUserMedia(asked).then(
      (stream) => {
        const stop = () => {
          for (const track of stream.getTracks()) {
            track.stop();
          }
        };
        if (isOver) {
          stop();
          return;
        }
        const done = use(stream);
        end = () => {
          done();
          stop();
        };
        void look();
      },
      (error: unknown) => setTrouble(error instanceof Error ? error.message || error.name : String(error)),
    );
    return () => {
      isOver = true;
      end();
    };
  }, []);
  return trouble;
}

function Mirror() {
  const video = useRef<HTMLVideoElement>(null);
  const trouble = useDevice('camera', (stream) => {
    if (video.current) {
      video.current.srcObject = stream;
    }
    return () => {};
  });
  return trouble ? (
    <p class="error" role="alert">
      {tr('no_camera', trouble)}
    </p>
  ) : (
    <video class="self" ref={video} autoplay muted playsInline aria-label={tr('mirror')} />
  );
}

function Loudness() {
  const [level, setLevel] = useState(0);
  const trouble = useDevice('microphone', (stream) => {
    const context = new AudioContext();
    const analyser = new AnalyserNode(context, { fftSize: 1024 });
    context.createMediaStreamSource(stream).connect(analyser);
    const samples = new Float32Array(analyser.fftSize);
    const timer = setInterval(() => {
      analyser.getFloatTimeDomainData(samples);
      const power = samples.reduce((sum, sample) => sum + sample * sample, 0) / samples.length;
      // 60 dB of it.
      setLevel(Math.min(1, Math.max(0, 1 + Math.log10(power + 1e-9) / 6)));
    }, 100);
    return () => {
      clearInterval(timer);
      void context.close();
    };
  });
  return trouble ? (
    <p class="error" role="alert">
      {tr('no_microphone', trouble)}
    </p>
  ) : (
    <label class="field">
      {tr('loudness')}
      <meter data-test="loudness" min={0} max={1} value={level} />
    </label>
  );
}
