import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { hasCode } from '../../../../common/errors.ts';
import { Access, isLoopback } from '../../../../common/http/access.ts';

const TOKEN = 'correct-horse-battery-staple';

describe('REST: access', () => {
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'zeelos-access-'));
  });
  after(() => rmSync(folder, { recursive: true }));

  function tokenFile(text: string, mode = 0o600): string {
    const file = join(folder, `token-${Math.random()}`);
    writeFileSync(file, text);
    chmodSync(file, mode);
    return file;
  }

  for (const host of ['127.0.0.1', '127.8.9.1', '::1', 'localhost', 'LOCALHOST'])
    it(`takes ${host} for this machine`, () => assert.equal(isLoopback(host), true));
  for (const host of ['0.0.0.0', '::', '192.168.0.1', '10.0.0.1', 'localhost.evil.example', '127.0.0.1.nip.io', ''])
    it(`takes ${JSON.stringify(host)} for another`, () => assert.equal(isLoopback(host), false));

  it('refuses to be reachable from elsewhere without a token', () => {
    for (const address of ['0.0.0.0', '::', '192.168.0.1', 'gateway.lan'])
      assert.throws(
        () => new Access({ address, tokenFile: undefined }),
        (error) => hasCode(error, 'CONFIG_INVALID'),
      );
  });

  it('refuses a token file that others may read, that is missing, or that holds no good token', () => {
    const files = [tokenFile(TOKEN, 0o640), tokenFile(TOKEN, 0o604), join(folder, 'none'), tokenFile('short')];
    for (const file of [...files, tokenFile('two words of a token'), tokenFile('x'.repeat(5_000)), tokenFile('')])
      assert.throws(
        () => new Access({ address: '0.0.0.0', tokenFile: file }),
        (error) => hasCode(error, 'CONFIG_INVALID'),
      );
  });

  it('names no token in its errors', () => {
    const secret = 'not to be seen by anybody';
    try {
      new Access({ address: '0.0.0.0', tokenFile: tokenFile(secret) });
      assert.fail('taken');
    } catch (error) {
      assert.equal(String(error).includes(secret), false);
    }
  });

  it('lets in who carries the token, whatever the Host, and nobody else', () => {
    const access = new Access({ address: '0.0.0.0', tokenFile: tokenFile(`${TOKEN}\n`) });
    const of = (authorization?: string) =>
      access.refusal({ host: 'gw.example', ...(authorization && { authorization }) });
    assert.equal(of(`Bearer ${TOKEN}`), undefined);
    assert.equal(of(`bearer ${TOKEN}`), undefined);
    for (const wrong of [undefined, 'Bearer ', `Bearer ${TOKEN}x`, `Bearer ${TOKEN.slice(1)}`, `Basic ${TOKEN}`, TOKEN])
      assert.equal(of(wrong)?.status, 401, String(wrong));
  });

  describe('without a token', () => {
    const access = new Access({ address: '127.0.0.1', tokenFile: undefined });

    for (const host of ['127.0.0.1:8080', 'localhost:8080', 'localhost', '[::1]:8080'])
      it(`answers under the host ${host}`, () => assert.equal(access.refusal({ host }), undefined));
    for (const host of ['evil.example', 'evil.example:8080', '192.168.0.1:8080', '', '127.0.0.1@evil.example', '[::1'])
      it(`does not answer under the host ${JSON.stringify(host)}`, () =>
        assert.equal(access.refusal({ host })?.status, 403));
    it('does not answer without a host', () => assert.equal(access.refusal({})?.status, 403));

    it('does not answer to pages of another origin, for they could restart devices', () => {
      const host = '127.0.0.1:8080';
      for (const origin of ['http://evil.example', 'null', 'http://127.0.0.1:3000', 'https://127.0.0.1:8080'])
        assert.equal(access.refusal({ host, origin })?.status, 403, origin);
      for (const site of ['cross-site', 'same-site'])
        assert.equal(access.refusal({ host, 'sec-fetch-site': site })?.status, 403, site);
      assert.equal(access.refusal({ host, origin: `http://${host}`, 'sec-fetch-site': 'same-origin' }), undefined);
    });
  });
});
