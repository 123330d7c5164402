import { messageOf, PlatformError } from '../../common/errors.ts';
import { untilAborted } from '../../common/lifecycle.ts';
import type { RawConfig } from '../config/definition.ts';
import type { Status } from './statuses.ts';
import { runTask, type TaskContext } from './tasks.ts';

/** A task that this worker has. */
export interface WantedTask {
  readonly connector: string;
  readonly number: number;
  readonly config: RawConfig;
  readonly version: number;
  readonly paused: boolean;
}

interface RunningTask {
  readonly wanted: WantedTask;
  readonly stopping: AbortController;
  readonly ended: Promise<void>;
}

export interface RunningTasksOptions {
  readonly context: TaskContext;
  /** Told each change of a task that is still this worker's. */
  onStatus(connector: string, number: number, status: Omit<Status, 'worker_id'>): void;
  onTopic(connector: string, topic: string): void;
}

/** The tasks of this worker: starts what is wanted, stops what is not, and tells what became of each. */
export class RunningTasks {
  readonly #o: RunningTasksOptions;
  readonly #running = new Map<string, RunningTask>();

  constructor(o: RunningTasksOptions) {
    this.#o = o;
  }

  has(connector: string, number: number): boolean {
    return this.#running.has(keyOf(connector, number));
  }

  all(): readonly WantedTask[] {
    return [...this.#running.values()].map(({ wanted }) => wanted);
  }

  /** Resolves once what is not wanted any more has stopped; a task of a newer version takes the place of the older. */
  async become(wanted: readonly WantedTask[]): Promise<void> {
    const next = new Map(wanted.map((one) => [keyOf(one.connector, one.number), one]));
    const stale = [...this.#running].filter(([key, { wanted: now }]) => {
      const then = next.get(key);
      return then === undefined || then.version !== now.version || then.paused !== now.paused;
    });
    await Promise.all(stale.map(([key]) => this.#stop(key)));
    for (const [key, one] of next) if (!this.#running.has(key)) this.#start(key, one);
  }

  /** Starts a task of ours anew, also one that has failed. */
  async restart(connector: string, number: number): Promise<void> {
    const key = keyOf(connector, number);
    const found = this.#running.get(key);
    if (found === undefined) return;
    await this.#stop(key);
    this.#start(key, found.wanted);
  }

  async #stop(key: string): Promise<void> {
    const task = this.#running.get(key);
    this.#running.delete(key);
    task?.stopping.abort();
    await task?.ended;
  }

  #start(key: string, wanted: WantedTask): void {
    const stopping = new AbortController();
    const ended = this.#run(wanted, stopping.signal);
    this.#running.set(key, { wanted, stopping, ended });
  }

  async #run({ connector, number, config, paused }: WantedTask, signal: AbortSignal): Promise<void> {
    const { context, onStatus, onTopic } = this.#o;
    const tell = (status: Omit<Status, 'worker_id'>) => {
      if (!signal.aborted) onStatus(connector, number, status);
    };
    if (paused) {
      tell({ state: 'PAUSED' });
      return await untilAborted(signal);
    }
    let waiting: string | undefined;
    const onWaiting = (reason: string | undefined) => {
      if (reason === waiting) return;
      waiting = reason;
      tell({ state: 'RUNNING', ...(reason !== undefined && { waiting: reason }) });
    };
    tell({ state: 'RUNNING' });
    const topics = new Set<string>();
    const onNewTopic = (topic: string) => {
      if (topics.has(topic)) return;
      topics.add(topic);
      onTopic(connector, topic);
    };
    const log = context.log.child({ connector, task: number });
    try {
      await runTask({ connector, number, config, signal, onWaiting, onTopic: onNewTopic }, { ...context, log });
    } catch (error) {
      if (signal.aborted) return;
      log.error({ err: error }, 'the task has failed; it stands until it is restarted or configured anew');
      tell({ state: 'FAILED', trace: traceOf(error) });
    }
  }
}

function keyOf(connector: string, number: number): string {
  return `${connector}/${number}`;
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
