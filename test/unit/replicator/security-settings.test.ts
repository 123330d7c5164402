import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { messageOf, PlatformError } from '../../../common/errors.ts';
import { type SideSecurity, securityOf } from '../../../replicator/security-settings.ts';

const PEM = '-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----\n';

describe('replicator/security-settings', () => {
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'zeelos-security-'));
  });
  after(() => rmSync(folder, { recursive: true }));

  const file = (name: string, text: string) => {
    writeFileSync(join(folder, name), text);
    return join(folder, name);
  };

  it('gives nothing where nothing is set', () => {
    assert.equal(securityOf({}, '--cloud-'), undefined);
    assert.equal(securityOf({ tls: false }, '--cloud-'), undefined);
  });

  it('gives what stands in the files, and TLS with the system authorities when only that is asked for', () => {
    assert.deepEqual(securityOf({ tls: true }, '--cloud-'), { tls: {} });
    const given: SideSecurity = {
      tlsCaFile: file('ca', PEM),
      tlsCertFile: file('cert', `${PEM}2`),
      tlsKeyFile: file('key', `${PEM}3`),
      saslMechanism: 'SCRAM-SHA-512',
      saslUsername: 'gw',
      saslPasswordFile: file('password', ' with spaces \n'),
    };
    assert.deepEqual(securityOf(given, '--cloud-'), {
      tls: { ca: PEM, cert: `${PEM}2`, key: `${PEM}3` },
      sasl: { mechanism: 'SCRAM-SHA-512', username: 'gw', password: ' with spaces ' },
    });
  });

  it('names the flag and the file of what is wrong, and nothing that stands in a file', () => {
    const password = file('good', 'hush-hush');
    const faults: readonly (readonly [SideSecurity, RegExp])[] = [
      [{ tls: false, tlsCaFile: file('ca', PEM) }, /--edge-tls is no/],
      [{ tlsCertFile: file('cert', PEM) }, /--edge-tls-cert-file and --edge-tls-key-file belong together/],
      [{ tlsCaFile: file('no-pem', 'hush-hush') }, /--edge-tls-ca-file .*no-pem holds no PEM/],
      [{ tlsCaFile: join(folder, 'none') }, /--edge-tls-ca-file .*none cannot be read/],
      [{ saslUsername: 'gw', saslPasswordFile: password }, /--edge-sasl-mechanism, .* belong together/],
      [
        { saslMechanism: 'PLAIN', saslUsername: 'gw', saslPasswordFile: file('empty', '\n') },
        /--edge-sasl-password-file .*empty is empty/,
      ],
    ];
    for (const [given, fault] of faults)
      assert.throws(
        () => securityOf(given, '--edge-'),
        (error) => {
          assert.ok(error instanceof PlatformError && error.code === 'CONFIG_INVALID');
          assert.match(error.message, fault);
          return !messageOf(error).includes('hush-hush');
        },
      );
  });
});
