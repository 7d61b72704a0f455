// The page's loudspeaker and microphone. Both need a secure context.

import { Blocks } from './blocks';
import { chosen, wanted } from './devices';
import microphoneUrl from './microphone.worklet.ts?worker&url';
import type { Command } from './protocol';
import speakerUrl from './speaker.worklet.ts?worker&url';

type Ask = (command: Command, transfer?: Transferable[]) => void;

/** Whether this page may play voices at all. */
const canListen = typeof AudioContext !== 'undefined';
/** Whether the browser gives this page a thread for sound, as it does in secure contexts. */
const hasWorklet = canListen && 'audioWorklet' in AudioContext.prototype;
/** Whether it may send voice and pictures. */
export const canSend = hasWorklet && typeof AudioEncoder !== 'undefined' && !!navigator.mediaDevices?.getUserMedia;

let context: AudioContext | null = null;
let speaker: AudioNode | null = null;
let microphone: { stream: MediaStream; node: AudioWorkletNode } | null = null;

/** The sound of all others, for whoever measures it. */
export function speakerNode(): AudioNode | null {
  return speaker;
}

async function open(ask: Ask): Promise<AudioContext> {
  if (!context) {
    context = new AudioContext({ sampleRate: 48_000, latencyHint: 'interactive' });
    const channel = new MessageChannel();
    speaker = hasWorklet ? await onOwnThread(context, channel.port1) : onPagesThread(context, channel.port1);
    ask({ do: 'speaker', port: channel.port2 }, [channel.port2]);
    speaker.connect(context.destination);
    // One that is gone: the browser's own.
    await chooseSpeaker().catch(() => {});
  }
  await context.resume();
  return context;
}

async function onOwnThread(context: AudioContext, port: MessagePort): Promise<AudioNode> {
  await context.audioWorklet.addModule(speakerUrl);
  await context.audioWorklet.addModule(microphoneUrl);
  const node = new AudioWorkletNode(context, 'speaker', { numberOfInputs: 0, outputChannelCount: [1] });
  node.port.postMessage(port, [port]);
  return node;
}

/** On plain HTTP: the old way, which every browser still has. The page's thread is busier, so more is kept ahead. */
function onPagesThread(context: AudioContext, port: MessagePort): AudioNode {
  const node = context.createScriptProcessor(1024, 0, 1);
  const blocks = new Blocks(8, 16, () => port.postMessage(0));
  port.onmessage = ({ data }) => blocks.take(data as Float32Array);
  node.onaudioprocess = ({ outputBuffer }) => blocks.fill(outputBuffer.getChannelData(0));
  return node;
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
