import assert from 'node:assert/strict';
import { PlatformError } from '../../../../common/errors.ts';
import { Registration } from '../../../../lwm2m/client/registration.ts';
import type { CoapResponse, OutgoingRequest } from '../../../../lwm2m/coap/endpoint.ts';
import { udpPeer } from '../../../../lwm2m/coap/transport.ts';
import { FakeClock, settled } from './fake-clock.ts';

const PEER = udpPeer('127.0.0.1', 5683);
const LIFETIME_SECONDS = 100;

interface Attempt {
  readonly atMs: number;
  readonly kind: 'register' | 'update' | 'deregister';
}

type Answer = { code: string; maxAgeSeconds?: number } | 'silence';

/** A registration whose server answers as `answer` says; silence takes the whole time allowed. */
class Bench {
  readonly clock = new FakeClock();
  readonly attempts: Attempt[] = [];
  readonly queries: (readonly string[])[] = [];
  answer: (kind: Attempt['kind']) => Answer = (kind) => ({ code: kind === 'register' ? '2.01' : '2.04' });
  random = 0;
  lifetimeSeconds = LIFETIME_SECONDS;
  startedOver = 0;
  signsOfLife = 0;
  readonly registration = new Registration({
    clock: this.clock,
    random: () => this.random,
    timing: { requestTimeoutMs: 10_000, firstPauseMs: 1_000, longestPauseMs: 8_000 },
    endpointName: 'ep',
    version: '1.1',
    lifetimeSeconds: () => this.lifetimeSeconds,
    links: () => '</1/0>',
    resolveServer: async () => PEER,
    request: (_, request, { timeoutMs }) => this.#request(request, timeoutMs),
    onStartOver: () => this.startedOver++,
    onRegistered: () => undefined,
    onSignOfLife: () => this.signsOfLife++,
  });

  async #request(request: OutgoingRequest, timeoutMs: number): Promise<CoapResponse> {
    const kind = request.method === 'DELETE' ? 'deregister' : request.path.length === 1 ? 'register' : 'update';
    this.attempts.push({ atMs: this.clock.now(), kind });
    this.queries.push(request.query ?? []);
    const answer = this.answer(kind);
    if (answer === 'silence') {
      await new Promise<void>((resolve) => this.clock.after(timeoutMs, resolve));
      throw new PlatformError('COAP_TIMEOUT', 'silence');
    }
    const locationPath = answer.code === '2.01' ? ['rd', 'x'] : [];
    return { ...answer, locationPath, token: Buffer.alloc(0), payload: Buffer.alloc(0), peer: PEER };
  }

  get log(): [number, string][] {
    return this.attempts.map(({ atMs, kind }) => [atMs / 1000, kind]);
  }
}

describe('registration', () => {
  let bench: Bench;
  beforeEach(() => {
    bench = new Bench();
    bench.registration.start();
  });
  afterEach(async () => {
    bench.answer = () => ({ code: '2.02' });
    await Promise.all([bench.registration.stop(), bench.clock.pass(20_000)]);
    assert.equal(bench.clock.waiting, 0, 'no timer is left behind');
  });

  it('updates at 45 to 65 % of the lifetime', async () => {
    await bench.clock.pass(50_000);
    bench.random = 0.999;
    await bench.clock.pass(110_000);
    const [, first, second, third] = bench.log;
    assert.deepEqual(first, [45, 'update']);
    assert.deepEqual(second, [90, 'update']);
    assert.ok(third![0] > 90 + 64 && third![0] < 90 + 65);
    assert.equal(bench.registration.state, 'registered');
  });

  it('waits longer and longer between attempts to register, up to the longest', async () => {
    bench = new Bench();
    bench.answer = () => ({ code: '4.03' });
    bench.random = 1;
    bench.registration.start();
    await bench.clock.pass(40_000);
    assert.deepEqual(
      bench.log.map(([at]) => at),
      [0, 1, 3, 7, 15, 23, 31, 39],
    );
    assert.equal(bench.registration.state, 'registering');
  });

  it('spreads its pauses over half of their length', async () => {
    bench = new Bench();
    bench.answer = () => ({ code: '5.00' });
    bench.registration.start();
    await bench.clock.pass(4_000);
    assert.deepEqual(
      bench.log.map(([at]) => at),
      [0, 0.5, 1.5, 3.5],
    );
  });

  it('follows the pause that a busy server names, with a spread, within the longest', async () => {
    bench = new Bench();
    bench.answer = () => ({ code: '5.03', maxAgeSeconds: 3 });
    bench.random = 0.5;
    bench.registration.start();
    await bench.clock.pass(5_000);
    bench.answer = () => ({ code: '5.03', maxAgeSeconds: 100_000 });
    await bench.clock.pass(20_000);
    assert.deepEqual(
      bench.log.map(([at]) => at),
      [0, 4.5, 9, 21],
    );
  });

  it('meets silence with updates while the lifetime lasts, then registers anew', async () => {
    await bench.clock.pass(1_000);
    bench.answer = () => 'silence';
    await bench.clock.pass(130_000);
    const kinds = bench.log.slice(1);
    assert.ok(kinds.length > 5);
    for (const [at, kind] of kinds) assert.equal(kind, at > LIFETIME_SECONDS ? 'register' : 'update', `at ${at} s`);
    assert.ok(bench.startedOver > 1);
  });

  it('goes on with its registration when the server is back before the lifetime ends', async () => {
    await bench.clock.pass(1_000);
    bench.answer = () => 'silence';
    await bench.clock.pass(60_000);
    bench.answer = () => ({ code: '2.04' });
    await bench.clock.pass(20_000);
    assert.equal(bench.log.filter(([, kind]) => kind === 'register').length, 1);
    assert.equal(bench.signsOfLife, 1);
    assert.equal(bench.registration.state, 'registered');
  });

  it('registers at once when an update is answered with 4.04', async () => {
    bench.answer = (kind) => ({ code: kind === 'register' ? '2.01' : '4.04' });
    await bench.clock.pass(50_000);
    assert.deepEqual(bench.log, [
      [0, 'register'],
      [45, 'update'],
      [45, 'register'],
    ]);
    assert.equal(bench.startedOver, 2);
  });

  it('keeps trying to update while the server is busy', async () => {
    await bench.clock.pass(1_000);
    bench.answer = () => ({ code: '5.03' });
    await bench.clock.pass(50_000);
    assert.equal(bench.log.filter(([, kind]) => kind === 'register').length, 1);
  });

  it('sends an update at once when asked, with the lifetime only if it changed', async () => {
    await bench.clock.pass(1_000);
    bench.registration.update('now');
    await settled();
    bench.lifetimeSeconds = 200;
    bench.registration.update('now');
    await settled();
    assert.deepEqual(bench.queries.slice(1), [[], ['lt=200']]);
  });

  it('looks into doubts, but not right after the server answered', async () => {
    await bench.clock.pass(1_000);
    bench.registration.doubt();
    await bench.clock.pass(1_000);
    assert.equal(bench.attempts.length, 1);
    await bench.clock.pass(10_000);
    bench.registration.doubt();
    await settled();
    assert.equal(bench.attempts.length, 2);
  });

  it('keeps a pause after a failure though it is asked to update', async () => {
    bench = new Bench();
    bench.answer = () => ({ code: '5.00' });
    bench.registration.start();
    await settled();
    for (let i = 0; i < 10; i++) bench.registration.update('now');
    await bench.clock.pass(400);
    assert.equal(bench.attempts.length, 1);
  });

  it('sends its name, lifetime, version and binding', async () => {
    await settled();
    assert.deepEqual(bench.queries[0], ['ep=ep', 'lt=100', 'lwm2m=1.1', 'b=U']);
  });
});
