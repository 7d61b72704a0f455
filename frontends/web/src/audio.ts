// The page's loudspeaker and microphone. Both need a secure context.

import { chosen, wanted } from './devices';
import microphoneUrl from './microphone.worklet.ts?worker&url';
import type { Command } from './protocol';
import speakerUrl from './speaker.worklet.ts?worker&url';

type Ask = (command: Command, transfer?: Transferable[]) => void;

/** Whether this page may play voices at all. */
export const canListen = typeof AudioWorkletNode !== 'undefined' && typeof AudioDecoder !== 'undefined';
/** Whether it may send voice and pictures. */
export const canSend = canListen && typeof AudioEncoder !== 'undefined' && !!navigator.mediaDevices?.getUserMedia;

let context: AudioContext | null = null;
let speaker: AudioWorkletNode | null = null;
let microphone: { stream: MediaStream; node: AudioWorkletNode } | null = null;

/** The sound of all others, for whoever measures it. */
export function speakerNode(): AudioWorkletNode | null {
  return speaker;
}

async function open(ask: Ask): Promise<AudioContext> {
  if (!context) {
    context = new AudioContext({ sampleRate: 48_000, latencyHint: 'interactive' });
    await context.audioWorklet.addModule(speakerUrl);
    await context.audioWorklet.addModule(microphoneUrl);
    const channel = new MessageChannel();
    speaker = new AudioWorkletNode(context, 'speaker', { numberOfInputs: 0, outputChannelCount: [1] });
    speaker.port.postMessage(channel.port1, [channel.port1]);
    ask({ do: 'speaker', port: channel.port2 }, [channel.port2]);
    speaker.connect(context.destination);
    // One that is gone: the browser's own.
    await chooseSpeaker().catch(() => {});
  }
  await context.resume();
  return context;
}

/** Plays by the chosen loudspeaker, where the browser lets a page choose. */
export async function chooseSpeaker(): Promise<void> {
  if (context && 'setSinkId' in context) {
    await (context as AudioContext & { setSinkId(id: string): Promise<void> }).setSinkId(chosen.value.speaker);
  }
}

/** Plays others from now on. Call it when somebody has clicked: browsers play nothing before. */
export async function listen(ask: Ask): Promise<void> {
  if (canListen) {
    await open(ask);
  }
}

/** Opens the microphone, with the browser's echo cancellation. */
export async function openMicrophone(ask: Ask): Promise<void> {
  const audio = await open(ask);
  closeMicrophone();
  const stream = await navigator.mediaDevices.getUserMedia({
    audio: {
      ...wanted('microphone'),
      channelCount: 1,
      echoCancellation: true,
      noiseSuppression: true,
      autoGainControl: true,
    },
  });
  const node = new AudioWorkletNode(audio, 'microphone', {
    numberOfOutputs: 0,
    channelCount: 1,
    channelCountMode: 'explicit',
  });
  const channel = new MessageChannel();
  node.port.postMessage(channel.port1, [channel.port1]);
  ask({ do: 'microphone', port: channel.port2 }, [channel.port2]);
  audio.createMediaStreamSource(stream).connect(node);
  microphone = { stream, node };
}

/** Closes it: its light goes out. */
export function closeMicrophone(): void {
  for (const track of microphone?.stream.getTracks() ?? []) {
    track.stop();
  }
  microphone?.node.disconnect();
  microphone = null;
}
