import assert from 'node:assert/strict';
import { PlatformError } from '../../../../common/errors.ts';
import type { NotificationRules } from '../../../../lwm2m/client/notification-rules.ts';
import { Observations } from '../../../../lwm2m/client/observations.ts';
import { refusal } from '../../../../lwm2m/client/refusal.ts';
import type { NotifyOutcome } from '../../../../lwm2m/coap/endpoint.ts';
import { udpPeer } from '../../../../lwm2m/coap/transport.ts';
import type { Lwm2mNode } from '../../../../lwm2m/content/node.ts';
import { FakeClock, settled } from './fake-clock.ts';

const PATH = { objectId: 3303, instanceId: 0, resourceId: 5700 };
const PEER = udpPeer('127.0.0.1', 5683);

interface Sent {
  readonly atMs: number;
  readonly value: string;
  readonly observe: number;
}

class Bench {
  readonly clock = new FakeClock();
  readonly sent: Sent[] = [];
  rules: NotificationRules = {};
  value = 0;
  doubts = 0;
  readable = true;
  outcome: () => Promise<NotifyOutcome> = async () => 'acknowledged';
  readonly observations = new Observations({
    clock: this.clock,
    maxObservations: 4,
    confirmable: true,
    readNode: async () => this.node(),
    rulesOf: () => this.rules,
    notify: (_, { payload, observe }) => {
      this.sent.push({ atMs: this.clock.now(), value: Buffer.from(payload).toString(), observe });
      return this.outcome();
    },
    onDoubt: () => this.doubts++,
  });

  node(): Lwm2mNode {
    if (!this.readable) throw refusal('5.04', 'away');
    return { kind: 'resource', id: 5700, value: { type: 'FLOAT', value: this.value } };
  }

  observe(token = 1): number | undefined {
    const changesBefore = this.observations.changes;
    const start = { peer: PEER, token: Buffer.from([token]), path: PATH, contentFormat: 0, changesBefore };
    return this.observations.add({ ...start, node: this.node() });
  }

  async set(value: number): Promise<void> {
    this.value = value;
    this.observations.changed(PATH);
    await settled();
  }

  get times(): number[] {
    return this.sent.map(({ atMs }) => atMs);
  }

  get values(): string[] {
    return this.sent.map(({ value }) => value);
  }
}

describe('observations', () => {
  let bench: Bench;
  beforeEach(() => {
    bench = new Bench();
  });

  it('sends each change at once without attributes', async () => {
    bench.observe();
    await bench.set(1);
    await bench.clock.pass(10);
    await bench.set(2);
    assert.deepEqual(bench.values, ['1', '2']);
    assert.deepEqual(bench.times, [0, 10]);
  });

  it('holds changes back until pmin is over, and then sends the latest', async () => {
    bench.rules = { pmin: 10 };
    bench.observe();
    await bench.clock.pass(1_000);
    await bench.set(1);
    await bench.set(2);
    await bench.clock.pass(60_000);
    assert.deepEqual(bench.values, ['2']);
    assert.deepEqual(bench.times, [10_000]);
  });

  it('repeats the value when pmax is over, counted from what was sent last', async () => {
    bench.rules = { pmax: 30 };
    bench.observe();
    await bench.clock.pass(20_000);
    await bench.set(1);
    await bench.clock.pass(60_000);
    assert.deepEqual(bench.times, [20_000, 50_000, 80_000]);
    assert.deepEqual(bench.values, ['1', '1', '1']);
  });

  it('leaves a pmax at or below pmin aside', async () => {
    bench.rules = { pmin: 10, pmax: 10 };
    bench.observe();
    await bench.clock.pass(100_000);
    assert.deepEqual(bench.sent, []);
    assert.equal(bench.clock.waiting, 0);
  });

  it('follows attributes that change while it waits', async () => {
    bench.rules = { pmin: 100 };
    bench.observe();
    await bench.set(1);
    bench.rules = { pmin: 5 };
    bench.observations.replan();
    await bench.clock.pass(20_000);
    assert.deepEqual(bench.times, [5_000]);
  });

  it('sends only crossings of gt and lt, in both directions', async () => {
    bench.rules = { gt: 30, lt: 10 };
    bench.value = 20;
    bench.observe();
    for (const value of [25, 31, 35, 29, 10, 9, 5, 11]) await bench.set(value);
    assert.deepEqual(bench.values, ['31', '29', '9', '11']);
  });

  it('sends a value that went away from the last sent one by st in small steps', async () => {
    bench.rules = { st: 0.3 };
    bench.value = 1;
    bench.observe();
    for (const value of [1.1, 1.2, 1.3, 1.2, 0.9]) await bench.set(value);
    assert.deepEqual(bench.values, ['1.3', '0.9']);
  });

  it('has one notification under way for all observations, and numbers them without a gap in time', async () => {
    const acknowledge: (() => void)[] = [];
    bench.outcome = () => new Promise((resolve) => acknowledge.push(() => resolve('acknowledged')));
    const numbers = [bench.observe(1), bench.observe(2)];
    await bench.set(1);
    assert.equal(bench.sent.length, 1);
    acknowledge[0]!();
    await settled();
    assert.equal(bench.sent.length, 2);
    const all = [...numbers, ...bench.sent.map(({ observe }) => observe)];
    assert.deepEqual(all, [1, 2, 3, 4]);
  });

  it('uses one timer however many observations wait', async () => {
    bench.rules = { pmin: 10, pmax: 60 };
    for (const token of [1, 2, 3, 4]) bench.observe(token);
    assert.equal(bench.clock.waiting, 1);
    assert.equal(bench.observe(5), undefined);
    assert.equal(bench.observations.size, 4);
  });

  it('keeps what was not acknowledged and sends the latest when the server lives again', async () => {
    bench.outcome = () => Promise.reject(new PlatformError('COAP_TIMEOUT', 'silence'));
    bench.rules = { gt: 5 };
    bench.observe();
    await bench.set(6);
    assert.equal(bench.doubts, 1);
    bench.outcome = async () => 'acknowledged';
    await bench.clock.pass(100);
    assert.equal(bench.sent.length, 1);
    bench.observations.onSignOfLife();
    await settled();
    assert.deepEqual(bench.values, ['6', '6']);
    await bench.clock.pass(100_000);
    assert.equal(bench.sent.length, 2);
  });

  it('never repeats a value that cannot be read, and goes on when it can', async () => {
    bench.rules = { pmax: 5 };
    bench.observe();
    bench.readable = false;
    await bench.clock.pass(60_000);
    assert.deepEqual(bench.sent, []);
    assert.equal(bench.observations.size, 1);
    bench.readable = true;
    await bench.set(3);
    assert.deepEqual(bench.values, ['3']);
  });

  it('does not lose a change between the first answer and its registration', async () => {
    const changesBefore = bench.observations.changes;
    const node = bench.node();
    await bench.set(9);
    bench.observations.add({ peer: PEER, token: Buffer.from([1]), path: PATH, contentFormat: 0, node, changesBefore });
    await settled();
    assert.deepEqual(bench.values, ['9']);
  });

  it('ends at a reset, and with it its timer', async () => {
    bench.rules = { pmax: 5 };
    bench.outcome = async () => 'reset';
    bench.observe();
    await bench.clock.pass(6_000);
    assert.deepEqual([bench.observations.size, bench.clock.waiting, bench.doubts], [0, 0, 1]);
  });
});
