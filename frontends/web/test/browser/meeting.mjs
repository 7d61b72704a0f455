// Two browsers and a native participant meet.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  browser,
  check,
  enter,
  folder,
  freePort,
  gateway,
  goIn,
  Hph,
  hears,
  lines,
  look,
  say,
  seesMoving,
  serve,
  until,
  usernameOf,
  visitor,
} from './lab.mjs';

const ROOM = 'Nhóm 17';

/** Samples of somebody's voice that were played in a page and not invented. */
async function voicesOf(page, username) {
  const member = page.locator(`[data-test=tile][data-username="${username}"]`);
  const slot = Number(await member.getAttribute('data-slot'));
  const voices = await page.evaluate(() => window.figures?.voices ?? []);
  const [, , , played = 0, concealed = 0] = voices.find(([of, track]) => of === slot && track === 0) ?? [];
  return played - concealed;
}

/** The loudest sample of a recorded sound, of 32768. */
function peak(path) {
  const bytes = readFileSync(path);
  let loudest = 0;
  for (let at = bytes.indexOf('data') + 8; at + 1 < bytes.length; at += 2) {
    loudest = Math.max(loudest, Math.abs(bytes.readInt16LE(at)));
  }
  return loudest;
}

export async function two_browsers_and_a_program_meet_and_survive_gateway_and_server() {
  const [port, webPort, data, recorded] = [await freePort(), await freePort(), folder(), folder()];
  let server = await serve(data, port);
  let way = await gateway(server.link, webPort, ['--server-key', join(data, 'gateway.key')]);
  const launched = await browser();
  const url = `https://127.0.0.1:${webPort}/`;
  const huong = await visitor(launched, url, 'Hường');
  await enter(huong, ROOM);
  // The link of a room leads into it.
  const dat = await visitor(launched, `${url}#/${encodeURIComponent(ROOM)}`, 'Đạt');
  await goIn(dat);
  const native = new Hph([
    'join',
    server.link,
    '--room',
    ROOM,
    '--name',
    'Lan',
    '--video',
    'test:320x240@10',
    '--audio',
    'tone',
    '--record',
    recorded,
    '--for',
    '150s',
  ]);

  // Everybody is there, and everybody's picture moves.
  await until(async () => (await huong.locator('[data-test=tile]').count()) === 3, 'three tiles');
  const lan = await usernameOf(huong, 'Lan');
  await seesMoving(huong, lan);
  await seesMoving(dat, lan);
  await huong.getByTestId('camera').click();
  await huong.getByTestId('microphone').click();
  const huongName = await usernameOf(dat, 'Hường');
  await seesMoving(dat, huongName);

  // The program's tone is heard, in the page's own audio graph.
  await until(async () => (await hears(dat)).db > -50, 'a tone');
  const { hz } = await hears(dat);
  check(hz > 300 && hz < 1200, `a tone of ${hz} Hz`);

  // Who is muted is shown to others.
  const muted = dat.locator(`[data-test=tile][data-username="${huongName}"]`);
  await until(async () => (await muted.getAttribute('data-muted')) === 'false', 'Hường heard');
  await huong.getByTestId('microphone').click();
  await until(async () => (await muted.getAttribute('data-muted')) === 'true', 'Hường muted');

  // Chat, both ways and once; and to one alone.
  await dat.getByTestId('chat').click();
  await say(huong, 'Chào mọi người');
  await until(async () => (await lines(dat)).includes('Chào mọi người'), 'the first line');
  await say(dat, 'Nghe rõ');
  for (const page of [huong, dat]) {
    await until(async () => (await lines(page)).join('|') === 'Chào mọi người|Nghe rõ', 'both lines');
  }
  await native.object((object) => JSON.stringify(object).includes('Nghe rõ'));
  await dat.getByTestId('to').selectOption(huongName);
  await say(dat, 'chỉ mình bạn');
  await until(async () => (await lines(huong)).includes('chỉ mình bạn'), 'a direct message');
  await dat.getByTestId('to').selectOption('');

  // The gateway is killed and comes back: so do they, with what was written meanwhile.
  await way.kill();
  await huong.getByTestId('reconnecting').waitFor();
  await say(huong, 'vẫn ở đây');
  way = await gateway(server.link, webPort, ['--server-key', join(data, 'gateway.key')]);
  await until(
    async () => (await lines(dat)).filter((line) => line === 'vẫn ở đây').length === 1,
    'the line written meanwhile',
    30,
  );
  await until(async () => (await huong.getByTestId('reconnecting').count()) === 0, 'Hường back');
  await seesMoving(dat, huongName);
  check((await muted.getAttribute('data-muted')) === 'true', 'muted stays muted');

  // The server too.
  await server.kill();
  await dat.getByTestId('reconnecting').waitFor();
  server = await serve(data, port);
  await until(async () => (await dat.getByTestId('reconnecting').count()) === 0, 'Đạt back', 30);
  await seesMoving(dat, huongName);
  await seesMoving(huong, lan, 40);
  await say(dat, 'còn đó');
  await until(
    async () => (await lines(huong)).filter((line) => line === 'còn đó').length === 1,
    'a line after the restart',
    30,
  );

  // Three seconds of Hường's beeps, as the other browser counts them.
  await huong.getByTestId('microphone').click();
  await until(async () => (await muted.getAttribute('data-muted')) === 'false', 'Hường heard again');
  await until(async () => (await voicesOf(dat, huongName)) > 3 * 48_000, 'three seconds of a voice', 40);
  await native.stop();
  // The program saw and heard the browser.
  const folders = readdirSync(recorded);
  const pictures = folders.map(
    (name) => readdirSync(join(recorded, name)).filter((file) => file.endsWith('.jpg')).length,
  );
  check(Math.max(...pictures) > 15, `pictures of the browser: ${pictures}`);
  const sounds = folders.map((name) => join(recorded, name, 'sound.wav')).filter((path) => readable(path));
  const loudest = Math.max(0, ...sounds.map(peak));
  check(loudest > 3000, `sound of the browser: ${loudest}`);
  for (const page of [huong, dat]) {
    const problems = page.problems.filter((text) => !text.includes('WebSocket') && !text.includes('ERR_CONNECTION'));
    check(problems.length === 0, `problems of the page: ${problems.join('; ')}`);
  }
  check((await look(dat, huongName)) !== null, 'a picture to the end');
}

function readable(path) {
  try {
    return readFileSync(path).length > 1000;
  } catch {
    return false;
  }
}
