// Other people's Opus packets to samples, by the browser's own codec, or ours where it has none for a page; then to where they are
// mixed (mixer.ts).

import type { ToMixer, VoiceFigures } from './mixer';
import type { Decoder } from './opus';

const RATE = 48_000;
/** Packets that a decoder may owe us. */
const OWED_MAX = 64;
/** Less than half of the shortest packet. */
const NEAR_US = 1000;

/** What a packet says of itself. */
interface Packet {
  slot: number;
  track: number;
  timestamp: number;
  begins: boolean;
  /** Samples that it holds; none: the voice pauses. */
  wanted: number;
}

type Play = (packet: Packet, samples: Float32Array<ArrayBuffer>) => void;

/** What a decoder owes us, by the time that each packet was given to it under. */
export class Owed<T> {
  #waiting: { at: number; what: T }[] = [];

  push(at: number, what: T): void {
    this.#waiting.push({ at, what });
    if (this.#waiting.length > OWED_MAX) {
      this.#waiting.shift();
    }
  }

  /**
   * What was given to it under that time, as the decoder has it: it counts on its own clock, and comes back a microsecond early
   * or late. What was owed from before that is not coming any more.
   */
  take(at: number): T | null {
    for (;;) {
      const [first] = this.#waiting;
      if (!first || first.at > at + NEAR_US) {
        return null;
      }
      this.#waiting.shift();
      if (first.at >= at - NEAR_US) {
        return first.what;
      }
    }
  }
}

/** Decodes a voice, in the order in which its packets come. */
interface OneVoice {
  decode(packet: Packet, bytes: Uint8Array): void;
  close(): void;
}

/** By the browser. */
class Voice implements OneVoice {
  #decoder: AudioDecoder | null = null;
  #owed = new Owed<Packet>();
  #next = 0;

  constructor(readonly play: Play) {}

  decode(packet: Packet, bytes: Uint8Array): void {
    if (this.#decoder?.state !== 'configured') {
      this.#open();
    }
    // The codec tells its outputs apart by this number alone: microseconds, one packet behind the other.
    const key = this.#next;
    this.#next += Math.round((packet.wanted * 1e6) / RATE);
    this.#owed.push(key, packet);
    this.#decoder?.decode(new EncodedAudioChunk({ type: 'key', timestamp: key, data: bytes.slice() }));
  }

  close(): void {
    if (this.#decoder && this.#decoder.state !== 'closed') {
      this.#decoder.close();
    }
  }

  #open(): void {
    this.close();
    this.#owed = new Owed();
    this.#decoder = new AudioDecoder({
      output: (data) => this.#take(data),
      // The next packet opens another one.
      error: () => {},
    });
    this.#decoder.configure({ codec: 'opus', sampleRate: RATE, numberOfChannels: 1 });
  }

  #take(data: AudioData): void {
    const packet = this.#owed.take(data.timestamp);
    if (packet) {
      const samples = new Float32Array(data.numberOfFrames);
      data.copyTo(samples, { planeIndex: 0, format: 'f32-planar' });
      this.play(packet, samples);
    }
    data.close();
  }
}

/** By libopus: on plain HTTP, or in a browser without WebCodecs. */
class OwnVoice implements OneVoice {
  #decoder: Decoder | null = null;
  #isClosed = false;

  constructor(readonly play: Play) {
    // What comes until it is there is not heard.
    import('./opus')
      .then(({ openDecoder }) => openDecoder())
      .then((decoder) => {
        if (this.#isClosed) {
          decoder.close();
        } else {
          this.#decoder = decoder;
        }
      })
      .catch(() => {});
  }

  decode(packet: Packet, bytes: Uint8Array): void {
    const sound = this.#decoder?.decode(bytes.slice());
    if (sound && sound.length > 0) {
      // The decoder's own memory: what is sent away is a copy.
      this.play(packet, sound.slice());
    }
  }

  close(): void {
    this.#isClosed = true;
    this.#decoder?.close();
    this.#decoder = null;
  }
}

/** Everybody's voices. */
export class Voices {
  #voices = new Map<number, OneVoice>();
  #port: MessagePort | null = null;
  /** How they are played, as the mixer told last. */
  figures: VoiceFigures[] = [];

  /** They are heard from now on. */
  connect(port: MessagePort, module: WebAssembly.Module): void {
    this.#port = port;
    port.onmessage = ({ data }: MessageEvent<VoiceFigures[]>) => {
      this.figures = data;
    };
    this.#send({ is: 'module', module });
  }

  /** Takes a packet; nothing is decoded that nobody hears. */
  decode(slot: number, track: number, begins: boolean, timestamp: number, wanted: number, bytes: Uint8Array): void {
    if (!this.#port) {
      return;
    }
    if (wanted === 0) {
      const [first = 0, second = -1] = bytes;
      this.#send({ is: 'silence', slot, track, timestamp, begins, first, second });
      return;
    }
    const key = slot * 4 + track;
    let voice = this.#voices.get(key);
    if (!voice) {
      const play: Play = (packet, samples) => this.#send({ is: 'sound', ...packet, samples }, [samples.buffer]);
      voice = typeof AudioDecoder === 'undefined' ? new OwnVoice(play) : new Voice(play);
      this.#voices.set(key, voice);
    }
    voice.decode({ slot, track, timestamp, begins, wanted }, bytes);
  }

  /** Whoever was at that place is gone; -1: all are. */
  forget(slot: number): void {
    for (const [key, voice] of this.#voices) {
      if (slot < 0 || key >> 2 === slot) {
        voice.close();
        this.#voices.delete(key);
      }
    }
    this.#send({ is: 'forget', slot });
  }

  #send(message: ToMixer, transfer: Transferable[] = []): void {
    this.#port?.postMessage(message, transfer);
  }
}
