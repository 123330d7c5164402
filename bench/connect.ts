import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { COMPILE_CACHE_DIR } from '../bin/compile-cache.ts';
import { PlatformError } from '../common/errors.ts';
import { KafkaBatchSender } from '../common/kafka/batch-sender.ts';
import { connectKafka } from '../common/kafka/client.ts';
import { CommittingProducer } from '../common/kafka/committing-producer.ts';
import { ensureTopics } from '../common/kafka/topics.ts';
import { sleep } from '../common/lifecycle.ts';
import { createLog } from '../common/log.ts';
import { encoderFor } from '../common/records.ts';
import { registerSchemas } from '../common/schema-registry.ts';
import { list, wholeNumber, yesNo } from '../common/setting-types.ts';
import { parseSettings, type SettingsOf, type SettingsTable } from '../common/settings.ts';
import { InfluxClient } from '../connectors/influxdb/client.ts';
import { linesOf } from '../connectors/influxdb/line-protocol.ts';
import { InfluxdbSink } from '../connectors/influxdb/sink.ts';
import type { AvroRegistrationResponse, AvroResponseObserve } from '../schemas/generated/records.ts';
import { TOPICS } from '../schemas/topics.ts';
import { freePorts, type Stack, startStack } from '../stack/stack.ts';
import { residentMb } from './processes.ts';

const SETTINGS = {
  records: { about: 'observations in the topic', schema: wholeNumber(1_000, 5_000_000).default(200_000) },
  registrations: { about: 'registrations of new endpoints', schema: wholeNumber(10, 1_000_000).default(10_000) },
  repeats: { about: 'how often each is measured, ours and raw in turn', schema: wholeNumber(1, 20).default(3) },
  quick: {
    about: 'few records, once: shows that it works, the figures mean nothing',
    schema: yesNo.default(false),
    isSwitch: true,
  },
  nodeFlags: { about: 'flags of Node for the worker, with commas', schema: list.default([]) },
  json: { about: 'print only what it comes to, as one JSON line', schema: yesNo.default(false), isSwitch: true },
} as const satisfies SettingsTable;

const GATEWAY = 'bench';
const ENDPOINTS = 1_000;
const START_MS = 1_790_000_000_000;
/** As the sink does it: lines per request, and requests at once. */
const LINES_PER_REQUEST = 5_000;
const POSTS_AT_ONCE = 2;
const LOOK_EVERY_MS = 50;
const READY_MS = 60_000;

function observation(number: number): AvroResponseObserve {
  const path = '/3303/0/5700';
  const value = { double: 20 + (number % 100) / 10 };
  const resource = { id: 5700, path, kind: 'SINGLE_RESOURCE', type: 'FLOAT', value } as const;
  return {
    ...{ ticket: 'unset', observationId: '00ff', serverId: GATEWAY, ep: `sensor-${number % ENDPOINTS}`, path },
    timestamp: START_MS + Math.floor(number / ENDPOINTS) * 1_000,
    seq: { long: number * 65_536 },
    rep: {
      code: 'CONTENT',
      kind: 'observe',
      body: {
        'io.zeelos.leshan.avro.response.AvroReadResponseBody': {
          content: { 'io.zeelos.leshan.avro.resource.AvroResource': resource },
        },
      },
    },
  };
}

function registration(number: number): AvroRegistrationResponse {
  const record = {
    ...{
      ep: `device-${number}`,
      serverId: GATEWAY,
      regDate: START_MS,
      address: '127.0.0.1',
      port: 40_000,
      regAddr: '127.0.0.1',
    },
    ...{ regPort: 5683, lt: 300, sms: null, ver: '1.0', bnd: 'U', regId: `r${number}`, attributes: null, root: '/' },
    ...{ links: ['/1/0', '/3/0', '/3303/0'].map((url) => ({ url, at: {} })), lastUp: START_MS },
  };
  return {
    kind: 'NEW',
    body: { 'io.zeelos.leshan.avro.registration.AvroRegistrationNew': record },
  } as AvroRegistrationResponse;
}

class Bench {
  readonly #settings: SettingsOf<typeof SETTINGS>;
  readonly #stack: Stack;
  readonly #log = createLog('bench', 'error');
  readonly #registryUrl: string;
  readonly #brokers: string[];
  lost = 0;
  rssMiB = 0;

  constructor(settings: SettingsOf<typeof SETTINGS>, stack: Stack) {
    this.#settings = settings;
    this.#stack = stack;
    this.#registryUrl = `http://127.0.0.1:${stack.ports.registry}/apis/ccompat/v7`;
    this.#brokers = [`127.0.0.1:${stack.ports.kafkaCloud}`];
  }

  async prepare(): Promise<void> {
    const kafka = connectKafka({ brokers: this.#brokers, clientId: 'bench' }, this.#log);
    const snapshot = await registerSchemas(GATEWAY, this.#registryUrl);
    const [observations, registrations] = [TOPICS.observations, TOPICS.registrations];
    const topics = [observations, registrations].map((row) => row.nameFor(GATEWAY));
    await ensureTopics(
      kafka,
      topics.map((topic) => ({ topic, partitions: 2 })),
    );
    const producer = new CommittingProducer(new KafkaBatchSender(kafka, this.#log), this.#log);
    const fill = async (
      topic: string,
      count: number,
      keyOf: (number: number) => string,
      encode: (number: number) => Buffer,
    ) => {
      for (let at = 0; at < count; at += 5_000) {
        const numbers = Array.from({ length: Math.min(5_000, count - at) }, (_, index) => at + index);
        await producer.commit(
          ...numbers.map((number) => ({ topic, key: Buffer.from(keyOf(number)), value: encode(number) })),
        );
      }
    };
    const observed = encoderFor(snapshot, `${topics[0]}-value`, observations.value);
    const registered = encoderFor(snapshot, `${topics[1]}-value`, registrations.value);
    const { records, registrations: devices } = this.#settings;
    await fill(
      topics[0]!,
      records,
      (number) => `sensor-${number % ENDPOINTS}`,
      (number) => observed.encode(observation(number)),
    );
    await fill(
      topics[1]!,
      devices,
      (number) => `device-${number}`,
      (number) => registered.encode(registration(number)),
    );
    await producer.close();
  }

  /** Points per second of the lines alone, written as the sink writes them. */
  async raw(bucket: string): Promise<number> {
    const { records } = this.#settings;
    await this.#makeBucket(bucket);
    const lines: string[] = [];
    for (let number = 0; number < records; number++) {
      const place = { topic: 't', partition: 0, offset: String(number), timestampMs: 0 };
      lines.push(...linesOf({ from: 'observations', value: observation(number), ...place }).lines);
    }
    const bodies: Buffer[] = [];
    for (let at = 0; at < lines.length; at += LINES_PER_REQUEST)
      bodies.push(Buffer.from(lines.slice(at, at + LINES_PER_REQUEST).join('\n')));
    const client = new InfluxClient(this.#influx());
    const { signal } = new AbortController();
    await client.connect(signal);
    const startedAt = performance.now();
    const posts: Promise<void>[] = [];
    for (const body of bodies) {
      await posts.at(-POSTS_AT_ONCE);
      posts.push(client.write(bucket, body, signal));
    }
    await Promise.all(posts);
    const rate = records / ((performance.now() - startedAt) / 1_000);
    client.close();
    return rate;
  }

  /** Points per second from the topic to the store, by a worker in a process of its own. */
  async ours(bucket: string): Promise<number> {
    const { records } = this.#settings;
    await this.#makeBucket(bucket);
    const rate = await this.#withWorker(bucket, async (worker) => {
      await worker.configure(bucket, {
        'connector.class': 'InfluxSinkConnector',
        topics: TOPICS.observations.nameFor(GATEWAY),
        'connect.influx.url': this.#influx().url,
        'connect.influx.token': this.#token(),
        'connect.influx.db': bucket,
      });
      return await worker.rateUntil(records);
    });
    this.lost += records - (await this.#count(bucket));
    return rate;
  }

  async graph(): Promise<number> {
    const { database, user, passwordFile } = this.#stack.credentials.orientdb;
    const { registrations } = this.#settings;
    return await this.#withWorker('graph', async (worker) => {
      await worker.configure('graph', {
        'connector.class': 'OrientSinkConnector',
        topics: TOPICS.registrations.nameFor(GATEWAY),
        'connect.orient.url': `remote:127.0.0.1:${this.#stack.ports.orientdbBinary}/${database}`,
        'connect.orient.user': user,
        'connect.orient.password': readFileSync(passwordFile, 'utf8').trim(),
        // Small chunks, so that the first is done soon and the rate is that of the others.
        'batch.records': '500',
      });
      return await worker.rateUntil(registrations);
    });
  }

  async #withWorker(name: string, work: (worker: BenchWorker) => Promise<number>): Promise<number> {
    const worker = await BenchWorker.start(this.#brokers, this.#registryUrl, `bench-${name}`, this.#settings.nodeFlags);
    try {
      return await work(worker);
    } finally {
      this.rssMiB = Math.max(this.rssMiB, worker.peakMiB());
      await worker.stop();
    }
  }

  async #makeBucket(bucket: string): Promise<void> {
    const sink = new InfluxdbSink({ ...this.#influx(), bucket, createBucket: true });
    await sink.connect(new AbortController().signal);
    await sink.close();
  }

  async #count(bucket: string): Promise<number> {
    const client = new InfluxClient(this.#influx());
    await client.connect(new AbortController().signal);
    const flux = `from(bucket: "${bucket}") |> range(start: 0, stop: 2100-01-01T00:00:00Z)
      |> filter(fn: (r) => r._field == "value") |> group() |> count()`;
    const [row] = await client.queryApi().collectRows<{ _value: number }>(flux);
    client.close();
    return row?._value ?? 0;
  }

  #influx() {
    const { org } = this.#stack.credentials.influx;
    const token = this.#token();
    return { url: `http://127.0.0.1:${this.#stack.ports.influxdb}`, org, credentials: async () => ({ token }) };
  }

  #token(): string {
    return readFileSync(this.#stack.credentials.influx.tokenFile, 'utf8').trim();
  }
}

class BenchWorker {
  readonly #child: ChildProcess;
  readonly #rest: string;
  readonly #health: string;

  private constructor(child: ChildProcess, restPort: number, healthPort: number) {
    this.#child = child;
    this.#rest = `http://127.0.0.1:${restPort}`;
    this.#health = `http://127.0.0.1:${healthPort}`;
  }

  static async start(
    brokers: readonly string[],
    registryUrl: string,
    groupId: string,
    nodeFlags: readonly string[],
  ): Promise<BenchWorker> {
    const ports = await freePorts();
    const flags = {
      ...{ 'kafka-brokers': brokers.join(), 'registry-url': registryUrl, 'group-id': groupId },
      ...{ 'rest-port': ports.registry, 'health-port': ports.influxdb },
    };
    const args = Object.entries(flags).flatMap(([flag, value]) => [`--${flag}`, String(value)]);
    const env = { NODE_COMPILE_CACHE: COMPILE_CACHE_DIR, ...process.env, ZEELOS_LOG_LEVEL: 'error' };
    const cli = fileURLToPath(new URL('../bin/zeelos.ts', import.meta.url));
    const child = spawn(process.execPath, [...nodeFlags, cli, 'connect', ...args], {
      stdio: ['ignore', 'ignore', 'inherit'],
      env,
    });
    const worker = new BenchWorker(child, ports.registry, ports.influxdb);
    const deadline = performance.now() + READY_MS;
    while (
      !(await fetch(`${worker.#health}/readyz`).then(
        ({ ok }) => ok,
        () => false,
      ))
    ) {
      if (performance.now() > deadline) throw new PlatformError('STACK_START_FAILED', 'the worker is not ready');
      await sleep(100);
    }
    return worker;
  }

  async configure(name: string, config: Record<string, string>): Promise<void> {
    const headers = { 'content-type': 'application/json' };
    const answer = await fetch(`${this.#rest}/connectors/${name}/config`, {
      method: 'PUT',
      headers,
      body: JSON.stringify(config),
    });
    if (!answer.ok) throw new PlatformError('CONFIG_INVALID', await answer.text());
  }

  /** Records per second from the first that are seen in the store to the last: joining the group is not part of it. */
  async rateUntil(count: number): Promise<number> {
    let first: { readonly at: number; readonly stored: number } | undefined;
    for (;;) {
      const stored = await this.#stored();
      const at = performance.now();
      if (first === undefined && stored > 0) first = { at, stored };
      if (stored >= count && first !== undefined)
        return (stored - first.stored) / Math.max(1e-3, (at - first.at) / 1_000);
      await sleep(LOOK_EVERY_MS);
    }
  }

  /** Highest resident memory so far. */
  peakMiB(): number {
    return residentMb(this.#child.pid!, 'VmHWM');
  }

  async stop(): Promise<void> {
    const gone = new Promise((resolve) => this.#child.once('exit', resolve));
    this.#child.kill('SIGTERM');
    await gone;
  }

  async #stored(): Promise<number> {
    const page = await (await fetch(`${this.#health}/metrics`)).text();
    const lines = page.split('\n').filter((line) => line.startsWith('zeelos_connector_records_written_total{'));
    return lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
  }
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((one, other) => one - other);
  return sorted[Math.floor(sorted.length / 2)]!;
}

async function main(): Promise<void> {
  const { settings: given } = parseSettings(SETTINGS, { args: process.argv.slice(2), env: {} });
  const settings = given.quick ? { ...given, records: 20_000, registrations: 1_000, repeats: 1 } : given;
  const folder = mkdtempSync(join(tmpdir(), 'zeelos-bench-'));
  const say = (line: object) => {
    if (!settings.json) console.log(JSON.stringify(line));
  };
  const log = createLog('bench', 'error');
  const servers = ['kafka-cloud', 'registry', 'influxdb', 'orientdb'] as const;
  const stack = await startStack({
    dataDir: folder,
    ports: await freePorts(),
    servers: [...servers],
    log,
    onProgress: () => undefined,
  });
  try {
    await Promise.all(servers.map((server) => stack.ready(server)));
    const bench = new Bench(settings, stack);
    await bench.prepare();
    const [ours, raw]: [number[], number[]] = [[], []];
    for (let round = 0; round < settings.repeats; round++) {
      raw.push(await bench.raw(`raw${round}`));
      ours.push(await bench.ours(`ours${round}`));
      say({ round, oursPointsPerSecond: Math.round(ours.at(-1)!), rawPointsPerSecond: Math.round(raw.at(-1)!) });
    }
    const graphUpsertsPerSecond = Math.round(await bench.graph());
    const ratio = Number((median(ours) / median(raw)).toFixed(3));
    const pointsPerSecond = { ours: Math.round(median(ours)), raw: Math.round(median(raw)), ratio };
    console.log(JSON.stringify({ pointsPerSecond, graphUpsertsPerSecond, rssMiB: bench.rssMiB, lost: bench.lost }));
  } finally {
    await stack.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

main().catch((error: unknown) => {
  console.error(error instanceof PlatformError ? `${error.code}: ${error.message}` : error);
  process.exitCode = 1;
});
