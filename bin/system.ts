import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join, resolve } from 'node:path';
import type { Log } from '../common/log.ts';
import {
  DEFAULT_PORTS,
  type Durability,
  freePorts,
  type ServerName,
  type Stack,
  type StackPorts,
  startStack,
} from '../stack/stack.ts';
import { addressesFile, type SystemAddresses } from './running-system.ts';
import { ServiceProcess } from './service-process.ts';

export const SERVICE_NAMES = [
  'lwm2m-server',
  'replicator',
  'connector-influxdb',
  'connector-orientdb',
  'simulate-modbus',
  'modbus',
  'simulate',
] as const;
export type ServiceName = (typeof SERVICE_NAMES)[number];

export interface SystemPorts {
  readonly stack: StackPorts;
  readonly coap: number;
  readonly rest: number;
  readonly modbus: number;
  readonly health: Readonly<Record<ServiceName, number>>;
}

export const DEFAULT_SYSTEM_PORTS: SystemPorts = {
  stack: DEFAULT_PORTS,
  coap: 5683,
  rest: 8080,
  modbus: 5002,
  health: {
    'lwm2m-server': 9100,
    replicator: 9110,
    'connector-influxdb': 9120,
    'connector-orientdb': 9121,
    'simulate-modbus': 9130,
    modbus: 9131,
    simulate: 9132,
  },
};

export interface SystemOptions {
  /** Data, logs, secrets and addresses live here. */
  readonly dataDir: string;
  readonly ports: SystemPorts;
  readonly gatewayId: string;
  /** `process` when absent. */
  readonly edgeDurability?: Durability;
  readonly services: readonly ServiceName[];
  /** Paths that the server observes on each device. */
  readonly observe: readonly string[];
  /** Mapping file of the Modbus adapter; needed when `modbus` is among the services. */
  readonly modbusMapping?: string;
  readonly simulatedDevices?: number;
  readonly log: Log;
  onProgress(line: string): void;
  readonly signal?: AbortSignal;
}

export interface System {
  readonly addresses: SystemAddresses;
  readonly stack: Stack;
  readonly gatewayId: string;
  service(name: ServiceName): ServiceProcess;
  /** Resolves when /readyz of the service answers 200. Errors: STACK_START_FAILED. */
  ready(name: ServiceName): Promise<void>;
  /** Services first, in reverse order, then the servers; the data stays. */
  stop(): Promise<void>;
}

/** What must answer before a service is started; it would wait by itself, but with a less telling log. */
const NEEDS: Readonly<
  Record<ServiceName, { readonly servers: readonly ServerName[]; readonly services: readonly ServiceName[] }>
> = {
  'lwm2m-server': { servers: ['kafka-edge', 'registry'], services: [] },
  replicator: { servers: ['kafka-edge', 'kafka-cloud'], services: [] },
  'connector-influxdb': { servers: ['kafka-cloud', 'registry'], services: [] },
  'connector-orientdb': { servers: ['kafka-cloud', 'registry'], services: [] },
  'simulate-modbus': { servers: [], services: [] },
  modbus: { servers: [], services: ['lwm2m-server'] },
  simulate: { servers: [], services: ['lwm2m-server'] },
};

const READY_TIMEOUT_MS = 120_000;

/** Starts the real servers and the services of one gateway and the cloud; each service begins as soon as what it needs answers. Errors: STACK_*. */
export async function startSystem(o: SystemOptions): Promise<System> {
  const dataDir = resolve(o.dataDir);
  const stack = await startStack({
    dataDir,
    ports: o.ports.stack,
    ...(o.edgeDurability === undefined ? {} : { edgeDurability: o.edgeDurability }),
    log: o.log,
    onProgress: ({ server, step, state, elapsedMs }) =>
      o.onProgress(`${server.padEnd(12)} ${step.padEnd(6)} ${(elapsedMs / 1_000).toFixed(0).padStart(4)} s  ${state}`),
  });
  return new RunningSystem({ ...o, dataDir }, stack);
}

class RunningSystem implements System {
  readonly addresses: SystemAddresses;
  readonly stack: Stack;
  readonly gatewayId: string;
  readonly #o: SystemOptions;
  readonly #services: ReadonlyMap<ServiceName, ServiceProcess>;
  readonly #stopping = new AbortController();
  readonly #starting = new Map<ServiceName, Promise<void>>();

  constructor(o: SystemOptions, stack: Stack) {
    this.#o = o;
    this.stack = stack;
    this.gatewayId = o.gatewayId;
    this.addresses = addressesOf(o);
    mkdirSync(o.dataDir, { recursive: true });
    writeFileSync(addressesFile(o.dataDir), `${JSON.stringify(this.addresses, null, 2)}\n`);
    const names = SERVICE_NAMES.filter((name) => o.services.includes(name));
    this.#services = new Map(names.map((name) => [name, this.#processOf(name)]));
    for (const name of names) {
      const started = this.#startWhenPossible(name);
      started.catch(() => undefined);
      this.#starting.set(name, started);
    }
  }

  service(name: ServiceName): ServiceProcess {
    const service = this.#services.get(name);
    if (service === undefined) throw new Error(`${name} is not among the services of this system`);
    return service;
  }

  async ready(name: ServiceName): Promise<void> {
    await this.#starting.get(name);
    await this.service(name).ready(READY_TIMEOUT_MS, this.#stopping.signal);
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    for (const service of [...this.#services.values()].reverse()) await service.stop();
    await this.stack.stop();
  }

  async #startWhenPossible(name: ServiceName): Promise<void> {
    const { servers, services } = NEEDS[name];
    await Promise.all(servers.map((server) => this.stack.ready(server)));
    for (const needed of services) if (this.#services.has(needed)) await this.ready(needed);
    if (!this.#stopping.signal.aborted) this.service(name).start();
  }

  #processOf(name: ServiceName): ServiceProcess {
    const healthPort = this.#o.ports.health[name];
    const args = [name, ...flags({ ...this.#flagsOf(name), 'health-port': healthPort })];
    return new ServiceProcess({ name, args, healthPort, logFolder: join(this.#o.dataDir, 'logs'), log: this.#o.log });
  }

  #flagsOf(name: ServiceName): Readonly<Record<string, string | number>> {
    const { gatewayId, dataDir, ports, observe, modbusMapping, simulatedDevices } = this.#o;
    const { addresses } = this;
    const cloud = {
      'kafka-brokers': addresses.cloudBrokers,
      'registry-url': addresses.registryUrl,
      'gateway-ids': gatewayId,
    };
    const { influx, orientdb } = this.stack.credentials;
    switch (name) {
      case 'lwm2m-server':
        return {
          'gateway-id': gatewayId,
          'kafka-brokers': addresses.edgeBrokers,
          'registry-url': addresses.registryUrl,
          'snapshot-file': join(dataDir, 'edge', gatewayId, 'schemas.json'),
          'coap-port': ports.coap,
          'rest-port': ports.rest,
          observe: observe.join(','),
        };
      case 'replicator':
        return {
          'gateway-id': gatewayId,
          'edge-brokers': addresses.edgeBrokers,
          'cloud-brokers': addresses.cloudBrokers,
        };
      case 'connector-influxdb':
        return {
          ...cloud,
          'influx-url': addresses.influxUrl,
          'influx-org': influx.org,
          'influx-bucket': influx.bucket,
          'influx-token-file': influx.tokenFile,
        };
      case 'connector-orientdb':
        return {
          ...cloud,
          'orient-port': ports.stack.orientdbBinary,
          'orient-database': orientdb.database,
          'orient-user': orientdb.user,
          'orient-password-file': orientdb.passwordFile,
        };
      case 'simulate-modbus':
        return { 'modbus-port': ports.modbus };
      case 'modbus':
        return { 'mapping-file': modbusMapping ?? '', 'server-uri': `coap://127.0.0.1:${ports.coap}` };
      case 'simulate':
        return { 'server-uri': `coap://127.0.0.1:${ports.coap}`, count: simulatedDevices ?? 2, prefix: 'sensor-' };
    }
  }
}

function flags(values: Readonly<Record<string, string | number>>): string[] {
  return Object.entries(values).flatMap(([flag, value]) => (value === '' ? [] : [`--${flag}`, String(value)]));
}

function addressesOf({ ports, gatewayId }: SystemOptions): SystemAddresses {
  const { stack } = ports;
  return {
    gatewayId,
    edgeBrokers: `127.0.0.1:${stack.kafkaEdge}`,
    cloudBrokers: `127.0.0.1:${stack.kafkaCloud}`,
    registryUrl: `http://127.0.0.1:${stack.registry}/apis/ccompat/v7`,
    influxUrl: `http://127.0.0.1:${stack.influxdb}`,
    orientUrl: `http://127.0.0.1:${stack.orientdbHttp}`,
    orientPort: stack.orientdbBinary,
    coapPort: ports.coap,
    restUrl: `http://127.0.0.1:${ports.rest}`,
    modbusPort: ports.modbus,
    health: ports.health,
  };
}

/** Free ports for a whole system; those of the services are held open until all are chosen. */
export async function freeSystemPorts(): Promise<SystemPorts> {
  const stack = await freePorts();
  const sockets = await Promise.all(Array.from({ length: SERVICE_NAMES.length + 3 }, () => listenAnywhere()));
  const ports = sockets.map((socket) => (socket.address() as { port: number }).port);
  await Promise.all(sockets.map((socket) => new Promise((done) => socket.close(done))));
  const health = Object.fromEntries(SERVICE_NAMES.map((name, index) => [name, ports[index]!]));
  return {
    stack,
    coap: ports.at(-1)!,
    modbus: ports.at(-2)!,
    rest: ports.at(-3)!,
    health: health as SystemPorts['health'],
  };
}

function listenAnywhere(): Promise<ReturnType<typeof createServer>> {
  return new Promise((done, failed) => {
    const socket = createServer();
    socket.once('error', failed).listen(0, '127.0.0.1', () => done(socket));
  });
}
