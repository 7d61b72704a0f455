// Plays what the worker mixes. It asks for each 10 ms when it has played some; two blocks are kept ahead, a third after it
// ran out.

const BLOCKS_AHEAD = 2;
const BLOCKS_AHEAD_MAX = 6;
const SAMPLES = 480;

class Speaker extends AudioWorkletProcessor {
  #blocks: Float32Array[] = [];
  #at = 0;
  #asked = 0;
  #ahead = BLOCKS_AHEAD;
  #port: MessagePort | null = null;

  constructor() {
    super();
    this.port.onmessage = ({ data }) => {
      this.#port = data as MessagePort;
      this.#port.onmessage = ({ data }) => {
        this.#blocks.push(data as Float32Array);
        this.#asked -= 1;
      };
    };
  }

  process(_: Float32Array[][], outputs: Float32Array[][]): boolean {
    const out = outputs[0]?.[0];
    if (!out) {
      return true;
    }
    let filled = 0;
    while (filled < out.length) {
      const block = this.#blocks[0];
      if (!block) {
        if (this.#asked > 0 && filled === 0) {
          this.#ahead = Math.min(this.#ahead + 1, BLOCKS_AHEAD_MAX);
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
    while (this.#port && this.#blocks.length + this.#asked < this.#ahead) {
      this.#asked += 1;
      this.#port.postMessage(0);
    }
    return true;
  }
}

registerProcessor('speaker', Speaker);
