import { createServer } from 'node:net';
import { PlatformError } from '../common/errors.ts';

/** Every port of the stack, all on 127.0.0.1. */
export interface StackPorts {
  readonly kafkaEdge: number;
  readonly kafkaEdgeController: number;
  readonly kafkaCloud: number;
  readonly kafkaCloudController: number;
  readonly registry: number;
  readonly influxdb: number;
  readonly orientdbBinary: number;
  readonly orientdbHttp: number;
}

/** Those of the original system, so that its habits and scripts go on. */
export const DEFAULT_PORTS: StackPorts = {
  kafkaEdge: 9082,
  kafkaEdgeController: 9083,
  kafkaCloud: 9092,
  kafkaCloudController: 9093,
  registry: 8081,
  influxdb: 8086,
  orientdbBinary: 2424,
  orientdbHttp: 2480,
};

export const LOOPBACK = '127.0.0.1';

/** Below the range from which Linux gives ports to outgoing connections (32768 and up), so that none is taken between choice and use. */
const FREE_PORT_RANGE = { from: 20_000, to: 29_999 };
const MAX_TRIES = 500;

/** Eight free ports in no order, chosen at random so that two test runs hardly meet. Errors: STACK_PORT_BUSY when the range is used up. */
export async function freePorts(
  range: { from: number; to: number } = FREE_PORT_RANGE,
  random = Math.random,
): Promise<StackPorts> {
  const chosen = new Map<keyof StackPorts, number>();
  const names = Object.keys(DEFAULT_PORTS) as (keyof StackPorts)[];
  const taken = new Set<number>();
  for (let tries = 0; chosen.size < names.length; tries++) {
    if (tries === MAX_TRIES)
      throw new PlatformError('STACK_PORT_BUSY', `no free ports from ${range.from} to ${range.to}`);
    const port = range.from + Math.floor(random() * (range.to - range.from + 1));
    if (taken.has(port) || !(await isPortFree(port))) continue;
    taken.add(port);
    chosen.set(names[chosen.size]!, port);
  }
  return Object.fromEntries(chosen) as unknown as StackPorts;
}

/** True when a server could listen there now. */
export function isPortFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once('error', () => resolve(false));
    probe.listen({ port, host: LOOPBACK, exclusive: true }, () => probe.close(() => resolve(true)));
  });
}
