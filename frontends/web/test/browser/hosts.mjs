// What hosts do with a meeting beside keeping order: breakout rooms. And what keys do, and pictures on the shelf.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { deflateSync } from 'node:zlib';
import { examine } from './access.mjs';
import { begin, check, enter, folder, goIn, until, visitor } from './lab.mjs';

export async function a_host_splits_the_meeting_moves_people_and_calls_them_back() {
  const { url, launched } = await begin();
  const host = await visitor(launched, url, 'Hường');
  await enter(host, 'lớp');
  const others = [];
  for (const name of ['Đạt', 'Lan']) {
    const page = await visitor(launched, `${url}#/${encodeURIComponent('lớp')}`, name);
    await goIn(page);
    others.push(page);
  }
  const [one, two] = others;
  const title = (page) => page.locator('h1').first().textContent();
  await host.getByTestId('people').click();
  await host.getByTestId('open-breakouts').click();
  await until(async () => (await host.getByTestId('breakout-room').count()) === 2, 'two groups');
  check((await one.getByTestId('breakouts').count()) === 0, 'who is no host splits the meeting');
  await examine(host, 'breakout rooms');

  // Spread evenly: one in each, and the host is told who is where.
  await host.getByTestId('spread').click();
  await until(async () => (await title(one)).startsWith('Group') && (await title(two)).startsWith('Group'), 'spread');
  check((await title(one)) !== (await title(two)), 'both are in the same group');
  await until(async () => (await host.getByTestId('assigned').count()) === 2, 'the host sees who is where');

  // Said to all, wherever they are.
  await host.getByTestId('breakouts-text').fill('còn năm phút');
  await host.getByTestId('tell-breakouts').click();
  for (const page of others) {
    await page.getByText('còn năm phút').waitFor();
  }

  // One is sent to the other's group.
  const number = (await title(two)).endsWith('1') ? '1' : '2';
  const rows = host
    .getByTestId('breakout-room')
    .filter({ hasText: await title(one) })
    .getByTestId('move-to');
  await rows.first().selectOption(number);
  await until(async () => (await title(one)) === (await title(two)), 'both in one group');
  await one.locator('[data-test=tile]', { hasText: 'Lan' }).waitFor();

  // The host looks in, still sees the groups, and comes back.
  await host
    .getByTestId('breakout-room')
    .filter({ hasText: await title(two) })
    .getByTestId('go-there')
    .click();
  await host.locator('[data-test=tile]', { hasText: 'Lan' }).waitFor();
  await until(async () => (await host.getByTestId('breakout-room').count()) === 2, 'the groups, seen from one of them');

  // All come back.
  await host.getByTestId('end-breakouts').click();
  await host.getByTestId('end-breakouts').click();
  for (const page of [host, ...others]) {
    await until(async () => (await title(page)) === 'lớp', 'back in the room', 30);
  }
  await until(async () => (await host.getByTestId('open-breakouts').count()) === 1, 'no groups any more');
}

/** A picture of one colour, as a file. */
function png(width, height) {
  const table = Array.from({ length: 256 }, (_, n) => {
    let crc = n;
    for (let bit = 0; bit < 8; bit += 1) {
      crc = crc & 1 ? 0xedb88320 ^ (crc >>> 1) : crc >>> 1;
    }
    return crc >>> 0;
  });
  const chunk = (kind, body) => {
    const bytes = Buffer.concat([Buffer.from(kind), body]);
    const crc = bytes.reduce((sum, byte) => table[(sum ^ byte) & 255] ^ (sum >>> 8), 0xffffffff);
    const [length, check] = [Buffer.alloc(4), Buffer.alloc(4)];
    length.writeUInt32BE(body.length);
    check.writeUInt32BE((crc ^ 0xffffffff) >>> 0);
    return Buffer.concat([length, bytes, check]);
  };
  const head = Buffer.alloc(13);
  head.writeUInt32BE(width, 0);
  head.writeUInt32BE(height, 4);
  head.set([8, 2], 8);
  const rows = Buffer.alloc(height * (1 + width * 3), 0x40);
  for (let y = 0; y < height; y += 1) {
    rows[y * (1 + width * 3)] = 0;
  }
  const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 13, 10, 26, 10]);
  return Buffer.concat([
    signature,
    chunk('IHDR', head),
    chunk('IDAT', deflateSync(rows)),
    chunk('IEND', Buffer.alloc(0)),
  ]);
}

export async function pictures_on_the_shelf_are_looked_at_and_nothing_else_is() {
  const { url, launched } = await begin();
  const mine = folder();
  const [picture, script] = [join(mine, 'ảnh.png'), join(mine, 'không phải ảnh.png')];
  writeFileSync(picture, png(320, 180));
  writeFileSync(script, '<svg xmlns="http://www.w3.org/2000/svg"><script>window.evil = 1</script></svg>');
  const one = await visitor(launched, url, 'Hường');
  await enter(one, 'x');
  const two = await visitor(launched, `${url}#/x`, 'Đạt');
  await goIn(two);
  await one.getByTestId('files').click();
  await two.getByTestId('files').click();
  await one.getByTestId('files-panel').locator('[data-test=file-input]').setInputFiles([picture, script]);
  const shelf = two.getByTestId('shelf-file');
  await until(async () => (await shelf.count()) === 2, 'both on the shelf', 40);
  const row = shelf.filter({ hasText: /^ảnh.png/ });
  await row.getByTestId('look').click();
  const seen = row.getByTestId('picture');
  await seen.waitFor();
  await until(async () => await seen.evaluate((image) => image.complete && image.naturalWidth === 320), 'it is drawn');
  check((await seen.getAttribute('src')).startsWith('blob:https://'), 'its address is of this page alone');
  await examine(two, 'a picture on the shelf');
  // What only calls itself a picture is none, and nothing in it runs.
  await shelf.filter({ hasText: 'không phải' }).getByTestId('look').click();
  await two.getByText('can’t be shown as a picture').waitFor();
  check((await two.evaluate(() => window.evil)) === undefined, 'it ran');
  await row.getByTestId('look').click();
  await until(async () => (await two.getByTestId('picture').count()) === 0, 'hidden again');
  check(two.problems.length === 0, two.problems.join('; '));
}

export async function keys_do_what_they_do_in_other_programs() {
  const { url, launched } = await begin();
  const one = await visitor(launched, url, 'Hường');
  await enter(one, 'x');
  const two = await visitor(launched, `${url}#/x`, 'Đạt');
  await goIn(two);
  await one.locator('[data-test=tile]', { hasText: 'Đạt' }).waitFor();
  await one.locator('body').click({ position: { x: 5, y: 5 } });
  await one.keyboard.press('2');
  await two
    .locator('[data-test=tile]', { hasText: 'Hường' })
    .getByTestId('reaction')
    .filter({ hasText: '🎉' })
    .waitFor();
  await one.keyboard.press('r');
  await one.locator('[data-test=hand][aria-pressed=true]').waitFor();
  await one.keyboard.press('?');
  await one.getByTestId('keys-panel').waitFor();
  await examine(one, 'the keys');
  await one.keyboard.press('Escape');
  await until(async () => (await one.getByTestId('keys-panel').count()) === 0, 'the panel is closed');
  await one.keyboard.press('t');
  await one.getByTestId('diagnostics').waitFor();
  await one.keyboard.press('Escape');
  await one.keyboard.press('Alt+1');
  await one.locator('[data-test=stage][data-layout=spotlight]').waitFor();
  await one.keyboard.press('Alt+1');
  await one.locator('[data-test=stage][data-layout=grid]').waitFor();
  // Everything by its name, without its accents.
  await one.keyboard.press('Control+k');
  await one.getByTestId('palette').waitFor();
  await examine(one, 'the palette');
  await one.keyboard.type('lower');
  await one.keyboard.press('Enter');
  await one.locator('[data-test=hand][aria-pressed=false]').waitFor();
  check((await one.getByTestId('palette').count()) === 0, 'the palette stays');
  await one.keyboard.press('Control+k');
  await one.getByTestId('palette').waitFor();
  await one.keyboard.press('Escape');
  await until(async () => (await one.getByTestId('palette').count()) === 0, 'it is closed');
  // Who writes is not interrupted.
  await one.keyboard.press('c');
  await one.getByTestId('message').fill('');
  await one.getByTestId('message').focus();
  await one.keyboard.type('2 mh?');
  check((await one.getByTestId('message').inputValue()) === '2 mh?', 'letters are taken from whoever writes');
  check((await one.getByTestId('keys-panel').count()) === 0, 'and do what they do elsewhere');
  await one.keyboard.press('Escape');
  await until(async () => (await one.getByTestId('message').count()) === 0, 'closed from within');
}
