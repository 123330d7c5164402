import assert from 'node:assert/strict';
import { udpPeer } from '../../../../lwm2m/coap/transport.ts';
import type { AvroRegistrationNew, AvroRegistrationUpdate } from '../../../../schemas/generated/records.ts';
import { MemoryGateway, settled } from '../gateway-in-memory.ts';

function branch<T>(record: { body: object }): T {
  return Object.values(record.body)[0] as T;
}

describe('lwm2m-server/registration/registration-interface', () => {
  const gateways: MemoryGateway[] = [];
  function start(options: ConstructorParameters<typeof MemoryGateway>[0] = {}): MemoryGateway {
    const gateway = new MemoryGateway(options);
    gateways.push(gateway);
    return gateway;
  }
  afterEach(() => {
    for (const gateway of gateways.splice(0)) gateway.stop();
  });

  const register = (gateway: MemoryGateway, ep: string, ...query: string[]) =>
    gateway.request('POST', ['rd'], { query: [`ep=${ep}`, ...query], body: '</3303/0>' });

  it('answers when, and only when, the record is committed', async () => {
    const gateway = start();
    gateway.hold();
    let answer: string | undefined;
    const asked = register(gateway, 'a').then(({ code }) => {
      answer = code;
    });
    await settled();
    assert.equal(answer, undefined);
    gateway.release();
    await asked;
    assert.equal(answer, '2.01');
  });

  it('keeps the order NEW, DELETE, NEW while nothing is committed yet', async () => {
    const gateway = start();
    gateway.hold();
    const answers = Promise.all([register(gateway, 'a'), register(gateway, 'a')]);
    await settled();
    gateway.release();
    assert.deepEqual(
      (await answers).map(({ code }) => code),
      ['2.01', '2.01'],
    );
    assert.deepEqual(
      gateway.registrationRecords.map(({ kind }) => kind),
      ['NEW', 'DELETE', 'NEW'],
    );
    assert.equal(gateway.server.registrations.size, 1);
  });

  it('takes the name from another socket: the newest registration counts', async () => {
    const gateway = start();
    const old = await gateway.register('a');
    const there = udpPeer('127.0.0.1', 6000);
    await gateway.register('a', '</3303/0>', there);
    assert.equal(gateway.server.registrations.byEndpointName('a')!.peer.key, there.key);
    assert.equal((await gateway.request('POST', ['rd', old])).code, '4.04');
    assert.deepEqual(gateway.forgotten, ['udp:127.0.0.1:5000']);
  });

  it('writes what a device of 1.1 says, and what of it the enum of the original can say', async () => {
    const gateway = start();
    const id = await gateway.register('a', '</3>;ver=1.2,</3/0>', undefined, [
      'lwm2m=1.1',
      'b=UT',
      'Q',
      'pid=5',
      'x=1',
    ]);
    await gateway.request('POST', ['rd', id], { query: ['b=T', 'y=2'] });
    const [created, updated] = gateway.registrationRecords;
    const { bnd, queueMode, binding, ver, attributes } = branch<AvroRegistrationNew>(created!);
    assert.deepEqual([bnd, queueMode, { ...binding }, ver], ['UQ', true, { string: 'UT' }, '1.1']);
    assert.deepEqual({ ...attributes!.map }, { pid: '5', x: '1' });
    const update = branch<AvroRegistrationUpdate>(updated!);
    assert.deepEqual(JSON.parse(JSON.stringify([update.bnd, update.queueMode, update.binding, update.attributes])), [
      { 'io.zeelos.leshan.avro.registration.AvroBnd': 'UQ' },
      { boolean: true },
      { string: 'T' },
      { map: { y: '2' } },
    ]);
    const registration = gateway.server.registrations.byEndpointName('a')!;
    assert.deepEqual(registration.attributes, { pid: '5', x: '1', y: '2' });
    assert.deepEqual([registration.profileId, registration.binding, registration.queueMode], ['5', 'T', true]);
    assert.deepEqual([...registration.objectVersions], [[3, '1.2']]);
  });

  it('refuses an update for another device, and paths made to climb', async () => {
    const gateway = start();
    const id = await gateway.register('a');
    assert.equal((await gateway.request('POST', ['rd', id], { query: ['ep=b'] })).code, '4.00');
    assert.equal((await gateway.request('POST', ['rd', id], { query: ['lwm2m=1.1'] })).code, '4.00');
    const climbing = [
      ['rd', '..', id],
      ['rd', '.', id],
      ['rd', id, '..'],
      ['rd', ''],
      ['rd', '..'],
      ['rd', '%2e%2e'],
      ['rd', '', id],
    ];
    for (const path of [...climbing, ['rd', 'x'.repeat(1_024)], ['..', 'rd']])
      assert.equal((await gateway.request('POST', path)).code, '4.04', path.join('/').slice(0, 40));
    assert.equal((await gateway.request('POST', ['rd', id])).code, '2.04');
  });

  it('ends what is silent for longer than its lifetime, by a clock that does not step', async () => {
    const gateway = start();
    await register(gateway, 'a', 'lt=60');
    gateway.nowMs += 10 * 365 * 86_400_000;
    gateway.elapsedMs += 30_000;
    gateway.server.tick();
    assert.equal(gateway.server.registrations.size, 1);
    gateway.nowMs -= 20 * 365 * 86_400_000;
    gateway.elapsedMs += 36_000;
    gateway.server.tick();
    await settled();
    assert.equal(gateway.server.registrations.size, 0);
    assert.deepEqual(
      gateway.registrationRecords.map(({ kind }) => kind),
      ['NEW', 'DELETE'],
    );
  });

  it('gives restored devices their time, whatever the wall clock did meanwhile', async () => {
    for (const step of [-40, 40].map((years) => years * 365 * 86_400_000)) {
      const before = start();
      await register(before, 'a', 'lt=300');
      before.nowMs += step;
      const options = { observe: [] };
      const gateway = MemoryGateway.after(before, options);
      gateways.push(gateway);
      gateway.server.tick();
      assert.equal(gateway.server.registrations.size, 1);
      gateway.elapsedMs += 59_000;
      gateway.server.tick();
      assert.equal(gateway.server.registrations.size, 1);
      gateway.elapsedMs += 300_000;
      gateway.server.tick();
      assert.equal(gateway.server.registrations.size, 0);
    }
  });

  describe('when a fleet comes back at once', () => {
    it('takes in what it can hold, tells the rest when to come back, spread over time, and goes on with notifications', async () => {
      const gateway = start({ maxRegistrations: 20_000, observe: ['/3303/0/5700'] });
      await gateway.register('known');
      const token = gateway.server.observations.byPath('known', '/3303/0/5700')!.token;
      gateway.hold();
      const answers = Promise.all(Array.from({ length: 10_000 }, (_, n) => register(gateway, `d${n}`)));
      const startedAt = performance.now();
      gateway.notify(token);
      assert.ok(performance.now() - startedAt < 100);
      gateway.release();
      const codes = (await answers).map(({ code, maxAgeSeconds }) => [code, maxAgeSeconds] as const);
      assert.equal(codes.filter(([code]) => code === '2.01').length, 5_000);
      const waits = codes.filter(([code]) => code === '5.03').map(([, maxAge]) => maxAge);
      assert.equal(waits.length, 5_000);
      assert.deepEqual([Math.min(...(waits as number[])), new Set(waits).size], [5, 20]);
      assert.equal(gateway.observationRecords.filter(({ ep }) => ep === 'known').length, 2);
      assert.equal(gateway.counters.registrations_shed, 5_000);
    });

    it('keeps room in the backlog: newcomers wait before those that are registered', async () => {
      const gateway = start();
      const id = await gateway.register('a');
      gateway.backlog = 20_000;
      assert.equal((await register(gateway, 'b')).code, '5.03');
      assert.equal((await gateway.request('POST', ['rd', id])).code, '2.04');
      gateway.backlog = 40_000;
      assert.equal((await gateway.request('POST', ['rd', id])).code, '5.03');
      gateway.backlog = 0;
      assert.equal((await register(gateway, 'b')).code, '2.01');
    });

    it('says 5.03 when Kafka takes nothing', async () => {
      const gateway = start();
      gateway.failingForMs = 5_000;
      assert.deepEqual(await register(gateway, 'a'), { code: '5.03', maxAgeSeconds: 30 });
    });
  });
});
