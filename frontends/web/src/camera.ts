// Camera and screen: pictures at an even rate, handed to the worker.

import { wanted } from './devices';
import type { Command } from './protocol';

type Ask = (command: Command, transfer?: Transferable[]) => void;

/** Pictures a second, and sides, of a camera. The ladder makes them fewer and smaller where the network asks for it. */
const CAMERA = { width: 640, height: 360, rate: 20 };
/** A screen of letters: sharp and slow. */
const SCREEN = { width: 1280, height: 720, rate: 5 };

export interface Source {
  stream: MediaStream;
  width: number;
  height: number;
  /** The worker has taken the picture that it was given. */
  taken(): void;
  stop(): void;
}

export async function openCamera(ask: Ask): Promise<Source> {
  const stream = await navigator.mediaDevices.getUserMedia({
    video: {
      ...wanted('camera'),
      width: { ideal: CAMERA.width },
      height: { ideal: CAMERA.height },
      frameRate: { ideal: CAMERA.rate },
    },
  });
  return await publish(ask, 1, stream, CAMERA);
}

export async function openScreen(ask: Ask, ended: () => void): Promise<Source> {
  const stream = await navigator.mediaDevices.getDisplayMedia({ video: { frameRate: SCREEN.rate } });
  stream.getVideoTracks()[0]?.addEventListener('ended', ended);
  return await publish(ask, 2, stream, SCREEN);
}

async function publish(ask: Ask, track: number, stream: MediaStream, goal: typeof CAMERA): Promise<Source> {
  const [source] = stream.getVideoTracks();
  const settings = source?.getSettings();
  const end = () => {
    for (const part of stream.getTracks()) {
      part.stop();
    }
  };
  // Straight to the worker, which drops what it has no time for; a page that is not looked at sends as well as any other.
  if (source && settings?.width && settings.height && typeof MediaStreamTrackProcessor !== 'undefined') {
    const [width, height] = within(settings.width, settings.height, goal);
    const { readable: frames } = new MediaStreamTrackProcessor({ track: source, maxBufferSize: 1 });
    ask({ do: 'pictures', track, width, height, rate: goal.rate, frames }, [frames]);
    return { stream, width, height, taken: () => {}, stop: end };
  }
  return await snap(ask, track, stream, goal, end);
}

/** Where the browser hands out no frames: looks at the picture again and again, once the worker has taken the last one. */
async function snap(
  ask: Ask,
  track: number,
  stream: MediaStream,
  goal: typeof CAMERA,
  end: () => void,
): Promise<Source> {
  const video = document.createElement('video');
  video.muted = true;
  video.playsInline = true;
  video.srcObject = stream;
  await video.play();
  const [width, height] = within(video.videoWidth, video.videoHeight, goal);
  let isBusy = false;
  const timer = setInterval(async () => {
    if (isBusy || video.readyState < HTMLMediaElement.HAVE_CURRENT_DATA) {
      return;
    }
    isBusy = true;
    try {
      const bitmap = await createImageBitmap(video, { resizeWidth: width, resizeHeight: height, resizeQuality: 'low' });
      ask({ do: 'picture', track, width, height, bitmap }, [bitmap]);
    } catch {
      // The source is being closed.
      isBusy = false;
    }
  }, 1000 / goal.rate);
  const taken = () => {
    isBusy = false;
  };
  const stop = () => {
    clearInterval(timer);
    end();
    video.srcObject = null;
  };
  return { stream, width, height, taken, stop };
}

/** The largest sides within the goal that keep the shape; even numbers. */
export function within(width: number, height: number, goal: { width: number; height: number }): [number, number] {
  const scale = Math.min(1, goal.width / width, goal.height / height);
  const even = (side: number) => Math.max(2, Math.round((side * scale) / 2) * 2);
  return [even(width || goal.width), even(height || goal.height)];
}
