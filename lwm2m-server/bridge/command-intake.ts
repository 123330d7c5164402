import { messageOf, PlatformError } from '../../common/errors.ts';
import type { ConsumedBatch, ConsumedRecord } from '../../common/kafka/consumer.ts';
import type { Log } from '../../common/log.ts';
import type { RecordReader } from '../../common/records.ts';
import type { AvroRequest, CommandState } from '../../schemas/generated/records.ts';
import type { ServerCounters } from '../counters.ts';
import { inWords } from '../operation/outcome.ts';
import type { AnsweredCommands } from './answered-commands.ts';
import type { CommandQueues } from './command-queues.ts';
import type { CommandRunner } from './command-runner.ts';
import type { Outbox } from './outbox.ts';
import { commandEntry, commandIdentity } from './state-entries.ts';

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
      await this.#o.queues.room(batch.signal);
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
    await outbox.commit(commandEntry(outbox, command));
    queues.push(command);
  }

  /** A record that cannot be read has no ticket to answer: it goes to the dead-letter topic with the reason. */
  async #decode(record: ConsumedRecord): Promise<AvroRequest | undefined> {
    try {
      if (record.value === null) throw new PlatformError('AVRO_FRAME', 'the record has no value');
      return await this.#o.reader.decode(record.value);
    } catch (error) {
      if (error instanceof PlatformError && error.retriable) throw error;
      const code = error instanceof PlatformError ? error.code : 'INTERNAL';
      this.#o.counters.commands_undecodable++;
      this.#o.log.warn(
        { code, offset: record.offset, reason: messageOf(error) },
        'a command cannot be read and is dead-lettered; see who produced it',
      );
      await this.#o.outbox.commit(this.#o.outbox.deadRequest(record.key, record.value, code, messageOf(error)));
      return undefined;
    }
  }
}
