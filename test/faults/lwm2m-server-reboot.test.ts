import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { sleep } from '../../common/lifecycle.ts';
import type { AvroResponse } from '../../schemas/generated/records.ts';
import type { Stack } from '../../stack/stack.ts';
import { AnsweringDevice } from '../integration/lwm2m-server/answering-device.ts';
import { messageIdOf, RawPeer, raw, typeOf } from '../lockstep/coap-raw-peer.ts';
import { useEdge } from '../rig/edge.ts';
import { eventually, TestGateway } from '../rig/gateway.ts';
import { useStack } from '../rig/rig.ts';
import { residentBytes } from './numbered-fleet.ts';
import type { RebootCounts, RebootingFleetOptions } from './rebooting-fleet.ts';

const DEVICES = 10_000;
const SENT_AWAY = 3_000;
const ANSWER_MS = 1_000;
const MOST_RESIDENT_BYTES = 300 * 2 ** 20;

/** Milliseconds until the server answers a CoAP ping (RFC 7252 §4.3). */
async function ping(peer: RawPeer, messageId: number): Promise<number> {
  const sentAt = performance.now();
  peer.send(raw({ code: '0.00', messageId }));
  const answer = await peer.receive(5_000);
  assert.deepEqual([typeOf(answer), messageIdOf(answer)], ['RST', messageId]);
  return performance.now() - sentAt;
}

/** The fleet in a process of its own; `counts` is how far it is. */
class Fleet {
  counts: RebootCounts = { registered: 0, observed: 0, shed: 0, gaveUp: 0, unexpected: [] };
  readonly #child = fork(new URL('./rebooting-fleet.ts', import.meta.url), { execArgv: [] });
  readonly #gone = once(this.#child, 'exit');

  constructor() {
    this.#child.on('message', (counts: RebootCounts) => {
      this.counts = counts;
    });
  }

  start(options: RebootingFleetOptions): void {
    this.#child.send(options);
  }

  async close(): Promise<void> {
    if (this.#child.connected) this.#child.disconnect();
    await this.#gone;
  }
}

describe('devices that reboot at once', function () {
  this.timeout(120_000);
  let stack: Stack;

  before(async function () {
    this.timeout(300_000);
    stack = await useStack('kafka-edge', 'registry');
  });

  it('are all taken in, 10,000 within 10 s, and meanwhile who was there before is served within a second', async () => {
    const gateway = await TestGateway.create(await useEdge(), { observe: ['/3303/0/5700'], maxRegistrations: 20_000 });
    const child = await gateway.spawn();
    const steady = await AnsweringDevice.start(gateway.coapPort, 'steady', (_, respond) =>
      respond({ code: '2.05', contentFormat: 0, payload: Buffer.from('1') }),
    );
    const pinging = await RawPeer.open(gateway.coapPort);
    const fleet = new Fleet();
    try {
      const replies = await gateway.follow<AvroResponse>('replies');
      fleet.start({ port: gateway.coapPort, devices: DEVICES, withinMs: 10_000 });
      const waits: { pings: number[]; commands: number[] } = { pings: [], commands: [] };
      for (let number = 0; fleet.counts.observed < DEVICES; number++) {
        waits.pings.push(await ping(pinging, number));
        const askedAt = performance.now();
        await gateway.command({
          ...{ serverId: gateway.gatewayId, ep: 'steady', ticket: `t${number}` },
          payload: { kind: 'read', path: '/3303/0/5700', contentFormat: 'TEXT_CODE', body: null },
        });
        await eventually('the reply', () => replies.some(({ value }) => value!.ticket === `t${number}`), 20_000);
        waits.commands.push(performance.now() - askedAt);
        await sleep(100);
        assert.ok(number < 800, `not all are taken in: ${JSON.stringify(fleet.counts)}`);
      }
      const { registered, gaveUp, unexpected } = fleet.counts;
      assert.deepEqual({ registered, gaveUp, unexpected }, { registered: DEVICES, gaveUp: 0, unexpected: [] });
      assert.ok(Math.max(...waits.pings) < ANSWER_MS, `a ping waited ${Math.max(...waits.pings)} ms`);
      assert.ok(Math.max(...waits.commands) < ANSWER_MS, `a command waited ${Math.max(...waits.commands)} ms`);
      assert.ok(residentBytes(child.pid!) < MOST_RESIDENT_BYTES);
      const news = await gateway.registrations();
      assert.equal(new Set(news.map(({ ep }) => ep)).size, DEVICES + 1);
      assert.equal(news.length, DEVICES + 1, 'a repetition was taken for another registration');
    } finally {
      await fleet.close();
      await pinging.close();
      await steady.close();
      await gateway.close();
    }
  });

  it('are sent away with a time to wait while Kafka hangs, a ping is answered, and then all are taken in', async () => {
    const gateway = await TestGateway.create(await useEdge(), { observe: ['/3303/0/5700'] });
    const child = await gateway.spawn();
    const pinging = await RawPeer.open(gateway.coapPort);
    const broker = stack.pid('kafka-edge')!;
    const fleet = new Fleet();
    try {
      process.kill(broker, 'SIGSTOP');
      fleet.start({ port: gateway.coapPort, devices: SENT_AWAY, withinMs: 1_000 });
      let longest = 0;
      for (let number = 0; number < 70; number++) {
        longest = Math.max(longest, await ping(pinging, number));
        await sleep(100);
      }
      assert.ok(longest < ANSWER_MS, `a ping waited ${longest} ms`);
      assert.equal(fleet.counts.registered, 0, '2.01 without a record');
      assert.ok(fleet.counts.shed > 0);
      process.kill(broker, 'SIGCONT');
      // Some were recorded after they had been sent away: they are observed before they come again.
      await eventually('all are taken in', () => fleet.counts.registered === SENT_AWAY, 80_000);
      assert.deepEqual(fleet.counts.unexpected, []);
      assert.ok(residentBytes(child.pid!) < MOST_RESIDENT_BYTES);
      assert.equal(new Set((await gateway.registrations()).map(({ ep }) => ep)).size, SENT_AWAY);
    } finally {
      process.kill(broker, 'SIGCONT');
      await fleet.close();
      await pinging.close();
      await gateway.close();
    }
  });
});
