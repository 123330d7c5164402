import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { hasCode } from '../../../../common/errors.ts';
import { Access } from '../../../../common/http/access.ts';
import { HttpPort, type LoadedApp } from '../../../../common/http/http-port.ts';
import { createLog } from '../../../../common/log.ts';
import { problemAnswer } from '../../../../lwm2m-server/rest/problem.ts';
import { eventually } from '../../../rig/gateway.ts';

const TOKEN = 'correct-horse-battery-staple';
const log = createLog('test', 'silent');

describe('REST: port', () => {
  const folder = mkdtempSync(join(tmpdir(), 'zeelos-port-'));
  const tokenFile = join(folder, 'token');
  let loads = 0;
  const open: HttpPort[] = [];

  before(() => writeFileSync(tokenFile, TOKEN, { mode: 0o600 }));
  after(() => rmSync(folder, { recursive: true }));
  beforeEach(() => {
    loads = 0;
  });
  afterEach(async () => {
    for (const port of open.splice(0)) await port.close();
  });

  const app: LoadedApp = { handle: (_request, response) => response.end('served'), close: async () => undefined };
  async function start(o: { file?: string; load?: () => Promise<LoadedApp>; port?: number } = {}) {
    const load = async () => {
      loads++;
      return await (o.load?.() ?? app);
    };
    const access = new Access({ address: '127.0.0.1', tokenFile: o.file });
    const port = await HttpPort.open({
      address: '127.0.0.1',
      port: o.port ?? 0,
      access,
      load,
      log,
      answerTo: problemAnswer,
    });
    open.push(port);
    return { port, get: (headers = {}) => fetch(`http://127.0.0.1:${port.port}/x`, { headers }) };
  }

  it('loads what serves the requests with the first, and once', async () => {
    const { get } = await start();
    assert.equal(loads, 0);
    const answers = await Promise.all([get(), get(), get()]);
    assert.deepEqual(await Promise.all(answers.map((answer) => answer.text())), ['served', 'served', 'served']);
    assert.equal(loads, 1);
  });

  it('asks for the token, loads nothing for who has none, and counts', async () => {
    const { port, get } = await start({ file: tokenFile });
    for (const headers of [{}, { authorization: 'Bearer wrong' }, { authorization: `Basic ${TOKEN}` }]) {
      const refused = await get(headers);
      assert.deepEqual([refused.status, refused.headers.get('www-authenticate')], [401, 'Bearer']);
      assert.equal(refused.headers.get('content-type'), 'application/problem+json');
      assert.equal(((await refused.json()) as { code: string }).code, 'HTTP_ACCESS');
    }
    assert.deepEqual([loads, port.refused], [0, 3]);
    assert.equal(await (await get({ authorization: `Bearer ${TOKEN}` })).text(), 'served');
  });

  it('answers 500 when it cannot load, and says no more than that', async () => {
    const { get } = await start({
      load: async () => {
        throw new Error('a path on this disk');
      },
    });
    const answer = await get();
    const body = await answer.text();
    assert.equal(answer.status, 500);
    assert.equal(body.includes('disk'), false);
  });

  it('says that a port is taken', async () => {
    const { port } = await start();
    await assert.rejects(start({ port: port.port }), (error) => hasCode(error, 'TRANSPORT_BIND'));
  });

  it('holds 128 connections and closes a further one', async () => {
    const { port, get } = await start();
    const sockets: Socket[] = [];
    let closed = 0;
    for (let n = 0; n < 140; n++) {
      const socket = connect(port.port, '127.0.0.1').on('error', () => undefined);
      socket.on('close', () => closed++).resume();
      sockets.push(socket);
    }
    await eventually('twelve were closed', () => closed >= 12);
    for (const socket of sockets) socket.destroy();
    await eventually('there is room again', async () => (await get().catch(() => undefined))?.status === 200);
  });
});
