import { setImmediate as immediate } from 'node:timers/promises';
import { sleep } from '../../common/lifecycle.ts';
import type { Log } from '../../common/log.ts';
import type { FramePool } from '../wire/frame-pool.ts';
import { ByteBudget } from './byte-budget.ts';
import { eventBatch, type GapEvent } from './gap-events.ts';
import type { BatchToSend, LaneProducer } from './lane-producer.ts';
import type { LaneState } from './lane-state.ts';
import type { PartitionTroubles } from './partition-troubles.ts';
import type { PositionLog } from './position-log.ts';
import type { LanePositions } from './positions.ts';
import type { Precedence } from './precedence.ts';
import type { RateLimit } from './rate-limit.ts';
import type { Relay, RelayedBatch } from './relay.ts';
import { type Advance, type Round, RoundQueue } from './round-queue.ts';
import { SendWindow } from './send-window.ts';
import type { SourcePartition } from './source-partition.ts';
import type { Fetched, SourceReader, TroubledPartition } from './source-reader.ts';
import { Tally } from './tally.ts';

export interface SessionSettings {
  /** A commit after so many bytes or so much time; at once when everything is copied that there is. */
  readonly commitBytes: number;
  readonly commitMs: number;
  /** Bytes that are fetched and not sent, and bytes that are sent and not answered. */
  readonly queuedBytes: number;
  readonly inFlightBytes: number;
  readonly isTransactional: boolean;
}

export interface SessionOptions {
  readonly state: LaneState;
  readonly reader: SourceReader;
  readonly relay: Relay;
  readonly producer: LaneProducer;
  readonly positionLog: PositionLog;
  readonly eventsTopic: string;
  /** Where it begins; it keeps them. */
  readonly positions: LanePositions;
  readonly partitions: readonly SourcePartition[];
  readonly troubles: PartitionTroubles;
  readonly precedence: Precedence;
  /** Gets back the memory of what was fetched. */
  readonly memory: FramePool;
  /** Undefined for what does not leave over the WAN. */
  readonly limit: RateLimit | undefined;
  /** Held back when the link is to be left to others; what is not is only counted. */
  readonly isBulk: boolean;
  readonly settings: SessionSettings;
  /** Events of what was found before the session began. */
  readonly events: readonly GapEvent[];
  readonly signal: AbortSignal;
  readonly log: Log;
}

/** Batches of one request, and the round that they are of. */
interface Group {
  readonly batches: readonly RelayedBatch[];
  readonly round: Round | undefined;
}

const NOTHING: Group = { batches: [], round: undefined };

/** How long a stopped session waits for its transaction to be aborted. */
const GIVE_UP_MS = 2_000;

/** How long bulk waits for what is urgent before each of its requests. */
const YIELD_MS = 50;

/** Requests that wait for their answers, well below what a connection takes: small batches are not bounded by their bytes. */
const MOST_UNDER_WAY = 500;

/** What was begun is finished, whatever the rate: the target ends a transaction that is open for a minute. */
const OPEN_MS = 20_000;

const LARGE_BYTES = 64 * 1024;

/** Before a lane whose partitions all rest looks at them again. */
const REST_CHECK_MS = 500;

/**
 * One attempt of a lane: from the committed positions on until something fails or it is stopped. Nothing in it is repeated; whoever
 * began it begins anew where the target says that it is.
 */
export class Session {
  readonly #o: SessionOptions;
  readonly #queue = new RoundQueue();
  readonly #queued: ByteBudget;
  readonly #inFlight: SendWindow;
  readonly #ending = new AbortController();
  readonly #signal: AbortSignal;
  readonly #events: GapEvent[];
  #tally = new Tally();
  #underWay = new Set<Promise<void>>();
  /** The last batches that are not sent yet, so that they can go together with the positions. */
  #held: Group = NOTHING;
  #bytes = 0;
  #sinceMs = 0;
  /** What has been sent of the transaction waits no longer for the rest of it; infinity while nothing was sent. */
  #openUntilMs = Number.POSITIVE_INFINITY;
  #relaying: Promise<unknown> = Promise.resolve();
  #fail!: (error: unknown) => void;
  readonly #stopped: Promise<void>;

  constructor(options: SessionOptions) {
    this.#o = options;
    this.#queued = new ByteBudget(options.settings.queuedBytes);
    this.#inFlight = new SendWindow(options.settings.inFlightBytes);
    this.#signal = AbortSignal.any([options.signal, this.#ending.signal]);
    this.#events = [...options.events];
    this.#stopped = new Promise((resolve) => {
      this.#signal.addEventListener('abort', () => resolve(), { once: true });
    });
  }

  /** Resolves when stopped. Rejects with what ended it. */
  async run(): Promise<void> {
    const failed = new Promise<never>((_, reject) => {
      this.#fail = reject;
    });
    const loops = [this.#write(), ...[...this.#o.reader.leaders].map((node) => this.#read(node))];
    try {
      await Promise.race([failed, Promise.all(loops), this.#stopped]);
      await Promise.race([this.#giveUp(), failed, sleep(GIVE_UP_MS, this.#ending.signal)]);
    } finally {
      this.#ending.abort();
      this.#o.precedence.release(this);
      this.#queue.wake();
      this.#queued.end();
      this.#inFlight.end();
      this.#o.reader.close();
      this.#o.producer.close();
      failed.catch(() => undefined);
      await Promise.allSettled(loops);
      await Promise.allSettled(this.#underWay);
    }
  }

  /** What is not committed is taken back at once: readers of committed records do not wait for it to time out. */
  async #giveUp(): Promise<void> {
    await Promise.all(this.#underWay);
    if (this.#bytes > 0) await this.#o.producer.end(false);
  }

  async #read(node: number): Promise<void> {
    const { state, reader } = this.#o;
    while (!this.#signal.aborted) {
      await state.untilResumed(this.#signal);
      await this.#queued.room();
      if (this.#signal.aborted) return;
      const result = await reader.fetch(node);
      if (result === undefined) await sleep(REST_CHECK_MS, this.#signal);
      if (result === undefined || this.#signal.aborted) continue;
      for (const troubled of result.troubled) this.#events.push(...(await this.#o.troubles.onTrouble(troubled)));
      if (result.troubled.length > 0) this.#queue.push(movesOf(result.troubled));
      const turn = this.#relaying.then(() => this.#relayAll(result.fetched));
      this.#relaying = turn.catch(() => undefined);
      await turn;
    }
  }

  async #relayAll(fetched: readonly Fetched[]): Promise<void> {
    const memory = fetched.find(({ answer }) => answer.records.length > 0)?.answer.records;
    const round: Round = { lists: [], advances: [], bytes: 0, memory, unanswered: 1 };
    for (const { partition, answer } of fetched) {
      const bytesIn = answer.records.length;
      if (bytesIn === 0) continue;
      // Between two large answers whoever waits with a command has the thread.
      if (bytesIn > LARGE_BYTES) await immediate();
      const relayed = await this.#o.relay.relay(partition, answer);
      const { nextOffset, epoch, records, batches, fault } = relayed;
      if (fault !== undefined) {
        this.#o.troubles.onFault(partition, nextOffset, fault);
        this.#queue.wake();
      }
      partition.fetchOffset = nextOffset;
      partition.lastEpoch = epoch;
      round.bytes += bytesIn;
      if (batches.length > 0) round.lists.push(batches);
      round.advances.push({ partition, nextOffset, epoch, records, bytesIn });
    }
    if (round.advances.length === 0) this.#noteCaughtUp();
    else {
      if (!this.#o.isBulk && round.lists.length > 0) this.#o.precedence.hold(this);
      this.#queued.take(round.bytes);
      this.#queue.push(round);
    }
  }

  async #write(): Promise<void> {
    while (!this.#signal.aborted) {
      const round = await this.#queue.take(this.#isOpen ? this.#commitDueMs() : undefined);
      if (this.#signal.aborted) return;
      if (round !== undefined) await this.#send(round);
      if (this.#isDue()) await this.#commit();
      else if (this.#queue.isEmpty) await this.#produceHeld();
    }
  }

  /** The n-th batches of all partitions go together: Kafka takes one of each partition in a request. */
  async #send(round: Round): Promise<void> {
    const { lists, advances, bytes } = round;
    const longest = Math.max(0, ...lists.map((list) => list.length));
    for (let n = 0; n < longest; n++) {
      const group: RelayedBatch[] = [];
      for (const list of lists) if (n < list.length) group.push(await list[n]!);
      await this.#produceHeld();
      if (this.#signal.aborted) return;
      this.#held = { batches: group, round };
      round.unanswered++;
      if (!this.#isOpen) this.#sinceMs = performance.now();
      for (const batch of group) {
        this.#bytes += batch.bytes.length;
        this.#tally.sent(batch);
      }
    }
    for (const advance of advances) {
      const { partition, nextOffset: offset, epoch } = advance;
      this.#o.positions.set(partition.topic, partition.topicId, partition.partition, { offset, epoch });
      this.#tally.advanced(advance);
    }
    this.#queued.give(bytes);
    this.#answered(round);
    if (!this.#isOpen) this.#onReached(advances);
  }

  /** Past markers of transactions at the source: there is nothing to copy in them, and nothing waits. */
  #onReached(advances: readonly Advance[]): void {
    const { state, positions, troubles } = this.#o;
    state.committed = positions.copy();
    for (const { partition, nextOffset } of advances) troubles.onCommitted(partition, nextOffset);
    this.#noteCaughtUp();
  }

  #answered(round: Round | undefined): void {
    if (round === undefined || --round.unanswered > 0) return;
    if (round.memory !== undefined) this.#o.memory.release(round.memory);
  }

  async #produceHeld(): Promise<void> {
    const held = this.#held;
    if (held.batches.length === 0) return;
    this.#held = NOTHING;
    const bytes = bytesOf(held.batches);
    if (this.#o.isBulk) {
      await this.#o.precedence.clear(YIELD_MS);
      await this.#o.limit?.untilPaid(this.#signal, this.#openUntilMs - performance.now());
    }
    await this.#inFlight.room();
    for (const oldest of this.#underWay) {
      if (this.#underWay.size < MOST_UNDER_WAY) break;
      await oldest;
    }
    if (this.#signal.aborted) return;
    if (this.#openUntilMs === Number.POSITIVE_INFINITY) this.#openUntilMs = performance.now() + OPEN_MS;
    this.#o.limit?.spend(bytes);
    this.#inFlight.take(bytes);
    this.#track(this.#o.producer.produce(held.batches), held, bytes);
  }

  #track(produced: Promise<void>, { batches, round }: Group, bytes: number): void {
    const sentMs = performance.now();
    const done = produced.then(
      () => {
        this.#inFlight.answered(bytes, performance.now() - sentMs);
        this.#answered(round);
      },
      (error: unknown) => {
        this.#inFlight.give(bytes);
        // The first says what is wrong; those behind it were made without knowing that.
        if (this.#ending.signal.aborted) return;
        this.#o.troubles.onRefused(batches, error);
        this.#fail(error);
        // At once: what failed must never be in a transaction that is committed.
        this.#ending.abort();
      },
    );
    this.#underWay.add(done);
    void done.then(() => this.#underWay.delete(done));
  }

  get #isOpen(): boolean {
    return this.#bytes > 0 || this.#events.length > 0 || this.#o.state.events.length > 0;
  }

  #commitDueMs(): number {
    return this.#sinceMs + this.#o.settings.commitMs - performance.now();
  }

  #isDue(): boolean {
    if (!this.#isOpen) return false;
    if (this.#bytes >= this.#o.settings.commitBytes || this.#commitDueMs() <= 0) return true;
    return this.#queue.isEmpty && this.#isDrained;
  }

  get #isDrained(): boolean {
    const now = performance.now();
    return this.#o.partitions.every(
      ({ fetchOffset, endOffset, restsUntilMs }) => fetchOffset >= endOffset || restsUntilMs > now,
    );
  }

  /** Everything sent, the positions, and the events become visible at once, or none of it. */
  async #commit(): Promise<void> {
    const { producer, positionLog, positions, settings, limit, eventsTopic, state } = this.#o;
    const startedMs = performance.now();
    // The events may be among what is copied, and a request holds one batch of a partition.
    if (this.#events.length + state.events.length > 0) await this.#produceHeld();
    if (this.#signal.aborted) return;
    const events = [...this.#events, ...state.events];
    const fromState = state.events.length;
    const closing = [positionLog.batchOf(positions)];
    if (events.length > 0) closing.push(eventBatch(eventsTopic, events));
    const held = this.#held;
    this.#held = NOTHING;
    const bytes = bytesOf(held.batches) + bytesOf(closing);
    limit?.spend(bytes);
    if (settings.isTransactional) {
      this.#inFlight.take(bytes);
      this.#track(producer.produce([...held.batches, ...closing]), held, bytes);
      await this.#settled();
      if (this.#signal.aborted) return;
      await producer.end(true);
    } else {
      // Without a transaction the positions must never be ahead of the records.
      this.#inFlight.take(bytes);
      if (held.batches.length > 0) this.#track(producer.produce(held.batches), held, bytes);
      else this.#inFlight.give(bytes);
      await this.#settled();
      if (this.#signal.aborted) return;
      await producer.produce(closing);
    }
    this.#events.splice(0, events.length - fromState);
    state.events.splice(0, fromState);
    this.#bytes = 0;
    this.#openUntilMs = Number.POSITIVE_INFINITY;
    this.#sinceMs = performance.now();
    this.#onCommitted(events, (performance.now() - startedMs) / 1_000);
  }

  /** Resolves when all that is under way is answered; a failure ends the session meanwhile. */
  async #settled(): Promise<void> {
    while (this.#underWay.size > 0 && !this.#signal.aborted) await Promise.all(this.#underWay);
  }

  #onCommitted(events: readonly GapEvent[], seconds: number): void {
    const { state, partitions, positions, troubles } = this.#o;
    state.committed = positions.copy();
    state.metrics.commitSeconds.observe(state.labels, seconds);
    this.#tally.report(state);
    this.#tally = new Tally();
    for (const { kind, topic, records } of events) {
      state.metrics.gaps.inc({ ...state.labels, kind });
      if (kind === 'GAP') state.metrics.gapRecords.inc({ gateway: state.gatewayId, topic }, records ?? 0);
    }
    for (const partition of partitions) {
      const offset = positions.of(partition.topic)?.partitions.get(partition.partition)?.offset;
      if (offset !== undefined) troubles.onCommitted(partition, offset);
    }
    this.#noteCaughtUp();
  }

  #noteCaughtUp(): void {
    if (this.#queue.isEmpty && !this.#isOpen) this.#o.precedence.release(this);
    if (this.#queue.isEmpty && !this.#isOpen && this.#isDrained) this.#o.state.hasCaughtUp = true;
  }
}

function bytesOf(batches: readonly BatchToSend[]): number {
  return batches.reduce((sum, { bytes }) => sum + bytes.length, 0);
}

/** What was moved goes on behind all that was read before, so that the positions say so at the next commit. */
function movesOf(troubled: readonly TroubledPartition[]): Round {
  const advances = troubled.map(({ partition }) => ({
    ...{ partition, nextOffset: partition.fetchOffset, epoch: partition.lastEpoch, records: 0, bytesIn: 0 },
  }));
  return { lists: [], advances, bytes: 0, memory: undefined, unanswered: 1 };
}
