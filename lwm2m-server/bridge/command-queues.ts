import type { CommandState } from '../../schemas/generated/records.ts';
import { commandIdentity } from './state-entries.ts';

/** Commands that may wait in all, and their bytes; at either the topic is not read on. They are durable in the state topic besides. */
const TOTAL_LIMIT = 10_000;
const TOTAL_BYTES_LIMIT = 32 * 2 ** 20;
/** Commands that may wait for one device; a further one is answered at once. */
export const PER_ENDPOINT_LIMIT = 200;

export interface WaitingCommand {
  readonly command: CommandState;
  /** The size of its record, which stands for what it holds in memory. */
  readonly bytes: number;
  /** Its entry in the state topic already says that it was started, because nothing was before it. */
  readonly marked: boolean;
}

/** Commands that were taken and not answered yet: one queue per endpoint name, each served in order, one at a time. */
export class CommandQueues {
  readonly #run: (waiting: WaitingCommand) => Promise<void>;
  readonly #queues = new Map<string, WaitingCommand[]>();
  readonly #waiting = new Set<string>();
  readonly #running = new Set<Promise<void>>();
  #bytes = 0;

  /** @param run answers one command; it never rejects */
  constructor(run: (waiting: WaitingCommand) => Promise<void>) {
    this.#run = run;
  }

  get size(): number {
    return this.#waiting.size;
  }

  get hasRoom(): boolean {
    return this.size < TOTAL_LIMIT && this.#bytes < TOTAL_BYTES_LIMIT;
  }

  has(identity: string): boolean {
    return this.#waiting.has(identity);
  }

  isFullFor(endpointName: string): boolean {
    return (this.#queues.get(endpointName)?.length ?? 0) >= PER_ENDPOINT_LIMIT;
  }

  /** Nothing waits or runs: what is pushed now runs at once. */
  isIdleFor(endpointName: string): boolean {
    return !this.#queues.has(endpointName);
  }

  push(waiting: WaitingCommand): void {
    const { ep } = waiting.command.request;
    this.#waiting.add(commandIdentity(waiting.command.request));
    this.#bytes += waiting.bytes;
    const queue = this.#queues.get(ep);
    if (queue !== undefined) {
      queue.push(waiting);
      return;
    }
    this.#queues.set(ep, [waiting]);
    const serving = this.#serve(ep).finally(() => this.#running.delete(serving));
    this.#running.add(serving);
  }

  /** Resolves when every queue has stopped; for shutdown, after the commands in progress were made to end. */
  async idle(): Promise<void> {
    await Promise.all(this.#running);
  }

  async #serve(ep: string): Promise<void> {
    const queue = this.#queues.get(ep)!;
    for (let next = queue[0]; next !== undefined; next = queue[0]) {
      await this.#run(next);
      queue.shift();
      this.#bytes -= next.bytes;
      this.#waiting.delete(commandIdentity(next.command.request));
    }
    this.#queues.delete(ep);
  }
}
