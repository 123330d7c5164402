import { isRetriable, type PlatformError } from '../../common/errors.ts';
import type { Outbox } from './outbox.ts';
import { commandEntry } from './state-entries.ts';
import type { WaitingCommand } from './waiting-command.ts';

export interface CommandStoreOptions {
  readonly outbox: Outbox;
  readonly now: () => number;
  /** The command fits no record of the state topic, for good. */
  onUnkeepable(command: WaitingCommand, error: unknown): void;
}

/** Commands in the state topic: those that wait for long, and those that must be known to have been started. */
export class CommandStore {
  readonly #o: CommandStoreOptions;

  constructor(options: CommandStoreOptions) {
    this.#o = options;
  }

  /** Puts it into the state topic, unless it is there; when Kafka takes nothing now, whoever asked asks again. */
  keep(command: WaitingCommand): void {
    if (command.kept || command.isEnding) return;
    try {
      const entry = commandEntry(this.#o.outbox, command.toState(undefined));
      command.kept = true;
      this.#o.outbox.append(entry, (error) => this.#onCommitted(command, error));
    } catch (error) {
      this.#onFailed(command, error);
    }
  }

  /** As `keep`, for who waits. Throws what the outbox throws. */
  async keepNow(command: WaitingCommand): Promise<void> {
    await this.#commit(command, undefined);
  }

  /** Says durably that it is handed to the device now. Throws what the outbox throws; then it must not leave. */
  async markStarted(command: WaitingCommand): Promise<void> {
    await this.#commit(command, this.#o.now());
  }

  /** It did not leave after all: the state must not say that it was started. */
  async unmark(command: WaitingCommand): Promise<void> {
    await this.#commit(command, undefined);
  }

  async #commit(command: WaitingCommand, startedAtMs: number | undefined): Promise<void> {
    const entry = commandEntry(this.#o.outbox, command.toState(startedAtMs));
    command.kept = true;
    await this.#o.outbox.commit(entry);
    command.settle();
  }

  #onCommitted(command: WaitingCommand, error: PlatformError | undefined): void {
    if (error === undefined) command.settle();
    else this.#onFailed(command, error);
  }

  #onFailed(command: WaitingCommand, error: unknown): void {
    command.kept = false;
    if (!isRetriable(error)) this.#o.onUnkeepable(command, error);
  }
}
