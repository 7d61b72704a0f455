// Plays what the worker mixes, on the thread of the sound.

import { Blocks } from './blocks';

const BLOCKS_AHEAD = 2;
const BLOCKS_AHEAD_MAX = 6;

class Speaker extends AudioWorkletProcessor {
  #blocks: Blocks | null = null;

  constructor() {
    super();
    this.port.onmessage = ({ data }) => {
      const port = data as MessagePort;
      const blocks = new Blocks(BLOCKS_AHEAD, BLOCKS_AHEAD_MAX, () => port.postMessage(0));
      port.onmessage = ({ data }) => blocks.take(data as Float32Array);
      this.#blocks = blocks;
    };
  }

  process(_: Float32Array[][], outputs: Float32Array[][]): boolean {
    const out = outputs[0]?.[0];
    if (out) {
      this.#blocks?.fill(out);
    }
    return true;
  }
}

registerProcessor('speaker', Speaker);
