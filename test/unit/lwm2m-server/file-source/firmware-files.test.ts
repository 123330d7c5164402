import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { CoapEndpoint } from '../../../../lwm2m/coap/endpoint.ts';
import { udpPeer } from '../../../../lwm2m/coap/transport.ts';
import { FileInterface } from '../../../../lwm2m-server/file-source/file-interface.ts';
import { FirmwareFiles } from '../../../../lwm2m-server/file-source/firmware-files.ts';
import { Registrations } from '../../../../lwm2m-server/registration/registrations.ts';

const KIB = 1_024;

describe('firmware files', () => {
  let folder: string;
  let elapsedMs: number;
  let files: FirmwareFiles;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'zeelos-fw-'));
    elapsedMs = 0;
    files = new FirmwareFiles({
      folder,
      mostBytes: 300 * KIB,
      log: pino({ level: 'silent' }),
      elapsed: () => elapsedMs,
    });
  });
  afterEach(async () => {
    await files.close();
    rmSync(folder, { recursive: true });
  });

  it('reads any part of a file and names its content by hash', async () => {
    const content = randomBytes(200 * KIB + 7);
    writeFileSync(join(folder, 'image-1.2.bin'), content);
    const file = (await files.find('image-1.2.bin'))!;
    assert.equal(file.size, content.length);
    assert.deepEqual(file.etag, createHash('sha256').update(content).digest().subarray(0, 8));
    for (const offset of [0, 1, 65_535, 65_536, 131_000, 199 * KIB, content.length - 7]) {
      const length = Math.min(1_024, content.length - offset);
      assert.deepEqual(Buffer.from(file.read(offset, length)), content.subarray(offset, offset + length));
    }
  });

  it('serves no name that could leave the folder, no link, no folder, nothing too large', async () => {
    mkdirSync(join(folder, 'sub'));
    writeFileSync(join(folder, 'sub', 'x'), 'x');
    writeFileSync(join(folder, '.hidden'), 'x');
    writeFileSync(join(folder, 'large'), Buffer.alloc(300 * KIB + 1));
    symlinkSync('/etc/hostname', join(folder, 'link'));
    for (const name of [
      '..',
      '.',
      '',
      '.hidden',
      'sub',
      'sub/x',
      '../x',
      '/etc/hostname',
      'a\0b',
      'link',
      'large',
      'none',
    ]) {
      assert.equal(await files.find(name), undefined, JSON.stringify(name));
    }
  });

  it('notices a file that was replaced: another ETag', async () => {
    writeFileSync(join(folder, 'fw'), 'one');
    const before = (await files.find('fw'))!;
    writeFileSync(join(folder, 'new'), 'two!');
    renameSync(join(folder, 'new'), join(folder, 'fw'));
    assert.equal(files.find('fw'), before, 'within two seconds it is the one that is open');
    elapsedMs = 2_000;
    const after = (await files.find('fw'))!;
    assert.notDeepEqual(after.etag, before.etag);
    assert.equal(Buffer.from(after.read(0, 4)).toString(), 'two!');
  });

  it('is pulled by many devices at once, block by block, and by nobody who is not registered', async () => {
    const content = randomBytes(100 * KIB + 3);
    writeFileSync(join(folder, 'fw'), content);
    const registrations = new Registrations(10, () => 0);
    const registered = new Set<string>();
    registrations.byPeer = ({ key }) => (registered.has(key) ? [{} as never] : []);
    const served = new FileInterface(files, registrations);
    const server = await CoapEndpoint.open({
      onRequest: (request, respond) => served.handle(request, respond),
      onNotification: (notification) => notification.reject(),
    });
    const open = async () =>
      await CoapEndpoint.open({
        onRequest: (_request, respond) => respond({ code: '4.04' }),
        onNotification: (notification) => notification.reject(),
      });
    const devices = await Promise.all(Array.from({ length: 5 }, open));
    const peer = udpPeer('127.0.0.1', server.localPort);
    const get = { method: 'GET', path: ['fw', 'fw'] } as const;
    assert.equal((await devices[0]!.request(peer, get)).code, '4.01');
    for (const device of devices) registered.add(`udp:127.0.0.1:${device.localPort}`);
    const answers = await Promise.all(
      devices.map(async (device, i) => await device.request(peer, get, { blockSizeBytes: 2 ** (6 + i) })),
    );
    for (const answer of answers) assert.deepEqual(answer.payload, content);
    assert.equal(server.held.transfers, 0, 'nothing is held per device');
    assert.equal((await devices[0]!.request(peer, { ...get, path: ['fw', 'none'] })).code, '4.04');
    await Promise.all([server, ...devices].map(async (endpoint) => await endpoint.close()));
  });
});
