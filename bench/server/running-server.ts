import { createSocket } from 'node:dgram';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { PlatformError } from '../../common/errors.ts';
import { sleep } from '../../common/lifecycle.ts';
import { ProcessGroup } from '../process-group.ts';
import type { ServerUnderTest, Surroundings } from './servers.ts';

const STARTS_WITHIN_MS = 120_000;
const SETTLE_MS = 1_000;
/** CoAP ping: an empty confirmable message (RFC 7252 §4.3). */
const PING = Buffer.from([0x40, 0x00, 0x12, 0x34]);

/** Starts a server without waiting for it. */
export function launch(server: ServerUnderTest, surroundings: Surroundings): ProcessGroup {
  const [program, ...args] = server.command;
  return new ProcessGroup(program!, args, { log: logOf(server, surroundings) });
}

function logOf(server: ServerUnderTest, { folder }: Surroundings): string {
  return join(folder, `${server.gatewayId}.log`);
}

/** Starts a server and waits until it answers a CoAP ping. */
export async function startServer(server: ServerUnderTest, surroundings: Surroundings): Promise<ProcessGroup> {
  const group = launch(server, surroundings);
  if (await answersPing(surroundings.ports.coap, group)) {
    await sleep(SETTLE_MS);
    return group;
  }
  await group.stop();
  const said = readFileSync(logOf(server, surroundings), 'utf8').slice(-2_000);
  throw new PlatformError('STACK_START_FAILED', `${server.side} does not answer a CoAP ping\n${said}`);
}

async function answersPing(port: number, group: ProcessGroup): Promise<boolean> {
  const socket = createSocket('udp4');
  let answered = false;
  socket.on('message', () => {
    answered = true;
  });
  socket.on('error', () => undefined);
  const deadline = performance.now() + STARTS_WITHIN_MS;
  while (!answered && group.isRunning && performance.now() < deadline) {
    socket.send(PING, port, '127.0.0.1');
    await sleep(50);
  }
  socket.close();
  return answered;
}

/** Metrics of our server by name, whatever their labels; empty while it does not answer. */
export async function metricsOf(healthPort: number): Promise<ReadonlyMap<string, number>> {
  const answer = await fetch(`http://127.0.0.1:${healthPort}/metrics`).catch(() => undefined);
  const lines = (await answer?.text().catch(() => ''))?.split('\n') ?? [];
  const samples = lines.filter((line) => line !== '' && !line.startsWith('#'));
  return new Map(samples.map((line) => [line.split(/[ {]/)[0]!, Number(line.slice(line.lastIndexOf(' ')))]));
}

export async function isReady(healthPort: number): Promise<boolean> {
  const answer = await fetch(`http://127.0.0.1:${healthPort}/readyz`).catch(() => undefined);
  await answer?.body?.cancel();
  return answer?.status === 200;
}
