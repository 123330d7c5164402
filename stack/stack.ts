import { mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { PlatformError } from '../common/errors.ts';
import type { Log } from '../common/log.ts';
import { type Artifact, defaultCacheDir, isCached, verifyOrRemove } from './cache.ts';
import { INFLUX_BUCKET, INFLUX_ORG, INFLUX_TOKEN_FILE, INFLUXDB } from './influxdb.ts';
import { KAFKA_CLOUD, KAFKA_EDGE } from './kafka.ts';
import { type HeldLock, lockHolder, tryLock } from './lock.ts';
import { ORIENT_DATABASE, ORIENT_PASSWORD_FILE, ORIENT_USER, ORIENTDB } from './orientdb.ts';
import { cleanLeftOvers } from './pid-files.ts';
import { assertPortsFree } from './port-owner.ts';
import type { StackPorts } from './ports.ts';
import { type ProgressLine, progressOf } from './progress.ts';
import { REGISTRY } from './registry.ts';
import { secretIn } from './secrets.ts';
import { type BrokerSettings, type Durability, SERVER_NAMES, type ServerKind, type ServerName } from './server.ts';
import { ServerRun } from './server-run.ts';
import { assertTools } from './toolchain.ts';

export { DEFAULT_PORTS, freePorts, type StackPorts } from './ports.ts';
export type { ProgressLine } from './progress.ts';
export { type BrokerSettings, DURABILITIES, type Durability, SERVER_NAMES, type ServerName } from './server.ts';

const KINDS: Readonly<Record<ServerName, ServerKind>> = {
  'kafka-edge': KAFKA_EDGE,
  'kafka-cloud': KAFKA_CLOUD,
  registry: REGISTRY,
  influxdb: INFLUXDB,
  orientdb: ORIENTDB,
};

export interface StackOptions {
  /** Where data, logs, secrets and settings live: `.zeelos`, or a temporary folder. */
  readonly dataDir: string;
  readonly ports: StackPorts;
  readonly servers?: readonly ServerName[];
  /** Of the edge's Kafka; `process` when absent. */
  readonly edgeDurability?: Durability;
  readonly brokerSettings?: BrokerSettings;
  /** Default: $ZEELOS_CACHE or ~/.cache/zeelos. */
  readonly cacheDir?: string;
  onProgress(line: ProgressLine): void;
  readonly log: Log;
  /** Stops everything when aborted. */
  readonly signal?: AbortSignal;
}

export interface StackCredentials {
  readonly influx: {
    readonly org: typeof INFLUX_ORG;
    readonly bucket: typeof INFLUX_BUCKET;
    readonly tokenFile: string;
  };
  readonly orientdb: {
    readonly user: typeof ORIENT_USER;
    readonly passwordFile: string;
    readonly database: typeof ORIENT_DATABASE;
  };
}

export interface Stack {
  readonly ports: StackPorts;
  readonly credentials: StackCredentials;
  /** Resolves once this server answers a real request; a first InfluxDB build takes minutes while the others already run. */
  ready(name: ServerName): Promise<void>;
  /** In order, the data kept; without a name all of them in reverse order, and the data folder is free for the next stack. */
  stop(name?: ServerName): Promise<void>;
  /** SIGKILL. */
  kill(name: ServerName): Promise<void>;
  /** Again after `stop` or `kill`, on the same data; resolves when it is ready. */
  start(name: ServerName): Promise<void>;
  pid(name: ServerName): number | undefined;
}

/**
 * Takes the data folder, ends what a killed run left in it, and begins to start the servers side by side. Resolves then: `ready` tells of each.
 * Errors: STACK_ALREADY_RUNNING, STACK_PORT_BUSY, STACK_TOOL_MISSING, STACK_DISK_FULL here where they can be known at once; else from `ready`.
 */
export async function startStack(options: StackOptions): Promise<Stack> {
  options.signal?.throwIfAborted();
  const dataDir = resolve(options.dataDir);
  const cacheDir = resolve(options.cacheDir ?? defaultCacheDir());
  const names = SERVER_NAMES.filter((name) => (options.servers ?? SERVER_NAMES).includes(name));
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  const lock = takeDataDir(dataDir);
  try {
    await cleanLeftOvers(dataDir, options.onProgress, options.log);
    for (const name of names) await assertPortsFree(name, KINDS[name].ports(options.ports));
    await assertToolchain(cacheDir, names);
    lock.describe(Object.fromEntries(names.map((name) => [name, KINDS[name].url(options.ports)])));
    return new RunningStack({ ...options, dataDir, cacheDir }, names, lock);
  } catch (error) {
    lock.release();
    throw error;
  }
}

/** Compares every cached byte with what was recorded when it was fetched, and removes damaged copies. Returns the names of those. */
export async function verifyCache(
  options: Pick<StackOptions, 'cacheDir' | 'onProgress' | 'signal'>,
): Promise<readonly string[]> {
  const cacheDir = resolve(options.cacheDir ?? defaultCacheDir());
  const damaged: string[] = [];
  for (const kind of new Set(Object.values(KINDS))) {
    const report = progressOf(kind.name, options.onProgress);
    for (const artifact of withNeeds(kind.artifact)) {
      if (!(await isCached(cacheDir, artifact)) || damaged.includes(artifact.name)) continue;
      report('fetch', `verifying ${artifact.name} ${artifact.version}`);
      if (!(await verifyOrRemove(artifact, { cacheDir, report, signal: options.signal }))) damaged.push(artifact.name);
    }
  }
  return damaged;
}

function takeDataDir(dataDir: string): HeldLock {
  const path = join(dataDir, 'stack.lock');
  const lock = tryLock(path);
  if (lock !== undefined) return lock;
  const holder = lockHolder(path);
  const urls = Object.entries(holder?.facts ?? {}).map(([name, url]) => `${name} at ${url}`);
  const running = urls.length > 0 ? `: ${urls.join(', ')}` : '';
  const pid = holder?.process.pid;
  throw new PlatformError(
    'STACK_ALREADY_RUNNING',
    `process ${pid ?? '?'} already runs the servers of ${dataDir}${running}`,
    {
      details: { dataDir, pid, servers: holder?.facts },
    },
  );
}

/** Everything missing is named at once, and before anything is fetched. */
async function assertToolchain(cacheDir: string, names: readonly ServerName[]): Promise<void> {
  const artifacts = [...new Set(names.map((name) => KINDS[name].artifact))];
  const fetching = await Promise.all(artifacts.map((artifact) => toFetch(cacheDir, artifact)));
  await assertTools([...names.flatMap((name) => KINDS[name].runTools), ...fetching.flat().flatMap((a) => a.tools)]);
}

async function toFetch(cacheDir: string, artifact: Artifact): Promise<Artifact[]> {
  if (await isCached(cacheDir, artifact)) return [];
  const needs = await Promise.all(artifact.needs.map((need) => toFetch(cacheDir, need)));
  return [artifact, ...needs.flat()];
}

function withNeeds(artifact: Artifact): Artifact[] {
  return [artifact, ...artifact.needs.flatMap(withNeeds)];
}

class RunningStack implements Stack {
  readonly ports: StackPorts;
  readonly credentials: StackCredentials;
  readonly #runs: ReadonlyMap<ServerName, ServerRun>;
  readonly #lock: HeldLock;
  readonly #signal: AbortSignal | undefined;

  constructor(options: StackOptions & { cacheDir: string }, names: readonly ServerName[], lock: HeldLock) {
    const {
      dataDir,
      cacheDir,
      ports,
      onProgress,
      log,
      signal,
      edgeDurability = 'process',
      brokerSettings = {},
    } = options;
    this.ports = ports;
    this.credentials = credentialsIn(join(dataDir, 'secrets'));
    this.#lock = lock;
    this.#signal = signal;
    this.#runs = new Map(
      names.map((name) => {
        const kind = KINDS[name];
        return [
          name,
          new ServerRun({ kind, dataDir, cacheDir, ports, edgeDurability, brokerSettings, onProgress, log }),
        ];
      }),
    );
    process.once('exit', this.#onExit);
    signal?.addEventListener('abort', this.#onAbort, { once: true });
    for (const run of this.#runs.values()) run.start().catch(() => {});
  }

  async ready(name: ServerName): Promise<void> {
    await this.#run(name).ready();
  }

  async start(name: ServerName): Promise<void> {
    await this.#run(name).start();
  }

  async kill(name: ServerName): Promise<void> {
    await this.#run(name).kill();
  }

  async stop(name?: ServerName): Promise<void> {
    if (name !== undefined) return this.#run(name).stop();
    for (const run of [...this.#runs.values()].reverse()) await run.stop();
    process.off('exit', this.#onExit);
    this.#signal?.removeEventListener('abort', this.#onAbort);
    this.#lock.release();
  }

  pid(name: ServerName): number | undefined {
    return this.#run(name).pid;
  }

  #run(name: ServerName): ServerRun {
    const run = this.#runs.get(name);
    if (run === undefined) throw new PlatformError('CONFIG_INVALID', `${name} is not among the servers of this stack`);
    return run;
  }

  readonly #onAbort = (): void => {
    void this.stop();
  };

  /** When the process ends without `stop`, the servers are told to end too. */
  readonly #onExit = (): void => {
    for (const run of this.#runs.values()) run.signalNow('SIGTERM');
  };
}

/** Generated here, at the first start, so that a service may read them before the server is up. */
function credentialsIn(folder: string): StackCredentials {
  const tokenFile = join(folder, INFLUX_TOKEN_FILE);
  const passwordFile = join(folder, ORIENT_PASSWORD_FILE);
  for (const file of [tokenFile, passwordFile]) secretIn(file);
  return {
    influx: { org: INFLUX_ORG, bucket: INFLUX_BUCKET, tokenFile },
    orientdb: { user: ORIENT_USER, passwordFile, database: ORIENT_DATABASE },
  };
}
