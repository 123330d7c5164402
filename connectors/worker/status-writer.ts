import { sleep } from '../../common/lifecycle.ts';
import type { Log } from '../../common/log.ts';
import type { CompactedTable } from './compacted-table.ts';
import type { TaskStatus } from './running-tasks.ts';
import { type Statuses, type StatusPart, statusKey, type ToldStatus } from './statuses.ts';

const CORRECT_AFTER_MS = 1_000;

export interface StatusWriterOptions {
  readonly workerId: string;
  readonly incarnation: string;
  readonly statuses: Statuses;
  /** What this worker has to say of a key of its own; undefined for those of others. */
  ownStatus(key: string): TaskStatus | undefined;
  readonly signal: AbortSignal;
  readonly log: Log;
}

/** Writes what this worker says into the status topic; a write that is late is still made, once Kafka answers. */
export class StatusWriter {
  readonly #o: StatusWriterOptions;
  #table: CompactedTable | undefined;
  readonly #writing = new Set<Promise<void>>();
  readonly #correcting = new Set<string>();

  constructor(o: StatusWriterOptions) {
    this.#o = o;
    o.statuses.onForeign = (key) => void this.#correct(key);
  }

  open(table: CompactedTable | undefined): void {
    this.#table = table;
  }

  tell(connector: string, part: StatusPart, status: TaskStatus): void {
    this.write(statusKey(connector, part), this.#told(status));
  }

  /** Null removes the key. */
  write(key: string, value: unknown): void {
    const writing = (this.#table?.put(key, value) ?? Promise.resolve()).catch((error: unknown) =>
      this.#o.log.debug({ key, err: error }, 'a status could not be written'),
    );
    this.#writing.add(writing);
    void writing.finally(() => this.#writing.delete(writing));
  }

  /** Resolves once it is removed. Errors: KAFKA_UNAVAILABLE. */
  async remove(keys: readonly string[]): Promise<void> {
    await Promise.all(keys.map((key) => this.#table?.put(key, null)));
  }

  async close(): Promise<void> {
    // The reader has stopped already, so nobody sees these writes here: it is enough that Kafka has them.
    await this.#table?.close();
    await Promise.allSettled(this.#writing);
  }

  /**
   * Another worker spoke last of a task that is ours: it lost the task while it was out of reach. Said again after a pause, for as long as
   * two believe that they own a task they would answer each other.
   */
  async #correct(key: string): Promise<void> {
    const { signal, statuses, incarnation, ownStatus } = this.#o;
    if (this.#correcting.has(key) || ownStatus(key) === undefined) return;
    this.#correcting.add(key);
    await sleep(CORRECT_AFTER_MS, signal);
    this.#correcting.delete(key);
    const status = ownStatus(key);
    if (status === undefined || signal.aborted || statuses.byKey(key)?.incarnation === incarnation) return;
    this.write(key, this.#told(status));
  }

  #told(status: TaskStatus): ToldStatus {
    const { workerId, incarnation } = this.#o;
    return { ...status, worker_id: workerId, incarnation };
  }
}
