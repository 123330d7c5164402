import { randomBytes } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PlatformError } from '../../common/errors.ts';
import { sleep } from '../../common/lifecycle.ts';
import { kafkaAnswers } from '../../stack/kafka-probe.ts';
import { ProcessGroup } from '../process-group.ts';

const STARTS_WITHIN_MS = 60_000;
const HOST = '127.0.0.1';
const QUIET = '-Dorg.slf4j.simpleLogger.defaultLogLevel=warn';

export interface BrokerPorts {
  readonly broker: number;
  readonly controller: number;
  /** A second way in: whoever comes by it is told to come to `wanAdvertised`. */
  readonly wan: number;
  readonly wanAdvertised: number;
}

export interface BrokerOptions {
  readonly java: string;
  readonly classes: string;
  readonly heap: string;
  /** For its data; removed with the broker. */
  readonly folder: string;
  readonly ports: BrokerPorts;
}

/** One KRaft node with the settings of the yardstick's brokers and a listener more, so that a peer can be led over a counting proxy. */
export class BenchBroker {
  readonly address: string;
  readonly #folder: string;
  readonly #group: ProcessGroup;

  private constructor(group: ProcessGroup, o: BrokerOptions) {
    this.#group = group;
    this.#folder = o.folder;
    this.address = `${HOST}:${o.ports.broker}`;
  }

  /** Resolves when it answers; its data folder starts as a copy of one formatted before. Errors: STACK_START_FAILED. */
  static async start(o: BrokerOptions): Promise<BenchBroker> {
    const data = join(o.folder, 'data');
    const properties = join(o.folder, 'server.properties');
    mkdirSync(o.folder, { recursive: true });
    writeFileSync(properties, propertiesOf(data, o.ports));
    await format(o, data, properties);
    const log = join(o.folder, 'broker.log');
    const group = new ProcessGroup(o.java, [`-Xmx${o.heap}`, QUIET, '-cp', o.classes, 'kafka.Kafka', properties], {
      log,
    });
    const deadline = performance.now() + STARTS_WITHIN_MS;
    while (group.isRunning && performance.now() < deadline) {
      if (await kafkaAnswers(o.ports.broker, AbortSignal.timeout(2_000))) return new BenchBroker(group, o);
      await sleep(50);
    }
    await group.stop('SIGKILL');
    const said = readFileSync(log, 'utf8').slice(-2_000);
    throw new PlatformError('STACK_START_FAILED', `the broker does not answer\n${said}`);
  }

  get pid(): number {
    return this.#group.pid;
  }

  /** Ends it and removes its data: nobody reads them again. */
  async discard(): Promise<void> {
    await this.#group.stop('SIGKILL');
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** Formatting takes a JVM's start; a broker that gets another's fresh format is as empty, only their cluster ids are equal. */
async function format(o: BrokerOptions, data: string, properties: string): Promise<void> {
  const template = `${o.folder.replace(/-\d+$/, '')}.formatted`;
  if (!existsSync(template)) {
    const fresh = `${data}.new`;
    const own = join(o.folder, 'format.properties');
    writeFileSync(own, readFileSync(properties, 'utf8').replace(`log.dirs=${data}\n`, `log.dirs=${fresh}\n`));
    const log = join(o.folder, 'format.log');
    const args = [QUIET, '-cp', o.classes, 'kafka.tools.StorageTool', 'format', '-t', clusterId(), '-c', own];
    const code = await new ProcessGroup(o.java, args, { log }).ended;
    if (code !== 0)
      throw new PlatformError('STACK_START_FAILED', `no format: ${readFileSync(log, 'utf8').slice(-2_000)}`);
    cpSync(fresh, template, { recursive: true });
    rmSync(fresh, { recursive: true });
  }
  cpSync(template, data, { recursive: true });
}

/** Kafka's own form of a UUID; a leading dash would be an option for its tool. */
function clusterId(): string {
  return `A${randomBytes(16).toString('base64url').slice(1)}`;
}

function propertiesOf(data: string, ports: BrokerPorts): string {
  const plain = `PLAINTEXT://${HOST}:${ports.broker}`;
  const settings = {
    'process.roles': 'broker,controller',
    'node.id': 1,
    'controller.quorum.voters': `1@${HOST}:${ports.controller}`,
    listeners: `${plain},WAN://${HOST}:${ports.wan},CONTROLLER://${HOST}:${ports.controller}`,
    'advertised.listeners': `${plain},WAN://${HOST}:${ports.wanAdvertised}`,
    'inter.broker.listener.name': 'PLAINTEXT',
    'controller.listener.names': 'CONTROLLER',
    'listener.security.protocol.map': 'CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,WAN:PLAINTEXT',
    'log.dirs': data,
    'num.partitions': 1,
    'offsets.topic.replication.factor': 1,
    'offsets.topic.num.partitions': 5,
    'transaction.state.log.replication.factor': 1,
    'transaction.state.log.min.isr': 1,
    'transaction.state.log.num.partitions': 5,
    'share.coordinator.state.topic.replication.factor': 1,
    'share.coordinator.state.topic.min.isr': 1,
    'group.initial.rebalance.delay.ms': 0,
    'log.retention.hours': 2,
  };
  const lines = Object.entries(settings).map(([name, value]) => `${name}=${value}`);
  return `${lines.join('\n')}\n`;
}
