// Takes the pictures of the README from the running program: node test/browser/pictures.mjs FOLDER
import { join } from 'node:path';
import { browser, enter, folder, freePort, gateway, goIn, Hph, seesMoving, serve, tidy, visitor } from './lab.mjs';

const ROOM = 'Nhóm 17';
const target = process.argv[2] ?? '.';
const [port, webPort, data] = [await freePort(), await freePort(), folder()];
try {
  const server = await serve(data, port);
  await gateway(server.link, webPort);
  const launched = await browser();
  const url = `https://127.0.0.1:${webPort}/`;
  const huong = await visitor(launched, url, 'Hường');
  await enter(huong, ROOM);
  await huong.getByTestId('camera').click();
  for (const name of ['Lan', 'Minh']) {
    new Hph(['join', server.link, '--room', ROOM, '--name', name, '--video', 'test:640x360@15', '--for', '90s']);
  }
  const dat = await visitor(launched, `${url}#/${encodeURIComponent(ROOM)}`, 'Đạt');
  await dat.getByTestId('wish-camera').click();
  await dat.locator('video').waitFor();
  await dat.waitForTimeout(1000);
  await dat.screenshot({ path: join(target, 'web-door.png') });
  await goIn(dat);
  for (const name of ['Hường', 'Lan', 'Minh']) {
    const tile = dat.locator('[data-test=tile]', { hasText: name });
    await tile.waitFor();
    await seesMoving(dat, await tile.getAttribute('data-username'));
  }
  for (const [page, words] of [
    [huong, 'Chào mọi người! Nghe rõ không?'],
    [dat, 'Rõ, hình cũng nét.'],
  ]) {
    if ((await page.getByTestId('message').count()) === 0) {
      await page.getByTestId('chat').click();
    }
    await page.getByTestId('message').fill(words);
    await page.getByTestId('send').click();
    await page.locator('[data-test=line][data-status=stored]').last().waitFor();
  }
  await dat.waitForTimeout(3000);
  await dat.screenshot({ path: join(target, 'web-room.png') });
  await dat.getByTestId('layout').click();
  await dat.getByTestId('settings').click();
  await dat.waitForTimeout(2000);
  await dat.screenshot({ path: join(target, 'web-spotlight.png') });
  await dat.getByTestId('people').click();
  await huong.getByTestId('people').click();
  await huong.evaluate(() => {
    document.documentElement.dataset.theme = 'light';
  });
  await huong.getByTestId('settings').focus();
  await huong.waitForTimeout(500);
  await huong.screenshot({ path: join(target, 'web-people.png') });
} finally {
  await tidy();
}
