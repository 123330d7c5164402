import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { udpPeer } from '../../../../lwm2m/coap/transport.ts';
import { MemoryGateway, settled } from '../gateway-in-memory.ts';

const PATH = '/3303/0/5700';
const ELSEWHERE = udpPeer('127.0.0.1', 6000);

describe('lwm2m-server/observation/desired-observations', () => {
  const gateways: MemoryGateway[] = [];
  function start(options: ConstructorParameters<typeof MemoryGateway>[0] = {}): MemoryGateway {
    const gateway = new MemoryGateway(options);
    gateways.push(gateway);
    return gateway;
  }
  function restart(killed: MemoryGateway, options = {}): MemoryGateway {
    const gateway = MemoryGateway.after(killed, options);
    gateways.push(gateway);
    return gateway;
  }
  afterEach(() => {
    for (const gateway of gateways.splice(0)) gateway.stop();
  });

  const tokenOf = (gateway: MemoryGateway, ep = 'a', path = PATH) =>
    gateway.server.observations.byPath(ep, path)?.token;

  it('observes what the settings say, once, and again at the next registration', async () => {
    const gateway = start({ observe: ['/3303/*/5700'] });
    const id = await gateway.register('a');
    assert.deepEqual(
      gateway.asked.map(({ path, observe }) => [path.join('/'), observe]),
      [['3303/0/5700', 0]],
    );
    const first = tokenOf(gateway)!;
    await gateway.request('POST', ['rd', id]);
    await settled();
    assert.equal(gateway.asked.length, 1);
    await gateway.register('a');
    assert.equal(gateway.asked.length, 2);
    assert.notDeepEqual(tokenOf(gateway), first);
    assert.equal(gateway.server.observations.size, 1);
    assert.equal(gateway.observationRecords.length, 2);
  });

  it('takes up again what a command started, with its ticket, whether the device reboots or leaves', async () => {
    const gateway = start();
    await gateway.register('a');
    await gateway.command('observe', 'a', 'mine', PATH);
    for (const leave of [false, true]) {
      const { registrationId } = gateway.server.registrations.byEndpointName('a')!;
      if (leave) assert.equal((await gateway.request('DELETE', ['rd', registrationId])).code, '2.02');
      assert.deepEqual(gateway.server.desiredOf('a'), [
        { path: PATH, ticket: 'mine', state: leave ? 'missing' : 'active', code: undefined },
      ]);
      const before = tokenOf(gateway);
      await gateway.register('a');
      assert.equal(gateway.server.observations.byPath('a', PATH)!.ticket, 'mine');
      assert.notDeepEqual(tokenOf(gateway), before);
      assert.equal(gateway.notify(tokenOf(gateway)!), undefined);
      await settled();
      assert.equal(gateway.observationRecords.at(-1)!.ticket, 'mine');
    }
    const accepts = gateway.asked.map(({ accept }) => accept);
    assert.deepEqual(new Set(accepts), new Set([accepts[0]]));
  });

  it('asks no more once the command is cancelled, also of a device that does not hold it', async () => {
    const gateway = start();
    await gateway.register('a');
    await gateway.command('observe', 'a', 'mine', PATH);
    await gateway.command('observeCancel', 'a', 'enough', PATH);
    assert.deepEqual(gateway.server.desiredOf('a'), []);
    await gateway.command('observe', 'a', 'mine2', PATH);
    gateway.answer = () => ({ code: '4.04' });
    await gateway.register('a');
    assert.deepEqual(gateway.server.desiredOf('a'), [{ path: PATH, ticket: 'mine2', state: 'refused', code: '4.04' }]);
    const asked = gateway.asked.length;
    await gateway.command('observeCancel', 'a', 'enough2', PATH);
    assert.equal(gateway.asked.length, asked);
    assert.deepEqual(gateway.server.desiredOf('a'), []);
    assert.deepEqual([...gateway.state.keys()], ['registration/a']);
    await gateway.register('a');
    assert.equal(gateway.asked.length, asked);
  });

  it('cancels what is wanted of a device that is away, and keeps it when another command for it is refused', async () => {
    const gateway = start();
    const id = await gateway.register('a');
    await gateway.command('observe', 'a', 'mine', PATH);
    await gateway.request('DELETE', ['rd', id]);
    assert.equal(gateway.state.has(`observation/a ${PATH}`), true);
    gateway.answer = () => ({ code: '4.04' });
    await gateway.register('a');
    await gateway.command('observe', 'a', 'other', PATH);
    assert.deepEqual(gateway.server.desiredOf('a')[0]!.ticket, 'mine');
    assert.equal(gateway.state.has(`observation/a ${PATH}`), true);
    await gateway.request('DELETE', ['rd', gateway.server.registrations.byEndpointName('a')!.registrationId]);
    await gateway.command('observeCancel', 'a', 'enough', '3303/0/5700');
    assert.deepEqual(gateway.server.desiredOf('a'), []);
    assert.deepEqual([...gateway.state.keys()], []);
  });

  it('remembers what a device refused until it registers anew or announces something else', async () => {
    const gateway = start({ observe: [PATH] });
    gateway.answer = () => ({ code: '4.05' });
    const id = await gateway.register('a');
    for (let n = 0; n < 3; n++) await gateway.request('POST', ['rd', id]);
    await settled();
    assert.equal(gateway.asked.length, 1);
    assert.deepEqual(gateway.server.desiredOf('a'), [{ path: PATH, ticket: 'unset', state: 'refused', code: '4.05' }]);
    await gateway.request('POST', ['rd', id], { body: '</3303/0>,</3303/1>' });
    await settled();
    assert.equal(gateway.asked.length, 2);
    gateway.answer = () => ({ code: '2.05', observe: 1 });
    await gateway.register('a');
    assert.equal(gateway.server.desiredOf('a')[0]!.state, 'active');
  });

  it('asks a device that did not answer when it is heard again', async () => {
    const gateway = start({ observe: [PATH] });
    gateway.answer = () => ({ code: 'timeout' });
    const id = await gateway.register('a');
    assert.equal(gateway.asked.length, 1);
    assert.equal(gateway.server.desiredOf('a')[0]!.state, 'missing');
    gateway.answer = () => ({ code: '2.05', observe: 1 });
    await gateway.request('POST', ['rd', id]);
    await settled();
    assert.equal(gateway.server.desiredOf('a')[0]!.state, 'active');
  });

  it('takes an end that the device declared for a refusal: the wish of a command stays, the entry too', async () => {
    const gateway = start();
    await gateway.register('a');
    await gateway.command('observe', 'a', 'mine', PATH);
    gateway.notify(tokenOf(gateway)!, { code: '4.04', payload: Buffer.alloc(0) });
    await settled();
    assert.deepEqual(gateway.server.desiredOf('a'), [{ path: PATH, ticket: 'mine', state: 'refused', code: '4.04' }]);
    assert.equal(gateway.state.has(`observation/a ${PATH}`), true);
    await gateway.register('a');
    assert.equal(gateway.server.desiredOf('a')[0]!.state, 'active');
  });

  it('answers a notification from another address with a reset and observes again at the update from there', async () => {
    const gateway = start({ observe: [PATH] });
    const id = await gateway.register('a');
    const token = tokenOf(gateway)!;
    assert.equal(gateway.notify(token, { peer: ELSEWHERE }), 'rejected');
    assert.equal(gateway.counters.notifications_wrong_peer, 1);
    assert.equal(gateway.server.desiredOf('a')[0]!.state, 'doubtful');
    await gateway.request('POST', ['rd', id], { peer: ELSEWHERE });
    await settled();
    assert.deepEqual(
      gateway.asked.map(({ peer }) => peer.port),
      [5000, 6000],
    );
    assert.deepEqual(gateway.asked[1]!.token, token);
    assert.equal(gateway.server.desiredOf('a')[0]!.state, 'active');
    assert.equal(gateway.notify(token, { peer: ELSEWHERE, observe: 9 }), undefined);
    assert.equal(gateway.notify(token, { observe: 10, messageId: 2 }), 'rejected');
  });

  it('goes on without observing anew when the device moved and its notifications come from there', async () => {
    const gateway = start({ observe: [PATH] });
    const id = await gateway.register('a');
    await gateway.request('POST', ['rd', id], { peer: ELSEWHERE });
    assert.equal(gateway.notify(tokenOf(gateway)!, { peer: ELSEWHERE }), undefined);
    await settled();
    assert.equal(gateway.asked.length, 1);
    assert.equal(gateway.observationRecords.length, 2);
    assert.deepEqual(gateway.forgotten, ['udp:127.0.0.1:5000']);
  });

  it('says why it resets a notification', async () => {
    const gateway = start({ observe: [PATH] });
    const id = await gateway.register('a');
    const first = tokenOf(gateway)!;
    assert.equal(gateway.notify(Buffer.from('nobodys')), 'rejected');
    await gateway.command('observeCancel', 'a', 'enough', PATH);
    assert.equal(gateway.notify(first), 'rejected');
    await gateway.request('POST', ['rd', id]);
    await settled();
    const second = tokenOf(gateway)!;
    await gateway.request('DELETE', ['rd', id]);
    assert.equal(gateway.notify(second), 'rejected');
    const { counters } = gateway;
    assert.deepEqual(
      [counters.notifications_unknown_token, counters.notifications_after_end, counters.notifications_no_registration],
      [1, 1, 1],
    );
  });

  it('leaves the exchanges of others that share the socket of a device that goes', async () => {
    const gateway = start();
    const [one, other] = [await gateway.register('one'), await gateway.register('other')];
    await gateway.request('DELETE', ['rd', one]);
    assert.deepEqual(gateway.forgotten, []);
    await gateway.request('POST', ['rd', other], { peer: ELSEWHERE });
    assert.deepEqual(gateway.forgotten, ['udp:127.0.0.1:5000']);
  });

  describe('after a kill', () => {
    it('goes on, and checks at the next update only what it has not heard since', async () => {
      const before = start({ observe: [PATH, '/3303/1'] });
      const id = await before.register('a', '</3303/0>,</3303/1>');
      const [heard, silent] = [tokenOf(before)!, tokenOf(before, 'a', '/3303/1')!];
      const gateway = restart(before, { observe: [PATH, '/3303/1'] });
      await settled();
      assert.deepEqual(gateway.asked, []);
      assert.equal(gateway.notify(heard), undefined);
      await gateway.request('POST', ['rd', id]);
      await settled();
      assert.deepEqual(
        gateway.asked.map(({ token }) => token),
        [silent],
      );
      await gateway.request('POST', ['rd', id]);
      await settled();
      assert.equal(gateway.asked.length, 1);
    });

    it('keeps what a command started: held, of a device that left, and of one that came back while it was down', async () => {
      const before = start();
      await before.register('holds');
      const left = await before.register('left');
      await before.command('observe', 'holds', 't1', PATH);
      await before.command('observe', 'left', 't2', PATH);
      await before.request('DELETE', ['rd', left]);
      const gateway = restart(before);
      await settled();
      assert.deepEqual(
        gateway.server.desiredOf('holds').map(({ ticket, state }) => [ticket, state]),
        [['t1', 'doubtful']],
      );
      assert.deepEqual(
        gateway.server.desiredOf('left').map(({ ticket, state }) => [ticket, state]),
        [['t2', 'missing']],
      );
      await gateway.register('left');
      assert.equal(gateway.server.observations.byPath('left', PATH)!.ticket, 't2');
      const again = restart(gateway);
      assert.equal(again.server.observations.byPath('left', PATH)!.ticket, 't2');
      assert.equal(again.server.observations.size, 2);
    });

    it('starts with fewer observations than it left, when a limit was lowered', async () => {
      const paths = Array.from({ length: 11 }, (_, n) => `/3303/${n}`);
      const before = start({ observe: paths });
      await before.register('a', paths.map((path) => `<${path}>`).join(','));
      assert.equal(before.server.observations.size, 11);
      const gateway = restart(before, { maxRegistrations: 1 });
      await settled();
      assert.equal(gateway.server.observations.size, 10);
      assert.equal([...gateway.state.keys()].filter((key) => key.startsWith('observation/')).length, 10);
    });

    it('leaves sleepers alone until they are heard', async () => {
      const before = start();
      const id = await before.register('sleeper', '</3303/0>', undefined, ['lwm2m=1.1', 'b=U', 'Q']);
      const gateway = restart(before, { observe: [PATH] });
      await settled();
      assert.deepEqual(gateway.asked, []);
      await gateway.request('POST', ['rd', id]);
      await settled();
      assert.equal(gateway.asked.length, 1);
    });

    it('starts what was missing, and clears away what belongs to nothing', async () => {
      const before = start({ observe: [PATH] });
      before.answer = () => new Promise(() => undefined);
      await before.register('a');
      const gateway = restart(before, { observe: [PATH] });
      await settled();
      assert.equal(gateway.server.desiredOf('a')[0]!.state, 'active');
      const { committed } = gateway;
      const gone = restart(gateway, {});
      assert.equal(gone.server.observations.size, 1);
      const orphaned = new MemoryGateway();
      orphaned.committed.push(...committed.filter(({ key }) => String(key) !== 'registration/a'));
      const clean = restart(orphaned);
      await settled();
      assert.deepEqual([...clean.state.keys()], []);
    });
  });

  describe('by profiles', () => {
    const folder = mkdtempSync(join(tmpdir(), 'zeelos-desired-'));
    const profilesFile = join(folder, 'profiles.json');
    after(() => rmSync(folder, { recursive: true }));

    it('writes attributes before it observes, asks for the format, and sees a changed file', async () => {
      const observe = [{ path: PATH, attributes: 'pmin=5', format: 'SENML_CBOR' }];
      writeFileSync(profilesFile, JSON.stringify([{ match: { ep: 'warm-*' }, observe }]));
      const gateway = start({ profilesFile });
      gateway.answer = ({ method }) => (method === 'PUT' ? { code: '4.05' } : { code: '2.05', observe: 1 });
      await gateway.register('warm-1');
      await gateway.register('cold-1');
      assert.deepEqual(
        gateway.asked.map(({ method, query, accept }) => [method, query, accept]),
        [
          ['PUT', ['pmin=5'], undefined],
          ['GET', undefined, 112],
        ],
      );
      writeFileSync(profilesFile, JSON.stringify([{ observe: ['/3303'] }]));
      for (let second = 0; second < 5; second++) gateway.server.tick();
      await settled();
      assert.deepEqual(
        gateway.server.observations.allOf('cold-1').map(({ path }) => path),
        ['/3303'],
      );
    });
  });

  it('asks a whole fleet in rounds, and takes every device in', async () => {
    const gateway = start({ observe: [PATH], maxRegistrations: 2_000 });
    let underWay = 0;
    let most = 0;
    gateway.answer = async () => {
      most = Math.max(most, ++underWay);
      await settled();
      underWay--;
      return { code: '2.05', observe: 1 };
    };
    const names = Array.from({ length: 2_000 }, (_, n) => `d${n}`);
    await Promise.all(
      names.map((name) => gateway.request('POST', ['rd'], { query: [`ep=${name}`], body: '</3303/0>' })),
    );
    for (let round = 0; gateway.server.observations.size < 2_000 && round < 100; round++) await settled();
    assert.equal(gateway.server.observations.size, 2_000);
    assert.ok(most <= 512, `${most} at once`);
  });
});
