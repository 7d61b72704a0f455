// Everybody can use it: what axe finds on each screen, by keyboard alone, and what a page on plain HTTP says.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { browser, check, folder, freePort, gateway, Hph, seesMoving, serve, visitor } from './lab.mjs';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** Serious and critical problems of a screen, in both themes. */
async function examine(page, screen) {
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
  await page.getByTestId('people').focus();
  await page.keyboard.press('Space');
  await page.getByTestId('person').waitFor();
  await examine(page, 'people');
  // Twice as large, nothing is cut off sideways.
  await page.setViewportSize({ width: 640, height: 400 });
  const overflow = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
  check(overflow <= 0, `${overflow} pixels too wide at 200 %`);
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
  new Hph(['join', server.link, '--room', 'x', '--name', 'Lan', '--video', 'test:320x240@10', '--for', '60s']);
  const page = await visitor(launched, `http://pi.local:${webPort}/#/x`, 'Đạt');
  await page.getByTestId('room').waitFor();
  await page.getByTestId('insecure').waitFor();
  check(await page.getByTestId('microphone').isDisabled(), 'no microphone');
  const tile = page.locator('[data-test=tile]', { hasText: 'Lan' });
  await tile.waitFor();
  await seesMoving(page, await tile.getAttribute('data-username'));
  await page.getByTestId('chat').click();
  await page.getByTestId('message').fill('chỉ xem');
  await page.getByTestId('send').click();
  await page.locator('[data-test=line][data-status=stored]').waitFor();
  // Headers that only mean something over HTTPS are named by the browser.
  const problems = page.problems.filter((text) => !text.includes('Cross-Origin-Opener-Policy'));
  check(problems.length === 0, problems.join('; '));
}
