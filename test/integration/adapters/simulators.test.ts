import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { main as modbusMain } from '../../../adapters/modbus/main.ts';
import { MODBUS_SETTINGS } from '../../../adapters/modbus/settings.ts';
import { main as simulatorMain } from '../../../adapters/simulator/modbus-server.ts';
import { MODBUS_SIMULATOR_SETTINGS } from '../../../adapters/simulator/settings.ts';
import { parseSettings } from '../../../common/settings.ts';
import { RegisteringServer } from '../../unit/lwm2m/client/registering-server.ts';

const log = pino({ level: 'silent' });
const MODBUS_PORT = 25_330;
const HEALTH_PORT = 25_331;
const DEMO_MAPPING = new URL('../../../adapters/modbus/demo-mapping.json', import.meta.url);

describe('Modbus simulator and adapter as services', () => {
  let folder: string;
  let lwm2m: RegisteringServer;
  const stop = new AbortController();
  const running: Promise<void>[] = [];

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'zeelos-modbus-'));
    lwm2m = await RegisteringServer.open();
    const mappingFile = join(folder, 'mapping.json');
    const demo = JSON.parse(await readFile(DEMO_MAPPING, 'utf8'));
    demo.connection.port = MODBUS_PORT;
    await writeFile(mappingFile, JSON.stringify(demo));
    const simulator = ['--modbus-port', String(MODBUS_PORT), '--health-port', '0', '--interval-ms', '50'];
    const { settings } = parseSettings(MODBUS_SIMULATOR_SETTINGS, { args: simulator, env: {} });
    running.push(simulatorMain(settings, { signal: stop.signal, log }));
    const adapter = ['--mapping-file', mappingFile, '--server-uri', `coap://127.0.0.1:${lwm2m.port}`];
    const args = [...adapter, '--health-port', String(HEALTH_PORT)];
    running.push(modbusMain(parseSettings(MODBUS_SETTINGS, { args, env: {} }).settings, { signal: stop.signal, log }));
  });
  after(async () => {
    stop.abort();
    await Promise.all(running);
    assert.deepEqual(lwm2m.deregistered.sort(), ['modbus-climate', 'modbus-meter']);
    await lwm2m.close();
    await rm(folder, { recursive: true });
  });

  const read = async (ep: string, path: string): Promise<string> => {
    const { code, payload } = await lwm2m.request(ep, { method: 'GET', path });
    return code === '2.05' ? payload.toString() : code;
  };

  /** The adapter may have come up before the simulator: then its first reads fail. */
  const number = async (ep: string, path: string): Promise<number> => {
    let text = await read(ep, path);
    for (let i = 0; i < 100 && text.startsWith('5.'); i++) {
      await new Promise((resolve) => setTimeout(resolve, 50));
      text = await read(ep, path);
    }
    return Number(text);
  };

  it('maps every value of the demo', async () => {
    for (const [ep, path, least, most] of [
      ['modbus-climate', '/3303/0/5700', 15, 50],
      ['modbus-climate', '/3304/0/5700', 40, 60],
      ['modbus-climate', '/3308/0/5900', 21.5, 21.5],
      ['modbus-meter', '/3303/0/5700', 15, 27],
      ['modbus-meter', '/3331/0/5805', 0, 1],
      ['modbus-meter', '/26241/0/26253', 0, 1],
      ['modbus-meter', '/26241/0/26254', 0, 1],
      ['modbus-meter', '/26241/0/26255/3', 4, 4],
    ] as const) {
      const value = await number(ep, path);
      assert.ok(value >= least && value <= most, `${ep} ${path} is ${value}`);
    }
    assert.equal(await read('modbus-climate', '/3303/0/5701'), 'Cel');
  });

  it('notifies the temperature, and switches the relay that lets the meter count', async () => {
    const token = Buffer.from([1, 2, 3, 4]);
    const before = await number('modbus-meter', '/3331/0/5805');
    await lwm2m.request('modbus-climate', { method: 'GET', path: '/3303/0/5700', observe: 0, token });
    const first = (await lwm2m.notification(token)).payload.toString();
    assert.notEqual((await lwm2m.notification(token)).payload.toString(), first);
    const on = { method: 'PUT', path: '/26241/0/26253', contentFormat: 0, payload: Buffer.from('1') } as const;
    assert.equal((await lwm2m.request('modbus-meter', on)).code, '2.04');
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    assert.ok((await number('modbus-meter', '/3331/0/5805')) > before);
  });

  it('shows its units in its metrics', async () => {
    const text = await (await fetch(`http://127.0.0.1:${HEALTH_PORT}/metrics`)).text();
    assert.match(text, /zeelos_modbus_unit_reachable\{[^}]*endpoint="modbus-meter"[^}]*\} 1/);
    assert.match(text, /zeelos_modbus_polls_total\{[^}]*endpoint="modbus-climate"[^}]*\} [1-9]/);
  });

  it('refuses a mapping file that is not there or not valid', async () => {
    for (const mappingFile of [join(folder, 'missing.json'), new URL(import.meta.url).pathname]) {
      const args = ['--mapping-file', mappingFile, '--health-port', '0'];
      const { settings } = parseSettings(MODBUS_SETTINGS, { args, env: {} });
      await assert.rejects(modbusMain(settings, { signal: stop.signal, log }), { code: 'MODBUS_CONFIG' });
    }
  });

  it('lives on after frames that are none', async () => {
    const frames = [
      '00',
      '000100000001',
      '00010000000101',
      '0001000000020103',
      '000100000003010300',
      '00010000000601030000ffff',
      '000100000006010f0000ffff',
      '0001000000070110000000020455',
      `00010000ffff${'ff'.repeat(300)}`,
      'ff'.repeat(64),
      '000100000006012b0e0100',
    ];
    for (const frame of frames) {
      const socket = connect(MODBUS_PORT, '127.0.0.1');
      socket.on('error', () => undefined);
      socket.end(Buffer.from(frame, 'hex'));
      await new Promise((resolve) => socket.on('close', resolve).resume());
    }
    assert.ok((await number('modbus-climate', '/3303/0/5700')) > 0);
  });
}).timeout(20_000);
