import assert from 'node:assert/strict';
import { sleep } from '../../common/lifecycle.ts';
import type { AvroRequest, AvroResponse } from '../../schemas/generated/records.ts';
import { AnsweringDevice } from '../integration/lwm2m-server/answering-device.ts';
import { useEdge } from '../rig/edge.ts';
import { eventually, TestGateway } from '../rig/gateway.ts';

const EXECUTE = 'io.zeelos.leshan.avro.request.AvroExecuteRequest';
const DEVICES = 8;
const KILLS = 3;
/** Per device and burst: enough that a kill meets commands in every state. */
const BURST = 40;

describe('commands under kills', function () {
  this.timeout(120_000);

  it('runs none twice that changes a device, and answers each once, in the order of its device', async () => {
    const gateway = await TestGateway.create(await useEdge());
    const devices: AnsweringDevice[] = [];
    /** How often each execute reached its device, and in which order. */
    const executed = new Map<string, string[]>();
    try {
      await gateway.spawn();
      const replies = await gateway.follow<AvroResponse>('replies');
      for (let n = 0; n < DEVICES; n++) {
        const ep = `killed-${n}`;
        executed.set(ep, []);
        devices.push(
          await AnsweringDevice.start(gateway.coapPort, ep, ({ method, payload }, respond) => {
            if (method === 'POST') executed.get(ep)!.push(payload.toString());
            respond(
              method === 'POST' ? { code: '2.04' } : { code: '2.05', contentFormat: 0, payload: Buffer.from('1') },
            );
          }),
        );
      }
      const asked: AvroRequest[] = [];
      for (let kill = 0; kill < KILLS; kill++) {
        const burst = burstOf(gateway.gatewayId, kill);
        asked.push(...burst);
        await gateway.command(...burst);
        const answered = replies.length + 5 + kill * 40;
        await eventually('some are answered', () => replies.length >= answered, 20_000);
        await gateway.kill();
        await sleep(100);
        await gateway.spawn();
      }
      await eventually('all are answered', () => replies.length >= asked.length, 40_000);
      await sleep(500);
      assert.deepEqual(doubled(replies.map(({ value }) => value!.ticket)), [], 'answered twice');
      assert.equal(replies.length, asked.length);
      const codes = new Map(replies.map(({ value }) => [value!.ticket, value!.rep.code]));
      for (const [ep, tickets] of executed) {
        assert.deepEqual(doubled(tickets), [], `run twice on ${ep}`);
        assert.deepEqual(tickets, [...tickets].sort(), `out of order on ${ep}`);
      }
      const ran = new Set([...executed.values()].flat());
      const changed = asked.filter(({ payload }) => payload.kind === 'execute');
      for (const { ticket } of changed) {
        if (codes.get(ticket) === 'CHANGED') assert.ok(ran.has(ticket), `${ticket} did not run`);
        else assert.equal(codes.get(ticket), 'INTERNAL_SERVER_ERROR');
      }
      const unknown = changed.filter(({ ticket }) => codes.get(ticket) !== 'CHANGED').length;
      assert.ok(unknown <= KILLS * DEVICES, `${unknown} of unknown outcome: at most one per device and kill`);
      const left = [...(await gateway.state()).keys()].filter((key) => key.startsWith('command/'));
      assert.deepEqual(left, []);
    } finally {
      for (const device of devices) await device.close();
      await gateway.close();
    }
  });
});

function burstOf(serverId: string, kill: number): AvroRequest[] {
  return Array.from({ length: DEVICES * BURST }, (_, index) => {
    const ticket = `${kill}-${String(index).padStart(4, '0')}`;
    const isRead = Math.floor(index / DEVICES) % 3 === 2;
    return {
      ...{ serverId, ticket, ep: `killed-${index % DEVICES}` },
      payload: {
        kind: isRead ? 'read' : 'execute',
        path: isRead ? '/3303/0/5700' : '/3/0/4',
        contentFormat: 'TEXT_CODE',
        body: isRead ? null : { [EXECUTE]: { parameters: ticket } },
      },
    };
  });
}

function doubled(tickets: readonly string[]): string[] {
  return tickets.filter((ticket, index) => tickets.indexOf(ticket) !== index);
}
