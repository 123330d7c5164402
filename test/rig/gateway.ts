import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { KafkaBatchSender } from '../../common/kafka/batch-sender.ts';
import { connectKafka, type KafkaCluster } from '../../common/kafka/client.ts';
import { CommittingProducer, type OutgoingRecord } from '../../common/kafka/committing-producer.ts';
import type { ConsumedRecord } from '../../common/kafka/consumer.ts';
import { followTopic } from '../../common/kafka/follow-topic.ts';
import { readTopic } from '../../common/kafka/read-topic.ts';
import { sleep } from '../../common/lifecycle.ts';
import { createLog } from '../../common/log.ts';
import { encoderFor, RecordReader } from '../../common/records.ts';
import { enrol, type SchemaSnapshot, snapshotSource } from '../../common/schema-registry.ts';
import { main } from '../../lwm2m-server/main.ts';
import type {
  AvroKey,
  AvroRecords,
  AvroRegistrationResponse,
  AvroRequest,
  AvroResponse,
  AvroResponseObserve,
  ServerState,
} from '../../schemas/generated/records.ts';
import { TOPICS, type TopicName } from '../../schemas/topics.ts';

const log = createLog('rig', process.env.ZEELOS_LOG_LEVEL ?? 'silent');
const BIN = join(import.meta.dirname, '../../bin/zeelos.ts');

/** Where the real servers are. */
export interface Servers {
  readonly kafkaBrokers: readonly string[];
  readonly registryUrl: string;
}

export interface GatewayOptions {
  readonly observe?: readonly string[];
  readonly profilesFile?: string;
  readonly firmwareDir?: string;
  readonly modelsDir?: string;
  readonly requestTimeoutMs?: number;
  readonly maxRegistrations?: number;
  readonly awakeWindowMs?: number;
  readonly commandQueueTtlMs?: number;
  readonly commandQueueLimit?: number;
  /** Serves the REST interface on `restPort`. */
  readonly rest?: boolean;
}

/** One record of a topic as it was written. */
export interface Seen<T> {
  readonly ep: string | undefined;
  readonly key: Buffer | null;
  readonly value: T | null;
  readonly headers: ConsumedRecord['headers'];
}

/** Another server for the same gateway. */
export interface Rival {
  readonly child: ChildProcess;
  readonly coapPort: number;
  readonly healthPort: number;
  /** What it has written to stderr. */
  readonly said: string;
  /** Its exit code, or the signal that ended it. */
  readonly ended: Promise<number | string>;
}

let gateways = 0;

/** A gateway of a test: its topics, its server in this process or in one of its own, and eyes on what it writes. */
export class TestGateway {
  readonly gatewayId = `t${process.pid}x${++gateways}`;
  readonly kafka: KafkaCluster;
  readonly #servers: Servers;
  readonly #options: GatewayOptions;
  readonly #folder = mkdtempSync(join(tmpdir(), 'zeelos-gateway-'));
  readonly #following = new AbortController();
  readonly #followers: Promise<void>[] = [];
  #running: { stop(): Promise<void> } | undefined;
  #child: ChildProcess | undefined;
  #producer: CommittingProducer | undefined;
  coapPort = 0;
  healthPort = 0;
  restPort = 0;
  snapshot!: SchemaSnapshot;

  private constructor(servers: Servers, options: GatewayOptions) {
    this.#servers = servers;
    this.#options = options;
    this.kafka = connectKafka({ brokers: servers.kafkaBrokers, clientId: 'test' }, log);
  }

  static async create(servers: Servers, options: GatewayOptions = {}): Promise<TestGateway> {
    const gateway = new TestGateway(servers, options);
    gateway.coapPort = await freeUdpPort();
    gateway.healthPort = await freeTcpPort();
    gateway.restPort = await freeTcpPort();
    gateway.snapshot = await enrol({ ...gateway.#settings(), snapshotFile: gateway.#settings().snapshotFile });
    return gateway;
  }

  #settings() {
    return {
      gatewayId: this.gatewayId,
      kafkaBrokers: [...this.#servers.kafkaBrokers],
      registryUrl: this.#servers.registryUrl,
      snapshotFile: join(this.#folder, 'schemas.json'),
      coapAddress: '127.0.0.1',
      coapPort: this.coapPort,
      healthAddress: '127.0.0.1',
      healthPort: this.healthPort,
      rest: this.#options.rest ?? false,
      restAddress: '127.0.0.1',
      restPort: this.restPort,
      restTokenFile: undefined,
      observe: [...(this.#options.observe ?? [])],
      profilesFile: this.#options.profilesFile,
      firmwareDir: this.#options.firmwareDir,
      modelsDir: this.#options.modelsDir,
      maxRegistrations: this.#options.maxRegistrations ?? 10_000,
      requestTimeoutMs: this.#options.requestTimeoutMs ?? 5_000,
      awakeWindowMs: this.#options.awakeWindowMs ?? 93_000,
      commandQueueTtlMs: this.#options.commandQueueTtlMs ?? 60_000,
      commandQueueLimit: this.#options.commandQueueLimit ?? 1_000,
    };
  }

  /** The server in this process. */
  async start(): Promise<void> {
    const stopping = new AbortController();
    const ended = main(this.#settings(), { signal: stopping.signal, log });
    this.#running = {
      stop: async () => {
        stopping.abort();
        await ended;
      },
    };
    await Promise.race([this.#untilReady(), ended.then(() => assert.fail('the server ended before it was ready'))]);
  }

  /** The server as `zeelos lwm2m-server`, to be killed. */
  async spawn(): Promise<ChildProcess> {
    const child = spawnServer(this.#settings(), 'inherit');
    this.#child = child;
    this.#running = { stop: async () => await this.#end('SIGTERM') };
    await this.#untilReady();
    return child;
  }

  /** A second server for the same gateway, on ports of its own. */
  async spawnRival(): Promise<Rival> {
    const [coapPort, healthPort, restPort] = [await freeUdpPort(), await freeTcpPort(), await freeTcpPort()];
    const child = spawnServer({ ...this.#settings(), coapPort, healthPort, restPort }, 'pipe');
    const rival = { child, coapPort, healthPort, said: '', ended: endOf(child) };
    child.stderr!.on('data', (text: Buffer) => {
      rival.said += text;
    });
    return rival;
  }

  async kill(): Promise<void> {
    this.#running = undefined;
    await this.#end('SIGKILL');
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, 'exit');
    child.kill(signal);
    await gone;
  }

  /** Stops the server; its topics stay, and it may be started again. */
  async stop(): Promise<void> {
    const running = this.#running;
    this.#running = undefined;
    await running?.stop();
  }

  async close(): Promise<void> {
    await this.stop();
    this.#following.abort();
    await this.#producer?.close();
    await Promise.all(this.#followers);
    rmSync(this.#folder, { recursive: true, force: true });
  }

  async #untilReady(): Promise<void> {
    await eventually('the server is ready', async () => await isReady(this.healthPort), 25_000);
  }

  /** A metric, whatever its labels. */
  async metric(name: string): Promise<number> {
    const text = await (await fetch(`http://127.0.0.1:${this.healthPort}/metrics`)).text();
    const line = text.split('\n').find((candidate) => candidate.split(/[ {]/)[0] === name);
    assert.ok(line, `there is no metric ${name}`);
    return Number(line.slice(line.lastIndexOf(' ')));
  }

  topicOf(name: TopicName): string {
    return TOPICS[name].nameFor(this.gatewayId);
  }

  /** Everything that a topic holds now. */
  async read<T = unknown>(topic: string, record?: keyof AvroRecords): Promise<Seen<T>[]> {
    const seen: Seen<T>[] = [];
    const see = this.#reader<T>(record, seen);
    await readTopic({ kafka: this.kafka, topic, log, signal: new AbortController().signal, onRecord: see });
    return seen;
  }

  async registrations(): Promise<Seen<AvroRegistrationResponse>[]> {
    return await this.read(this.topicOf('registrations'), TOPICS.registrations.value);
  }

  async observations(): Promise<Seen<AvroResponseObserve>[]> {
    return await this.read(this.topicOf('observations'), TOPICS.observations.value);
  }

  async state(): Promise<Map<string, ServerState>> {
    const seen: [string, Buffer | null][] = [];
    const topic = this.topicOf('state');
    const onRecord = ({ key, value }: ConsumedRecord) => void seen.push([String(key), value]);
    await readTopic({ kafka: this.kafka, topic, log, signal: new AbortController().signal, onRecord });
    const reader = new RecordReader<ServerState>(snapshotSource(this.snapshot), TOPICS.state.value);
    const entries = [...new Map(seen)].filter(([, value]) => value !== null);
    return new Map(await Promise.all(entries.map(async ([key, value]) => [key, await reader.decode(value!)] as const)));
  }

  /** Follows a topic from its present end; what comes is in the list it returns. */
  async follow<T>(name: 'registrations' | 'observations' | 'replies'): Promise<Seen<T>[]> {
    const seen: Seen<T>[] = [];
    const { signal } = this.#following;
    const onRecord = this.#reader<T>(TOPICS[name].value, seen);
    await new Promise<void>((onReady, reject) => {
      const topic = this.topicOf(name);
      const following = followTopic({ kafka: this.kafka, topic, from: 'end', log, signal, onReady, onRecord });
      this.#followers.push(following.catch(reject));
    });
    return seen;
  }

  #reader<T>(record: keyof AvroRecords | undefined, seen: Seen<T>[]): (record: ConsumedRecord) => Promise<void> {
    const source = snapshotSource(this.snapshot);
    const values = new RecordReader<T>(source, record);
    const keys = new RecordReader<AvroKey>(source, 'io.zeelos.leshan.avro.AvroKey');
    return async ({ key, value, headers }) => {
      const ep = key === null ? undefined : (await keys.decode(key).catch(() => undefined))?.ep;
      const decoded = value === null ? null : record === undefined ? (value as T) : await values.decode(value);
      seen.push({ ep, key, value: decoded, headers });
    };
  }

  async produce(...records: readonly OutgoingRecord[]): Promise<void> {
    this.#producer ??= new CommittingProducer(new KafkaBatchSender(this.kafka, log), log);
    await this.#producer.commit(...records);
  }

  requestRecord(request: AvroRequest, o: { readonly withKey?: boolean } = {}): OutgoingRecord {
    const topic = this.topicOf('requests');
    const key = encoderFor(this.snapshot, `${topic}-key`, 'io.zeelos.leshan.avro.AvroKey').encode({ ep: request.ep });
    const value = encoderFor(this.snapshot, `${topic}-value`, TOPICS.requests.value).encode(request);
    return { topic, key: o.withKey === false ? null : key, value };
  }

  async command(...requests: readonly AvroRequest[]): Promise<void> {
    await this.produce(...requests.map((request) => this.requestRecord(request)));
  }
}

function spawnServer(settings: Readonly<Record<string, unknown>>, errors: 'inherit' | 'pipe'): ChildProcess {
  const flags = Object.entries(settings).flatMap(([name, value]) => {
    const flag = name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
    if (value === undefined) return [];
    const text = typeof value === 'boolean' ? (value ? 'yes' : 'no') : String(value);
    return [`--${flag}=${text}`];
  });
  return spawn(process.execPath, [BIN, 'lwm2m-server', ...flags], {
    stdio: ['ignore', 'inherit', errors, 'ipc'],
    env: { ...process.env, ZEELOS_LOG_LEVEL: process.env.ZEELOS_LOG_LEVEL ?? 'silent' },
  });
}

async function endOf(child: ChildProcess): Promise<number | string> {
  const [code, signal] = (await once(child, 'exit')) as [number | null, NodeJS.Signals | null];
  return code ?? signal!;
}

export type Replies = Seen<AvroResponse>[];

export async function isReady(healthPort: number): Promise<boolean> {
  const answer = await fetch(`http://127.0.0.1:${healthPort}/readyz`).catch(() => undefined);
  await answer?.body?.cancel();
  return answer?.status === 200;
}

/** Resolves when the condition holds; fails with the description after the time. */
export async function eventually(
  what: string,
  holds: () => boolean | Promise<boolean>,
  withinMs = 10_000,
): Promise<void> {
  const deadline = Date.now() + withinMs;
  while (!(await holds())) {
    if (Date.now() > deadline) assert.fail(`not within ${withinMs} ms: ${what}`);
    await sleep(20);
  }
}

async function freeUdpPort(): Promise<number> {
  const socket = createSocket('udp4');
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  const { port } = socket.address();
  await new Promise<void>((resolve) => socket.close(() => resolve()));
  return port;
}

async function freeTcpPort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  await new Promise<void>((resolve) => server.close(() => resolve()));
  return port;
}
