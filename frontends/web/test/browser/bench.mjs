// Figures of the page and its gateway (docs/figures.md): node test/browser/bench.mjs [--json] [ONLY]
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import {
  begin,
  enter,
  folder,
  freePort,
  gateway,
  goIn,
  Hph,
  own,
  seesMoving,
  serve,
  tidy,
  until,
  usernameOf,
  visitor,
} from './lab.mjs';
import { agesOf } from './latency.mjs';
import { DEVICES, quantile, setClock, switchOn } from './senses.mjs';
import { beepAges } from './sound.mjs';

const isJson = process.argv.includes('--json');
const only = process.argv.slice(2).find((word) => !word.startsWith('-')) ?? '';

function tell(figure, value, unit) {
  const rounded = Math.round(value * 10) / 10;
  console.log(isJson ? JSON.stringify({ figure, value: rounded, unit }) : `${figure}: ${rounded} ${unit}`);
}

const median = (values) =>
  quantile(
    [...values].sort((a, b) => a - b),
    0.5,
  );

/** Pictures between a program and a page, both ways: read from their timecodes, rounds of both interleaved. */
async function pictures() {
  const { server, url, launched } = await begin();
  const page = await visitor(launched, url, 'Hường', DEVICES);
  await enter(page, 'x');
  const args = ['--video', 'test:640x360@20', '--audio', 'tone', '--for', '90s'];
  const native = new Hph(['join', server.link, '--room', 'x', '--name', 'Lan', ...args]);
  await switchOn(page);
  const username = await usernameOf(page, 'Lan');
  await seesMoving(page, username);
  await page.waitForTimeout(3000);
  const rounds = [];
  for (let round = 0; round < 5; round += 1) {
    await setClock(page);
    rounds.push((await agesOf(page, username, 5)).sort((a, b) => a - b));
  }
  await native.stop();
  const { total } = native.lines.find((object) => object.event === 'summary').stages_us;
  tell('web.picture.program_to_page_p50', median(rounds.map((ages) => quantile(ages, 0.5))), 'ms');
  tell('web.picture.program_to_page_p95', median(rounds.map((ages) => quantile(ages, 0.95))), 'ms');
  tell('web.picture.page_to_program_p50', total.p50 / 1000, 'ms');
  tell('web.picture.page_to_program_p99', total.p99 / 1000, 'ms');
}

/** From one page's microphone to another page's loudspeaker, without the devices: beeps. */
async function sound() {
  const { url, launched } = await begin();
  const one = await visitor(launched, url, 'Hường', { ...DEVICES, hz: 1500, beeps: true });
  await enter(one, 'x');
  await one.getByTestId('microphone').click();
  const two = await visitor(launched, `${url}#/x`, 'Đạt');
  await goIn(two);
  await two.waitForTimeout(4000);
  const ages = (await beepAges(one, two, 30)).sort((a, b) => a - b);
  const [, , delay] = await two.evaluate(() => window.figures.voices[0]);
  tell('web.sound.page_to_page_p50', quantile(ages, 0.5), 'ms');
  tell('web.sound.page_to_page_p95', quantile(ages, 0.95), 'ms');
  tell('web.sound.jitter_buffer', delay / 1000, 'ms');
}

function usage(pid) {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ');
  const rss = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1];
  return { cpu: (Number(stat[11]) + Number(stat[12])) / 100, mb: Number(rss) / 1024 };
}

/** What a gateway takes for so many browsers: clients of load.mjs. */
async function load(idle, active, seconds) {
  const [port, webPort, data] = [await freePort(), await freePort(), folder()];
  const server = await serve(data, port);
  const way = await gateway(server.link, webPort);
  const none = usage(way.child.pid);
  const args = ['--experimental-websocket', '--no-warnings', new URL('./load.mjs', import.meta.url).pathname];
  const environment = { ...process.env, NODE_TLS_REJECT_UNAUTHORIZED: '0' };
  const url = `https://127.0.0.1:${webPort}/`;
  const child = own(spawn('node', [...args, url, idle, active, seconds].map(String), { env: environment }));
  let said = '';
  child.stdout.on('data', (bytes) => {
    said += bytes;
  });
  child.stderr.on('data', (bytes) => {
    said += bytes;
  });
  await until(() => said.includes('ready') || child.exitCode !== null, `clients (${said})`, 180);
  const before = usage(way.child.pid);
  await until(() => said.includes('{') || child.exitCode !== null, `they are done (${said})`, seconds + 60);
  const after = usage(way.child.pid);
  const took = JSON.parse(said.slice(said.indexOf('{')));
  if (took.in !== idle + active) {
    throw new Error(`only ${took.in} came in: ${said}`);
  }
  const name = `web.gateway.idle_${idle}_active_${active}`;
  tell(`${name}.cpu`, ((after.cpu - before.cpu) / seconds) * 100, '% of a processor');
  tell(`${name}.memory`, after.mb, 'MB');
  tell(`${name}.memory_each`, ((after.mb - none.mb) * 1024) / (idle + active), 'KB');
  tell(`${name}.pictures`, took.pictures / seconds, '/s');
  tell(`${name}.voices`, took.voices / seconds, '/s');
}

const benches = { pictures, sound, idle: () => load(100, 0, 20), load: () => load(100, 10, 30) };
let failed = false;
for (const [name, bench] of Object.entries(benches)) {
  if (name.includes(only)) {
    try {
      await bench();
    } catch (error) {
      failed = true;
      console.error(`${name}: ${error.stack}`);
    }
    await tidy();
  }
}
process.exit(failed ? 1 : 0);
