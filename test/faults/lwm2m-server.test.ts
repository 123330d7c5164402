import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { sleep } from '../../common/lifecycle.ts';
import type { AvroResponse, AvroResponseObserve } from '../../schemas/generated/records.ts';
import type { Stack } from '../../stack/stack.ts';
import { AnsweringDevice } from '../integration/lwm2m-server/answering-device.ts';
import { codeOf, optionsOf, RawPeer, raw } from '../lockstep/coap-raw-peer.ts';
import { type Peer, providePython, startRawDevices } from '../peers/peers.ts';
import { useEdge } from '../rig/edge.ts';
import { eventually, TestGateway } from '../rig/gateway.ts';
import { useStack } from '../rig/rig.ts';

const LOCATION_PATH = 8;
const MAX_AGE = 14;
const URI_PATH = 11;
const URI_QUERY = 15;
const READ_BODY = 'io.zeelos.leshan.avro.response.AvroReadResponseBody';
const EXECUTE = 'io.zeelos.leshan.avro.request.AvroExecuteRequest';
const GENERIC = 'io.zeelos.leshan.avro.response.AvroGenericResponse';
const DEVICES = 25;
/** A record with its key, the producer's own overhead and Node itself; a backlog without bounds would pass it in seconds. */
const MOST_RESIDENT_BYTES = 250 * 2 ** 20;

/** `<endpoint>/<number>`: one notification of the fleet. */
const nameOf = (ep: unknown, value: unknown): string => `${ep}/${value}`;

class Fleet {
  readonly acknowledged = new Set<string>();
  readonly registrations: string[] = [];
  readonly resets: string[] = [];
  observed = 0;
  peer!: Peer;

  static async start(gateway: TestGateway, prefix: string): Promise<Fleet> {
    const fleet = new Fleet();
    fleet.peer = await startRawDevices({
      server: `127.0.0.1:${gateway.coapPort}`,
      devices: DEVICES,
      ratePerSecond: 8,
      prefix,
      lifetimeSeconds: 120,
      drainMs: 8_000,
      deregister: false,
      onEvent: ({ event, ep, value }) => {
        if (event === 'acknowledged') fleet.acknowledged.add(nameOf(ep, value));
        if (event === 'registered') fleet.registrations.push(String(ep));
        if (event === 'reset') fleet.resets.push(nameOf(ep, value));
        if (event === 'observed') fleet.observed++;
      },
    });
    return fleet;
  }

  async notifies(more: number, withinMs = 20_000): Promise<void> {
    const goal = this.acknowledged.size + more;
    await eventually(`${more} more acknowledged`, () => this.acknowledged.size >= goal, withinMs);
  }
}

/** How often each number of the fleet stands in the topic; the value before the first number is 0. */
async function recorded(gateway: TestGateway): Promise<Map<string, number>> {
  const counts = new Map<string, number>();
  for (const { value } of await gateway.observations()) {
    const name = numberOf(value!);
    if (name !== undefined) counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  return counts;
}

function numberOf({ ep, rep }: AvroResponseObserve): string | undefined {
  const body = rep.body as Record<string, { content: Record<string, { value: { double: number } }> }> | null;
  const value = Object.values(body?.[READ_BODY]?.content ?? {})[0]?.value.double;
  assert.ok(value !== undefined, `a record of ${ep} without a number`);
  return value === 0 ? undefined : nameOf(ep, value);
}

function assertExactlyOnce(fleet: Fleet, counts: Map<string, number>): void {
  const lost = [...fleet.acknowledged].filter((name) => !counts.has(name));
  const doubled = [...counts].filter(([, count]) => count > 1);
  assert.deepEqual({ lost, doubled }, { lost: [], doubled: [] });
  assert.ok(fleet.acknowledged.size > 100, `only ${fleet.acknowledged.size} were acknowledged`);
}

const residentBytes = (pid: number): number =>
  Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1]) * 1024;

/** A newcomer is refused in time with a time to wait, and the next one at once. */
async function assertShedding(device: RawPeer, messageId: number): Promise<void> {
  const register = (ep: string, id: number) => {
    const options = [
      [URI_PATH, 'rd'],
      [URI_QUERY, `ep=${ep}`],
    ] as const;
    return raw({ code: '0.02', messageId: id, token: '01', options });
  };
  const startedAt = Date.now();
  device.send(register(`newcomer-${messageId}`, messageId));
  const first = await device.receive(8_000);
  // Held for a second it gets an empty ACK, and the answer in a message of its own.
  const held = codeOf(first) === '0.00' ? await device.receive(8_000) : first;
  assert.equal(codeOf(held), '5.03');
  assert.ok(Date.now() - startedAt < 6_500, `refused only after ${Date.now() - startedAt} ms`);
  assert.deepEqual(optionsOf(held).get(MAX_AGE)?.[0], Buffer.from([30]));
  device.send(raw({ type: 'ACK', code: '0.00', messageId: held.readUInt16BE(2) }));
  assert.equal(codeOf(await device.exchange(register('another', messageId + 1))), '5.03');
}

describe('lwm2m-server under faults', function () {
  this.timeout(90_000);
  let stack: Stack;

  before(async function () {
    this.timeout(300_000);
    await providePython();
    stack = await useStack('kafka-edge', 'registry');
  });

  it('acknowledges nothing while Kafka is away, refuses registrations, and loses and doubles nothing', async () => {
    const gateway = await TestGateway.create(await useEdge(), { observe: ['/3303/0/5700'] });
    const child = await gateway.spawn();
    const fleet = await Fleet.start(gateway, 'away-');
    const device = await RawPeer.open(gateway.coapPort);
    try {
      await fleet.notifies(200);
      // Its lifetime runs out while it could not be updated.
      const brief = [
        [URI_PATH, 'rd'],
        [URI_QUERY, 'ep=brief'],
        [URI_QUERY, 'lt=2'],
      ] as const;
      const welcome = await device.exchange(raw({ code: '0.02', messageId: 100, token: '02', options: brief }));
      const location = optionsOf(welcome)
        .get(LOCATION_PATH)!
        .map((segment) => [URI_PATH, String(segment)] as const);
      await stack.kill('kafka-edge');
      await sleep(500);
      const atOutage = fleet.acknowledged.size;
      await assertShedding(device, 1);
      await sleep(2_000);
      assert.equal(fleet.acknowledged.size, atOutage, 'an ACK without a record');
      assert.ok((await gateway.metric('kafka_backlog_records')) <= 2 * DEVICES + 10);
      assert.ok(residentBytes(child.pid!) < MOST_RESIDENT_BYTES);
      await stack.start('kafka-edge');
      await stack.ready('kafka-edge');
      await fleet.notifies(200, 40_000);
      const update = await device.exchange(raw({ code: '0.02', messageId: 101, token: '03', options: location }));
      assert.equal(codeOf(update), '2.04', 'a device was taken for gone that could not be heard');
      await fleet.peer.stop();
      assertExactlyOnce(fleet, await recorded(gateway));
      assert.equal(fleet.registrations.length, DEVICES, 'devices had to register anew');
      assert.deepEqual(fleet.resets, []);
    } finally {
      await device.close();
      await fleet.peer.stop();
      await gateway.close();
    }
  });

  it('treats a Kafka that hangs like one that is away', async () => {
    const gateway = await TestGateway.create(await useEdge(), { observe: ['/3303/0/5700'] });
    await gateway.spawn();
    const fleet = await Fleet.start(gateway, 'hung-');
    const device = await RawPeer.open(gateway.coapPort);
    const broker = stack.pid('kafka-edge')!;
    try {
      await fleet.notifies(100);
      process.kill(broker, 'SIGSTOP');
      await sleep(300);
      const atOutage = fleet.acknowledged.size;
      await assertShedding(device, 1);
      assert.equal(fleet.acknowledged.size, atOutage, 'an ACK without a record');
      process.kill(broker, 'SIGCONT');
      await fleet.notifies(150, 30_000);
      await fleet.peer.stop();
      assertExactlyOnce(fleet, await recorded(gateway));
      assert.deepEqual(fleet.resets, []);
    } finally {
      process.kill(broker, 'SIGCONT');
      await device.close();
      await fleet.peer.stop();
      await gateway.close();
    }
  });

  it('survives SIGKILL under load: what was acknowledged is there once, and no device notices', async () => {
    const gateway = await TestGateway.create(await useEdge(), { observe: ['/3303/0/5700'] });
    await gateway.spawn();
    const fleet = await Fleet.start(gateway, 'killed-');
    try {
      await eventually('all observed', () => fleet.observed === DEVICES, 20_000);
      await fleet.notifies(150);
      for (let kills = 0; kills < 2; kills++) {
        await gateway.kill();
        await gateway.spawn();
        await fleet.notifies(150);
      }
      await fleet.peer.stop();
      assertExactlyOnce(fleet, await recorded(gateway));
      assert.equal(fleet.registrations.length, DEVICES, 'devices had to register anew');
      assert.equal(fleet.observed, DEVICES, 'devices were observed anew');
      assert.deepEqual(fleet.resets, []);
    } finally {
      await fleet.peer.stop();
      await gateway.close();
    }
  });

  it('answers commands once that a SIGKILL interrupted or kept waiting', async () => {
    const gateway = await TestGateway.create(await useEdge(), { requestTimeoutMs: 10_000 });
    await gateway.spawn();
    let mute = true;
    const device = await AnsweringDevice.start(gateway.coapPort, 'cut-off', (request, respond) => {
      if (mute) return;
      if (request.method === 'GET') respond({ code: '2.05', contentFormat: 0, payload: Buffer.from('1') });
      else respond({ code: '2.04' });
    });
    const reader = await AnsweringDevice.start(gateway.coapPort, 'read-off', (_, respond) => {
      if (!mute) respond({ code: '2.05', contentFormat: 0, payload: Buffer.from('2') });
    });
    const command = (ep: string, ticket: string, kind: 'read' | 'execute') => ({
      serverId: gateway.gatewayId,
      ep,
      ticket,
      payload: {
        kind,
        path: kind === 'read' ? '/3303/0/5700' : '/3/0/4',
        contentFormat: 'TEXT_CODE' as const,
        body: kind === 'read' ? null : { [EXECUTE]: { parameters: '' } },
      },
    });
    try {
      const replies = await gateway.follow<AvroResponse>('replies');
      await gateway.command(
        command('cut-off', 'running', 'execute'),
        command('cut-off', 'waiting', 'execute'),
        command('read-off', 'reading', 'read'),
      );
      await eventually('both are asked', () => device.requests.length === 1 && reader.requests.length === 1);
      await gateway.kill();
      await gateway.command(command('cut-off', 'while-down', 'execute'));
      mute = false;
      await gateway.spawn();
      const tickets = ['running', 'waiting', 'while-down', 'reading'];
      const ofTicket = (ticket: string) => replies.filter(({ value }) => value!.ticket === ticket);
      await eventually('all replies', () => tickets.every((ticket) => ofTicket(ticket).length > 0), 25_000);
      await sleep(1_000);
      assert.deepEqual(
        tickets.map((ticket) => ofTicket(ticket).length),
        [1, 1, 1, 1],
      );
      const codes = tickets.map((ticket) => ofTicket(ticket)[0]!.value!.rep.code);
      assert.deepEqual(codes, ['INTERNAL_SERVER_ERROR', 'CHANGED', 'CHANGED', 'CONTENT']);
      const interrupted = ofTicket('running')[0]!.value!.rep.body as Record<string, { message: string }>;
      assert.match(interrupted[GENERIC]!.message, /^INTERRUPTED: /);
      assert.equal(device.requests.filter(({ method }) => method === 'POST').length, 3, 'an execute ran twice');
      const order = replies.map(({ value }) => value!.ticket).filter((ticket) => ticket !== 'reading');
      assert.deepEqual(order, ['running', 'waiting', 'while-down']);
    } finally {
      await device.close();
      await reader.close();
      await gateway.close();
    }
  });
});
