// Clients without a browser: the page's own core (its WebAssembly) behind WebSockets of Node, in a process of their own. They do what a
// page does towards the gateway, and nothing that only a screen or a loudspeaker would see.
//
//   node --experimental-websocket load.mjs URL IDLE ACTIVE SECONDS
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build } from 'esbuild';

const here = (path) => new URL(path, import.meta.url).pathname;
const WASM = readFileSync(process.env.HPH_WASM ?? here('../../../../target/web/hph_web.wasm'));
/** A page in a room sends its voice 50 times a second, and a picture. */
const [WIDTH, HEIGHT, PICTURE_MS] = [320, 180, 200];
/** Speech of 32 kbit/s: an Opus packet of 20 ms (RFC 6716: SILK-only would be smaller), of which nobody looks at the inside here. */
const PACKET = Uint8Array.from({ length: 80 }, (_, n) => (n === 0 ? 0x78 : (n * 37) & 255));

async function modules() {
  const folder = mkdtempSync(join(tmpdir(), 'hph-load-'));
  const out = join(folder, 'core.mjs');
  const { outputFiles } = await build({
    stdin: {
      contents: "export { Core, now } from './core'; export * from './wire';",
      resolveDir: here('../../src'),
      loader: 'ts',
    },
    bundle: true,
    format: 'esm',
    write: false,
  });
  writeFileSync(out, outputFiles[0].text);
  const loaded = await import(pathToFileURL(out).href);
  rmSync(folder, { recursive: true });
  return loaded;
}

const { Core, now, Batch, CONTROL, DATAGRAMS, parseDatagrams, parseOpened } = await modules();

/** One page. */
class Page {
  room = 0;
  joined = false;
  frames = 0;
  heard = 0;

  static async open(url, name, room) {
    const page = new Page();
    page.name = name;
    page.wanted = room;
    const host = {
      control: (bytes) => page.control.push(bytes),
      datagram: (bytes) => page.datagrams.push(bytes),
      event: (json) => queueMicrotask(() => page.hear(JSON.parse(json))),
      voice: () => {
        page.heard += 1;
      },
      picture: () => {
        page.frames += 1;
      },
      jpeg: () => {},
      piece: () => {},
    };
    const response = new Response(WASM, { headers: { 'Content-Type': 'application/wasm' } });
    page.core = await Core.load(Promise.resolve(response), host, crypto.getRandomValues(new Uint8Array(32)));
    const { host: at, protocol } = new URL(url);
    const secure = protocol === 'https:';
    page.socket = new WebSocket(`${secure ? 'wss' : 'ws'}://${at}/session`, {
      protocols: 'hph-web-1',
      headers: { origin: `${protocol}//${at}` },
    });
    page.socket.binaryType = 'arraybuffer';
    const send = (message) => page.socket.readyState === 1 && page.socket.send(message);
    page.control = new Batch(CONTROL, send);
    page.datagrams = new Batch(DATAGRAMS, send);
    await new Promise((resolve, reject) => {
      page.socket.onerror = () => reject(new Error(`${name}: no connection`));
      page.socket.onmessage = ({ data }) => {
        const message = new Uint8Array(data);
        if (!page.isOpen) {
          page.isOpen = true;
          page.act((core) => core.connected(parseOpened(message), { kind: 'guest', name }));
          page.tick();
          resolve();
        } else if (message[0] === CONTROL) {
          page.act((core) => core.handleControl(message.subarray(1)));
        } else if (message[0] === DATAGRAMS) {
          page.act((core) => {
            for (const datagram of parseDatagrams(message)) {
              core.handleDatagram(datagram);
            }
          });
        }
      };
    });
    return page;
  }

  act(input) {
    input(this.core);
    this.control.flush();
    this.datagrams.flush();
  }

  tick() {
    let wait = 1000;
    this.act((core) => {
      wait = core.tick();
    });
    setTimeout(() => this.tick(), Math.max(5, wait));
  }

  hear(event) {
    if (event.t === 'welcome') {
      this.act((core) => core.watchLobby(true));
      if (this.wanted) {
        this.act((core) => core.joinNamed(1, this.wanted, true));
      }
      this.isIn = true;
    } else if (event.t === 'joined') {
      this.room = event.room;
      this.act((core) => {
        core.setTrack(this.room, 0, true, 0, 0);
        core.setTrack(this.room, 1, true, WIDTH, HEIGHT);
      });
      this.speak();
    } else if (event.t === 'participant' && !event.is_me && event.is_new) {
      this.act((core) => core.want(this.room, event.slot, 1, WIDTH));
    }
  }

  speak() {
    const image = { width: WIDTH, height: HEIGHT, data: new Uint8ClampedArray(WIDTH * HEIGHT * 4).fill(128) };
    let count = 0;
    setInterval(() => this.act((core) => core.sendVoice(this.room, now(), 148, PACKET)), 20);
    setInterval(() => {
      // Somebody who moves: a part of the picture is another one each time.
      count += 1;
      for (let y = 40; y < 140; y += 1) {
        for (let x = 0; x < 60; x += 1) {
          const at = (y * WIDTH + ((x + count * 7) % WIDTH)) * 4;
          image.data[at] = (x * y + count * 13) & 255;
          image.data[at + 1] = (x + y * count) & 255;
        }
      }
      this.act((core) => core.sendPicture(this.room, 1, now(), image));
    }, PICTURE_MS);
  }
}

const [url, idle, active, seconds] = process.argv.slice(2);
const pages = [];
for (let n = 0; n < Number(idle) + Number(active); n += 1) {
  pages.push(await Page.open(url, `Khách ${n}`, n < Number(active) ? 'x' : ''));
}
await new Promise((resolve) => setTimeout(resolve, 6000));
const before = pages.map(({ frames, heard }) => ({ frames, heard }));
console.log('ready');
await new Promise((resolve) => setTimeout(resolve, Number(seconds) * 1000));
const sum = (of) => pages.reduce((all, page, at) => all + page[of] - before[at][of], 0);
console.log(
  JSON.stringify({ in: pages.filter((page) => page.isIn).length, pictures: sum('frames'), voices: sum('heard') }),
);
process.exit(0);
