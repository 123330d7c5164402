import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import type { AvroResponseObserve } from '../../schemas/generated/records.ts';
import { codeOf, optionsOf, type RawPeer, raw } from '../lockstep/coap-raw-peer.ts';
import { type Peer, startRawDevices } from '../peers/peers.ts';
import { eventually, type TestGateway } from '../rig/gateway.ts';

const MAX_AGE = 14;
const URI_PATH = 11;
const URI_QUERY = 15;
const READ_BODY = 'io.zeelos.leshan.avro.response.AvroReadResponseBody';
export const DEVICES = 25;

/** `<endpoint>/<number>`: one notification of the fleet. */
const nameOf = (ep: unknown, value: unknown): string => `${ep}/${value}`;

/** Devices that number their notifications and account for every ACK. */
export class Fleet {
  readonly acknowledged = new Set<string>();
  readonly registrations: string[] = [];
  readonly resets: string[] = [];
  observed = 0;
  summary: Readonly<Record<string, unknown>> = {};
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
      onEvent: ({ event, ep, value, ...counts }) => {
        if (event === 'acknowledged') fleet.acknowledged.add(nameOf(ep, value));
        if (event === 'registered') fleet.registrations.push(String(ep));
        if (event === 'reset') fleet.resets.push(nameOf(ep, value));
        if (event === 'observed') fleet.observed++;
        if (event === 'summary') fleet.summary = counts;
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
export async function recorded(gateway: TestGateway): Promise<Map<string, number>> {
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

export function assertExactlyOnce(fleet: Fleet, counts: Map<string, number>): void {
  const lost = [...fleet.acknowledged].filter((name) => !counts.has(name));
  const doubled = [...counts].filter(([, count]) => count > 1);
  assert.deepEqual({ lost, doubled }, { lost: [], doubled: [] });
  assert.ok(fleet.acknowledged.size > 100, `only ${fleet.acknowledged.size} were acknowledged`);
}

export const residentBytes = (pid: number): number =>
  Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1]) * 1024;

/** A newcomer is refused in time with a time to wait, and the next one at once. */
export async function assertShedding(device: RawPeer, messageId: number): Promise<void> {
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
