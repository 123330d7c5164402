import { type ErrorCode, hasCode, isRetriable, type PlatformError } from '../../common/errors.ts';
import type { OutgoingRecord } from '../../common/kafka/committing-producer.ts';
import { backoffMs, sleep } from '../../common/lifecycle.ts';
import type { AvroResponse } from '../../schemas/generated/records.ts';
import type { ServerCounters } from '../counters.ts';
import { inWords, type Outcome } from '../operation/outcome.ts';
import type { AnsweredCommands } from './answered-commands.ts';
import type { Outbox } from './outbox.ts';
import { commandTombstone } from './state-entries.ts';
import type { WaitingCommand } from './waiting-command.ts';

/** What a command came to. */
export interface CommandResult {
  readonly outcome: Outcome;
  /** Why there is no answer of the device, where there is none. */
  readonly failure?: ErrorCode | undefined;
  /** When the value in the outcome was taken, if the device said so. */
  readonly valueTimestampMs?: number | undefined;
  /** Asked for when the reply is committed. */
  readonly state?: () => readonly OutgoingRecord[];
  /** The request was taken back before its answer; in our own shutdown nothing is known of it then, and no reply is due yet. */
  readonly withdrawn?: boolean;
}

/** Of the requester's name in a reply: a longer one, which anybody can send, is cut. */
export const REQUESTER_CHARACTERS = 256;

const NOTHING_FITS = inWords('INTERNAL_SERVER_ERROR', 'INTERNAL: what came of the command fits no record');

export interface CommandRepliesOptions {
  readonly serverId: string;
  readonly outbox: Outbox;
  readonly answered: AnsweredCommands;
  readonly counters: ServerCounters;
  readonly signal: AbortSignal;
  readonly now: () => number;
  /** Milliseconds of a clock that never steps. */
  readonly elapsed: () => number;
  /** The reply of a command that ran is recorded; how long that took since it was taken. */
  readonly onRan: ((ms: number) => void) | undefined;
}

/** Commits the one reply of each command, with all that ends it. */
export class CommandReplies {
  readonly #o: CommandRepliesOptions;

  constructor(options: CommandRepliesOptions) {
    this.#o = options;
  }

  /** Rejects when no record can be made of it, or on shutdown. */
  async commit(command: WaitingCommand, result: CommandResult): Promise<void> {
    const { answered, counters, elapsed, onRan } = this.#o;
    command.isEnding = true;
    const record = await this.#record(command, result);
    command.settle();
    answered.add(command.identity);
    counters.commands_answered++;
    if (command.attempts > 0 && command.takenAtMs !== undefined) onRan?.(elapsed() - command.takenAtMs);
    command.onReply?.(record, result.failure);
  }

  /** What cannot be recorded is left out: first the outcome, then also what was to be recorded beside it. */
  async #record(command: WaitingCommand, result: CommandResult): Promise<AvroResponse> {
    const { outbox, signal } = this.#o;
    const { request } = command;
    let told = result;
    for (let attempt = 0; ; attempt++) {
      try {
        const record = this.#replyRecord(command, told);
        const tombstone = command.kept ? [commandTombstone(outbox, request)] : [];
        await outbox.commit(...(told.state?.() ?? []), outbox.reply(request.ep, record), ...tombstone);
        return record;
      } catch (error) {
        if (isRetriable(error) && !signal.aborted) await sleep(backoffMs(attempt), signal);
        else if (!isUnrecordable(error) || told.outcome === NOTHING_FITS) throw error;
        else told = told === result ? { ...result, ...unrecordable(error) } : { outcome: NOTHING_FITS };
      }
    }
  }

  #replyRecord(command: WaitingCommand, { outcome, valueTimestampMs }: CommandResult): AvroResponse {
    const { ticket, ep, payload, requestedBy } = command.request;
    return {
      ticket,
      serverId: this.#o.serverId,
      ep,
      path: payload.path,
      timestamp: this.#o.now(),
      rep: { kind: payload.kind, ...outcome },
      valueTimestamp: valueTimestampMs === undefined ? null : { long: Math.trunc(valueTimestampMs) },
      requestedBy: requestedBy == null ? null : { string: requestedBy.string.slice(0, REQUESTER_CHARACTERS) },
      latencyMs: { double: this.#latencyMs(command) },
    };
  }

  /** To the microsecond. Of a command that a former run took only the wall clock knows, which may have been set back since. */
  #latencyMs({ takenAtMs, receivedAtMs }: WaitingCommand): number {
    const { elapsed, now } = this.#o;
    const ms = takenAtMs === undefined ? now() - receivedAtMs : elapsed() - takenAtMs;
    return Math.max(0, Math.round(ms * 1_000) / 1_000);
  }
}

/** The outcome does not fit into a record: the reply says that instead. */
function isUnrecordable(error: unknown): error is PlatformError {
  return hasCode(error, 'KAFKA_REFUSED') || hasCode(error, 'AVRO_INVALID');
}

function unrecordable({ code, message }: PlatformError): { outcome: Outcome; valueTimestampMs: undefined } {
  const words = `${code}: the answer of the device fits no record: ${message.slice(0, 500)}`;
  return { outcome: inWords('INTERNAL_SERVER_ERROR', words), valueTimestampMs: undefined };
}
