// Our own voice: blocks of 10 ms to packets, by the browser's encoder.

import { type Core, now } from './core';
import type { Figures } from './protocol';

const RATE = 48_000;
/** A block: 10 ms. */
const BLOCK = 480;
/** Blocks of our voice by which the device's clock is told: half a second. */
const OFFSETS = 50;
/** Packets of 10 ms are heard sooner; those of 20 ms take less of a way that is long or loses some. */
const SHORT_US = 10_000;
const LONG_US = 20_000;
const LONG_FROM_RTT_US = 40_000;
/** One in a hundred, in 1/65536. */
const LONG_FROM_LOSS = 655;
/** So long it must have been better. */
const SHORT_AFTER_MS = 30_000;

/** How long packets are to be, as the way is. */
export class PacketLength {
  us = SHORT_US;
  #bad = Number.NEGATIVE_INFINITY;

  /** Whether it changes. */
  adapt({ rtt_us, loss_up, loss_down }: Pick<Figures, 'rtt_us' | 'loss_up' | 'loss_down'>, ms: number): boolean {
    if (rtt_us > LONG_FROM_RTT_US || Math.max(loss_up, loss_down) > LONG_FROM_LOSS) {
      this.#bad = ms;
    }
    const us = ms - this.#bad < SHORT_AFTER_MS ? LONG_US : SHORT_US;
    const changes = us !== this.us;
    this.us = us;
    return changes;
  }
}

/** The block that sound of any length is cut into. */
class Cutter {
  #block = new Float32Array(BLOCK);
  #filled = 0;

  /** `at` is the time of the first sample; blocks are handed on with theirs. */
  cut(samples: Float32Array, at: number, hand: (block: Float32Array<ArrayBuffer>, at: number) => void): void {
    for (let done = 0; done < samples.length; ) {
      const part = samples.subarray(done, done + BLOCK - this.#filled);
      this.#block.set(part, this.#filled);
      this.#filled += part.length;
      done += part.length;
      if (this.#filled === BLOCK) {
        const block = this.#block;
        this.#block = new Float32Array(BLOCK);
        this.#filled = 0;
        hand(block, at + ((done - BLOCK) * 1e6) / RATE);
      }
    }
  }
}

export class Microphone {
  #encoder: AudioEncoder | null = null;
  #length = new PacketLength();
  #cutter = new Cutter();
  #levels: { timestamp: number; level: number }[] = [];
  /** Microseconds of the worker's clock less those of the sound device, as the last blocks tell. */
  #offsets: number[] = [];
  #blocks = 0;
  #isStale = false;
  /** First byte of the last packet: how it ends is told by it. */
  toc = 0;

  constructor(
    readonly core: () => Core,
    readonly send: (capturedUs: number, level: number, packet: Uint8Array) => void,
  ) {}

  /** Takes sound; `deviceUs` is when it begins, on the device's clock. */
  handle(samples: Float32Array, deviceUs: number): void {
    this.#cutter.cut(samples, deviceUs, (block, at) => this.#encode(block, at));
  }

  /** Packets as the way wants them. */
  adapt(figures: Pick<Figures, 'rtt_us' | 'loss_up' | 'loss_down'>, ms: number): void {
    this.#isStale = this.#length.adapt(figures, ms) || this.#isStale;
  }

  close(): void {
    if (this.#encoder && this.#encoder.state !== 'closed') {
      this.#encoder.close();
    }
    this.#encoder = null;
    this.#cutter = new Cutter();
    this.#offsets = [];
    this.#levels = [];
    this.#blocks = 0;
  }

  #encode(block: Float32Array<ArrayBuffer>, deviceUs: number): void {
    // Between two packets of either length nothing is lost.
    if (this.#isStale && this.#blocks % 2 === 0) {
      this.#retire();
    }
    if (this.#encoder?.state !== 'configured') {
      this.#open();
    }
    this.#blocks += 1;
    // The quickest of the last blocks tells best. A clock that drifts is followed, and one that stood still caught up with.
    this.#offsets = [...this.#offsets, now() - (BLOCK * 1e6) / RATE - deviceUs].slice(-OFFSETS);
    const timestamp = Math.round(deviceUs + Math.min(...this.#offsets));
    this.#levels = [...this.#levels, { timestamp, level: this.core().level(block) }].slice(-OFFSETS);
    const data = new AudioData({
      format: 'f32-planar',
      sampleRate: RATE,
      numberOfFrames: BLOCK,
      numberOfChannels: 1,
      timestamp,
      data: block,
    });
    this.#encoder?.encode(data);
    data.close();
  }

  /** What it was given still comes out of it. */
  #retire(): void {
    const old = this.#encoder;
    this.#encoder = null;
    this.#isStale = false;
    old
      ?.flush()
      .then(() => old.close())
      .catch(() => {});
  }

  /** The level of the block that a packet was made of: the encoder may shift its time by what it looks ahead. */
  #levelAt(timestamp: number): number {
    const distance = (at: number) => Math.abs(at - timestamp);
    const [first = { timestamp, level: 127 }, ...rest] = this.#levels;
    return rest.reduce((best, other) => (distance(other.timestamp) < distance(best.timestamp) ? other : best), first)
      .level;
  }

  #open(): void {
    this.#blocks = 0;
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
      opus: { application: 'voip', frameDuration: this.#length.us },
    } as AudioEncoderConfig);
  }
}

/** Hands on all sound of a stream, one channel of it; false if it is not of our rate. */
export async function readSound(
  frames: ReadableStream<AudioData>,
  hand: (samples: Float32Array, deviceUs: number) => void,
): Promise<boolean> {
  const reader = frames.getReader();
  for (;;) {
    const { done, value: data } = await reader.read();
    if (done) {
      return true;
    }
    const { sampleRate, timestamp } = data;
    const samples = sampleRate === RATE ? mono(data) : null;
    data.close();
    if (!samples) {
      void reader.cancel();
      return false;
    }
    hand(samples, timestamp);
  }
}

function mono(data: AudioData): Float32Array {
  const sum = new Float32Array(data.numberOfFrames);
  data.copyTo(sum, { planeIndex: 0, format: 'f32-planar' });
  for (let plane = 1; plane < data.numberOfChannels; plane += 1) {
    const other = new Float32Array(data.numberOfFrames);
    data.copyTo(other, { planeIndex: plane, format: 'f32-planar' });
    for (let at = 0; at < sum.length; at += 1) {
      // The mean of as many as there are so far.
      sum[at] = ((sum[at] ?? 0) * plane + (other[at] ?? 0)) / (plane + 1);
    }
  }
  return sum;
}
