// How others come in: invitations of rooms, by link and by code, accounts for whoever is invited, and the devices of an account.
import { examine } from './access.mjs';
import { browser, check, enter, folder, freePort, gateway, Hph, until, visitor } from './lab.mjs';

const PASSWORD = 'một mật khẩu dài';

/** A page that makes an account, or comes back to it. */
async function member(launched, url, username, register = true) {
  const page = await visitor(launched, url, '');
  await page.locator('[data-test=enter]:not([disabled])').waitFor();
  await page.getByTestId('by-password').click();
  await page.getByTestId('username').fill(username);
  await page.getByTestId('password').fill(PASSWORD);
  if (register) {
    await page.getByTestId('register').check();
  }
  await page.getByTestId('enter').click();
  return page;
}

/** What a person has kept of an invitation's link and code. */
async function made(page) {
  await page.getByTestId('make-invitation').click();
  await page.getByTestId('invited').waitFor();
  const code = await page.getByTestId('invitation-code').textContent();
  return { link: await page.getByTestId('invited').getByTestId('link').inputValue(), code: code.trim() };
}

export async function hosts_invite_by_link_and_code_and_take_it_back() {
  const [port, webPort, data] = [await freePort(), await freePort(), folder()];
  // Guests come only where they are invited to.
  const access = ['--guests', 'invitation', '--registration', 'everyone'];
  const server = new Hph(['serve', '--listen', `127.0.0.1:${port}`, '--data', data, ...access]);
  const { link: serverLink } = await server.object((object) => object.link !== undefined);
  await gateway(serverLink, webPort);
  const [url, launched] = [`https://127.0.0.1:${webPort}/`, await browser()];
  const host = await member(launched, url, 'huong');
  await enter(host, 'Nhóm 17');
  await host.getByTestId('invite').click();
  const { link, code } = await made(host);
  check(link.startsWith(`${url}#/Nh%C3%B3m%2017?in=`), link);
  check(/^\d{3}-\d{3}-\d{3}$/.test(code), code);
  const squares = await host.getByTestId('squares').locator('path').getAttribute('d');
  check(squares.length > 2000, 'no code of squares');
  await host.getByTestId('invitation').waitFor();
  await examine(host, 'inviting');

  // Who comes without one is no guest here.
  const stranger = await visitor(launched, url, '');
  await stranger.locator('[data-test=enter]:not([disabled])').waitFor();
  check(await stranger.getByTestId('by-password').isChecked(), 'guests may come without an invitation');

  // By the link: straight to the room, and nowhere else.
  const one = await visitor(launched, link, 'Đạt');
  await one.getByTestId('go-in').click();
  await one.getByTestId('room').waitFor();
  check(!one.url().includes('in='), 'the secret stays in the address');
  await host.locator('[data-test=tile]', { hasText: 'Đạt' }).waitFor();
  check((await one.getByTestId('invite').count()) === 1, 'guests see the link');
  await one.getByTestId('invite').click();
  check((await one.getByTestId('make-invitation').count()) === 0, 'guests may invite');

  // By the code, as it is typed.
  await stranger.getByTestId('have-invitation').click();
  await stranger.getByTestId('invitation-text').fill('không phải mã');
  await stranger.getByTestId('use-invitation').click();
  await stranger.getByText('neither a link nor a code').waitFor();
  await examine(stranger, 'an invitation that is none');
  await stranger.getByTestId('invitation-text').fill(code.replaceAll('-', ' '));
  await stranger.getByTestId('use-invitation').click();
  await stranger.getByTestId('is-invited').waitFor();
  await stranger.getByTestId('name').fill('Lan');
  await stranger.getByTestId('enter').click();
  await stranger.getByTestId('go-in').click();
  await stranger.getByTestId('room').waitFor();
  await host.getByTestId('invite').click();
  await host.getByTestId('invite').click();
  await host.getByText('2 of 5 used').waitFor();

  // Taken back: nobody comes by it any more, and a program can't either.
  await host.getByTestId('withdraw').click();
  await host.getByTestId('withdraw').click();
  await until(async () => (await host.getByTestId('invitation').count()) === 0, 'it is withdrawn');
  const late = await visitor(launched, link, '');
  await late.getByTestId('failure').waitFor();
  check((await late.getByTestId('failure').textContent()).includes('withdrawn'), 'it says why');
}

export async function whoever_is_invited_makes_an_account_and_revokes_a_device() {
  const [port, webPort, data] = [await freePort(), await freePort(), folder()];
  const access = ['--guests', 'everyone', '--registration', 'invitation'];
  const server = new Hph(['serve', '--listen', `127.0.0.1:${port}`, '--data', data, ...access]);
  const { link } = await server.object((object) => object.link !== undefined);
  await gateway(link, webPort);
  const [url, launched] = [`https://127.0.0.1:${webPort}/`, await browser()];
  const making = new Hph(['admin', '--data', data, 'invite', '--uses', '1', '--for', '1h']);
  const { link: given } = await making.object((object) => object.event === 'made');

  // No account without it.
  const page = await visitor(launched, url, '');
  await page.locator('[data-test=enter]:not([disabled])').waitFor();
  await page.getByTestId('by-password').click();
  check((await page.getByTestId('register').count()) === 0, 'accounts for everybody');
  // The link of programs serves a page too.
  await page.getByTestId('have-invitation').click();
  await page.getByTestId('invitation-text').fill(given);
  await page.getByTestId('use-invitation').click();
  await page.getByTestId('is-invited').waitFor();
  await page.getByTestId('by-password').click();
  await page.getByTestId('username').fill('minh');
  await page.getByTestId('password').fill(PASSWORD);
  await page.getByTestId('register').check();
  await page.getByTestId('enter').click();
  await page.getByTestId('lobby').waitFor();

  // The same account on a second device; the list tells which is which.
  const second = await member(launched, url, 'minh', false);
  await second.getByTestId('lobby').waitFor();
  await second.getByTestId('my-devices').click();
  await until(async () => (await second.getByTestId('device').count()) === 2, 'two devices');
  const other = second.getByTestId('device').filter({ hasNotText: 'this device' });
  check((await other.count()) === 1, 'one of them is this one');
  await examine(second, 'devices');
  await other.getByTestId('revoke').click();
  await other.getByTestId('revoke').click();
  await until(async () => (await second.getByTestId('device').count()) === 1, 'one is left');
  // Its token is void: it does not come back, not even with the password.
  await page.reload();
  await page.locator('[data-test=enter]:not([disabled])').waitFor();
  await page.getByTestId('by-password').click();
  await page.getByTestId('username').fill('minh');
  await page.getByTestId('password').fill(PASSWORD);
  await page.getByTestId('enter').click();
  await page.getByTestId('failure').waitFor();
  check((await page.getByTestId('failure').textContent()).includes('revoked'), 'it says why');
}
