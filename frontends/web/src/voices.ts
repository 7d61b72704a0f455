// Opus by the browser's own codec, or ours where it has none for a page: other people's packets to samples, and our samples to packets.

import { type Core, now } from './core';
import type { Decoder } from './opus';

const RATE = 48_000;
/** Blocks of our voice by which the device's clock is told: half a second. */
const OFFSETS = 25;

interface Job {
  timestamp: number;
  begins: boolean;
  samples: number;
}

/** Decodes a voice, in the order in which its packets come. */
interface OneVoice {
  decode(timestamp: number, begins: boolean, samples: number, bytes: Uint8Array): void;
  close(): void;
}

/** By the browser. */
class Voice implements OneVoice {
  #decoder: AudioDecoder | null = null;
  #jobs = new Map<number, Job>();
  #next = 0;

  constructor(
    readonly slot: number,
    readonly track: number,
    readonly core: () => Core,
  ) {}

  decode(timestamp: number, begins: boolean, samples: number, bytes: Uint8Array): void {
    if (this.#decoder?.state !== 'configured') {
      this.#open();
    }
    // The codec tells its outputs apart by this number alone: microseconds, one packet behind the other.
    const key = this.#next;
    this.#next += Math.round((samples * 1e6) / RATE);
    this.#jobs.set(key, { timestamp, begins, samples });
    if (this.#jobs.size > 64) {
      this.#jobs.delete(this.#jobs.keys().next().value ?? 0);
    }
    this.#decoder?.decode(new EncodedAudioChunk({ type: 'key', timestamp: key, data: bytes.slice() }));
  }

  close(): void {
    if (this.#decoder && this.#decoder.state !== 'closed') {
      this.#decoder.close();
    }
  }

  #open(): void {
    this.close();
    this.#jobs.clear();
    this.#decoder = new AudioDecoder({
      output: (data) => this.#take(data),
      // The next packet opens another one.
      error: () => {},
    });
    this.#decoder.configure({ codec: 'opus', sampleRate: RATE, numberOfChannels: 1 });
  }

  #take(data: AudioData): void {
    const job = this.#jobs.get(data.timestamp);
    if (job) {
      this.#jobs.delete(data.timestamp);
      const samples = new Float32Array(data.numberOfFrames);
      data.copyTo(samples, { planeIndex: 0, format: 'f32-planar' });
      this.core().decoded(this.slot, this.track, job.timestamp, job.begins, job.samples, samples);
    }
    data.close();
  }
}

/** By libopus: on plain HTTP, or in a browser without WebCodecs. */
class OwnVoice implements OneVoice {
  #decoder: Decoder | null = null;
  #isClosed = false;

  constructor(
    readonly slot: number,
    readonly track: number,
    readonly core: () => Core,
  ) {
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

  decode(timestamp: number, begins: boolean, samples: number, bytes: Uint8Array): void {
    const copy = bytes.slice();
    // The core lends the packet while it is not to be called.
    queueMicrotask(() => {
      const sound = this.#decoder?.decode(copy);
      if (sound && sound.length > 0) {
        this.core().decoded(this.slot, this.track, timestamp, begins, samples, sound);
      }
    });
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

  constructor(readonly core: () => Core) {}

  decode(slot: number, track: number, begins: boolean, timestamp: number, samples: number, bytes: Uint8Array): void {
    const key = slot * 4 + track;
    let voice = this.#voices.get(key);
    if (!voice) {
      voice =
        typeof AudioDecoder === 'undefined' ? new OwnVoice(slot, track, this.core) : new Voice(slot, track, this.core);
      this.#voices.set(key, voice);
    }
    voice.decode(timestamp, begins, samples, bytes);
  }

  clear(): void {
    for (const voice of this.#voices.values()) {
      voice.close();
    }
    this.#voices.clear();
  }
}

/** Our own voice. */
export class Microphone {
  #encoder: AudioEncoder | null = null;
  #levels: { timestamp: number; level: number }[] = [];
  /** Microseconds of the worker's clock less those of the sound device, as the last blocks tell. */
  #offsets: number[] = [];
  /** First byte of the last packet: how it ends is told by it. */
  toc = 0;

  constructor(
    readonly core: () => Core,
    readonly send: (capturedUs: number, level: number, packet: Uint8Array) => void,
  ) {}

  /** A block of 20 ms; `frame` counts samples on the device's clock. */
  handle(samples: Float32Array<ArrayBuffer>, frame: number): void {
    if (this.#encoder?.state !== 'configured') {
      this.#open();
    }
    const deviceUs = (frame * 1e6) / RATE;
    // The quickest of the last blocks tells best. A clock that drifts is followed, and one that stood still caught up with.
    this.#offsets = [...this.#offsets, now() - (samples.length * 1e6) / RATE - deviceUs].slice(-OFFSETS);
    const timestamp = Math.round(deviceUs + Math.min(...this.#offsets));
    this.#levels = [...this.#levels, { timestamp, level: this.core().level(samples) }].slice(-OFFSETS);
    const data = new AudioData({
      format: 'f32-planar',
      sampleRate: RATE,
      numberOfFrames: samples.length,
      numberOfChannels: 1,
      timestamp,
      data: samples,
    });
    this.#encoder?.encode(data);
    data.close();
  }

  close(): void {
    if (this.#encoder && this.#encoder.state !== 'closed') {
      this.#encoder.close();
    }
    this.#encoder = null;
    this.#offsets = [];
    this.#levels = [];
  }

  /** The level of the block that a packet was made of: the encoder may shift its time by what it looks ahead. */
  #levelAt(timestamp: number): number {
    const distance = (at: number) => Math.abs(at - timestamp);
    const [first = { timestamp, level: 127 }, ...rest] = this.#levels;
    return rest.reduce((best, other) => (distance(other.timestamp) < distance(best.timestamp) ? other : best), first)
      .level;
  }

  #open(): void {
    this.#encoder = new AudioEncoder({
      output: (chunk) => {
        const packet = new Uint8Array(chunk.byteLength);
        chunk.copyTo(packet);
        this.toc = packet[0] ?? 0;
        this.send(chunk.timestamp, this.#levelAt(chunk.timestamp), packet);
      },
      error: () => {},
    });
    this.#encoder.configure({
      codec: 'opus',
      sampleRate: RATE,
      numberOfChannels: 1,
      bitrate: 32_000,
      opus: { application: 'voip', frameDuration: 20_000 },
    } as AudioEncoderConfig);
  }
}
