import { createServer } from 'node:net';
import { DEFAULT_PORTS, freePorts, type StackPorts } from '../stack/stack.ts';
import { SERVICE_NAMES, SERVICES, type ServiceName } from './service-table.ts';

export interface SystemPorts {
  readonly stack: StackPorts;
  readonly coap: number;
  readonly rest: number;
  readonly modbus: number;
  /** REST of the connectors' worker. */
  readonly connect: number;
  readonly health: Readonly<Record<ServiceName, number>>;
}

export const DEFAULT_SYSTEM_PORTS: SystemPorts = {
  stack: DEFAULT_PORTS,
  coap: 5683,
  rest: 8080,
  modbus: 5002,
  connect: 8083,
  health: byService((name) => SERVICES[name].healthPort),
};

/** Ports of one number each; a stack has its own way to choose. */
const SINGLE = ['coap', 'rest', 'modbus', 'connect'] as const satisfies readonly (keyof SystemPorts)[];

/** Every port moved by the offset. */
export function shifted(ports: SystemPorts, offset: number): SystemPorts {
  const shift = <T extends object>(table: T): T =>
    Object.fromEntries(Object.entries(table).map(([name, port]) => [name, (port as number) + offset])) as T;
  const { stack, health, ...single } = ports;
  return { ...shift(single), stack: shift(stack), health: shift(health) };
}

/** Free ports for a whole system; those of the services are held open until all are chosen. */
export async function freeSystemPorts(): Promise<SystemPorts> {
  const stack = await freePorts();
  const sockets = await Promise.all(Array.from({ length: SERVICE_NAMES.length + SINGLE.length }, listenAnywhere));
  const free = sockets.map((socket) => (socket.address() as { port: number }).port);
  await Promise.all(sockets.map((socket) => new Promise((done) => socket.close(done))));
  const single = Object.fromEntries(SINGLE.map((name) => [name, free.pop()!]));
  return { ...(single as Record<(typeof SINGLE)[number], number>), stack, health: byService(() => free.pop()!) };
}

function byService(portOf: (name: ServiceName) => number): Record<ServiceName, number> {
  return Object.fromEntries(SERVICE_NAMES.map((name) => [name, portOf(name)])) as Record<ServiceName, number>;
}

function listenAnywhere(): Promise<ReturnType<typeof createServer>> {
  return new Promise((done, failed) => {
    const socket = createServer();
    socket.once('error', failed).listen(0, '127.0.0.1', () => done(socket));
  });
}
