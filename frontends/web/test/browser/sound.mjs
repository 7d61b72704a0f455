// Sounds that are measured: a tone in a page's microphone, its pitch in what somebody recorded, and how long it was on its way.
import { readFileSync } from 'node:fs';

/** Samples of a recorded sound (WAV, 16 bits, one channel), and how many a second. */
export function readSound(path) {
  const bytes = readFileSync(path);
  const rate = bytes.readUInt32LE(24);
  const begin = bytes.indexOf('data') + 8;
  const samples = new Float32Array((bytes.length - begin) >> 1);
  for (let n = 0; n < samples.length; n += 1) {
    samples[n] = bytes.readInt16LE(begin + n * 2) / 32768;
  }
  return { rate, samples };
}

/** How much of a sound's power is at a frequency: 1 for a pure tone (Goertzel, in the middle of it). */
export function shareAt({ rate, samples }, hz) {
  let [best, at] = [0, 0];
  const length = rate;
  // The loudest second.
  for (let from = 0; from + length <= samples.length; from += length / 4) {
    let power = 0;
    for (let n = from; n < from + length; n += 1) {
      power += samples[n] ** 2;
    }
    if (power > best) {
      [best, at] = [power, from];
    }
  }
  const turn = 2 * Math.cos((2 * Math.PI * hz) / rate);
  let [before, last] = [0, 0];
  for (let n = at; n < at + length; n += 1) {
    [before, last] = [last, samples[n] + turn * last - before];
  }
  const power = last ** 2 + before ** 2 - turn * last * before;
  return best > 0 ? (2 * power) / (length * best) : 0;
}

/** Whether all of a sound from its first to its last loud second is there: the longest silence in it, in seconds. */
export function longestSilence({ rate, samples }, floor = 0.01) {
  const block = Math.round(rate / 50);
  const loud = [];
  for (let from = 0; from + block <= samples.length; from += block) {
    let peak = 0;
    for (let n = from; n < from + block; n += 1) {
      peak = Math.max(peak, Math.abs(samples[n]));
    }
    loud.push(peak > floor);
  }
  const [first, last] = [loud.indexOf(true), loud.lastIndexOf(true)];
  let [longest, now] = [0, 0];
  for (let n = first; n <= last && first >= 0; n += 1) {
    now = loud[n] ? 0 : now + 1;
    longest = Math.max(longest, now);
  }
  return longest / 50;
}

/** For a page: its microphone is a tone, its camera a picture with a timecode (platform/src/camera/timecode.rs) of its own clock. */
export const OWN_DEVICES = ({ hz, width, height, rate, offset, beeps, busy }) => {
  const crc8 = (bytes) =>
    bytes.reduce((crc, byte) => {
      let next = crc ^ byte;
      for (let bit = 0; bit < 8; bit += 1) {
        next = ((next << 1) ^ (next & 0x80 ? 7 : 0)) & 0xff;
      }
      return next;
    }, 0xff);
  const { getUserMedia } = MediaDevices.prototype;
  window.clockOffset = offset;
  const picture = () => {
    const canvas = document.createElement('canvas');
    [canvas.width, canvas.height] = [width, height];
    const context = canvas.getContext('2d');
    let count = 0;
    const draw = () => {
      const side = width >= 512 ? 16 : 8;
      const us = BigInt(Math.round(performance.now() * 1000 - window.clockOffset)) & ((1n << 40n) - 1n);
      const bytes = [count >> 8, count & 255];
      for (let at = 4; at >= 0; at -= 1) {
        bytes.push(Number((us >> BigInt(at * 8)) & 255n));
      }
      bytes.push(crc8(bytes));
      context.fillStyle = `hsl(${(count * 3) % 360} 50% 50%)`;
      context.fillRect(0, 2 * side, width, height);
      // Nothing stays as it was: pictures that are large whatever is left out of them.
      for (let n = 0; busy && n < 600; n += 1) {
        context.fillStyle = `hsl(${Math.random() * 360} 70% 50%)`;
        context.fillRect(Math.random() * width, 2 * side + Math.random() * height, 30, 20);
      }
      for (let n = 0; n < 64; n += 1) {
        context.fillStyle = (bytes[n >> 3] >> (7 - (n & 7))) & 1 ? '#fff' : '#000';
        context.fillRect((n % 32) * side, Math.floor(n / 32) * side, side, side);
      }
      count = (count + 1) & 0xffff;
    };
    draw();
    setInterval(draw, 1000 / rate);
    return canvas.captureStream(rate).getVideoTracks();
  };
  const sound = () => {
    // As microphones have it.
    const context = new AudioContext({ sampleRate: 48_000 });
    const to = context.createMediaStreamDestination();
    const gain = new GainNode(context, { gain: beeps ? 0 : 0.3 });
    const tone = new OscillatorNode(context, { frequency: hz });
    tone.connect(gain).connect(to);
    tone.start();
    window.beeps = [];
    if (beeps) {
      setInterval(() => {
        const at = context.currentTime + 0.03;
        gain.gain.setValueAtTime(0.5, at);
        gain.gain.setValueAtTime(0, at + 0.06);
        // When that block is made, on the clock of all pages of this machine.
        window.beeps.push(performance.timeOrigin + performance.now() + 30);
      }, 1500);
    }
    return to.stream.getAudioTracks();
  };
  MediaDevices.prototype.getUserMedia = async function (wanted) {
    if (!hz && wanted.audio) {
      return getUserMedia.call(this, wanted);
    }
    return new MediaStream([...(wanted.video ? picture() : []), ...(wanted.audio ? sound() : [])]);
  };
};

/** How long beeps of one page's microphone take until another page plays them, in milliseconds: in its audio graph, without devices. */
export async function beepAges(from, to, seconds) {
  await to.evaluate(() => {
    const { context } = window.heard;
    // Small blocks on the page's thread: a beep is found within 5 ms of its place.
    const ear = context.createScriptProcessor(256, 1, 1);
    window.found = [];
    let quiet = 0;
    ear.onaudioprocess = ({ inputBuffer, playbackTime }) => {
      const samples = inputBuffer.getChannelData(0);
      const at = samples.findIndex((sample) => Math.abs(sample) > 0.02);
      if (at >= 0 && quiet > 40) {
        const age = (context.currentTime - playbackTime) * 1000;
        window.found.push(
          performance.timeOrigin + performance.now() - Math.max(0, age) + (at / 48_000) * 1000 - 256 / 48,
        );
      }
      quiet = at >= 0 ? 0 : quiet + 1;
    };
    window.heard.connect(ear);
    const mute = new GainNode(context, { gain: 0 });
    ear.connect(mute).connect(context.destination);
  });
  await to.waitForTimeout(seconds * 1000);
  const found = await to.evaluate(() => window.found);
  const beeps = await from.evaluate(() => window.beeps);
  return found.flatMap((at) => {
    const begun = beeps.filter((beep) => beep < at).at(-1);
    return begun !== undefined && at - begun < 1200 ? [at - begun] : [];
  });
}
