import type { CommandState } from '../../schemas/generated/records.ts';
import { commandIdentity } from './state-entries.ts';

/** Commands that may wait in all; at that number the topic is not read on. They are durable in the state topic besides. */
const TOTAL_LIMIT = 10_000;
/** Commands that may wait for one device; a further one is answered at once. */
const PER_ENDPOINT_LIMIT = 200;

/** Commands that were taken and not answered yet: one queue per endpoint name, each served in order, one at a time. */
export class CommandQueues {
  readonly #run: (command: CommandState) => Promise<void>;
  readonly #queues = new Map<string, CommandState[]>();
  readonly #waiting = new Set<string>();
  readonly #running = new Set<Promise<void>>();
  #roomAwaited: (() => void) | undefined;

  /** @param run answers one command; it never rejects */
  constructor(run: (command: CommandState) => Promise<void>) {
    this.#run = run;
  }

  get size(): number {
    return this.#waiting.size;
  }

  has(identity: string): boolean {
    return this.#waiting.has(identity);
  }

  isFullFor(endpointName: string): boolean {
    return (this.#queues.get(endpointName)?.length ?? 0) >= PER_ENDPOINT_LIMIT;
  }

  /** Resolves when a command more would not exceed the limit. For one caller at a time. */
  async room(signal: AbortSignal): Promise<void> {
    if (this.size < TOTAL_LIMIT || signal.aborted) return;
    await new Promise<void>((resolve) => {
      this.#roomAwaited = resolve;
      signal.addEventListener('abort', () => resolve(), { once: true });
    });
  }

  push(command: CommandState): void {
    const { ep } = command.request;
    this.#waiting.add(commandIdentity(command.request));
    const queue = this.#queues.get(ep);
    if (queue !== undefined) {
      queue.push(command);
      return;
    }
    this.#queues.set(ep, [command]);
    const serving = this.#serve(ep).finally(() => this.#running.delete(serving));
    this.#running.add(serving);
  }

  /** Resolves when every queue has stopped; for shutdown, after the commands in progress were made to end. */
  async idle(): Promise<void> {
    await Promise.all(this.#running);
  }

  async #serve(ep: string): Promise<void> {
    const queue = this.#queues.get(ep)!;
    for (let command = queue[0]; command !== undefined; command = queue[0]) {
      await this.#run(command);
      queue.shift();
      this.#waiting.delete(commandIdentity(command.request));
      this.#roomAwaited?.();
      this.#roomAwaited = undefined;
    }
    this.#queues.delete(ep);
  }
}
