import type { AvroRequestKind } from '../../schemas/generated/records.ts';
import { ParkedCommands } from '../queue-mode/parked-commands.ts';
import { CANCELLED, type CommandRefusal, coalesced, EXPIRED, QUEUE_FULL } from './command-refusals.ts';
import { EndpointQueue } from './endpoint-queue.ts';
import type { Transfer, WaitingCommand } from './waiting-command.ts';

/** Commands that may be under way in all, and their bytes; at either the topic is not read on. */
const LIVE_LIMIT = 10_000;
const LIVE_BYTES_LIMIT = 32 * 2 ** 20;
/** Commands that may wait for one device; a further one is answered at once. */
export const PER_ENDPOINT_LIMIT = 200;

/** What a newer command of the same kind and path makes needless. */
const COALESCED: ReadonlySet<AvroRequestKind> = new Set(['read', 'write', 'writeAttributes']);

/** A command as others see it. */
export interface CommandView {
  /** Stays the same over restarts, but for commands that came in no topic. */
  readonly id: string;
  readonly endpointName: string;
  readonly ticket: string;
  readonly kind: AvroRequestKind;
  readonly path: string;
  /** `queued`: not with the device yet; `sent`: it was asked, an answer is due. */
  readonly state: 'queued' | 'sent';
  /** The device sleeps or is away, and this waits for it. */
  readonly waits: boolean;
  readonly receivedAtMs: number;
  readonly expiresAtMs: number | undefined;
  /** How often the device was asked since the server started. */
  readonly attempts: number;
  readonly transfer: Transfer | undefined;
}

export interface Cancellation {
  /** Commands that were withdrawn. */
  readonly cancelled: number;
  /** The device was asked already: the answer of that one still comes. */
  readonly sent: boolean;
}

export interface CommandQueuesOptions {
  /** Runs it and commits its one reply; `waits`: the device does not listen, and it goes back. Never rejects. */
  run(command: WaitingCommand): Promise<'done' | 'waits'>;
  /** Commits a reply without running it. Never rejects. */
  answer(command: WaitingCommand, refusal: CommandRefusal): Promise<void>;
  /** Whether the device listens; when it does not, whether this command waits for it. */
  readiness(command: WaitingCommand): 'run' | 'wait';
  /** It waits for its device from now on: it must be durable. */
  onParked(command: WaitingCommand): void;
  onExpired(): void;
  /** Commands that may wait for devices that sleep or are away, and for how long when their requester does not say. */
  readonly parkedLimit: number;
  readonly waitMs: number;
  /** Wall clock, ms since 1970. */
  readonly now: () => number;
}

/** Commands that were taken and not answered yet: one queue per endpoint name, each served in order, one at a time. */
export class CommandQueues {
  readonly #o: CommandQueuesOptions;
  readonly #queues = new Map<string, EndpointQueue>();
  readonly #commands = new Map<string, WaitingCommand>();
  readonly #parked: ParkedCommands;
  readonly #running = new Set<Promise<void>>();
  #bytes = 0;

  constructor(options: CommandQueuesOptions) {
    this.#o = options;
    const onExpired = (command: WaitingCommand) => this.#expire(command);
    this.#parked = new ParkedCommands({ limit: options.parkedLimit, now: options.now, onExpired });
  }

  /** Commands without a reply. */
  get size(): number {
    return this.#commands.size;
  }

  /** Those of them that wait for a device that sleeps or is away. */
  get parked(): number {
    return this.#parked.size;
  }

  /** Milliseconds that the oldest waits for its reply; 0 when none does. Looks at all: for metrics. */
  oldestAgeMs(): number {
    let oldest = Number.POSITIVE_INFINITY;
    for (const { receivedAtMs } of this.#commands.values()) oldest = Math.min(oldest, receivedAtMs);
    return this.#commands.size === 0 ? 0 : Math.max(0, this.#o.now() - oldest);
  }

  get hasRoom(): boolean {
    return this.size - this.#parked.size < LIVE_LIMIT && this.#bytes - this.#parked.bytes < LIVE_BYTES_LIMIT;
  }

  byIdentity(identity: string): WaitingCommand | undefined {
    return this.#commands.get(identity);
  }

  isFullFor(endpointName: string): boolean {
    return (this.#queues.get(endpointName)?.size ?? 0) >= PER_ENDPOINT_LIMIT;
  }

  push(command: WaitingCommand): void {
    this.#enter(command);
    const { ep, coalesce } = command.request;
    let queue = this.#queues.get(ep);
    if (queue === undefined) {
      queue = new EndpointQueue(ep);
      this.#queues.set(ep, queue);
    }
    const replaced = coalesce?.boolean === true ? this.#takeReplaced(queue, command) : undefined;
    if (replaced === undefined) queue.waiting.push(command);
    else queue.waiting.splice(replaced, 0, command);
    this.#serve(queue);
  }

  /** Answers without running, as of a command that may not even wait. */
  refuse(command: WaitingCommand, refusal: CommandRefusal): void {
    const known = this.#commands.get(command.identity) === command;
    if (!known) this.#enter(command);
    else if (!this.#takeOut(command)) return;
    this.#answer(command, refusal);
  }

  #expire(command: WaitingCommand): void {
    this.#o.onExpired();
    this.refuse(command, EXPIRED);
  }

  /** The device listens, or there is something new to know of it. */
  wake(endpointName: string): void {
    const queue = this.#queues.get(endpointName);
    if (queue !== undefined) this.#serve(queue);
  }

  list(endpointName?: string): CommandView[] {
    const all = endpointName === undefined ? this.#commands.values() : (this.#queues.get(endpointName)?.all() ?? []);
    return Array.from(all, viewOf);
  }

  /** Withdraws what waits under the ticket, whatever its operation; each gets its reply. */
  cancel(endpointName: string, ticket: string): Cancellation {
    const queue = this.#queues.get(endpointName);
    const named = queue?.waiting.filter(({ request }) => request.ticket === ticket) ?? [];
    for (const command of named) this.refuse(command, CANCELLED);
    return { cancelled: named.length, sent: queue?.current?.request.ticket === ticket };
  }

  /** Resolves when nothing runs any more; for shutdown, after the commands in progress were made to end. */
  async idle(): Promise<void> {
    this.#parked.close();
    await Promise.all(this.#running);
  }

  #enter(command: WaitingCommand): void {
    this.#commands.set(command.identity, command);
    this.#bytes += command.bytes;
  }

  #leave(command: WaitingCommand): void {
    this.#parked.remove(command);
    this.#commands.delete(command.identity);
    this.#bytes -= command.bytes;
  }

  /** Answers the older ones that the newer makes needless. @returns the place of the newest of them */
  #takeReplaced(queue: EndpointQueue, newer: WaitingCommand): number | undefined {
    const { kind, path } = newer.request.payload;
    if (!COALESCED.has(kind)) return undefined;
    const older = queue.waiting.filter(
      (one) => !one.startedBefore && one.request.payload.kind === kind && one.request.payload.path === path,
    );
    const last = older.at(-1);
    if (last === undefined) return undefined;
    newer.sequence = last.sequence ?? newer.sequence;
    const place = queue.waiting.indexOf(last) - (older.length - 1);
    for (const one of older) {
      queue.take(one);
      this.#answer(one, coalesced(newer.request.ticket));
    }
    return place;
  }

  #serve(queue: EndpointQueue): void {
    if (queue.isServed) return;
    queue.isServed = true;
    this.#track(this.#serveAll(queue));
  }

  async #serveAll(queue: EndpointQueue): Promise<void> {
    for (let next = queue.waiting[0]; next !== undefined; next = queue.waiting[0]) {
      if (this.#o.readiness(next) === 'wait') {
        this.#park(queue);
        break;
      }
      queue.waiting.shift();
      this.#parked.remove(next);
      queue.current = next;
      const end = await this.#o.run(next);
      queue.current = undefined;
      if (end === 'waits') queue.waiting.unshift(next);
      else this.#leave(next);
    }
    queue.isServed = false;
    this.#dropIfEmpty(queue);
  }

  /** The device does not listen: what waits for it does so, the rest is answered now. */
  #park(queue: EndpointQueue): void {
    for (const command of [...queue.waiting]) {
      if (command.parked) continue;
      if (this.#o.readiness(command) === 'run') this.#runAside(queue, command);
      else if (this.#parked.hasRoomFor(command)) this.#letWait(command);
      else this.refuse(command, QUEUE_FULL);
    }
  }

  #letWait(command: WaitingCommand): void {
    command.state = 'queued';
    command.waitsUntilMs ??= command.request.expiresAt?.long ?? this.#o.now() + this.#o.waitMs;
    this.#parked.add(command);
    this.#o.onParked(command);
  }

  /** It is not sent, as the device does not listen: whoever runs it sees that before anything else. */
  #runAside(queue: EndpointQueue, command: WaitingCommand): void {
    queue.take(command);
    this.#track(this.#o.run(command).then(() => this.#leave(command)));
  }

  #takeOut(command: WaitingCommand): boolean {
    const queue = this.#queues.get(command.request.ep);
    if (queue === undefined || !queue.take(command)) return false;
    this.#dropIfEmpty(queue);
    return true;
  }

  #answer(command: WaitingCommand, refusal: CommandRefusal): void {
    this.#parked.remove(command);
    this.#track(this.#o.answer(command, refusal).then(() => this.#leave(command)));
  }

  #dropIfEmpty(queue: EndpointQueue): void {
    if (!queue.isServed && queue.waiting.length === 0) this.#queues.delete(queue.endpointName);
  }

  #track(work: Promise<void>): void {
    const tracked = work.finally(() => this.#running.delete(tracked));
    this.#running.add(tracked);
  }
}

function viewOf(command: WaitingCommand): CommandView {
  const { request, receivedAtMs, expiresAtMs, state, attempts, transfer, parked, sequence, identity } = command;
  return {
    id: sequence === undefined ? identity : String(sequence),
    endpointName: request.ep,
    ticket: request.ticket,
    kind: request.payload.kind,
    path: request.payload.path,
    state,
    waits: parked,
    receivedAtMs,
    expiresAtMs: Number.isFinite(expiresAtMs) ? expiresAtMs : undefined,
    attempts,
    transfer,
  };
}
