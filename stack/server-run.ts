import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { hasCode, PlatformError } from '../common/errors.ts';
import type { Log } from '../common/log.ts';
import { provide, verifyOrRemove } from './cache.ts';
import { assertFreeSpace } from './files.ts';
import { forgetPid, recordPid } from './pid-files.ts';
import { assertPortsFree } from './port-owner.ts';
import type { StackPorts } from './ports.ts';
import { type ProgressLine, progressOf, type Report } from './progress.ts';
import type { BrokerSettings, Durability, ServerKind, ServerSite } from './server.ts';
import { lastLines, rotateLog } from './server-log.ts';
import { ServerProcess } from './server-process.ts';

/** Generous: a machine that builds InfluxDB beside four starting servers is slow. */
const START_TIMEOUT_MS = 120_000;
const PROBE_PAUSE_MS = 100;
const PROBE_TIMEOUT_MS = 10_000;
const STOP_GRACE_MS = 20_000;
/** Room for the first segments and write-ahead logs of one server. */
const FREE_BYTES_TO_START = 256 * 2 ** 20;

export interface ServerRunOptions {
  readonly kind: ServerKind;
  readonly dataDir: string;
  readonly cacheDir: string;
  readonly ports: StackPorts;
  readonly edgeDurability: Durability;
  readonly brokerSettings: BrokerSettings;
  readonly onProgress: (line: ProgressLine) => void;
  readonly log: Log;
}

/** One server of a stack through all its starts and ends. It is not restarted by itself: whoever needs it sees its readiness fail. */
export class ServerRun {
  readonly #options: ServerRunOptions;
  #process: ServerProcess | undefined;
  #ready: Promise<void> | undefined;
  #hasFailed = false;
  #abort = new AbortController();

  constructor(options: ServerRunOptions) {
    this.#options = options;
  }

  get pid(): number | undefined {
    return this.#process?.isRunning ? this.#process.pid : undefined;
  }

  /** Errors: why it could not be started, STACK_START_FAILED when it ended since, SHUTTING_DOWN when it was stopped. */
  ready(): Promise<void> {
    return this.#ready ?? Promise.reject(this.#stopped());
  }

  /** Fetches, starts and waits until it works. It joins a start that is under way or has succeeded, and tries again after a failure or an end. */
  start(): Promise<void> {
    if (this.#ready !== undefined && !this.#hasFailed) return this.#ready;
    this.#abort = new AbortController();
    const { kind, onProgress } = this.#options;
    const report = progressOf(kind.name, onProgress);
    const bringUp = this.#bringUp(report, this.#abort.signal).catch((error: unknown) => {
      if (!this.#abort.signal.aborted) report('failed', (error as Error).message);
      throw error;
    });
    this.#setReady(bringUp);
    return bringUp;
  }

  /** Ends a fetch, a build, a start or a running server in order. */
  async stop(): Promise<void> {
    await this.#end(async (running) => {
      progressOf(this.#options.kind.name, this.#options.onProgress)('stop', 'stopping');
      const inTime = await running.stop(STOP_GRACE_MS);
      if (!inTime) this.#options.log.warn({ server: this.#options.kind.name }, 'did not stop in time and was killed');
    });
  }

  /** SIGKILL, at any moment of its life. */
  async kill(): Promise<void> {
    await this.#end((running) => running.stop(0));
  }

  /** For the last moment of our own process, when nothing asynchronous runs any more. */
  signalNow(signal: NodeJS.Signals): void {
    this.#process?.signal(signal);
  }

  async #end(end: (running: ServerProcess) => Promise<unknown>): Promise<void> {
    const underWay = this.#ready;
    this.#abort.abort(this.#stopped());
    if (this.#process?.isRunning) await end(this.#process);
    await underWay?.catch(() => {});
    // A start may have come as far as its process between the two.
    if (this.#process?.isRunning) await end(this.#process);
    this.#process = undefined;
    this.#ready = undefined;
  }

  async #bringUp(report: Report, signal: AbortSignal): Promise<void> {
    try {
      await this.#startOnce(report, signal);
    } catch (error) {
      if (!hasCode(error, 'STACK_START_FAILED') || signal.aborted) throw error;
      // A truncated or altered jar fails in many ways: look whether that is the cause before a person has to.
      if (await verifyOrRemove(this.#options.kind.artifact, { cacheDir: this.#options.cacheDir, report, signal }))
        throw error;
      report('clean', `the cached ${this.#options.kind.artifact.name} was damaged: fetching it anew`);
      await this.#startOnce(report, signal);
    }
  }

  async #startOnce(report: Report, signal: AbortSignal): Promise<void> {
    const { kind, dataDir, cacheDir, ports } = this.#options;
    const files = await provide(kind.artifact, { cacheDir, report, signal });
    const site = this.#site(files, signal);
    await assertPortsFree(kind.name, kind.ports(ports));
    await assertFreeSpace(dataDir, FREE_BYTES_TO_START, `start ${kind.name}`);
    rmSync(site.temporary, { recursive: true, force: true });
    for (const folder of [site.home, site.temporary]) mkdirSync(folder, { recursive: true });
    rotateLog(site.logFile);
    report('start', 'starting');
    const launch = await kind.prepare(site);
    signal.throwIfAborted();
    const running = new ServerProcess(launch, site.home, site.logFile);
    this.#process = running;
    if (running.pid !== undefined) recordPid(dataDir, kind.name, running.pid);
    const forgotten = running.ended.then(() => forgetPid(dataDir, kind.name));
    try {
      await this.#untilReady(running, site, report);
    } catch (error) {
      await running.stop(0);
      await forgotten;
      throw error;
    }
    report('ready', kind.url(ports));
    this.#watch(running, site);
  }

  async #untilReady(running: ServerProcess, site: ServerSite, report: Report): Promise<void> {
    const { kind } = this.#options;
    const deadlineMs = performance.now() + START_TIMEOUT_MS;
    while (performance.now() < deadlineMs) {
      site.signal.throwIfAborted();
      if (!running.isRunning) throw startFailed(site, `${kind.name} ended with ${await running.ended} while starting`);
      const probe = AbortSignal.any([site.signal, AbortSignal.timeout(PROBE_TIMEOUT_MS)]);
      if (await kind.isReady(site, probe).catch(falseUnlessCoded)) return;
      report('start', 'waiting for its first answer');
      await sleep(PROBE_PAUSE_MS);
    }
    throw startFailed(site, `${kind.name} did not answer within ${START_TIMEOUT_MS / 1000} s`);
  }

  /** Tells of an end that nobody asked for. */
  #watch(running: ServerProcess, site: ServerSite): void {
    const { kind, onProgress, log } = this.#options;
    const { signal } = site;
    void running.ended.then((how) => {
      if (signal.aborted) return;
      const error = startFailed(site, `${kind.name} ended with ${how}`);
      log.error({ server: kind.name, code: error.code, how, logFile: site.logFile }, 'a server ended unasked');
      progressOf(kind.name, onProgress)('ended', `${how}, see ${site.logFile}`);
      this.#setReady(Promise.reject(error));
    });
  }

  /** Nobody need listen to it: an unheard failure must not end the process. */
  #setReady(ready: Promise<void>): void {
    this.#ready = ready;
    this.#hasFailed = false;
    ready.catch(() => {
      if (this.#ready === ready) this.#hasFailed = true;
    });
  }

  #stopped(): PlatformError {
    return new PlatformError('SHUTTING_DOWN', `${this.#options.kind.name} is stopped`);
  }

  #site(files: string, signal: AbortSignal): ServerSite {
    const { kind, dataDir, ports, edgeDurability, brokerSettings, log } = this.#options;
    const home = join(dataDir, kind.name);
    const [temporary, secrets] = [join(home, 'tmp'), join(dataDir, 'secrets')];
    const logFile = join(dataDir, 'logs', `${kind.name}.log`);
    return { ports, edgeDurability, brokerSettings, home, temporary, secrets, files, logFile, log, signal };
  }
}

function falseUnlessCoded(error: unknown): boolean {
  if (error instanceof PlatformError) throw error;
  return false;
}

function startFailed(site: ServerSite, what: string): PlatformError {
  const end = lastLines(site.logFile, 2).join(' | ');
  return new PlatformError('STACK_START_FAILED', `${what}: ${end} (log: ${site.logFile})`, {
    details: { logFile: site.logFile },
  });
}
