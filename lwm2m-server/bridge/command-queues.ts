import type { CommandState } from '../../schemas/generated/records.ts';
import { commandIdentity } from './state-entries.ts';

/** Commands that may wait in all, and their bytes; at either the topic is not read on. They are durable in the state topic besides. */
const TOTAL_LIMIT = 10_000;
const TOTAL_BYTES_LIMIT = 32 * 2 ** 20;
/** Commands that may wait for one device; a further one is answered at once. */
export const PER_ENDPOINT_LIMIT = 200;

/** A command with the size of its record, which stands for what it holds in memory. */
export interface SizedCommand {
  readonly command: CommandState;
  readonly bytes: number;
}

/** Commands that were taken and not answered yet: one queue per endpoint name, each served in order, one at a time. */
export class CommandQueues {
  readonly #run: (command: CommandState) => Promise<void>;
  readonly #queues = new Map<string, SizedCommand[]>();
  readonly #waiting = new Set<string>();
  readonly #running = new Set<Promise<void>>();
  #bytes = 0;

  /** @param run answers one command; it never rejects */
  constructor(run: (command: CommandState) => Promise<void>) {
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

  push(sized: SizedCommand): void {
    const { ep } = sized.command.request;
    this.#waiting.add(commandIdentity(sized.command.request));
    this.#bytes += sized.bytes;
    const queue = this.#queues.get(ep);
    if (queue !== undefined) {
      queue.push(sized);
      return;
    }
    this.#queues.set(ep, [sized]);
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
      await this.#run(next.command);
      queue.shift();
      this.#bytes -= next.bytes;
      this.#waiting.delete(commandIdentity(next.command.request));
    }
    this.#queues.delete(ep);
  }
}
