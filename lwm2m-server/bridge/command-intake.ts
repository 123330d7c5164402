import { setImmediate as nextTurn } from 'node:timers/promises';
import { isRetriable, messageOf, PlatformError } from '../../common/errors.ts';
import type { ConsumedBatch, ConsumedRecord } from '../../common/kafka/consumer.ts';
import { sleep } from '../../common/lifecycle.ts';
import type { Log } from '../../common/log.ts';
import type { RecordReader } from '../../common/records.ts';
import type { AvroRequest } from '../../schemas/generated/records.ts';
import type { ServerCounters } from '../counters.ts';
import type { AnsweredCommands } from './answered-commands.ts';
import type { CommandAdmission } from './command-admission.ts';
import { CommandOffsets, type HeldOffset } from './command-offsets.ts';
import type { CommandQueues } from './command-queues.ts';
import type { CommandStore } from './command-store.ts';
import type { Outbox } from './outbox.ts';
import { commandIdentity } from './state-entries.ts';
import { WaitingCommand } from './waiting-command.ts';

/** How often it is looked whether there is room again, the group membership kept alive meanwhile. */
const ROOM_CHECK_MS = 10;

/**
 * Records whose effect is not durable yet. So many come again after a kill at most, far fewer than the replies that are remembered;
 * beyond them what was fetched is put into the state topic before more is.
 */
const UNSETTLED_LIMIT = 2_000;
/** As many may be settled and not committed besides, when the group coordinator does not answer; then the topic is not read on. */
const UNCOMMITTED_LIMIT = 5_000;
/** A command that takes longer is put into the state topic, so that its offset holds up no other. */
const KEEP_AFTER_MS = 1_000;
const COMMIT_EVERY_MS = 100;

/** Commands taken before other work of the process has its turn. */
const TAKEN_AT_ONCE = 16;

/** Names that its reply repeats: longer ones fit no record beside what else there is. */
const NAMES_LIMIT = 64 * 1024;

export interface CommandIntakeOptions {
  readonly reader: RecordReader<AvroRequest>;
  readonly admission: CommandAdmission;
  readonly queues: CommandQueues;
  readonly store: CommandStore;
  readonly answered: AnsweredCommands;
  readonly outbox: Outbox;
  readonly counters: ServerCounters;
  readonly log: Log;
  readonly now: () => number;
  readonly elapsed: () => number;
}

/**
 * Takes commands from the topic. The record there is the durable copy of a command: its offset is committed only when the reply is,
 * or when the command is in the state topic. So what is answered soon costs no commit before it runs, and what waits holds up nobody.
 */
export class CommandIntake {
  readonly #o: CommandIntakeOptions;
  #offsets = new CommandOffsets();
  #commit: ConsumedBatch['commit'] | undefined;
  #committed: number | undefined;
  #isTicking = false;

  constructor(options: CommandIntakeOptions) {
    this.#o = options;
  }

  /** Rejects when a schema could not be asked for or a dead letter not written; the batch then comes again. */
  async onBatch(batch: ConsumedBatch): Promise<void> {
    this.#commit = batch.commit;
    let taken = 0;
    for (const record of batch.records) {
      await this.#untilRoom(batch);
      await this.#take(record, this.#hold(Number(record.offset)));
      if (++taken % TAKEN_AT_ONCE > 0) continue;
      await nextTurn();
      await batch.heartbeat();
    }
  }

  /** The consumer may have begun anew, at the committed offset: then the records come again, and the commands are known. */
  #hold(offset: number): HeldOffset {
    const sinceMs = this.#o.elapsed();
    if (!this.#isTicking) this.#tickLater();
    const held = this.#offsets.take(offset, sinceMs);
    if (held !== undefined) return held;
    this.#offsets = new CommandOffsets();
    this.#committed = undefined;
    return this.#offsets.take(offset, sinceMs)!;
  }

  async #untilRoom(batch: ConsumedBatch): Promise<void> {
    while (!batch.signal.aborted) {
      if (this.#offsets.size >= UNSETTLED_LIMIT) this.#keepOlderThan(Number.POSITIVE_INFINITY);
      else if (this.#o.queues.hasRoom && this.#offsets.uncommitted(this.#committed) < UNCOMMITTED_LIMIT) return;
      await sleep(ROOM_CHECK_MS, batch.signal);
      await batch.heartbeat();
    }
    throw new PlatformError('SHUTTING_DOWN', 'the batch comes again');
  }

  async #take(record: ConsumedRecord, held: HeldOffset): Promise<void> {
    const { counters, queues, answered, admission, now } = this.#o;
    counters.commands_received++;
    const request = await this.#decode(record, held);
    if (request === undefined) return;
    const identity = commandIdentity(request);
    const same = queues.byIdentity(identity);
    if (same === undefined && !answered.has(identity)) {
      held.command = new WaitingCommand({
        request,
        held,
        receivedAtMs: now(),
        takenAtMs: held.sinceMs,
        bytes: record.value?.length ?? 0,
        sequence: held.offset,
      });
      return admission.admit(held.command);
    }
    counters.commands_repeated++;
    held.command = same;
    if (same === undefined) held.settled = true;
    else same.hold(held);
  }

  /** A record that cannot be read, or that no reply can be made of, goes to the dead-letter topic with the reason. */
  async #decode(record: ConsumedRecord, held: HeldOffset): Promise<AvroRequest | undefined> {
    try {
      if (record.value === null) throw new PlatformError('AVRO_FRAME', 'the record has no value');
      const request = await this.#o.reader.decode(record.value);
      const { ep, ticket, payload } = request;
      if (ep.length + ticket.length + payload.path.length <= NAMES_LIMIT) return request;
      throw new PlatformError('LWM2M_REQUEST', `endpoint name, ticket and path are longer than ${NAMES_LIMIT}`);
    } catch (error) {
      if (isRetriable(error)) throw error;
      await this.#deadLetter(record, error);
      held.settled = true;
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

  #keepOlderThan(sinceMs: number): void {
    for (const held of this.#offsets.unsettled()) {
      if (held.sinceMs > sinceMs) return;
      if (held.command !== undefined) this.#o.store.keep(held.command);
    }
  }

  /** While anything is not settled or its offset not committed. */
  async #tick(): Promise<void> {
    this.#keepOlderThan(this.#o.elapsed() - KEEP_AFTER_MS);
    const offsets = this.#offsets;
    const offset = offsets.committable();
    try {
      if (offset !== undefined && offset !== this.#committed) await this.#commit?.(BigInt(offset));
      if (offsets === this.#offsets) this.#committed = offset;
    } catch (error) {
      // The group may have changed hands: then the records come again, and the commands are known.
      this.#o.log.debug({ reason: messageOf(error) }, 'an offset of the commands is not committed');
    }
    this.#isTicking = this.#offsets.size > 0 || this.#offsets.committable() !== this.#committed;
    if (this.#isTicking) this.#tickLater();
  }

  #tickLater(): void {
    this.#isTicking = true;
    setTimeout(() => void this.#tick(), COMMIT_EVERY_MS).unref();
  }
}
