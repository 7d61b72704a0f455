// Camera and screen: pictures at an even rate, handed to the worker as bitmaps.

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
  stop(): void;
}

export async function openCamera(ask: Ask): Promise<Source> {
  const stream = await navigator.mediaDevices.getUserMedia({
    video: {
      width: { ideal: CAMERA.width },
      height: { ideal: CAMERA.height },
      frameRate: { ideal: CAMERA.rate },
    },
  });
  return publish(ask, 1, stream, CAMERA);
}

export async function openScreen(ask: Ask, ended: () => void): Promise<Source> {
  const stream = await navigator.mediaDevices.getDisplayMedia({ video: { frameRate: SCREEN.rate } });
  stream.getVideoTracks()[0]?.addEventListener('ended', ended);
  return publish(ask, 2, stream, SCREEN);
}

async function publish(ask: Ask, track: number, stream: MediaStream, goal: typeof CAMERA): Promise<Source> {
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
      ask({ do: 'picture', track, bitmap }, [bitmap]);
    } catch {
      // The source is being closed.
    }
    isBusy = false;
  }, 1000 / goal.rate);
  const stop = () => {
    clearInterval(timer);
    for (const part of stream.getTracks()) {
      part.stop();
    }
    video.srcObject = null;
  };
  return { stream, width, height, stop };
}

/** The largest sides within the goal that keep the shape; even numbers. */
export function within(width: number, height: number, goal: { width: number; height: number }): [number, number] {
  const scale = Math.min(1, goal.width / width, goal.height / height);
  const even = (side: number) => Math.max(2, Math.round((side * scale) / 2) * 2);
  return [even(width || goal.width), even(height || goal.height)];
}
