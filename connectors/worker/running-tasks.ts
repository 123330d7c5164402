import { messageOf, PlatformError } from '../../common/errors.ts';
import { sleep, untilAborted } from '../../common/lifecycle.ts';
import type { Log } from '../../common/log.ts';
import type { RawConfig } from '../config/definition.ts';
import { SecretTexts } from './secrets.ts';
import { type Status, statusKey } from './statuses.ts';
import { runTask, type TaskContext } from './tasks.ts';

/** A task that this worker has. */
export interface WantedTask {
  readonly connector: string;
  readonly number: number;
  readonly config: RawConfig;
  readonly version: number;
  readonly paused: boolean;
}

/** What a task tells of itself. */
export type TaskStatus = Omit<Status, 'worker_id'>;

interface RunningTask {
  readonly wanted: WantedTask;
  readonly stopping: AbortController;
  readonly log: Log;
  status: TaskStatus;
  ended: Promise<void>;
}

/** A task that does not end in this time when it is told to is left to itself, so that the others do not wait for it. */
const STOP_LIMIT_MS = 30_000;

export interface RunningTasksOptions {
  readonly context: TaskContext;
  /** Told each change of a task that is still this worker's. */
  onStatus(connector: string, number: number, status: TaskStatus): void;
  onTopic(connector: string, topic: string): void;
}

/** The tasks of this worker: starts what is wanted, stops what is not, and tells what became of each. */
export class RunningTasks {
  readonly #o: RunningTasksOptions;
  /** By the key of the status. */
  readonly #running = new Map<string, RunningTask>();

  constructor(o: RunningTasksOptions) {
    this.#o = o;
  }

  /** A task of this worker, and what became of it. */
  byKey(key: string): { readonly wanted: WantedTask; readonly status: TaskStatus } | undefined {
    return this.#running.get(key);
  }

  all(): readonly WantedTask[] {
    return [...this.#running.values()].map(({ wanted }) => wanted);
  }

  /** Of the tasks that run; a new one begins with the level of the worker's. */
  setLogLevel(level: string): void {
    for (const { log } of this.#running.values()) log.level = level;
  }

  /**
   * Resolves once what is not wanted any more has stopped; a task of a newer version takes the place of the older. Returns those that
   * have nothing in their place.
   */
  async become(wanted: readonly WantedTask[]): Promise<readonly WantedTask[]> {
    const next = new Map(wanted.map((one) => [statusKey(one.connector, one.number), one]));
    const stale = [...this.#running].filter(([key, { wanted: now }]) => {
      const then = next.get(key);
      return then === undefined || then.version !== now.version || then.paused !== now.paused;
    });
    await Promise.all(stale.map(([key]) => this.#stop(key)));
    for (const [key, one] of next) if (!this.#running.has(key)) this.#start(one);
    return stale.filter(([key]) => !next.has(key)).map(([, task]) => task.wanted);
  }

  /** Starts a task of ours anew, also one that has failed. */
  async restart(connector: string, number: number): Promise<void> {
    const key = statusKey(connector, number);
    const found = this.#running.get(key);
    if (found === undefined) return;
    await this.#stop(key);
    this.#start(found.wanted);
  }

  async #stop(key: string): Promise<void> {
    const task = this.#running.get(key);
    if (task === undefined) return;
    this.#running.delete(key);
    task.stopping.abort();
    const patience = new AbortController();
    const late = sleep(STOP_LIMIT_MS, patience.signal).then(() => {
      if (!patience.signal.aborted) task.log.error('the task does not end; it is left to itself');
    });
    await Promise.race([task.ended, late]);
    patience.abort();
  }

  #start(wanted: WantedTask): void {
    const { connector, number } = wanted;
    const task: RunningTask = {
      wanted,
      stopping: new AbortController(),
      log: this.#o.context.log.child({ connector, task: number }),
      status: { state: wanted.paused ? 'PAUSED' : 'RUNNING' },
      ended: Promise.resolve(),
    };
    this.#running.set(statusKey(connector, number), task);
    task.ended = this.#run(task);
  }

  async #run(task: RunningTask): Promise<void> {
    const { context, onStatus, onTopic } = this.#o;
    const { connector, number, config, paused } = task.wanted;
    const { signal } = task.stopping;
    const { log } = task;
    const tell = (status: TaskStatus) => {
      if (signal.aborted) return;
      task.status = status;
      onStatus(connector, number, status);
    };
    if (paused) {
      tell({ state: 'PAUSED' });
      return await untilAborted(signal);
    }
    const secrets = new SecretTexts(config);
    const onWaiting = (reason: string | undefined) => {
      const waiting = reason === undefined ? undefined : secrets.hiddenIn(cut(reason));
      if (waiting !== task.status.waiting) tell({ state: 'RUNNING', ...(waiting !== undefined && { waiting }) });
    };
    tell({ state: 'RUNNING' });
    const topics = new Set<string>();
    const onNewTopic = (topic: string) => {
      if (topics.has(topic)) return;
      topics.add(topic);
      onTopic(connector, topic);
    };
    const references = context.references.telling((text) => secrets.add(text));
    const options = { connector, number, config, signal, onWaiting, onTopic: onNewTopic };
    try {
      await runTask(options, { ...context, references, log });
    } catch (error) {
      if (signal.aborted) return;
      const trace = secrets.hiddenIn(cut(traceOf(error)));
      log.error({ trace }, 'the task has failed; it stands until it is restarted or configured anew');
      tell({ state: 'FAILED', trace });
    }
  }
}

/** Longest trace and reason, in UTF-16 code units: a store may answer with a page. */
const LONGEST_TEXT = 8_192;

function cut(text: string): string {
  return text.length > LONGEST_TEXT ? `${text.slice(0, LONGEST_TEXT)}…` : text;
}

const CAUSES_SHOWN = 5;

/** What happened and what led to it; of a fault of ours with the lines of code. */
export function traceOf(error: unknown): string {
  const lines: string[] = [];
  for (let at = error, depth = 0; at !== undefined && depth < CAUSES_SHOWN; depth++) {
    const code = at instanceof PlatformError ? `${at.code}: ` : '';
    const text = `${code}${messageOf(at)}`;
    if (lines.at(-1)?.endsWith(text) !== true) lines.push(depth === 0 ? text : `Caused by: ${text}`);
    const isFault = at instanceof TypeError || at instanceof RangeError;
    if (isFault && at instanceof Error) lines.push(...(at.stack?.split('\n').slice(1) ?? []));
    at = at instanceof Error ? at.cause : undefined;
  }
  return lines.join('\n');
}
