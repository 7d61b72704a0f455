// What a room keeps beside the meeting: files, its past, and a door.
import { createHash, randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { begin, check, enter, folder, goIn, Hph, until, visitor } from './lab.mjs';

const sha256 = (bytes) => createHash('sha256').update(bytes).digest('hex');

async function saved(page, press) {
  const coming = page.waitForEvent('download', { timeout: 60_000 });
  await press();
  const download = await coming;
  return { name: download.suggestedFilename(), bytes: readFileSync(await download.path()) };
}

async function send(page, panel, path) {
  await panel.locator('[data-test=file-input]').setInputFiles(path);
  await until(async () => (await page.getByTestId('transfers').count()) === 0, 'nothing on its way');
}

export async function files_go_to_the_room_and_sealed_to_one_person() {
  const { server, url, launched, way, gatewayAgain } = await begin();
  const mine = folder();
  const [big, small] = [join(mine, 'bài giảng.bin'), join(mine, 'ghi chú.txt')];
  const [bigBytes, smallBytes] = [randomBytes(3_000_000), Buffer.from('chỉ mình bạn đọc')];
  writeFileSync(big, bigBytes);
  writeFileSync(small, smallBytes);
  const one = await visitor(launched, url, 'Hường');
  await enter(one, 'x');
  const two = await visitor(launched, `${url}#/x`, 'Đạt');
  await goIn(two);

  // The shelf: sent by the button, told to whoever looks, and fetched as it was.
  await one.getByTestId('files').click();
  await two.getByTestId('files').click();
  const panel = one.getByTestId('files-panel');
  await panel.locator('[data-test=file-input]').setInputFiles(big);
  await one.getByTestId('transfers').locator('progress').waitFor();
  const shelf = two.getByTestId('shelf-file');
  await shelf.filter({ hasText: 'bài giảng.bin' }).waitFor({ timeout: 60_000 });
  const came = await saved(two, () => shelf.getByTestId('download').click());
  check(came.name === 'bài giảng.bin', came.name);
  check(sha256(came.bytes) === sha256(bigBytes), 'another file came');

  // A program fetches it too, and what a program sends is on the shelf.
  const fetched = folder();
  const fetching = new Hph(['fetch', server.link, '--room', 'x', '--name', 'Lan', '--into', fetched, '1']);
  await until(() => fetching.child.exitCode !== null, `it is fetched (${fetching.errors})`, 60);
  check(fetching.child.exitCode === 0, fetching.errors);
  check(sha256(readFileSync(join(fetched, 'bài giảng.bin'))) === sha256(bigBytes), 'the program got another file');
  const sending = new Hph(['send-file', server.link, '--room', 'x', '--name', 'Lan', small]);
  await until(() => sending.child.exitCode !== null, `it is sent (${sending.errors})`, 60);
  await shelf.filter({ hasText: 'ghi chú.txt' }).waitFor();

  // Dropped on the page, in spite of its name.
  await two.evaluate(() => {
    const transfer = new DataTransfer();
    transfer.items.add(new File(['thả'], '../../CON.txt'));
    const where = document.querySelector('[data-test=room]');
    where.dispatchEvent(new DragEvent('dragover', { dataTransfer: transfer, bubbles: true, cancelable: true }));
    where.dispatchEvent(new DragEvent('drop', { dataTransfer: transfer, bubbles: true, cancelable: true }));
  });
  const dropped = one.getByTestId('shelf-file').filter({ hasText: '_.._CON.txt' });
  await dropped.waitFor();
  const others = shelf.filter({ hasText: 'bài giảng.bin' });
  check((await others.getByTestId('delete-file').count()) === 0, 'who keeps no order can delete another’s file');

  // Deleted by whoever sent it, when asked twice.
  const ours = two.getByTestId('shelf-file').filter({ hasText: '_.._CON.txt' });
  await ours.getByTestId('delete-file').click();
  await ours.getByTestId('delete-file').click();
  await until(async () => (await dropped.count()) === 0, 'the file is gone');

  // Sealed for one: in a direct message, which the other opens; nobody else sees it, the server can't read it.
  const username = await one.locator('[data-test=tile]', { hasText: 'Đạt' }).getAttribute('data-username');
  await one.getByTestId('chat').click();
  await two.getByTestId('chat').click();
  await one.getByTestId('to').selectOption(username);
  await send(one, one.locator('aside'), small);
  const sealed = two.getByTestId('sealed-file');
  await sealed.waitFor();
  const alone = await saved(two, () => sealed.getByTestId('download').click());
  check(alone.name === 'ghi chú.txt' && alone.bytes.equals(smallBytes), `came: ${alone.name} ${alone.bytes}`);
  const again = await saved(one, () => one.getByTestId('sealed-file').getByTestId('download').click());
  check(again.bytes.equals(smallBytes), 'its author can’t read it');

  // A gateway that is killed while a file is sent costs time, not the file.
  writeFileSync(big, randomBytes(6_000_000));
  const bytes = readFileSync(big);
  await one.getByTestId('to').selectOption('');
  await two.getByTestId('files').click();
  await one.locator('aside').locator('[data-test=file-input]').setInputFiles(big);
  await one.getByTestId('transfers').waitFor();
  await way.kill();
  await one.getByTestId('reconnecting').waitFor();
  await gatewayAgain();
  const twice = two.getByTestId('shelf-file').filter({ hasText: 'bài giảng.bin' });
  await until(async () => (await twice.count()) === 2, 'the file, in spite of it', 60);
  const late = await saved(two, () => twice.first().getByTestId('download').click());
  check(sha256(late.bytes) === sha256(bytes), 'the file was broken by it');
  check(
    one.problems.concat(two.problems).every((text) => text.includes('WebSocket')),
    one.problems.join('; '),
  );
}

export async function messages_are_changed_taken_back_paged_to_and_found() {
  const { server, url, launched } = await begin();
  // More than a newcomer is told.
  const native = new Hph(['join', server.link, '--room', 'x', '--name', 'Lan', '--for', '120s']);
  await native.object((object) => object.event === 'joined');
  const one = await visitor(launched, url, 'Hường');
  await enter(one, 'x');
  await one.getByTestId('chat').click();
  for (let n = 1; n <= 120; n += 1) {
    await one.getByTestId('message').fill(n === 3 ? 'bài tập về nhà' : `tin số ${n}`);
    await one.getByTestId('message').press('Enter');
  }
  const rows = (page) => page.locator('[data-test=line]');
  const texts = (page) => page.locator('[data-test=line] .text').allTextContents();
  await until(async () => (await one.locator('[data-status=stored]').count()) === 120, 'all stored', 150);

  const two = await visitor(launched, `${url}#/x`, 'Đạt');
  await goIn(two);
  await two.getByTestId('chat').click();
  await until(async () => (await rows(two).count()) === 50, 'the last fifty');
  await two.getByTestId('older').click();
  await until(async () => (await rows(two).count()) === 100, 'fifty before them');
  await two.getByTestId('older').click();
  await until(async () => (await rows(two).count()) === 120, 'all');
  check((await two.getByTestId('older').count()) === 0, 'nothing is older');
  const all = await texts(two);
  check(all[0] === 'tin số 1' && all[119] === 'tin số 120', `${all[0]} … ${all[119]}`);

  // Whatever case and diacritics it has.
  await two.getByTestId('search').click();
  await two.getByTestId('search-words').fill('BAI TAP');
  await two.getByTestId('search-go').click();
  await two.getByTestId('found').waitFor();
  check((await texts(two)).join('|') === 'bài tập về nhà', 'what was looked for');
  await two.getByTestId('search-words').fill('tin');
  await two.getByTestId('search-go').click();
  await until(async () => (await rows(two).count()) === 50, 'the first fifty that were found');
  await two.getByTestId('older').click();
  await until(async () => (await rows(two).count()) === 100, 'fifty more');
  await two.getByTestId('search-end').click();
  await until(async () => (await rows(two).count()) === 120, 'the conversation again');

  // Changed and taken back, by its author alone.
  check((await two.getByTestId('edit').count()) === 0, 'others’ messages can be changed');
  const last = rows(one).last();
  await rows(one).filter({ hasText: 'tin số 120' }).getByTestId('edit').click();
  check((await one.getByTestId('message').inputValue()) === 'tin số 120', 'what is changed is there to be changed');
  await one.getByTestId('message').fill('tin đã sửa');
  await one.getByTestId('message').press('Enter');
  await until(async () => (await texts(two)).at(-1) === 'tin đã sửa', 'the change');
  check((await rows(two).count()) === 120, 'a change is no message');
  await native.object((object) => JSON.stringify(object).includes('tin đã sửa'));
  await rows(one).filter({ hasText: 'tin đã sửa' }).getByTestId('take-back').click();
  await one.locator('[data-test=take-back]', { hasText: '?' }).click();
  await until(async () => (await texts(two)).at(-1) === '(taken back)', 'taken back');
  check((await last.getByTestId('edit').count()) === 0, 'what is taken back stays so');
}

export async function a_room_has_a_password_and_hosts_let_in() {
  const { server, url, launched, way, gatewayAgain } = await begin();
  const host = await visitor(launched, url, 'Hường');
  await enter(host, 'kín');
  await host.getByTestId('people').click();
  await host.getByTestId('set-password').click();
  await host.getByTestId('new-password').fill('mật khẩu phòng');
  await host.getByTestId('password-ok').click();
  await host.getByText('has a password').waitFor();

  const one = await visitor(launched, `${url}#/${encodeURIComponent('kín')}`, 'Đạt');
  await one.getByTestId('go-in').click();
  await one.getByTestId('password-wanted').waitFor();
  await one.getByTestId('room-password').fill('sai');
  await one.getByTestId('say-password').click();
  await one.getByTestId('wrong-password').waitFor();
  await one.getByTestId('room-password').fill('mật khẩu phòng');
  await one.keyboard.press('Enter');
  await one.getByTestId('room').waitFor();

  // A program says the same password.
  const native = new Hph(['join', server.link, '--room', 'kín', '--name', 'Lan', '--for', '60s'], {
    HPH_ROOM_PASSWORD: 'mật khẩu phòng',
  });
  await native.object((object) => object.event === 'joined');

  // A lost connection asks nobody again.
  await way.kill();
  await one.getByTestId('reconnecting').waitFor();
  await gatewayAgain();
  await until(async () => (await one.getByTestId('reconnecting').count()) === 0, 'Đạt back', 30);
  await one.locator('[data-test=tile]', { hasText: 'Hường' }).waitFor();
  check((await one.getByTestId('password-wanted').count()) === 0, 'the password is asked again');

  // And whoever comes waits.
  await host.getByTestId('waiting-room-switch').click();
  await host.locator('[data-test=waiting-room-switch][aria-pressed=true]').waitFor();
  const three = await visitor(launched, `${url}#/${encodeURIComponent('kín')}`, 'Minh');
  const knock = async (isFirst) => {
    await three.getByTestId('go-in').click();
    // What was right is not asked twice.
    if (isFirst) {
      await three.getByTestId('password-wanted').waitFor();
      await three.getByTestId('room-password').fill('mật khẩu phòng');
      await three.getByTestId('say-password').click();
    }
    await three.getByTestId('waiting-room').waitFor();
    await host.getByTestId('knocks').getByText('Minh').waitFor();
  };
  await knock(true);
  check((await one.getByTestId('knocks').count()) === 0, 'only hosts see who waits');
  await host.getByTestId('turn-away').click();
  await three.getByText('A host did not let you in.').waitFor();
  await until(async () => (await three.getByTestId('waiting-room').count()) === 0, 'no longer waiting');
  // Once more, and gone again by itself.
  await knock(false);
  await three.getByTestId('turn-back').click();
  await three.getByTestId('lobby').waitFor();
  await until(async () => (await host.getByTestId('knocks').count()) === 0, 'nobody waits');
  await three.getByRole('button', { name: 'Join: kín' }).click();
  await knock(false);
  await host.getByTestId('admit').click();
  await three.getByTestId('room').waitFor();
  await host.locator('[data-test=tile]', { hasText: 'Minh' }).waitFor();
}
