import assert from 'node:assert/strict';
import { udpPeer } from '../../../../lwm2m/coap/transport.ts';
import { type Asked, MemoryGateway, settled } from '../gateway-in-memory.ts';

const SENML_JSON = 110;
const GATEWAY = '</>;rt="oma.lwm2m";ct="110 112",</25>;ver=2.0,</25/0>,</3/0>';
const PLAIN = '</>;rt="oma.lwm2m";ct="110 112",</3/0>';
const HERE = udpPeer('127.0.0.1', 5000);
const ELSEWHERE = udpPeer('127.0.0.1', 6000);
const GAP_MS = 5_000;
const REFRESH_GAP_MS = 60_000;

type Instance = readonly [id: number, deviceId: string, prefix: string, objects?: string];

const records = (instances: readonly Instance[]) =>
  instances.flatMap(([id, deviceId, prefix, objects = '</3/0>,</3303/0>']) => [
    { bn: `/25/${id}/`, n: '0', vs: deviceId },
    { n: '1', vs: prefix },
    { n: '3', vs: objects },
  ]);

describe('lwm2m-server/children/gateway-children', () => {
  const gateways: MemoryGateway[] = [];
  let behind: readonly Instance[] = [];
  function play(gateway: MemoryGateway): MemoryGateway {
    gateways.push(gateway);
    gateway.answer = ({ path, observe }: Asked) => {
      const own = observe === undefined ? {} : { observe: 1 };
      if (path[0] !== '25') return { code: '2.05', ...own };
      return { code: '2.05', ...own, contentFormat: SENML_JSON, payload: Buffer.from(JSON.stringify(records(behind))) };
    };
    return gateway;
  }
  const start = (options: ConstructorParameters<typeof MemoryGateway>[0] = {}) => play(new MemoryGateway(options));
  beforeEach(() => {
    behind = [
      [0, 'urn:dev:1', 'd01'],
      [1, 'urn:dev:2', 'd02', '</3/0>'],
    ];
  });
  afterEach(() => {
    for (const gateway of gateways.splice(0)) gateway.stop();
  });

  const register = async (gateway: MemoryGateway, body = GATEWAY, query: readonly string[] = ['lwm2m=1.1']) =>
    await gateway.register('gw', body, HERE, query);
  const namesOf = (gateway: MemoryGateway) =>
    [...gateway.server.registrations.all()].map(({ endpointName }) => endpointName).sort();
  /** Kind and endpoint name of the registration records, oldest first. */
  const toldBy = (gateway: MemoryGateway) =>
    gateway.registrationRecords.map(({ kind, body }) => `${kind} ${Object.values(body)[0]!.ep}`);
  async function update(gateway: MemoryGateway, id: string, more: Parameters<MemoryGateway['request']>[2] = {}) {
    gateway.elapsedMs += REFRESH_GAP_MS;
    assert.equal((await gateway.request('POST', ['rd', id], more)).code, '2.04');
    await settled();
  }

  it('registers what the gateway announces, under its name, with its address and the prefix for root path', async () => {
    const gateway = start();
    const id = await register(gateway);
    assert.deepEqual(namesOf(gateway), ['gw', 'gw/urn:dev:1', 'gw/urn:dev:2']);
    const child = gateway.server.registrations.byEndpointName('gw/urn:dev:1')!;
    assert.deepEqual([child.rootPath, child.peer, child.lifetimeSeconds], ['/d01', HERE, 0]);
    assert.deepEqual([...child.instances.keys()], [3, 3303]);
    assert.deepEqual(child.contentFormats, [110, 112]);
    assert.deepEqual(child.behind, {
      gatewayName: 'gw',
      gatewayRegistrationId: id,
      prefix: 'd01',
      deviceId: 'urn:dev:1',
    });
    const told = Object.values(gateway.registrationRecords[1]!.body)[0]!;
    assert.ok('gatewayEp' in told);
    assert.deepEqual(JSON.parse(JSON.stringify([told.gatewayEp, told.prefix, told.deviceId, told.root])), [
      { string: 'gw' },
      { string: 'd01' },
      { string: 'urn:dev:1' },
      '/d01',
    ]);
    assert.equal(gateway.counters.children_registered, 2);
    assert.deepEqual(
      gateway.asked.map(({ path, observe }) => [path.join('/'), observe]),
      [
        ['25', 0],
        ['25', undefined],
      ],
    );
  });

  it('runs commands of a child under its prefix, and those of the gateway that begin with one', async () => {
    const gateway = start();
    await register(gateway);
    gateway.asked.length = 0;
    await gateway.command('read', 'gw/urn:dev:2', 't1', '/3/0/0');
    await gateway.command('read', 'gw', 't2', '/d02/3/0/0');
    await gateway.command('read', 'gw', 't3', '/d09/3/0/0');
    await gateway.command('observe', 'gw', 't4', '/d01/3303/0/5700');
    assert.deepEqual(
      gateway.asked.map(({ path }) => path.join('/')),
      ['d02/3/0/0', 'd02/3/0/0', 'd01/3303/0/5700'],
    );
    assert.equal(gateway.server.observations.byPath('gw/urn:dev:1', '/3303/0/5700')!.ticket, 't4');
  });

  it('follows what comes and goes; a changed list of objects is an update', async () => {
    const gateway = start({ observe: ['/3303/*/5700'] });
    const id = await register(gateway);
    assert.equal(gateway.server.observations.byPath('gw/urn:dev:1', '/3303/0/5700')?.endpointName, 'gw/urn:dev:1');
    behind = [
      [1, 'urn:dev:2', 'd02', '</3/0>,</3303/7>'],
      [5, 'urn:dev:5', 'd05'],
    ];
    const before = toldBy(gateway).length;
    await update(gateway, id);
    assert.deepEqual(toldBy(gateway).slice(before), [
      'UPDATE gw',
      'DELETE gw/urn:dev:1',
      'UPDATE gw/urn:dev:2',
      'NEW gw/urn:dev:5',
    ]);
    assert.equal(gateway.server.observations.byPath('gw/urn:dev:1', '/3303/0/5700'), undefined);
    assert.ok(gateway.server.observations.byPath('gw/urn:dev:2', '/3303/7/5700'));
    assert.ok(gateway.server.observations.byPath('gw/urn:dev:5', '/3303/0/5700'));
    await update(gateway, id);
    assert.equal(toldBy(gateway).length, before + 5);
  });

  it('looks at once after an update that announces something else, seldom after one that says nothing new', async () => {
    const gateway = start();
    const id = await register(gateway);
    const readings = () =>
      gateway.asked.filter(({ path, observe }) => path[0] === '25' && observe === undefined).length;
    gateway.elapsedMs += GAP_MS;
    for (let count = 0; count < 5; count++) await gateway.request('POST', ['rd', id]);
    await settled();
    assert.equal(readings(), 1);
    await gateway.request('POST', ['rd', id], { body: `${GATEWAY},</25/2>` });
    await settled();
    assert.equal(readings(), 2);
    gateway.elapsedMs += GAP_MS;
    await gateway.request('POST', ['rd', id], { peer: ELSEWHERE });
    await settled();
    assert.equal(readings(), 3);
  });

  it('records the end of a child when Kafka takes it, and takes no child in before', async () => {
    const gateway = start();
    const id = await register(gateway);
    behind = [[5, 'urn:dev:5', 'd05']];
    const before = toldBy(gateway).length;
    gateway.answer = async ({ observe }: Asked) => {
      gateway.refuses = true;
      const payload = Buffer.from(JSON.stringify(records(behind)));
      return { code: '2.05', contentFormat: SENML_JSON, payload, ...(observe === undefined ? {} : { observe: 1 }) };
    };
    await update(gateway, id);
    assert.deepEqual([toldBy(gateway).slice(before), namesOf(gateway)], [['UPDATE gw'], ['gw']]);
    gateway.refuses = false;
    gateway.server.tick();
    await settled();
    assert.deepEqual(toldBy(gateway).slice(before + 1), ['DELETE gw/urn:dev:1', 'DELETE gw/urn:dev:2']);
    play(gateway);
    gateway.elapsedMs += GAP_MS;
    gateway.server.tick();
    await settled();
    assert.deepEqual(toldBy(gateway).at(-1), 'NEW gw/urn:dev:5');
    assert.deepEqual([...gateway.state.keys()].filter((key) => key.startsWith('registration')).sort(), [
      'registration/gw',
      'registration/gw/urn:dev:5',
    ]);
  });

  it('has a Send of a device that is not known yet sent again, while the gateway is being asked', async () => {
    const gateway = start();
    const { answer } = gateway;
    let release = () => undefined as unknown;
    gateway.answer = async (asked) => {
      await new Promise((resolve) => {
        release = () => resolve(undefined);
      });
      return await answer(asked);
    };
    await register(gateway);
    const send = async (n: string) => {
      const body = JSON.stringify([{ n, v: 20 }]);
      return (await gateway.request('POST', ['dp'], { body, contentFormat: SENML_JSON })).code;
    };
    const both = ['/d02/3303/0/5700', '/3303/0/5700'];
    assert.deepEqual(await Promise.all(both.map(send)), ['5.03', '2.04']);
    gateway.answer = answer;
    while (gateway.server.registrations.size < 3) {
      release();
      await settled();
    }
    assert.deepEqual(await Promise.all([...both, '/d09/3303/0/5700'].map(send)), ['2.04', '2.04', '4.00']);
    const sent = gateway.observationRecords.filter(({ observationId }) => observationId === 'send');
    assert.deepEqual(
      sent.map(({ ep, path }) => [ep, path]),
      [
        ['gw', '/3303/0/5700'],
        ['gw/urn:dev:2', '/3303/0/5700'],
        ['gw', '/3303/0/5700'],
      ],
    );
  });

  it('looks again when a notification of object 25 comes, at most once in a while', async () => {
    const gateway = start();
    await register(gateway);
    const readings = () =>
      gateway.asked.filter(({ path, observe }) => path[0] === '25' && observe === undefined).length;
    assert.equal(readings(), 1);
    const { token } = gateway.server.observations.byPath('gw', '/25')!;
    behind = [];
    for (let observe = 2; observe < 50; observe++) gateway.notify(token, { observe, messageId: observe });
    await settled();
    assert.equal(readings(), 1);
    gateway.elapsedMs += GAP_MS;
    gateway.server.tick();
    await settled();
    assert.equal(readings(), 2);
    assert.deepEqual(namesOf(gateway), ['gw']);
  });

  it('has children end with their gateway, however it ends', async () => {
    for (const [end, expired] of [
      ['deregistered', false],
      ['expired', true],
    ] as const) {
      const gateway = start();
      const id = await register(gateway, GATEWAY, ['lwm2m=1.1', 'lt=10']);
      if (end === 'deregistered') await gateway.request('DELETE', ['rd', id]);
      gateway.elapsedMs += 20_000;
      gateway.server.tick();
      await settled();
      assert.deepEqual(namesOf(gateway), []);
      assert.deepEqual(toldBy(gateway).slice(-3), ['DELETE gw', 'DELETE gw/urn:dev:1', 'DELETE gw/urn:dev:2']);
      const last = Object.values(gateway.registrationRecords.at(-1)!.body)[0]!;
      assert.equal('expired' in last && last.expired, expired);
      assert.deepEqual([...gateway.state.keys()], []);
    }
  });

  it('begins anew with a gateway that registers anew', async () => {
    const gateway = start();
    await register(gateway);
    await gateway.command('observe', 'gw/urn:dev:1', 'mine', '/3303/0/5700');
    const before = gateway.server.observations.byPath('gw/urn:dev:1', '/3303/0/5700')!.token;
    await register(gateway);
    assert.deepEqual(namesOf(gateway), ['gw', 'gw/urn:dev:1', 'gw/urn:dev:2']);
    const again = gateway.server.observations.byPath('gw/urn:dev:1', '/3303/0/5700')!;
    assert.equal(again.ticket, 'mine');
    assert.notDeepEqual(again.token, before);
  });

  it('carries a new address of the gateway over to its children at once, and records it', async () => {
    const gateway = start();
    const id = await register(gateway);
    await gateway.command('observe', 'gw/urn:dev:1', 'mine', '/3303/0/5700');
    const { token } = gateway.server.observations.byPath('gw/urn:dev:1', '/3303/0/5700')!;
    const before = toldBy(gateway).length;
    await update(gateway, id, { peer: ELSEWHERE });
    assert.deepEqual(toldBy(gateway).slice(before), ['UPDATE gw', 'UPDATE gw/urn:dev:1', 'UPDATE gw/urn:dev:2']);
    assert.deepEqual(gateway.forgotten, [HERE.key]);
    gateway.notify(token, { peer: ELSEWHERE });
    await settled();
    assert.equal(gateway.counters.notifications_acknowledged, 1);
    assert.equal(gateway.notify(token, { peer: HERE, messageId: 9 }), 'rejected');
    gateway.asked.length = 0;
    await gateway.command('read', 'gw/urn:dev:2', 't1', '/3/0/0');
    assert.deepEqual(gateway.asked[0]!.peer, ELSEWHERE);
  });

  it('restores children with their observations, at the address of the gateway, and asks nothing', async () => {
    const gateway = start();
    await register(gateway);
    await gateway.command('observe', 'gw/urn:dev:1', 'mine', '/3303/0/5700');
    const { token } = gateway.server.observations.byPath('gw/urn:dev:1', '/3303/0/5700')!;
    const restarted = play(MemoryGateway.after(gateway));
    await settled();
    assert.deepEqual(namesOf(restarted), ['gw', 'gw/urn:dev:1', 'gw/urn:dev:2']);
    const [parent, child] = ['gw', 'gw/urn:dev:1'].map((ep) => restarted.server.registrations.byEndpointName(ep)!);
    assert.equal(child!.peer, parent!.peer);
    restarted.notify(token);
    await settled();
    assert.equal(restarted.counters.notifications_acknowledged, 1);
    assert.deepEqual([restarted.observationRecords.at(-1)!.ep, restarted.asked.length], ['gw/urn:dev:1', 0]);
  });

  it('ends restored children whose gateway is not there', async () => {
    const gateway = start();
    await register(gateway);
    gateway.committed.push({ topic: 'lwm2m.gw1.state', key: Buffer.from('registration/gw'), value: null });
    const restarted = play(MemoryGateway.after(gateway));
    await settled();
    assert.deepEqual(namesOf(restarted), []);
    assert.deepEqual(toldBy(restarted).slice(-2), ['DELETE gw/urn:dev:1', 'DELETE gw/urn:dev:2']);
  });

  it('lets no device take the name of a child, and no child that of a device', async () => {
    const gateway = start();
    await gateway.register('gw/urn:dev:2', '</3/0>', ELSEWHERE);
    await register(gateway);
    assert.deepEqual(gateway.server.registrations.byEndpointName('gw/urn:dev:2')!.peer, ELSEWHERE);
    assert.equal(gateway.counters.children_left_out, 1);
    const answer = await gateway.request('POST', ['rd'], { query: ['ep=gw/urn:dev:1'], peer: ELSEWHERE });
    assert.equal(answer.code, '4.03');
    const child = gateway.server.registrations.byEndpointName('gw/urn:dev:1')!;
    assert.deepEqual(child.peer, HERE);
    for (const method of ['POST', 'DELETE'])
      assert.equal((await gateway.request(method, ['rd', child.registrationId])).code, '4.04');
  });

  it('takes in no more than its limits, whatever is announced', async () => {
    const gateway = start({ maxRegistrations: 2_000 });
    behind = Array.from({ length: 10_000 }, (_, id): Instance => [id, `id-${id}`, `p${id}`, '']);
    await register(gateway);
    await settled();
    assert.equal(gateway.server.registrations.size, 1 + 1_000);
    assert.equal(gateway.counters.children_left_out, 9_000);
    const small = start({ maxRegistrations: 10 });
    await register(small);
    await settled();
    assert.equal(small.server.registrations.size, 10);
  });

  it('keeps the children as they are when object 25 cannot be read', async () => {
    const gateway = start();
    const id = await register(gateway);
    for (const answer of [
      { code: '5.00' },
      { code: '2.05', payload: Buffer.from('[{'), contentFormat: SENML_JSON },
      { code: 'timeout' },
    ]) {
      gateway.answer = () => answer;
      await update(gateway, id);
    }
    assert.equal(gateway.counters.gateways_unread, 3);
    assert.equal(gateway.server.registrations.size, 3);
    gateway.answer = () => ({ code: '4.04' });
    await update(gateway, id);
    assert.deepEqual(namesOf(gateway), ['gw']);
  });

  it('ends the children of a device that is no gateway any more', async () => {
    const gateway = start();
    const id = await register(gateway);
    await update(gateway, id, { body: PLAIN });
    assert.deepEqual(namesOf(gateway), ['gw']);
  });

  it('takes a sleeping gateway for asleep with all that is behind it', async () => {
    const gateway = start();
    const id = await register(gateway, GATEWAY, ['lwm2m=1.1', 'Q']);
    const child = gateway.server.registrations.byEndpointName('gw/urn:dev:1')!;
    assert.deepEqual([child.queueMode, gateway.server.presence.isAwake(child)], [true, true]);
    gateway.elapsedMs += 100_000;
    gateway.server.tick();
    assert.equal(gateway.server.presence.isAwake(child), false);
    gateway.asked.length = 0;
    await gateway.command('read', 'gw/urn:dev:1', 't1', '/3/0/0');
    assert.deepEqual([gateway.asked.length, gateway.server.queues.parked], [0, 1]);
    await update(gateway, id);
    assert.deepEqual(gateway.asked.map(({ path }) => path.join('/')).includes('d01/3/0/0'), true);
    assert.equal(gateway.server.queues.parked, 0);
  });
});
