// The page's loudspeaker and microphone. Both need a secure context.

import { chosen, wanted } from './devices';
import microphoneUrl from './microphone.worklet.ts?worker&url';
import { Mixer, type ToMixer } from './mixer';
import type { Command } from './protocol';
import speakerUrl from './speaker.worklet.ts?worker&url';

/** Samples a second, of what we play and send. */
const RATE = 48_000;
/** Seconds that the browser should keep ahead of the loudspeaker: half of its own least. Where the device can't, it takes more. */
const AHEAD = 0.005;

type Ask = (command: Command, transfer?: Transferable[]) => void;

/** Whether this page may play voices at all. */
const canListen = typeof AudioContext !== 'undefined';
/** Whether the browser gives this page a thread for sound, as it does in secure contexts. */
const hasWorklet = canListen && 'audioWorklet' in AudioContext.prototype;
/** Whether it may send voice and pictures. */
export const canSend = hasWorklet && typeof AudioEncoder !== 'undefined' && !!navigator.mediaDevices?.getUserMedia;

let context: AudioContext | null = null;
let speaker: AudioNode | null = null;
let microphone: { stream: MediaStream; node: AudioWorkletNode | null } | null = null;

/** The sound of all others, for whoever measures it. */
export function speakerNode(): AudioNode | null {
  return speaker;
}

async function open(ask: Ask): Promise<AudioContext> {
  if (!context) {
    context = new AudioContext({ sampleRate: RATE, latencyHint: AHEAD });
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

/** On plain HTTP: the old way, which every browser still has, on the page's thread. */
function onPagesThread(context: AudioContext, port: MessagePort): AudioNode {
  const node = context.createScriptProcessor(1024, 0, 1);
  const mixer = new Mixer((figures) => port.postMessage(figures));
  let frame = 0;
  port.onmessage = ({ data }) => mixer.take(data as ToMixer, frame);
  node.onaudioprocess = ({ outputBuffer }) => {
    const out = outputBuffer.getChannelData(0);
    mixer.fill(out, frame);
    frame += out.length;
  };
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

/** Whether a microphone's sound has to pass through the audio graph, which brings it to our rate. */
let inGraph = false;

/** The open microphone has another rate than ours: opens it again, through the audio graph. */
export async function resample(ask: Ask): Promise<void> {
  inGraph = true;
  if (microphone) {
    await openMicrophone(ask);
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
      sampleRate: { ideal: RATE },
      echoCancellation: true,
      noiseSuppression: true,
      autoGainControl: true,
    },
  });
  const [track] = stream.getAudioTracks();
  if (!inGraph && track && typeof MediaStreamTrackProcessor !== 'undefined') {
    // Straight to the worker, as the device hands it out: the audio graph would keep some of it back.
    // TypeScript knows it for pictures only.
    const frames = new MediaStreamTrackProcessor({ track }).readable as unknown as ReadableStream<AudioData>;
    ask({ do: 'sound', frames }, [frames]);
    microphone = { stream, node: null };
    return;
  }
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
  microphone?.node?.disconnect();
  microphone = null;
}
