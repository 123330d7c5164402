/**
 * Command round trip on one machine: Kafka → LwM2M server → device → LwM2M server → Kafka, one command at a time, devices in turn.
 * Run by hand: node bench/command-round-trip.ts [commands per kind] → one JSON line, times in ms.
 */
import { loadavg } from 'node:os';
import { sleep } from '../common/lifecycle.ts';
import type { AvroRequest, AvroResponse } from '../schemas/generated/records.ts';
import { AnsweringDevice } from '../test/integration/lwm2m-server/answering-device.ts';
import { useEdge } from '../test/rig/edge.ts';
import { TestGateway } from '../test/rig/gateway.ts';
import { mochaHooks } from '../test/rig/rig.ts';

const DEVICES = 100;
const WARM_UP = 200;
const COMMANDS = Number(process.argv[2] ?? 1_000);
const EXECUTE = 'io.zeelos.leshan.avro.request.AvroExecuteRequest';

function percentile(sorted: readonly number[], share: number): number {
  return Number(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]!.toFixed(2));
}

async function measure(gateway: TestGateway, kind: 'read' | 'execute', count: number): Promise<number[]> {
  const waiting = new Map<string, () => void>();
  const replies = await gateway.follow<AvroResponse>('replies');
  const push = replies.push.bind(replies);
  replies.push = (...seen) => {
    for (const { value } of seen) waiting.get(value!.ticket)?.();
    return push(...seen);
  };
  const times: number[] = [];
  for (let n = 0; n < count; n++) {
    const ticket = `${kind}-${count}-${n}`;
    const request: AvroRequest = {
      serverId: gateway.gatewayId,
      ep: `bench-${n % DEVICES}`,
      ticket,
      payload: {
        kind,
        path: kind === 'read' ? '/3303/0/5700' : '/3/0/4',
        contentFormat: 'TEXT_CODE',
        body: kind === 'read' ? null : { [EXECUTE]: { parameters: '' } },
      },
    };
    const startedAt = performance.now();
    const answered = new Promise<void>((resolve) => waiting.set(ticket, resolve));
    await gateway.command(request);
    await answered;
    waiting.delete(ticket);
    times.push(performance.now() - startedAt);
  }
  return times.sort((one, other) => one - other);
}

const gateway = await TestGateway.create(await useEdge());
const devices: AnsweringDevice[] = [];
try {
  await gateway.spawn();
  for (let n = 0; n < DEVICES; n++) {
    devices.push(
      await AnsweringDevice.start(gateway.coapPort, `bench-${n}`, ({ method }, respond) =>
        respond(method === 'GET' ? { code: '2.05', contentFormat: 0, payload: Buffer.from('21.5') } : { code: '2.04' }),
      ),
    );
  }
  await measure(gateway, 'read', WARM_UP);
  await measure(gateway, 'execute', WARM_UP);
  await sleep(500);
  const result: Record<string, unknown> = { bench: 'command-round-trip', devices: DEVICES, commands: COMMANDS };
  for (const kind of ['read', 'execute'] as const) {
    const times = await measure(gateway, kind, COMMANDS);
    result[kind] = { p50: percentile(times, 0.5), p90: percentile(times, 0.9), p99: percentile(times, 0.99) };
  }
  console.log(JSON.stringify({ ...result, loadAverage: loadavg()[0] }));
} finally {
  for (const device of devices) await device.close();
  await gateway.close();
  await mochaHooks.afterAll();
}
