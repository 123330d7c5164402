import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { pino } from 'pino';
import { Fleet } from '../../../../adapters/simulator/fleet.ts';
import { main } from '../../../../adapters/simulator/main.ts';
import { SIMULATOR_SETTINGS } from '../../../../adapters/simulator/settings.ts';
import { parseSettings } from '../../../../common/settings.ts';
import { RegisteringServer, until } from '../../lwm2m/client/registering-server.ts';

const log = pino({ level: 'silent' });

describe('simulated fleet', () => {
  let server: RegisteringServer;
  let fleet: Fleet | undefined;
  const abort = new AbortController();
  beforeEach(async () => {
    server = await RegisteringServer.open();
  });
  afterEach(async () => {
    await fleet?.close();
    fleet = undefined;
    await server.close();
  });

  async function start(count: number, intervalMs: number): Promise<Fleet> {
    const rest = {
      prefix: 'sim-',
      lifetimeSeconds: 60,
      startsPerSecond: 1_000,
      confirmable: true,
      signal: abort.signal,
    };
    fleet = await Fleet.start({ ...rest, count, intervalMs, server: server.address });
    return fleet;
  }

  it('registers each device with the objects of the demo device', async () => {
    await start(25, 1_000);
    await until(() => fleet!.counts.registered === 25, 'all registrations');
    const names = new Set(server.registrations.map(({ endpointName }) => endpointName));
    assert.equal(names.size, 25);
    const { links } = await server.registered('sim-25');
    assert.equal(links, '</>;rt="oma.lwm2m";ct=11542,</1/0>,</3/0>,</6/0>,</3303/0>,</3303/1>');
  });

  it('notifies readings and extremes, and resets the extremes', async () => {
    await start(1, 20);
    const token = randomBytes(8);
    await server.request('sim-1', { method: 'GET', path: '/3303/1/5700', observe: 0, token });
    const values = new Set<number>();
    while (values.size < 5) values.add(Number((await server.notification(token)).payload.toString()));
    const number = async (path: string): Promise<number> =>
      Number((await server.request('sim-1', { method: 'GET', path })).payload.toString());
    assert.ok((await number('/3303/1/5601')) <= Math.min(...values));
    assert.ok((await number('/3303/1/5602')) >= Math.max(...values));
    assert.equal((await server.request('sim-1', { method: 'POST', path: '/3303/1/5605' })).code, '2.04');
    assert.ok((await number('/3303/1/5602')) - (await number('/3303/1/5601')) < 1);
  });

  it('takes the writable texts and refuses the time', async () => {
    await start(1, 1_000);
    const put = async (path: string, text: string): Promise<string> =>
      (await server.request('sim-1', { method: 'PUT', path, contentFormat: 0, payload: Buffer.from(text) })).code;
    assert.equal(await put('/3/0/15', 'Europe/Athens'), '2.04');
    assert.equal(
      (await server.request('sim-1', { method: 'GET', path: '/3/0/15' })).payload.toString(),
      'Europe/Athens',
    );
    assert.equal(await put('/3/0/15', 'x'.repeat(65)), '4.00');
    assert.equal(await put('/3/0/13', '1'), '4.05');
  });

  it('deregisters all when its service is stopped', async () => {
    const args = [
      '--server-uri',
      `coap://127.0.0.1:${server.port}`,
      '--count',
      '3',
      '--prefix',
      'm-',
      '--health-port',
      '0',
    ];
    const { settings } = parseSettings(SIMULATOR_SETTINGS, { args, env: {} });
    const stop = new AbortController();
    const running = main(settings, { signal: stop.signal, log });
    await server.registered('m-3');
    stop.abort();
    await running;
    assert.deepEqual(server.deregistered.sort(), ['m-1', 'm-2', 'm-3']);
  });
});
