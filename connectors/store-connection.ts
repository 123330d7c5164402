import { isRetriable, messageOf, PlatformError } from '../common/errors.ts';
import type { ConnectorMetrics } from './connector-metrics.ts';
import type { Sink } from './sink.ts';

/** Opens the store before the first write, and again after one that failed because the store was away. */
export class StoreConnection {
  readonly #sink: Sink;
  readonly #metrics: Pick<ConnectorMetrics, 'wrote'>;
  #connecting: Promise<void> | undefined;
  #connected = false;

  constructor(sink: Sink, metrics: Pick<ConnectorMetrics, 'wrote'>) {
    this.#sink = sink;
    this.#metrics = metrics;
  }

  async write<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    await this.ensure(signal);
    const startedAt = performance.now();
    try {
      const result = await work();
      this.#metrics.wrote((performance.now() - startedAt) / 1_000);
      return result;
    } catch (error) {
      if (isRetriable(error)) this.#connected = false;
      throw error;
    }
  }

  /** Those who write at once open it once; the failure of another says nothing here, for it may only have been given up. */
  async ensure(signal: AbortSignal): Promise<void> {
    while (!this.#connected) {
      signal.throwIfAborted();
      if (this.#connecting === undefined) {
        this.#connecting = this.#connect(signal).finally(() => {
          this.#connecting = undefined;
        });
        await this.#connecting;
      } else await this.#connecting.catch(() => undefined);
    }
  }

  async #connect(signal: AbortSignal): Promise<void> {
    try {
      await this.#sink.connect(signal);
    } catch (error) {
      signal.throwIfAborted();
      if (isRetriable(error)) throw error;
      // Not the records' fault, so never a reason to set one aside.
      throw new PlatformError('SINK_UNAVAILABLE', `preparing the store: ${messageOf(error)}`, { cause: error });
    }
    this.#connected = true;
  }
}
