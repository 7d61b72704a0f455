// Cuts the microphone's sound into blocks of 10 ms for the worker.

const BLOCK = 480;

class Microphone extends AudioWorkletProcessor {
  #block = new Float32Array(BLOCK);
  #filled = 0;
  #port: MessagePort | null = null;

  constructor() {
    super();
    this.port.onmessage = ({ data }) => {
      this.#port = data as MessagePort;
    };
  }

  process(inputs: Float32Array[][]): boolean {
    const input = inputs[0]?.[0];
    if (!input) {
      return true;
    }
    for (let at = 0; at < input.length; ) {
      const part = input.subarray(at, at + BLOCK - this.#filled);
      this.#block.set(part, this.#filled);
      this.#filled += part.length;
      at += part.length;
      if (this.#filled === BLOCK) {
        const samples = this.#block;
        const frame = currentFrame + at - BLOCK;
        this.#port?.postMessage({ samples, frame }, [samples.buffer]);
        this.#block = new Float32Array(BLOCK);
        this.#filled = 0;
      }
    }
    return true;
  }
}

registerProcessor('microphone', Microphone);
