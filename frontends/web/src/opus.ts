// Opus where the browser gives a page none: libopus as WebAssembly, loaded only there.

import { OpusDecoder } from 'opus-decoder';

const RATE = 48_000;

export interface Decoder {
  decode(packet: Uint8Array): Float32Array;
  close(): void;
}

/** A decoder of one voice. */
export async function openDecoder(): Promise<Decoder> {
  const decoder = new OpusDecoder({ channels: 1, sampleRate: RATE, preSkip: 0 });
  await decoder.ready;
  return {
    decode: (packet) => decoder.decodeFrame(packet).channelData[0] ?? new Float32Array(),
    close: () => decoder.free(),
  };
}
