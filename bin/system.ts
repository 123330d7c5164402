import { mkdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Log } from '../common/log.ts';
import { type Durability, type ServerName, type Stack, startStack } from '../stack/stack.ts';
import { connectorName, writeConnectorFiles } from './connector-files.ts';
import { untilConnectorRuns } from './connector-states.ts';
import { addressesFile, type SystemAddresses } from './running-system.ts';
import { ServiceProcess } from './service-process.ts';
import { argumentsOf, SERVICE_NAMES, SERVICES, type ServiceName, type ServiceSite } from './service-table.ts';
import type { SystemPorts } from './system-ports.ts';

const DEMO_ALARM_RULES = fileURLToPath(new URL('./demo-alarm-rules.json', import.meta.url));

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
  /** Rules of `stream-alarms`; a few for the demo when absent. */
  readonly alarmRules?: string;
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
  /** Resolves when values can arrive in the store. Errors: STACK_START_FAILED, and those of the server's build and start. */
  stores(name: StoreName): Promise<void>;
  /** Services first, in reverse order, then the servers; the data stays. */
  stop(): Promise<void>;
}

export type StoreName = ServerName & keyof typeof connectorName;

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
    writeConnectorFiles({ dataDir: o.dataDir, addresses: this.addresses, credentials: stack.credentials });
    const names = servicesOf(o);
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

  async stores(name: StoreName): Promise<void> {
    await Promise.all([this.stack.ready(name), this.ready('connect')]);
    await untilConnectorRuns(connectorName[name](this.gatewayId), {
      connectUrl: this.addresses.connectUrl,
      timeoutMs: READY_TIMEOUT_MS,
      signal: this.#stopping.signal,
    });
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    for (const service of [...this.#services.values()].reverse()) await service.stop();
    await this.stack.stop();
  }

  async #startWhenPossible(name: ServiceName): Promise<void> {
    const { servers = [], services = [] } = SERVICES[name].needs;
    await Promise.all(servers.map((server) => this.stack.ready(server)));
    for (const needed of services) if (this.#services.has(needed)) await this.ready(needed);
    if (!this.#stopping.signal.aborted) this.service(name).start();
  }

  #processOf(name: ServiceName): ServiceProcess {
    const healthPort = this.#o.ports.health[name];
    const args = argumentsOf(name, this.#site(), healthPort);
    return new ServiceProcess({ name, args, healthPort, logFolder: join(this.#o.dataDir, 'logs'), log: this.#o.log });
  }

  #site(): ServiceSite {
    const { gatewayId, dataDir, ports, observe, modbusMapping, alarmRules, simulatedDevices } = this.#o;
    return {
      ...{ gatewayId, dataDir, observe },
      addresses: this.addresses,
      connectPort: ports.connect,
      secretsFolder: join(dataDir, 'secrets'),
      modbusMapping: modbusMapping ?? '',
      alarmRules: alarmRules ?? DEMO_ALARM_RULES,
      simulatedDevices: simulatedDevices ?? 2,
    };
  }
}

/** In the order of their table. */
function servicesOf({ services }: SystemOptions): readonly ServiceName[] {
  return SERVICE_NAMES.filter((name) => services.includes(name));
}

function addressesOf(o: SystemOptions): SystemAddresses {
  const { ports, gatewayId } = o;
  const { stack, health } = ports;
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
    connectUrl: `http://127.0.0.1:${ports.connect}`,
    modbusPort: ports.modbus,
    health: Object.fromEntries(servicesOf(o).map((name) => [name, health[name]])),
  };
}
