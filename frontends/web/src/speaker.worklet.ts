// Plays everybody, on the thread of the sound.

import { Mixer, type ToMixer } from './mixer';

/** Samples that are played at once. */
const QUANTUM = 128;

class Speaker extends AudioWorkletProcessor {
  #mixer: Mixer | null = null;

  constructor() {
    super();
    this.port.onmessage = ({ data }) => {
      const port = data as MessagePort;
      const mixer = new Mixer((figures) => port.postMessage(figures));
      // What is playing now is past.
      port.onmessage = ({ data }) => mixer.take(data as ToMixer, currentFrame + QUANTUM);
      this.#mixer = mixer;
    };
  }

  process(_: Float32Array[][], outputs: Float32Array[][]): boolean {
    const out = outputs[0]?.[0];
    if (out) {
      this.#mixer?.fill(out, currentFrame);
    }
    return true;
  }
}

registerProcessor('speaker', Speaker);
