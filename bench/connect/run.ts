import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connectKafka } from '../../common/kafka/client.ts';
import { createLog } from '../../common/log.ts';
import { freePorts, type ServerName, type Stack, startStack } from '../../stack/stack.ts';
import { median } from '../processes.ts';
import { InfluxStore } from './influx-store.ts';
import { ProcessorTimes } from './processor-times.ts';
import { fillTopics, OBSERVATIONS, REGISTRATIONS } from './records.ts';
import { type ConnectBenchSettings, QUICK } from './settings.ts';
import { provideTelegraf, Telegraf } from './telegraf.ts';
import { BenchWorker, type Measured, type WorkerOptions } from './worker.ts';

const SERVERS = ['kafka-cloud', 'registry', 'influxdb', 'orientdb'] as const satisfies readonly ServerName[];

/** What the built-in mapping of observations does, as a statement. */
const KCQL = `INSERT INTO resources SELECT rep.code AS code, observationId, ticket, rep.body.content.value AS value
  FROM ${OBSERVATIONS} WITHTIMESTAMP timestamp WITHTAG (ep, rep.kind AS kind, path, serverId)`;

/** Ways of the same observations into InfluxDB: their lines alone, and the connector with its own mapping and with KCQL. */
const WAYS = ['raw', 'ours', 'kcql'] as const;
type Way = (typeof WAYS)[number] | 'telegraf';

/** Measures connectors on servers of their own. @param say told each measurement as it is made */
export async function benchConnect(given: ConnectBenchSettings, say: (line: object) => void): Promise<object> {
  const settings = given.quick ? { ...given, ...QUICK } : given;
  const folder = mkdtempSync(join(tmpdir(), 'zeelos-bench-'));
  const log = createLog('bench', 'error');
  const stack = await startStack({
    dataDir: folder,
    ports: await freePorts(),
    servers: [...SERVERS],
    log,
    onProgress: () => undefined,
  });
  try {
    await Promise.all(SERVERS.map((server) => stack.ready(server)));
    const telegraf = settings.peer === 'telegraf' ? await provideTelegraf() : undefined;
    return await new ConnectBench(settings, { stack, folder, telegraf }).run(say);
  } finally {
    await stack.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

class ConnectBench {
  readonly #settings: ConnectBenchSettings;
  readonly #stack: Stack;
  readonly #influx: InfluxStore;
  readonly #registryUrl: string;
  readonly #brokers: readonly string[];
  readonly #folder: string;
  readonly #telegraf: string | undefined;
  #lost = 0;
  #rssMiB = 0;

  constructor(
    settings: ConnectBenchSettings,
    { stack, folder, telegraf }: { stack: Stack; folder: string; telegraf: string | undefined },
  ) {
    this.#settings = settings;
    this.#stack = stack;
    this.#folder = folder;
    this.#telegraf = telegraf;
    this.#influx = new InfluxStore(stack);
    this.#registryUrl = `http://127.0.0.1:${stack.ports.registry}/apis/ccompat/v7`;
    this.#brokers = [`127.0.0.1:${stack.ports.kafkaCloud}`];
  }

  async run(say: (line: object) => void): Promise<object> {
    const log = createLog('bench', 'error');
    const kafka = connectKafka({ brokers: [...this.#brokers], clientId: 'bench' }, log);
    await fillTopics({ kafka, registryUrl: this.#registryUrl, log }, this.#settings);
    const rates: Record<Way, number[]> = { raw: [], ours: [], kcql: [], telegraf: [] };
    const ways: readonly Way[] = this.#telegraf === undefined ? WAYS : [...WAYS, 'telegraf'];
    await this.#compileSources();
    for (let round = 0; round < this.#settings.repeats; round++) {
      for (const way of ways) {
        const bucket = `${way}${round}`;
        await this.#influx.makeBucket(bucket);
        const { perSecond, processor, peakMiB } = await this.#measure(way, bucket);
        rates[way].push(perSecond);
        say({ round, way, pointsPerSecond: Math.round(perSecond), microsecondsPerPoint: processor, peakMiB });
      }
    }
    const graph = await this.#graph();
    say({ way: 'graph', upsertsPerSecond: Math.round(graph.perSecond), peakMiB: graph.peakMiB });
    const raw = median(rates.raw);
    const beside = (way: Way) => ({
      [way]: Math.round(median(rates[way])),
      ratio: Number((median(rates[way]) / raw).toFixed(3)),
    });
    return {
      pointsPerSecond: { ...beside('ours'), raw: Math.round(raw) },
      kcqlPointsPerSecond: { ...beside('kcql'), raw: Math.round(raw) },
      ...(this.#telegraf !== undefined && { telegrafPointsPerSecond: { ...beside('telegraf'), raw: Math.round(raw) } }),
      graphUpsertsPerSecond: Math.round(graph.perSecond),
      rssMiB: this.#rssMiB,
      lost: this.#lost,
    };
  }

  async #measure(way: Way, bucket: string): Promise<Measured & { readonly peakMiB?: number }> {
    const { records } = this.#settings;
    if (way === 'raw') {
      const times = this.#times(process.pid);
      const perSecond = await this.#influx.writeLines(bucket, records, () => times.begin());
      return { perSecond, processor: times.perRecord(records) };
    }
    if (way === 'telegraf') return await this.#measureTelegraf(bucket);
    const measured = await this.#withWorker(bucket, async (worker) => {
      const kcql = way === 'kcql' ? { 'connect.influx.kcql': KCQL } : {};
      await worker.configure(bucket, { ...this.#influx.config(bucket), topics: OBSERVATIONS, ...kcql });
      return await worker.measureUntil(records, this.#times(worker.pid));
    });
    this.#lost += records - (await this.#influx.count(bucket));
    return measured;
  }

  async #measureTelegraf(bucket: string): Promise<Measured & { readonly peakMiB: number }> {
    const before = await this.#influx.written();
    const telegraf = new Telegraf(this.#telegraf!, {
      ...{ folder: this.#folder, brokers: this.#brokers, registryUrl: this.#registryUrl, groupId: bucket },
      influx: this.#influx.access(bucket),
    });
    try {
      const written = async () => (await this.#influx.written()) - before;
      const measured = await telegraf.measureUntil(this.#settings.records, written, this.#times(telegraf.pid));
      return { ...measured, peakMiB: telegraf.peakMiB() };
    } finally {
      await telegraf.stop();
    }
  }

  /** A first start after a change of the sources also compiles them, which is no part of what is measured. */
  async #compileSources(): Promise<void> {
    const worker = await BenchWorker.start(this.#workerOptions('compile'));
    await worker.stop();
  }

  #workerOptions(name: string): WorkerOptions {
    const { nodeFlags } = this.#settings;
    return { brokers: this.#brokers, registryUrl: this.#registryUrl, groupId: `bench-${name}`, nodeFlags };
  }

  async #graph(): Promise<Measured & { readonly peakMiB: number }> {
    const { database, user, passwordFile } = this.#stack.credentials.orientdb;
    return await this.#withWorker('graph', async (worker) => {
      await worker.configure('graph', {
        'connector.class': 'OrientSinkConnector',
        topics: REGISTRATIONS,
        'connect.orient.url': `remote:127.0.0.1:${this.#stack.ports.orientdbBinary}/${database}`,
        'connect.orient.user': user,
        'connect.orient.password': readFileSync(passwordFile, 'utf8').trim(),
        // Small chunks, so that the first is done soon and the rate is that of the others.
        'batch.records': '500',
      });
      return await worker.measureUntil(this.#settings.registrations, this.#times(worker.pid));
    });
  }

  #times(client: number): ProcessorTimes {
    return new ProcessorTimes({
      client,
      influxdb: this.#stack.pid('influxdb')!,
      kafka: this.#stack.pid('kafka-cloud')!,
    });
  }

  async #withWorker(
    name: string,
    work: (worker: BenchWorker) => Promise<Measured>,
  ): Promise<Measured & { readonly peakMiB: number }> {
    const worker = await BenchWorker.start(this.#workerOptions(name));
    try {
      const measured = await work(worker);
      const peakMiB = worker.peakMiB();
      this.#rssMiB = Math.max(this.#rssMiB, peakMiB);
      return { ...measured, peakMiB };
    } finally {
      await worker.stop();
    }
  }
}
