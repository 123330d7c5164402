import { isRetriable, messageOf, PlatformError } from '../../common/errors.ts';
import type { ConsumedBatch, ConsumedRecord } from '../../common/kafka/consumer.ts';
import { sleep } from '../../common/lifecycle.ts';
import type { Log } from '../../common/log.ts';
import type { RecordReader } from '../../common/records.ts';
import type { AvroRequest, CommandState } from '../../schemas/generated/records.ts';
import type { ServerCounters } from '../counters.ts';
import { inWords } from '../operation/outcome.ts';
import type { AnsweredCommands } from './answered-commands.ts';
import type { CommandQueues } from './command-queues.ts';
import { CHANGES_DEVICE, type CommandRunner } from './command-runner.ts';
import type { Outbox } from './outbox.ts';
import { commandEntry, commandIdentity } from './state-entries.ts';

/** How often a full queue is looked at again, the group membership kept alive meanwhile. */
const ROOM_CHECK_MS = 100;

export interface CommandIntakeOptions {
  readonly reader: RecordReader<AvroRequest>;
  readonly queues: CommandQueues;
  readonly runner: CommandRunner;
  readonly answered: AnsweredCommands;
  readonly outbox: Outbox;
  readonly counters: ServerCounters;
  readonly log: Log;
  readonly now: () => number;
}

/** Takes commands from the topic: each is durable in the state topic before the offset that would bring it again is committed. */
export class CommandIntake {
  readonly #o: CommandIntakeOptions;

  constructor(options: CommandIntakeOptions) {
    this.#o = options;
  }

  /** Rejects when a record could not be made durable or its schema could not be asked for; the batch then comes again. */
  async onBatch(batch: ConsumedBatch): Promise<void> {
    for (const record of batch.records) {
      while (!this.#o.queues.hasRoom && !batch.signal.aborted) {
        await sleep(ROOM_CHECK_MS, batch.signal);
        await batch.heartbeat();
      }
      if (batch.signal.aborted) throw new PlatformError('SHUTTING_DOWN', 'the batch comes again');
      await this.#take(record);
      await batch.heartbeat();
    }
  }

  async #take(record: ConsumedRecord): Promise<void> {
    const { counters, queues, answered, outbox, runner, now } = this.#o;
    counters.commands_received++;
    const request = await this.#decode(record);
    if (request === undefined) return;
    const identity = commandIdentity(request);
    if (queues.has(identity) || answered.has(identity)) {
      counters.commands_repeated++;
      return;
    }
    if (queues.isFullFor(request.ep)) {
      return await runner.refuse(
        request,
        inWords('INTERNAL_SERVER_ERROR', 'COAP_QUEUE_FULL: too many commands wait for this device'),
      );
    }
    const command: CommandState = { request, receivedAt: now(), startedAt: null };
    try {
      // One commit instead of two for what runs at once.
      const marked = CHANGES_DEVICE.has(request.payload.kind) && queues.isIdleFor(request.ep);
      const entry = commandEntry(outbox, marked ? { ...command, startedAt: { long: now() } } : command);
      await outbox.commit(entry);
      queues.push({ command, bytes: entry.value?.length ?? 0, marked });
    } catch (error) {
      if (isRetriable(error)) throw error;
      await this.#refuseUnkeepable(record, request, error);
    }
  }

  /** A command too large to be kept, or of a foreign shape: answered unrun; when not even a reply can be made of it, dead-lettered. */
  async #refuseUnkeepable(record: ConsumedRecord, request: AvroRequest, reason: unknown): Promise<void> {
    try {
      await this.#o.runner.refuse(request, inWords('BAD_REQUEST', `LWM2M_REQUEST: ${messageOf(reason)}`));
    } catch (error) {
      if (isRetriable(error)) throw error;
      await this.#deadLetter(record, reason);
    }
  }

  /** A record that cannot be read has no ticket to answer: it goes to the dead-letter topic with the reason. */
  async #decode(record: ConsumedRecord): Promise<AvroRequest | undefined> {
    try {
      if (record.value === null) throw new PlatformError('AVRO_FRAME', 'the record has no value');
      return await this.#o.reader.decode(record.value);
    } catch (error) {
      if (isRetriable(error)) throw error;
      await this.#deadLetter(record, error);
      return undefined;
    }
  }

  async #deadLetter(record: ConsumedRecord, reason: unknown): Promise<void> {
    const { counters, log, outbox } = this.#o;
    const error = reason instanceof PlatformError ? reason : new PlatformError('INTERNAL', messageOf(reason));
    counters.commands_undecodable++;
    log.warn(
      { code: error.code, offset: record.offset, reason: error.message },
      'a command cannot be read and is dead-lettered; see who produced it',
    );
    await outbox.commit(outbox.deadRequest(record, error));
  }
}
