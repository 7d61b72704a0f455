// What passes between gateway and browser, seen from inside its encryption: a proxy on the way of a gateway without TLS. Such a hook is
// in no product; what it sees is what whoever breaks TLS, or runs the gateway, would see.
import { mkdirSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { begin, check, enter, folder, freePort, Hph, hears, say, until, usernameOf, visitor } from './lab.mjs';
import { DEVICES, switchOn } from './senses.mjs';

/** Passes bytes on, and keeps those of both directions. */
async function proxy(to) {
  const port = await freePort();
  const seen = { up: [], down: [] };
  const server = createServer((browser) => {
    const gateway = connect(to, '127.0.0.1');
    const up = [];
    const down = [];
    seen.up.push(up);
    seen.down.push(down);
    browser.setNoDelay(true);
    gateway.setNoDelay(true);
    browser.on('data', (data) => {
      up.push(data);
      gateway.write(data);
    });
    gateway.on('data', (data) => {
      down.push(data);
      browser.write(data);
    });
    for (const [one, other] of [
      [browser, gateway],
      [gateway, browser],
    ]) {
      one.on('close', () => other.destroy());
      one.on('error', () => other.destroy());
    }
  });
  await new Promise((resolve) => server.listen(port, '127.0.0.1', resolve));
  server.unref();
  return { port, seen, close: () => server.close() };
}

/** The payloads of the WebSocket messages in one direction of a connection (RFC 6455 section 5.2), one behind the other. */
function payloads(chunks) {
  const bytes = Buffer.concat(chunks);
  let at = bytes.indexOf('\r\n\r\n') + 4;
  const parts = [];
  while (at + 2 <= bytes.length) {
    const isMasked = bytes[at + 1] >= 128;
    let length = bytes[at + 1] & 127;
    at += 2;
    if (length === 126) {
      length = bytes.readUInt16BE(at);
      at += 2;
    } else if (length === 127) {
      length = Number(bytes.readBigUInt64BE(at));
      at += 8;
    }
    const mask = isMasked ? bytes.subarray(at, at + 4) : null;
    at += isMasked ? 4 : 0;
    const part = Buffer.from(bytes.subarray(at, at + length));
    for (let n = 0; mask && n < part.length; n += 1) {
      part[n] ^= mask[n & 3];
    }
    parts.push(part);
    at += length;
  }
  return Buffer.concat(parts);
}

/** How many of these are found, looking for 12 bytes out of the middle of each. */
function found(planted, captured) {
  return planted.filter((bytes) => {
    const middle = bytes.length >> 1;
    return bytes.length >= 40 && captured.includes(bytes.subarray(middle - 6, middle + 6));
  }).length;
}

/** Has a page's worker keep the Opus packets that it encodes and is given to decode. */
async function keepPackets(page) {
  const [worker] = page.workers();
  await worker.evaluate(() => {
    self.packets = [];
    const { copyTo } = EncodedAudioChunk.prototype;
    EncodedAudioChunk.prototype.copyTo = function (to, ...rest) {
      const result = copyTo.call(this, to, ...rest);
      self.packets.push(Array.from(new Uint8Array(to.buffer ?? to, to.byteOffset ?? 0, this.byteLength)));
      return result;
    };
    const { decode } = AudioDecoder.prototype;
    AudioDecoder.prototype.decode = function (chunk) {
      const copy = new Uint8Array(chunk.byteLength);
      copyTo.call(chunk, copy);
      self.packets.push(Array.from(copy));
      return decode.call(this, chunk);
    };
  });
}

async function packetsOf(page) {
  const [worker] = page.workers();
  return (await worker.evaluate(() => self.packets)).map((packet) => Buffer.from(packet));
}

export async function nothing_of_what_is_seen_and_heard_passes_the_gateway_in_the_clear() {
  const { server, webPort, launched } = await begin({ more: ['--plain'] });
  const way = await proxy(webPort);
  const url = `http://127.0.0.1:${way.port}/`;
  // Pictures that are sent as they are: what is planted are their very bytes.
  const pictures = folder();
  mkdirSync(join(pictures, 'p'));
  const one = await visitor(launched, url, 'Hường', DEVICES);
  const jpegs = await one.evaluate(async () => {
    const made = [];
    for (let n = 0; n < 3; n += 1) {
      const canvas = new OffscreenCanvas(320, 240);
      const context = canvas.getContext('2d');
      for (let dot = 0; dot < 3000; dot += 1) {
        context.fillStyle = `hsl(${Math.random() * 360} 80% 50%)`;
        context.fillRect(Math.random() * 320, Math.random() * 240, 9, 9);
      }
      const blob = await canvas.convertToBlob({ type: 'image/jpeg', quality: 0.8 });
      made.push(Array.from(new Uint8Array(await blob.arrayBuffer())));
    }
    return made;
  });
  for (const [n, bytes] of jpegs.entries()) {
    writeFileSync(join(pictures, 'p', `${n}.jpg`), Buffer.from(bytes));
  }
  const args = ['--video', join(pictures, 'p'), '--video-fps', '5', '--codec', 'jpeg', '--audio', 'tone'];
  new Hph(['join', server.link, '--room', 'x', '--name', 'Lan', ...args, '--for', '60s']);
  await enter(one, 'x');
  await keepPackets(one);
  await switchOn(one);
  await say(one, 'một câu mà cổng đọc được');
  const lan = await usernameOf(one, 'Lan');
  await until(
    async () =>
      await one.evaluate(
        (name) => document.querySelector(`[data-test=tile][data-username="${name}"] canvas`)?.width === 320,
        lan,
      ),
    'the planted picture is seen',
  );
  await until(async () => (await hears(one)).db > -60, 'a tone is heard');
  await one.waitForTimeout(4000);
  const packets = await packetsOf(one);
  check(packets.length > 200, `only ${packets.length} packets of voices`);
  const captured = Buffer.concat([...way.seen.up, ...way.seen.down].map(payloads));
  check(captured.length > 200_000, `only ${captured.length} bytes were captured`);
  // The capture sees what is in the clear: else it would prove nothing.
  check(captured.includes(Buffer.from('một câu mà cổng đọc được')), 'the capture does not even see the chat');
  const cut = jpegs.flatMap((bytes) => {
    const whole = Buffer.from(bytes);
    return Array.from({ length: Math.floor(whole.length / 200) }, (_, n) => whole.subarray(n * 200, n * 200 + 200));
  });
  check(found(cut, Buffer.from(jpegs.flat())) === cut.length, 'what is planted is not found where it is');
  check(found(cut, captured) === 0, `${found(cut, captured)} pieces of pictures in the clear`);
  check(found(packets, captured) === 0, `${found(packets, captured)} packets of voices in the clear`);
  way.close();
}
