import { describe, expect, it } from 'vitest';
import { fromHash, fromText, grouped, hasAccount } from '../src/invitation';
import { Papers } from '../src/papers';
import { mayShow, pictureOf } from '../src/preview';
import type { AppEvent } from '../src/protocol';

const SECRET = 'abcdefghijklmnopqrstuvwxyz';

describe('an invitation', () => {
  it('is a link of this page, a link for programs, or digits as people type them', () => {
    expect(fromHash(`#/${encodeURIComponent('Nhóm 17?')}?in=${SECRET}`)).toEqual({ room: 'Nhóm 17?', secret: SECRET });
    expect(fromHash('#/x')).toEqual({ room: 'x', secret: '' });
    expect(fromText(` https://meet.example/#/x?in=${SECRET} `)).toEqual({ room: 'x', secret: SECRET });
    expect(fromText(`hph://192.0.2.1:7400/Nh%C3%B3m%2017#fp=${'5c'.repeat(32)}&in=${SECRET}`)).toEqual({
      room: 'Nhóm 17',
      secret: SECRET,
    });
    expect(fromText('123-456 789')).toEqual({ room: '', secret: '123456789' });
    expect(grouped('123456789')).toBe('123-456-789');
  });

  it('is nothing that is damaged, or leads nowhere', () => {
    for (const text of [
      '',
      '12345678',
      'hph://192.0.2.1:7400/',
      'https://meet.example/',
      'javascript:alert(1)#/x',
      '%',
    ]) {
      expect(fromText(text)).toBe(null);
    }
    expect(fromHash('#/%E0%A4%A')).toEqual({ room: '', secret: '' });
    expect(fromHash('#/x?in=ABC')).toEqual({ room: 'x', secret: '' });
  });

  it('is made by whoever has an account', () => {
    expect(['huong', 'guest-abc', 'kiosk-abc', ''].map(hasAccount)).toEqual([true, false, false, false]);
  });
});

describe('papers of an account', () => {
  const invitation = (request: number, id: string, secret = ''): AppEvent =>
    ({
      t: 'invitation',
      request,
      id,
      room: 'x',
      made_by: 'huong',
      secret,
      code: '',
      uses: 5,
      used: 0,
      expires_ms: 9,
      may_register: false,
    }) as AppEvent;

  it('are told when a list is whole, and read again when something was done', () => {
    const told: AppEvent[] = [];
    let request = 0;
    const asked: string[] = [];
    const core = new Proxy({}, { get: (_, name) => () => asked.push(String(name)) });
    const papers = new Papers({
      act: (input: (core: never) => void) => input(core as never),
      number: () => ++request,
      room: () => 7,
      tell: (event: AppEvent) => told.push(event),
    } as never);
    papers.obey({ do: 'list_invitations' });
    papers.hear(invitation(1, '1') as never);
    papers.hear(invitation(9, '2') as never);
    papers.hear({ t: 'invitations_all', request: 1 });
    expect(told.map((event) => (event.t === 'invitations' ? event.list.map(({ id }) => id) : []))).toEqual([['1']]);
    papers.obey({ do: 'withdraw', id: '1' });
    papers.hear({ t: 'account_done', request: 2 });
    expect(asked).toEqual(['listInvitations', 'withdraw', 'listInvitations']);
    papers.obey({ do: 'invite', uses: 1, valid_s: 60, may_register: false });
    papers.hear(invitation(4, '3', SECRET) as never);
    expect(told.at(-1)).toMatchObject({ t: 'invited', invitation: { id: '3', secret: SECRET } });
  });
});

describe('a picture that is looked at', () => {
  const bytes = (...parts: (string | number[])[]) =>
    Uint8Array.from(parts.flatMap((part) => (typeof part === 'string' ? [...part].map((c) => c.charCodeAt(0)) : part)));

  it('is told by what is in it, with its sides', () => {
    const png = bytes([0x89], 'PNG\r\n\x1a\n', [0, 0, 0, 13], 'IHDR', [0, 0, 2, 128, 0, 0, 1, 104]);
    expect(pictureOf(png)).toEqual({ kind: 'image/png', width: 640, height: 360 });
    expect(pictureOf(bytes('GIF89a', [64, 1, 240, 0]))).toEqual({ kind: 'image/gif', width: 320, height: 240 });
    const jpeg = bytes([0xff, 0xd8, 0xff, 0xe0, 0, 4, 0, 0, 0xff, 0xc0, 0, 17, 8, 1, 104, 2, 128, 3]);
    expect(pictureOf(jpeg)).toEqual({ kind: 'image/jpeg', width: 640, height: 360 });
    const webp = bytes('RIFF', [0, 0, 0, 0], 'WEBPVP8X', [10, 0, 0, 0, 0, 0, 0, 0, 127, 2, 0, 103, 1, 0]);
    expect(pictureOf(webp)).toEqual({ kind: 'image/webp', width: 640, height: 360 });
  });

  it('is none that could hold a script, or that is cut off', () => {
    for (const text of ['<svg xmlns="http://www.w3.org/2000/svg"/>', '<html>', '', 'GIF89a', '\xff\xd8\xff']) {
      expect(pictureOf(bytes(text))).toBe(null);
    }
    expect([mayShow('a.PNG', 10), mayShow('a.svg', 10), mayShow('a.png', 1e9)]).toEqual([true, false, false]);
  });
});
