import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { sleep } from '../../common/lifecycle.ts';
import type { AvroResponse } from '../../schemas/generated/records.ts';
import { AnsweringDevice } from '../integration/lwm2m-server/answering-device.ts';
import { messageIdOf, RawPeer, raw, typeOf } from '../lockstep/coap-raw-peer.ts';
import { useEdge } from '../rig/edge.ts';
import { eventually, TestGateway } from '../rig/gateway.ts';
import { useStack } from '../rig/rig.ts';
import { residentBytes } from './numbered-fleet.ts';
import type { RebootCounts, RebootingFleetOptions } from './rebooting-fleet.ts';

const DEVICES = 10_000;
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

describe('10,000 devices that reboot at once', function () {
  this.timeout(120_000);

  before(async function () {
    this.timeout(300_000);
    await useStack('kafka-edge', 'registry');
  });

  it('are all taken in, and meanwhile who was there before is served within a second', async () => {
    const gateway = await TestGateway.create(await useEdge(), { observe: ['/3303/0/5700'], maxRegistrations: 20_000 });
    const child = await gateway.spawn();
    const steady = await AnsweringDevice.start(gateway.coapPort, 'steady', (_, respond) =>
      respond({ code: '2.05', contentFormat: 0, payload: Buffer.from('1') }),
    );
    const pinging = await RawPeer.open(gateway.coapPort);
    const fleet = fork(new URL('./rebooting-fleet.ts', import.meta.url), { execArgv: [] });
    const gone = once(fleet, 'exit');
    let counts: RebootCounts | undefined;
    fleet.on('message', (told: RebootCounts) => {
      counts = told;
    });
    try {
      const replies = await gateway.follow<AvroResponse>('replies');
      const options: RebootingFleetOptions = { port: gateway.coapPort, devices: DEVICES, withinMs: 10_000 };
      fleet.send(options);
      const waits: { pings: number[]; commands: number[] } = { pings: [], commands: [] };
      for (let number = 0; (counts?.observed ?? 0) < DEVICES; number++) {
        waits.pings.push(await ping(pinging, number));
        const askedAt = performance.now();
        await gateway.command({
          ...{ serverId: gateway.gatewayId, ep: 'steady', ticket: `t${number}` },
          payload: { kind: 'read', path: '/3303/0/5700', contentFormat: 'TEXT_CODE', body: null },
        });
        await eventually('the reply', () => replies.some(({ value }) => value!.ticket === `t${number}`), 20_000);
        waits.commands.push(performance.now() - askedAt);
        await sleep(100);
        assert.ok(number < 800, `not all are taken in: ${JSON.stringify(counts)}`);
      }
      assert.deepEqual(counts!.unexpected, []);
      assert.equal(counts!.registered, DEVICES);
      assert.equal(counts!.gaveUp, 0, 'devices were left without any answer');
      assert.ok(Math.max(...waits.pings) < ANSWER_MS, `a ping waited ${Math.max(...waits.pings)} ms`);
      assert.ok(Math.max(...waits.commands) < ANSWER_MS, `a command waited ${Math.max(...waits.commands)} ms`);
      assert.ok(residentBytes(child.pid!) < MOST_RESIDENT_BYTES);
      const news = await gateway.registrations();
      assert.equal(new Set(news.map(({ ep }) => ep)).size, DEVICES + 1);
      assert.equal(news.length, DEVICES + 1, 'a repetition was taken for another registration');
    } finally {
      fleet.disconnect();
      await gone;
      await pinging.close();
      await steady.close();
      await gateway.close();
    }
  });
});
