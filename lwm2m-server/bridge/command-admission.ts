import { type ErrorCode, PlatformError } from '../../common/errors.ts';
import type { AvroRequest, AvroResponse } from '../../schemas/generated/records.ts';
import { bodyOf } from '../operation/plain-requests.ts';
import type { CommandQueues } from './command-queues.ts';
import { cancelReply, notUnderstood, QUEUE_FULL } from './command-refusals.ts';
import type { CommandStore } from './command-store.ts';
import { WaitingCommand } from './waiting-command.ts';

const CANCEL = 'io.zeelos.leshan.avro.request.AvroCancelRequest';

/** The reply to a command that somebody in this process asked for. */
export interface ToldReply {
  readonly record: AvroResponse;
  /** Why there is no answer of the device; undefined when the record holds one. */
  readonly failure: ErrorCode | undefined;
}

export interface SubmittedCommand {
  /** The device sleeps or is away, and the command waits for it. */
  readonly waits: boolean;
  /** Resolves when the reply is recorded; undefined when the server stops before: the command goes on at its next start. */
  readonly reply: Promise<ToldReply | undefined>;
}

export interface CommandAdmissionOptions {
  readonly queues: CommandQueues;
  readonly store: CommandStore;
  readonly signal: AbortSignal;
  readonly now: () => number;
  readonly elapsed: () => number;
}

/** Lets commands into the queues, from wherever they come. */
export class CommandAdmission {
  readonly #o: CommandAdmissionOptions;

  constructor(options: CommandAdmissionOptions) {
    this.#o = options;
  }

  /** A command that is in a topic: it gets its one reply. */
  admit(command: WaitingCommand): void {
    const { queues } = this.#o;
    if (command.request.payload.kind === 'cancel') this.#cancel(command);
    else if (queues.isFullFor(command.request.ep)) queues.refuse(command, QUEUE_FULL);
    else queues.push(command);
  }

  /**
   * A command of this process: resolves once it is durable and in the queue of its device. Its ticket must be new.
   * Throws COAP_QUEUE_FULL, SHUTTING_DOWN, and what the outbox throws.
   */
  async submit(request: AvroRequest, bytes = JSON.stringify(request.payload).length): Promise<SubmittedCommand> {
    this.#assertRoom(request);
    const { now, elapsed, store } = this.#o;
    let onReply: WaitingCommand['onReply'];
    const reply = new Promise<ToldReply | undefined>((resolve) => {
      onReply = (record, failure) => resolve(record === undefined ? undefined : { record, failure });
    });
    const command = new WaitingCommand({
      ...{ request, bytes },
      receivedAtMs: now(),
      takenAtMs: elapsed(),
      onReply: onReply!,
    });
    await store.keepNow(command);
    this.admit(command);
    return { waits: command.parked, reply };
  }

  #assertRoom({ ep }: AvroRequest): void {
    if (this.#o.signal.aborted) throw new PlatformError('SHUTTING_DOWN', 'the server stops');
    if (!this.#o.queues.hasRoom || this.#o.queues.isFullFor(ep))
      throw new PlatformError('COAP_QUEUE_FULL', 'too many commands wait for this device or in all');
  }

  /** At once, ahead of what waits: it is about what waits. */
  #cancel(command: WaitingCommand): void {
    const { queues } = this.#o;
    try {
      const { ticket } = bodyOf(command.request.payload, CANCEL);
      queues.refuse(command, cancelReply(queues.cancel(command.request.ep, ticket)));
    } catch (error) {
      queues.refuse(command, notUnderstood(error));
    }
  }
}
