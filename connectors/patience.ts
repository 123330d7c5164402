import { isRetriable, messageOf, type PlatformError } from '../common/errors.ts';
import { backoffMs, sleep } from '../common/lifecycle.ts';
import type { Log } from '../common/log.ts';
import type { ErrorPolicy } from './config/common-config.ts';
import type { ConnectorMetrics } from './connector-metrics.ts';

export interface StoreFailurePolicy {
  readonly policy: ErrorPolicy;
  /** Attempts after the first, of RETRY; -1 for ever. */
  readonly maxRetries: number;
  /** Longest pause between two attempts. */
  readonly retryIntervalMs: number;
}

export interface PatienceOptions {
  /** What to do when the store fails; absent: wait for it as long as it takes. */
  readonly onStoreFailure?: StoreFailurePolicy;
  readonly metrics: Pick<ConnectorMetrics, 'retried'>;
  readonly log: Log;
  /** Told why it waits, and undefined when it goes on. */
  onWaiting(reason: string | undefined): void;
}

/** The task must end: by its policy, or because nothing that it could do would help. */
export class TaskFailure extends Error {
  constructor(cause: unknown) {
    super(messageOf(cause), { cause });
    this.name = 'TaskFailure';
  }
}

/** The store has failed, and by policy NOOP its records are dropped. */
export class StoreGivenUp extends Error {}

const FIRST_PAUSE_MS = 100;

/** Waits for what is away: the store, the registry, Kafka. */
export class Patience {
  readonly #o: PatienceOptions;

  constructor(o: PatienceOptions) {
    this.#o = o;
  }

  /** Repeats with growing pauses what fails in a retriable way; throws the rest, and the signal's reason once it is aborted. */
  async outlast<T>(signal: AbortSignal, action: () => Promise<T>): Promise<T> {
    return await this.#repeat(signal, action, (_, attempt) => backoffMs(attempt));
  }

  /** As `outlast`, with the end that the policy sets: TaskFailure, or StoreGivenUp. */
  async outlastStore<T>(signal: AbortSignal, action: () => Promise<T>): Promise<T> {
    const limits = this.#o.onStoreFailure;
    if (limits === undefined) return await this.outlast(signal, action);
    const retries = limits.policy === 'RETRY' ? limits.maxRetries : 0;
    return await this.#repeat(signal, action, (error, attempt) => {
      if (limits.policy === 'NOOP') throw this.#givenUp(error);
      if (retries !== -1 && attempt >= retries) throw new TaskFailure(error);
      return pauseMs(attempt, limits.retryIntervalMs);
    });
  }

  /** @param pauseAfter how long to wait after a failure, in ms; throws where it is the last */
  async #repeat<T>(
    signal: AbortSignal,
    action: () => Promise<T>,
    pauseAfter: (error: PlatformError, attempt: number) => number,
  ): Promise<T> {
    for (let attempt = 0; ; attempt++) {
      signal.throwIfAborted();
      try {
        const result = await action();
        if (attempt > 0) this.#reportRecovery();
        return result;
      } catch (error) {
        signal.throwIfAborted();
        if (!isRetriable(error)) throw error;
        const pause = pauseAfter(error as PlatformError, attempt);
        this.#reportWaiting(error as PlatformError, attempt);
        await sleep(pause, signal);
      }
    }
  }

  #givenUp(error: PlatformError): StoreGivenUp {
    this.#o.metrics.retried(error.code);
    this.#o.log.warn(
      { code: error.code, reason: error.message },
      'the store failed: its records are dropped (policy NOOP)',
    );
    return new StoreGivenUp();
  }

  #reportWaiting(error: PlatformError, attempt: number): void {
    this.#o.metrics.retried(error.code);
    this.#o.onWaiting(`${error.code}: ${error.message}`);
    if (attempt === 0)
      this.#o.log.warn(
        { code: error.code, reason: error.message },
        'records wait in Kafka until this is mended; nothing is lost meanwhile',
      );
  }

  #reportRecovery(): void {
    this.#o.onWaiting(undefined);
    this.#o.log.info('records flow again');
  }
}

/** Doubling, with full jitter above the first. */
function pauseMs(attempt: number, longestMs: number): number {
  const ceiling = Math.min(longestMs, FIRST_PAUSE_MS * 2 ** Math.min(attempt, 30));
  return FIRST_PAUSE_MS / 2 + Math.random() * Math.max(0, ceiling - FIRST_PAUSE_MS / 2);
}
