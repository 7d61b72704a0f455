// Processes and browsers for the tests: real servers, real gateways, real Chromium with invented devices.
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium, selectors } from 'playwright-core';
import { OWN_DEVICES } from './sound.mjs';

selectors.setTestIdAttribute('data-test');

const HPH = process.env.HPH ?? new URL('../../../../target/debug/hph', import.meta.url).pathname;
const PAGE = process.env.HPH_PAGE ?? new URL('../../../../target/web/page', import.meta.url).pathname;
const CHROMIUM = process.env.CHROMIUM ?? '/usr/bin/chromium';

/** What must end with the test. */
const children = new Set();
const folders = [];
const browsers = [];
const pages = [];

export function folder() {
  const path = mkdtempSync(join(tmpdir(), 'hph-web-'));
  folders.push(path);
  return path;
}

/** A port of this machine that was free a moment ago. */
export function freePort() {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

/** Ends with the test. */
export function own(child) {
  children.add(child);
  child.on('exit', () => children.delete(child));
  return child;
}

const undo = [];
/** What is to be undone when the test is over. */
export function later(act) {
  undo.push(act);
}

/** A process of `hph`; its objects come one a line. */
export class Hph {
  constructor(args, environment = {}, namespace = '') {
    this.lines = [];
    this.errors = '';
    const [program, ...before] = namespace ? ['ip', 'netns', 'exec', namespace, HPH] : [HPH];
    this.child = spawn(program, [...before, '--json', '--no-input', ...args], {
      env: { ...process.env, LANG: 'C', XDG_STATE_HOME: folder(), ...environment },
    });
    children.add(this.child);
    this.ended = new Promise((resolve) => this.child.on('exit', resolve));
    this.ended.then(() => children.delete(this.child));
    let rest = '';
    this.child.stdout.on('data', (data) => {
      const parts = (rest + data).split('\n');
      rest = parts.pop();
      this.lines.push(...parts.filter(Boolean).map((line) => JSON.parse(line)));
    });
    this.child.stderr.on('data', (data) => {
      this.errors += data;
    });
  }

  async object(fits, seconds = 20) {
    return await until(() => this.lines.find(fits), `an object of hph (${this.errors})`, seconds);
  }

  async kill() {
    this.child.kill('SIGKILL');
    await this.ended;
  }

  async stop() {
    this.child.kill('SIGINT');
    await this.ended;
  }
}

export async function serve(data, port, namespace = '') {
  const access = ['--guests', 'everyone', '--registration', 'everyone'];
  const server = new Hph(['serve', '--listen', `127.0.0.1:${port}`, '--data', data, ...access], {}, namespace);
  const listening = await server.object((object) => object.event === 'listening' || object.link !== undefined);
  server.link = listening.link;
  return server;
}

export async function gateway(link, port, more = [], address = '127.0.0.1', namespace = '') {
  const args = ['gateway', link, '--listen', `${address}:${port}`, '--page', PAGE, ...more];
  const process = new Hph(args, {}, namespace);
  await process.object((object) => object.links !== undefined);
  return process;
}

/** A browser of its own, with an invented camera and microphone. */
export async function browser(more = [], namespace = '') {
  let executablePath = CHROMIUM;
  if (namespace) {
    executablePath = join(folder(), 'chromium');
    writeFileSync(executablePath, `#!/bin/sh\nexec ip netns exec ${namespace} ${CHROMIUM} "$@"\n`, { mode: 0o755 });
  }
  const launched = await chromium.launch({
    executablePath,
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      '--use-fake-device-for-media-stream',
      '--use-fake-ui-for-media-stream',
      '--auto-accept-this-tab-capture',
      '--autoplay-policy=no-user-gesture-required',
      ...more,
    ],
  });
  browsers.push(launched);
  return launched;
}

/** A page of a new visitor. Whatever it plays can be measured: `window.heard`. */
export async function visitor(launched, url, name, devices = null) {
  const context = await launched.newContext({
    ignoreHTTPSErrors: true,
    locale: 'en-US',
    viewport: { width: 1280, height: 800 },
  });
  const page = await context.newPage();
  page.problems = [];
  page.on('pageerror', (error) => page.problems.push(String(error)));
  page.on('console', (message) => message.type() === 'error' && page.problems.push(message.text()));
  await page.addInitScript(() => {
    const { connect } = AudioNode.prototype;
    AudioNode.prototype.connect = function (to, ...rest) {
      if (to instanceof AudioDestinationNode) {
        const analyser = new AnalyserNode(to.context, { fftSize: 8192, smoothingTimeConstant: 0 });
        connect.call(this, analyser);
        window.heard = analyser;
      }
      return connect.call(this, to, ...rest);
    };
  });
  if (devices) {
    await page.addInitScript(OWN_DEVICES, devices);
  }
  await page.addInitScript(() => {
    const { Worker } = window;
    window.told = [];
    window.Worker = class extends Worker {
      constructor(...given) {
        super(...given);
        this.addEventListener('error', (event) => window.told.push(`worker: ${event.message}`));
        this.addEventListener('message', ({ data }) => {
          if (data.t === 'figures') {
            window.figures = data.figures;
          } else {
            window.told.push(JSON.stringify(data).slice(0, 300));
          }
        });
      }
    };
  });
  pages.push([name, page]);
  await page.goto(url);
  if (name) {
    await page.getByTestId('name').fill(name);
    await page.locator('[data-test=enter]:not([disabled])').click();
  }
  return page;
}

/** Opens and starts a named room, or enters it. */
export async function enter(page, room) {
  await page.getByTestId('lobby').waitFor();
  await page.getByTestId('room-name').fill(room);
  await page.getByTestId('create').click();
  await goIn(page);
}

/** A server, a gateway that has its key, and a browser. */
export async function begin({ more = [], args = [] } = {}) {
  const [port, webPort, data] = [await freePort(), await freePort(), folder()];
  const server = await serve(data, port);
  const options = ['--server-key', join(data, 'gateway.key'), ...more];
  const way = await gateway(server.link, webPort, options);
  const launched = await browser(args);
  const scheme = more.includes('--plain') ? 'http' : 'https';
  return {
    ...{ port, webPort, data, server, way, launched },
    url: `${scheme}://127.0.0.1:${webPort}/`,
    gatewayAgain: () => gateway(server.link, webPort, options),
  };
}

/** The login name of whoever has that name, as a page shows it. */
export async function usernameOf(page, name) {
  const tile = page.locator('[data-test=tile]', { hasText: name }).first();
  await tile.waitFor();
  return await tile.getAttribute('data-username');
}

/** Says something in a room's chat, or to whom the chat is addressed. */
export async function say(page, text) {
  if ((await page.getByTestId('message').count()) === 0) {
    await page.getByTestId('chat').click();
  }
  await page.getByTestId('message').fill(text);
  await page.getByTestId('send').click();
}

/** The chat as a page shows it. */
export async function lines(page) {
  return await page.locator('[data-test=line] .text').allTextContents();
}

/** From the door into the room. */
export async function goIn(page) {
  await page.getByTestId('go-in').click();
  await page.getByTestId('room').waitFor();
}

/** A fingerprint of what a tile shows: mean colour of 8x8 fields; nothing while there is no picture. */
export async function look(page, username) {
  return await page.evaluate((username) => {
    const canvas = document.querySelector(`[data-test=tile][data-username="${username}"] canvas`);
    if (!canvas || canvas.width <= 16) {
      return null;
    }
    const small = new OffscreenCanvas(8, 8);
    const context = small.getContext('2d');
    context.drawImage(canvas, 0, 0, 8, 8);
    return Array.from(context.getImageData(0, 0, 8, 8).data);
  }, username);
}

/** Waits until a tile shows a picture that moves. */
export async function seesMoving(page, username, seconds = 60) {
  let first = null;
  return await until(
    async () => {
      const now = await look(page, username);
      if (!now || now.every((value, at) => at % 4 === 3 || value < 8)) {
        return false;
      }
      first ??= now;
      return now.some((value, at) => Math.abs(value - first[at]) > 2);
    },
    `a moving picture of ${username}`,
    seconds,
  );
}

/** The loudest frequency of what a page plays, and its level in dB. */
export async function hears(page) {
  return await page.evaluate(() => {
    if (!window.heard) {
      return { hz: 0, db: -200 };
    }
    const bins = new Float32Array(window.heard.frequencyBinCount);
    window.heard.getFloatFrequencyData(bins);
    let at = 0;
    for (let index = 4; index < bins.length; index += 1) {
      if (bins[index] > bins[at]) {
        at = index;
      }
    }
    return { hz: (at * window.heard.context.sampleRate) / window.heard.fftSize, db: bins[at] };
  });
}

export async function until(what, name, seconds = 20) {
  const end = Date.now() + seconds * 1000;
  for (;;) {
    const result = await what();
    if (result) {
      return result;
    }
    if (Date.now() > end) {
      throw new Error(`${name}: not within ${seconds} s`);
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/** What the pages were told last, and their figures: for whoever wants to know why a test failed. */
export async function stories() {
  const told = pages.map(async ([name, page]) => {
    const story = page.evaluate(() => {
      const tiles = [...document.querySelectorAll('canvas')].map(({ width, height }) => `${width}x${height}`);
      return [...window.told.slice(-40), JSON.stringify(window.figures), ...tiles].join('\n');
    });
    return `-- ${name}\n${await story.catch(() => 'is closed')}\n${page.problems.join('\n')}`;
  });
  return (await Promise.all(told)).join('\n');
}

export function check(is, what) {
  if (!is) {
    throw new Error(what);
  }
}

export async function tidy() {
  pages.length = 0;
  for (const launched of browsers.splice(0)) {
    await launched.close().catch(() => {});
  }
  for (const child of children) {
    child.kill('SIGKILL');
  }
  for (const act of undo.splice(0)) {
    act();
  }
  for (const path of folders) {
    rmSync(path, { recursive: true, force: true });
  }
}
