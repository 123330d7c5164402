import type { WaitingCommand } from '../bridge/waiting-command.ts';
import { Deadlines } from './deadlines.ts';

/** Bytes of all that wait; beyond them a further one finds no room, as beyond their number. */
const BYTES_LIMIT = 64 * 2 ** 20;

/** Expiries in one go; more follow after a pause, so that other work has its turn. */
const EXPIRED_AT_ONCE = 500;
const NEXT_EXPIRED_MS = 50;
/** The wall clock may step: so often it is looked at while something waits. */
const CLOCK_CHECK_MS = 1_000;

export interface ParkedCommandsOptions {
  /** Commands that may wait in all. */
  readonly limit: number;
  /** Wall clock, ms since 1970: that is what a requester names. */
  readonly now: () => number;
  onExpired(command: WaitingCommand): void;
}

/** The commands that wait for devices that sleep or are away, with their ends: one timer for all. */
export class ParkedCommands {
  readonly #o: ParkedCommandsOptions;
  readonly #deadlines = new Deadlines<WaitingCommand>();
  #bytes = 0;
  #timer: NodeJS.Timeout | undefined;
  #timerForMs = Number.POSITIVE_INFINITY;

  constructor(options: ParkedCommandsOptions) {
    this.#o = options;
  }

  get size(): number {
    return this.#deadlines.size;
  }

  get bytes(): number {
    return this.#bytes;
  }

  hasRoomFor({ bytes }: WaitingCommand): boolean {
    return this.size < this.#o.limit && this.#bytes + bytes <= BYTES_LIMIT;
  }

  add(command: WaitingCommand): void {
    command.parked = true;
    this.#bytes += command.bytes;
    this.#deadlines.add(command);
    this.#arm(this.#o.now());
  }

  remove(command: WaitingCommand): void {
    if (!command.parked) return;
    command.parked = false;
    this.#bytes -= command.bytes;
    this.#deadlines.delete(command);
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#timerForMs = Number.NEGATIVE_INFINITY;
  }

  /** Once for each earliest end; a timer that is too early finds nothing due. */
  #arm(nowMs: number, pauseMs = 0): void {
    const { nextMs } = this.#deadlines;
    if (nextMs === undefined || nextMs >= this.#timerForMs) return;
    clearTimeout(this.#timer);
    this.#timerForMs = nextMs;
    const inMs = Math.min(CLOCK_CHECK_MS, Math.max(pauseMs, nextMs - nowMs));
    this.#timer = setTimeout(() => this.#expire(), inMs);
    this.#timer.unref();
  }

  #expire(): void {
    if (this.#timerForMs === Number.NEGATIVE_INFINITY) return;
    this.#timerForMs = Number.POSITIVE_INFINITY;
    const nowMs = this.#o.now();
    for (let count = 0; count < EXPIRED_AT_ONCE; count++) {
      const nextMs = this.#deadlines.nextMs;
      if (nextMs === undefined || nextMs > nowMs) break;
      const command = this.#deadlines.takeDue(nowMs)!;
      command.parked = false;
      this.#bytes -= command.bytes;
      this.#o.onExpired(command);
    }
    this.#arm(nowMs, NEXT_EXPIRED_MS);
  }
}
