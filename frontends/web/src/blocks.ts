// What is played: blocks of 10 ms, asked for as some are played. So many are kept ahead, one more each time that they run out.

const SAMPLES = 480;
/** Buffers in a row for which nothing came: what was asked for is lost, and is asked for again. */
const LOST_AFTER = 100;

export class Blocks {
  #blocks: Float32Array[] = [];
  #at = 0;
  #asked = 0;
  #empty = 0;
  #ahead: number;
  readonly #most: number;
  readonly #ask: () => void;

  constructor(ahead: number, most: number, ask: () => void) {
    this.#ahead = ahead;
    this.#most = most;
    this.#ask = ask;
  }

  /** A block that was asked for. */
  take(block: Float32Array): void {
    this.#blocks.push(block);
    // What comes after it was taken for lost is too much.
    if (this.#blocks.length > this.#most) {
      this.#blocks.shift();
      this.#at = 0;
    }
    this.#asked = Math.max(0, this.#asked - 1);
  }

  /** Plays into a buffer of silence, and asks for what follows. */
  fill(out: Float32Array): void {
    let filled = 0;
    while (filled < out.length) {
      const block = this.#blocks[0];
      if (!block) {
        if (this.#asked > 0 && filled === 0) {
          this.#ahead = Math.min(this.#ahead + 1, this.#most);
        }
        break;
      }
      const part = block.subarray(this.#at, this.#at + out.length - filled);
      out.set(part, filled);
      filled += part.length;
      this.#at += part.length;
      if (this.#at >= SAMPLES) {
        this.#at = 0;
        this.#blocks.shift();
      }
    }
    this.#empty = filled > 0 ? 0 : this.#empty + 1;
    if (this.#empty >= LOST_AFTER) {
      [this.#empty, this.#asked] = [0, 0];
    }
    while (this.#blocks.length + this.#asked < this.#ahead) {
      this.#asked += 1;
      this.#ask();
    }
  }
}
