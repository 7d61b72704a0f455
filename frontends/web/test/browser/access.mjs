// Everybody can use it: what axe finds on each screen, by keyboard alone, and what a page on plain HTTP says.
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import { createRequire } from 'node:module';
import {
  begin,
  browser,
  check,
  folder,
  freePort,
  gateway,
  Hph,
  hears,
  seesMoving,
  serve,
  until,
  visitor,
} from './lab.mjs';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** Serious and critical problems of a screen, in both themes. */
export async function examine(page, screen) {
  await page.evaluate(AXE);
  for (const theme of ['dark', 'light']) {
    const found = await page.evaluate(async (theme) => {
      document.documentElement.dataset.theme = theme;
      const { violations } = await window.axe.run(document, { resultTypes: ['violations'] });
      return violations
        .filter(({ impact }) => impact === 'serious' || impact === 'critical')
        .map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html.slice(0, 120)).join(' | ')}`);
    }, theme);
    check(found.length === 0, `${screen}, ${theme}: ${found.join('; ')}`);
  }
}

/** Whether all of a screen is within its width. */
async function fits(page, screen) {
  const [overflow, what] = await page.evaluate(() => [
    document.documentElement.scrollWidth - window.innerWidth,
    [...document.querySelectorAll('body *')].find((part) => part.getBoundingClientRect().right > window.innerWidth + 1)
      ?.outerHTML,
  ]);
  check(overflow <= 0, `${screen}: ${overflow} pixels too wide at 200 %: ${what?.slice(0, 200)}`);
}

export async function every_screen_is_accessible_in_both_themes_and_by_keyboard() {
  const [port, webPort, data] = [await freePort(), await freePort(), folder()];
  const server = await serve(data, port);
  await gateway(server.link, webPort);
  const launched = await browser();
  const page = await visitor(launched, `https://127.0.0.1:${webPort}/`, '');
  await page.locator('[data-test=enter]:not([disabled])').waitFor();
  await examine(page, 'sign-in');
  // Not once the pointer.
  await page.getByTestId('name').focus();
  await page.keyboard.type('Hường');
  await page.keyboard.press('Enter');
  await page.getByTestId('lobby').waitFor();
  await examine(page, 'lobby');
  await page.getByTestId('room-name').focus();
  await page.keyboard.type('Nhóm 17');
  await page.keyboard.press('Enter');
  await page.getByTestId('prejoin').waitFor();
  await page.getByTestId('wish-camera').focus();
  await page.keyboard.press('Space');
  await page.getByTestId('wish-microphone').focus();
  await page.keyboard.press('Space');
  await page.locator('[data-test=loudness]').waitFor();
  await page.locator('video').waitFor();
  await examine(page, 'the door');
  await page.getByTestId('go-in').focus();
  await page.keyboard.press('Enter');
  await page.getByTestId('room').waitFor();
  // What was wished for at the door is on.
  await page.locator('[data-test=microphone][aria-pressed=true]').waitFor();
  await page.locator('[data-test=camera][aria-pressed=true]').waitFor();
  await examine(page, 'room');
  await page.keyboard.press('m');
  await page.locator('[data-test=microphone][aria-pressed=false]').waitFor();
  await page.evaluate(() => document.activeElement?.blur());
  await page.keyboard.down(' ');
  await page.locator('[data-test=microphone][aria-pressed=true]').waitFor();
  await page.keyboard.up(' ');
  await page.locator('[data-test=microphone][aria-pressed=false]').waitFor();
  await page.keyboard.press('Control+Shift+D');
  await page.getByTestId('diagnostics').waitFor();
  await examine(page, 'diagnostics');
  await page.keyboard.press('Control+Shift+D');
  await page.getByTestId('chat').focus();
  await page.keyboard.press('Enter');
  await page.getByTestId('message').focus();
  await page.keyboard.type('một');
  await page.keyboard.press('Enter');
  await page.locator('[data-test=line][data-status=stored]').waitFor();
  await examine(page, 'chat');
  // A message is changed, looked for and taken back.
  await page.getByTestId('edit').focus();
  await page.keyboard.press('Enter');
  await page.locator('[data-test=message]:focus').waitFor();
  await page.keyboard.type(' hai');
  await page.keyboard.press('Enter');
  await page.getByText('một hai').waitFor();
  await page.getByTestId('search').focus();
  await page.keyboard.press('Enter');
  await page.keyboard.type('mot');
  await page.keyboard.press('Enter');
  await page.getByTestId('found').waitFor();
  await examine(page, 'search');
  await page.getByTestId('search-end').focus();
  await page.keyboard.press('Enter');
  await page.getByTestId('take-back').focus();
  await page.keyboard.press('Enter');
  await page.keyboard.press('Enter');
  await page.getByText('(taken back)').waitFor();
  await page.getByTestId('files').focus();
  await page.keyboard.press('Enter');
  const choosing = page.waitForEvent('filechooser');
  await page.getByTestId('send-file').focus();
  await page.keyboard.press('Enter');
  await (await choosing).setFiles({ name: 'ghi chú.txt', mimeType: 'text/plain', buffer: Buffer.from('chào') });
  await page.getByTestId('shelf-file').waitFor();
  await examine(page, 'files');
  await page.getByTestId('delete-file').focus();
  await page.keyboard.press('Enter');
  await page.keyboard.press('Enter');
  await until(async () => (await page.getByTestId('shelf-file').count()) === 0, 'no file');
  await page.getByTestId('people').focus();
  await page.keyboard.press('Space');
  await page.getByTestId('person').waitFor();
  await page.getByTestId('set-password').focus();
  await page.keyboard.press('Enter');
  await page.getByTestId('new-password').waitFor();
  await examine(page, 'people');
  await page.getByTestId('new-password').focus();
  await page.keyboard.type('bí mật');
  await page.keyboard.press('Enter');
  await page.getByTestId('waiting-room-switch').focus();
  await page.keyboard.press('Enter');
  await page.locator('[data-test=waiting-room-switch][aria-pressed=true]').waitFor();
  // Twice as large, nothing is cut off sideways.
  await page.setViewportSize({ width: 640, height: 400 });
  for (const panel of ['chat', 'files', 'settings', 'people']) {
    await page.getByTestId(panel).click();
    await fits(page, panel);
  }
  await page.setViewportSize({ width: 1280, height: 800 });

  // In front of it: the password, then the waiting room; inside, who knocks, and who calls.
  const other = await visitor(launched, `https://127.0.0.1:${webPort}/#/${encodeURIComponent('Nhóm 17')}`, 'Đạt');
  await other.getByTestId('go-in').focus();
  await other.keyboard.press('Enter');
  await other.getByTestId('password-wanted').waitFor();
  await other.keyboard.type('sai');
  await other.keyboard.press('Enter');
  await other.getByTestId('wrong-password').waitFor();
  await examine(other, 'password');
  await other.getByTestId('room-password').focus();
  await other.keyboard.type('bí mật');
  await other.keyboard.press('Enter');
  await other.getByTestId('waiting-room').waitFor();
  await examine(other, 'waiting room');
  await page.getByTestId('knocks').waitFor();
  await examine(page, 'knocks');
  await other.setViewportSize({ width: 640, height: 400 });
  await fits(other, 'the waiting room');
  await other.getByTestId('turn-back').focus();
  await other.keyboard.press('Enter');
  await other.getByTestId('lobby').waitFor();
  await fits(other, 'the lobby');
  await page.getByTestId('call-person').focus();
  await page.keyboard.press('Enter');
  await other.getByTestId('call').waitFor();
  await examine(other, 'a call');
  await page.getByTestId('leave').focus();
  await page.keyboard.press('Enter');
  await page.getByTestId('lobby').waitFor();
  await page.getByTestId('language').click();
  await page.getByText('Sảnh chờ').waitFor();
  check((await page.evaluate(() => document.documentElement.lang)) === 'vi', 'the language is told');
}

export async function a_page_on_plain_http_says_what_it_lacks_and_watches_and_chats() {
  const [port, webPort, data] = [await freePort(), await freePort(), folder()];
  const server = await serve(data, port);
  await gateway(server.link, webPort, ['--plain']);
  // A name that is not this machine's own for the browser: no secure context.
  const launched = await browser(['--host-resolver-rules=MAP pi.local 127.0.0.1']);
  new Hph([
    'join',
    server.link,
    '--room',
    'x',
    '--name',
    'Lan',
    '--video',
    'test:320x240@10',
    '--audio',
    'tone:700',
    '--for',
    '60s',
  ]);
  const page = await visitor(launched, `http://pi.local:${webPort}/#/x`, 'Đạt');
  await page.getByTestId('room').waitFor();
  await page.getByTestId('insecure').waitFor();
  check((await page.getByTestId('insecure').locator('li').count()) === 2, 'mended in two steps');
  await examine(page, 'plain HTTP');
  check(await page.getByTestId('microphone').isDisabled(), 'no microphone');
  const tile = page.locator('[data-test=tile]', { hasText: 'Lan' });
  await tile.waitFor();
  await seesMoving(page, await tile.getAttribute('data-username'));
  // It listens too, by a decoder of its own.
  await until(async () => (await hears(page)).db > -50, 'a tone');
  const { hz } = await hears(page);
  check(Math.abs(hz - 700) < 15, `a tone of ${hz} Hz`);
  await page.getByTestId('chat').click();
  await page.getByTestId('message').fill('chỉ xem');
  await page.getByTestId('send').click();
  await page.locator('[data-test=line][data-status=stored]').waitFor();
  // Headers that only mean something over HTTPS are named by the browser.
  const problems = page.problems.filter((text) => !text.includes('Cross-Origin-Opener-Policy'));
  check(problems.length === 0, problems.join('; '));
}

export async function the_gateways_own_authority_vouches_for_it_and_plain_http_is_led_to_it() {
  const { webPort, way, launched } = await begin();
  const { authority_sha256: printed } = way.lines.find((object) => object.links !== undefined);
  const get = (scheme, path, more = {}) =>
    new Promise((resolve, reject) => {
      const asked = (scheme === 'https' ? https : http).request(
        { host: '127.0.0.1', port: webPort, path, agent: false, ...more },
        (response) => {
          const parts = [];
          response.on('data', (part) => parts.push(part));
          response.on('end', () => resolve({ response, body: Buffer.concat(parts) }));
        },
      );
      asked.on('error', reject);
      asked.end();
    });
  const { body: der } = await get('https', '/ca.crt', { rejectUnauthorized: false });
  const authority = new X509Certificate(der);
  check(authority.ca && authority.fingerprint256 === printed, `${authority.fingerprint256}, but ${printed} is printed`);
  // Nobody believes the gateway, but whoever has installed its authority.
  const refused = await get('https', '/').catch((error) => error.code);
  check(refused === 'UNABLE_TO_VERIFY_LEAF_SIGNATURE', `without the authority: ${refused}`);
  const { response } = await get('https', '/', { ca: authority.toString() });
  check(response.statusCode === 200, `with it: ${response.statusCode}`);
  const page = await visitor(launched, `https://127.0.0.1:${webPort}/ca`, '');
  await page.getByText(printed).first().waitFor();
  await examine(page, 'the certificate');
  // Who types an address without its scheme comes to the right place.
  const { response: led } = await get('http', '/x');
  check(led.statusCode === 307 && led.headers.location === `https://127.0.0.1:${webPort}/x`, led.headers.location);
  const { response: stranger } = await get('http', '/', { headers: { Host: 'evil.example' } });
  check(stranger.statusCode === 400, 'led to a stranger’s name');
}

export async function the_first_visit_loads_little() {
  const { url, launched } = await begin();
  const page = await (await launched.newContext({ ignoreHTTPSErrors: true })).newPage();
  const loaded = new Map();
  page.on('response', async (response) => {
    const { headers } = { headers: response.headers() };
    loaded.set(new URL(response.url()).pathname, Number(headers['content-length'] ?? 0));
  });
  await page.goto(url);
  await page.locator('[data-test=enter]:not([disabled])').waitFor();
  const sum = (fits) => [...loaded].filter(([path]) => fits(path)).reduce((all, [, bytes]) => all + bytes, 0);
  const script = sum((path) => !path.endsWith('.wasm'));
  const all = sum(() => true);
  console.log(`     first visit: ${script} bytes without the core, ${all} with it`);
  check(
    [...loaded.keys()].some((path) => path.endsWith('.wasm')),
    'no core was loaded',
  );
  check(script > 10_000 && script <= 100_000, `${script} bytes of script and style`);
  check(all <= 250_000, `${all} bytes in all`);
}
