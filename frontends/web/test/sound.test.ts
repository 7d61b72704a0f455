import { describe, expect, it } from 'vitest';
import { Microphone, PacketLength } from '../src/microphone';
import { Owed } from '../src/voices';

describe('what a decoder owes', () => {
  it('is known again though its clock is a microsecond off', () => {
    const owed = new Owed<number>();
    // As Chromium counts: seconds in floating point.
    for (let n = 0; n < 6000; n += 1) {
      owed.push(n * 10_000, n);
      expect(owed.take(Math.floor(((n * 10_000) / 1e6) * 0.999_999_999_9 * 1e6))).toBe(n);
    }
  });

  it('is passed over when it does not come, and is not taken for another', () => {
    const owed = new Owed<string>();
    owed.push(0, 'a');
    owed.push(2500, 'b');
    owed.push(5000, 'c');
    expect(owed.take(2499)).toBe('b');
    expect(owed.take(0)).toBe(null);
    expect(owed.take(5001)).toBe('c');
    expect(owed.take(7500)).toBe(null);
  });
});

describe('packets of our voice', () => {
  it('are short on a good way, long on one that is far or loses some, and short again after a while', () => {
    const length = new PacketLength();
    const good = { rtt_us: 3000, loss_up: 0, loss_down: 100 };
    expect([length.adapt(good, 0), length.us]).toEqual([false, 10_000]);
    expect([length.adapt({ ...good, rtt_us: 60_000 }, 250), length.us]).toEqual([true, 20_000]);
    expect([length.adapt(good, 500), length.us]).toEqual([false, 20_000]);
    expect([length.adapt({ ...good, loss_up: 1300 }, 20_000), length.us]).toEqual([false, 20_000]);
    expect([length.adapt(good, 40_000), length.us]).toEqual([false, 20_000]);
    expect([length.adapt(good, 50_001), length.us]).toEqual([true, 10_000]);
  });

  it('are made of blocks of 10 ms whatever the device hands out', () => {
    const [made, firsts]: [number[], number[]] = [[], []];
    class Encoder {
      state = 'unconfigured';
      configure() {
        this.state = 'configured';
      }
      encode({ data, timestamp }: { data: Float32Array; timestamp: number }) {
        made.push(timestamp);
        firsts.push(data[0] ?? -1);
      }
    }
    class Data {
      constructor(given: object) {
        Object.assign(this, given);
      }
      close() {}
    }
    Object.assign(globalThis, { AudioEncoder: Encoder, AudioData: Data });
    const core = { level: () => 127 } as unknown as import('../src/core').Core;
    const microphone = new Microphone(
      () => core,
      () => {},
    );
    for (let n = 0; n < 30; n += 1) {
      const samples = Float32Array.from({ length: 128 }, (_, at) => n * 128 + at);
      microphone.handle(samples, (n * 128 * 1e6) / 48_000);
    }
    expect(firsts).toEqual([0, 480, 960, 1440, 1920, 2400, 2880, 3360]);
  });
});
