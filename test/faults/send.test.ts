import assert from 'node:assert/strict';
import type { Stack } from '../../stack/stack.ts';
import { codeOf, optionsOf, RawPeer, raw } from '../lockstep/coap-raw-peer.ts';
import { useEdge } from '../rig/edge.ts';
import { TestGateway } from '../rig/gateway.ts';
import { useStack } from '../rig/rig.ts';

const URI_PATH = 11;
const CONTENT_FORMAT = 12;
const MAX_AGE = 14;
const URI_QUERY = 15;
const SENML_JSON = 110;

describe('Send while Kafka hangs', function () {
  this.timeout(60_000);
  let stack: Stack;
  let messageId = 1;

  before(async function () {
    this.timeout(300_000);
    stack = await useStack('kafka-edge', 'registry');
  });

  function send(seconds: number): Buffer {
    const options = [
      [URI_PATH, 'dp'],
      [CONTENT_FORMAT, SENML_JSON],
    ] as const;
    const payload = JSON.stringify([{ n: '/3303/0/5700', t: seconds, v: 21.5 }]);
    return raw({ code: '0.02', token: 'e1', messageId: messageId++, options, payload });
  }

  /** The answer, in the ACK or in a message of its own, which is acknowledged. */
  async function answerOf(device: RawPeer, request: Buffer): Promise<Buffer> {
    device.send(request);
    const first = await device.receive(8_000);
    if (codeOf(first) !== '0.00') return first;
    const separate = await device.receive(8_000);
    device.send(raw({ type: 'ACK', code: '0.00', messageId: separate.readUInt16BE(2) }));
    return separate;
  }

  it('says 5.03 with a time to wait, never 2.04; sent again it is in the topic, and nothing acknowledged is missing', async () => {
    const gateway = await TestGateway.create(await useEdge());
    await gateway.start();
    const device = await RawPeer.open(gateway.coapPort);
    const broker = stack.pid('kafka-edge')!;
    try {
      const register = [
        [URI_PATH, 'rd'],
        [URI_QUERY, 'ep=patient'],
        [URI_QUERY, 'lwm2m=1.1'],
      ] as const;
      assert.equal(
        codeOf(await answerOf(device, raw({ code: '0.02', messageId: messageId++, options: register }))),
        '2.01',
      );
      assert.equal(codeOf(await answerOf(device, send(1_700_000_000))), '2.04');
      process.kill(broker, 'SIGSTOP');
      const startedAt = Date.now();
      const held = await answerOf(device, send(1_700_000_001));
      assert.equal(codeOf(held), '5.03');
      assert.ok(Date.now() - startedAt < 6_500, `refused only after ${Date.now() - startedAt} ms`);
      assert.deepEqual(optionsOf(held).get(MAX_AGE)?.[0], Buffer.from([30]));
      assert.equal(codeOf(await device.exchange(send(1_700_000_001))), '5.03');
      process.kill(broker, 'SIGCONT');
      let again = await answerOf(device, send(1_700_000_001));
      for (let attempt = 0; codeOf(again) !== '2.04' && attempt < 20; attempt++) {
        assert.equal(codeOf(again), '5.03');
        await new Promise((resolve) => setTimeout(resolve, 500));
        again = await answerOf(device, send(1_700_000_001));
      }
      assert.equal(codeOf(again), '2.04');
      const records = (await gateway.observations()).map(({ value }) => value!);
      assert.deepEqual([...new Set(records.map(({ timestamp }) => timestamp))], [1_700_000_000_000, 1_700_000_001_000]);
      // What was refused may have been committed late: then it stands twice, and is one point for a store.
      assert.deepEqual([...new Set(records.map(({ seq, path }) => `${seq} ${path}`))], ['null /3303/0/5700']);
    } finally {
      process.kill(broker, 'SIGCONT');
      await device.close();
      await gateway.close();
    }
  });
});
