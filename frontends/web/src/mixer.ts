// What is heard, where it is played: an instance of the core's module that only mixes (wasm/src/mixer.rs), on the thread of the
// sound and by its clock. The worker sends decoded packets; nothing that it does meanwhile holds them up.

/** What the worker sends. */
export type ToMixer =
  | { is: 'module'; module: WebAssembly.Module }
  | {
      is: 'sound';
      slot: number;
      track: number;
      timestamp: number;
      begins: boolean;
      wanted: number;
      samples: Float32Array<ArrayBuffer>;
    }
  | { is: 'silence'; slot: number; track: number; timestamp: number; begins: boolean; first: number; second: number }
  | { is: 'forget'; slot: number };

/** What it is told: of each voice, how it is played. */
export type VoiceFigures = [
  slot: number,
  track: number,
  delay_us: number,
  played: number,
  concealed: number,
  target_us: number,
  lost: number,
  late: number,
];

interface Exports extends WebAssembly.Exports {
  memory: WebAssembly.Memory;
  mixer_input(): number;
  mixer_decoded(
    now: number,
    slot: number,
    track: number,
    timestamp: number,
    begins: number,
    wanted: number,
    samples: number,
  ): void;
  mixer_silence(
    now: number,
    slot: number,
    track: number,
    timestamp: number,
    begins: number,
    first: number,
    second: number,
  ): void;
  mixer_forget(slot: number): void;
  mixer_pull(now: number): number;
  mixer_stats(): number;
  mixer_stats_at(): number;
}

const RATE = 48_000;
const BLOCK = 480;
const FRAME_MAX = 2880;
const STATS = 8;
/** Figures go out so often, in samples. */
const TELL_EVERY = RATE / 4;
/** Nothing was played for so long: what comes is of no use, and would wait for whoever wakes up. */
const ASLEEP_MS = 500;

/** Microseconds on the loudspeaker's clock, never 0. */
const micros = (frame: number) => Math.round((frame * 1e6) / RATE) + 1_000_000;

export class Mixer {
  #exports: Exports | null = null;
  #input = 0;
  #block = new Float32Array(BLOCK);
  #at = BLOCK;
  #playedAt = Date.now();
  #untold = 0;

  constructor(readonly tell: (figures: VoiceFigures[]) => void) {}

  /** What the worker sends; the earliest that can be heard of it is sample `frame`. */
  take(message: ToMixer, frame: number): void {
    if (message.is === 'module') {
      this.#open(message.module);
      return;
    }
    const core = this.#exports;
    if (!core || Date.now() - this.#playedAt > ASLEEP_MS) {
      return;
    }
    if (message.is === 'forget') {
      core.mixer_forget(message.slot);
      return;
    }
    const { slot, track, timestamp, begins } = message;
    const head = [micros(frame), slot, track, timestamp, Number(begins)] as const;
    if (message.is === 'silence') {
      core.mixer_silence(...head, message.first, message.second);
    } else {
      const samples = message.samples.subarray(0, FRAME_MAX);
      new Float32Array(core.memory.buffer, this.#input, samples.length).set(samples);
      core.mixer_decoded(...head, message.wanted, samples.length);
    }
  }

  /** Plays into a buffer whose first sample is that one. */
  fill(out: Float32Array, frame: number): void {
    this.#playedAt = Date.now();
    const core = this.#exports;
    if (!core) {
      return;
    }
    for (let filled = 0; filled < out.length; ) {
      if (this.#at === BLOCK) {
        this.#block.set(new Float32Array(core.memory.buffer, core.mixer_pull(micros(frame + filled)) >>> 0, BLOCK));
        this.#at = 0;
      }
      const part = this.#block.subarray(this.#at, this.#at + out.length - filled);
      out.set(part, filled);
      filled += part.length;
      this.#at += part.length;
    }
    this.#untold += out.length;
    if (this.#untold >= TELL_EVERY) {
      this.#untold = 0;
      this.#report(core);
    }
  }

  #open(module: WebAssembly.Module): void {
    // It calls nobody: those functions are the client's.
    const imports: WebAssembly.Imports = {};
    for (const { module: from, name } of WebAssembly.Module.imports(module)) {
      imports[from] = { ...imports[from], [name]: () => {} };
    }
    this.#exports = new WebAssembly.Instance(module, imports).exports as Exports;
    this.#input = this.#exports.mixer_input() >>> 0;
  }

  #report(core: Exports): void {
    const count = core.mixer_stats();
    const numbers = new Float64Array(core.memory.buffer, core.mixer_stats_at() >>> 0, count);
    const figures: VoiceFigures[] = [];
    for (let at = 0; at < count; at += STATS) {
      figures.push(Array.from(numbers.subarray(at, at + STATS)) as VoiceFigures);
    }
    this.tell(figures);
  }
}
