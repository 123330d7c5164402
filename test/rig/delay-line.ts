import type { Socket } from 'node:net';

export interface WanConditions {
  /** One way, in ms. */
  readonly delayMs: number;
  /** Of the segments, those that come one retransmission time-out late, with all that is behind them. */
  readonly lossRate: number;
  /** Of all connections together, each way; 0: no limit. */
  readonly bytesPerSecond: number;
}

export const PERFECT: WanConditions = { delayMs: 0, lossRate: 0, bytesPerSecond: 0 };

/** What one connection may have under way in one direction; then its sender is not read until half of it has arrived. */
export const WINDOW_BYTES = 2 * 2 ** 20;
const SEGMENT_BYTES = 1_460;
/** The least that Linux waits for an acknowledgement before it sends again (RFC 6298 §2.4 would ask for a second). */
const LEAST_RTO_MS = 200;

interface Chunk {
  /** Undefined: the end of the stream. */
  readonly bytes: Buffer | undefined;
  readonly dueMs: number;
}

export interface Pipe {
  readonly bytesUnderWay: number;
  /** Forwards nothing any more, and reads nothing. */
  stop(): void;
}

/**
 * One direction of the WAN. A proxy cannot drop segments, so a lost one is shown as TCP's reader would see it: it and all behind it on
 * its connection come one retransmission time-out late. Losses are drawn from a fixed seed.
 */
export class DelayLine {
  conditions: WanConditions = PERFECT;
  delivered = 0;
  /** When the last byte of any connection has left, under a limit of bytes per second. */
  #freeAtMs = 0;
  #seed = 0x2545f491;

  /** Forwards what `from` sends to `to` until it ends. */
  pipe(from: Socket, to: Socket): Pipe {
    return new RunningPipe(this, from, to);
  }

  /** When a segment sent now arrives, if nothing before it is late. */
  arrivalMs(bytes: number): number {
    const { delayMs, lossRate, bytesPerSecond } = this.conditions;
    const now = performance.now();
    let leavesMs = now;
    if (bytesPerSecond > 0) {
      leavesMs = Math.max(now, this.#freeAtMs) + (bytes / bytesPerSecond) * 1_000;
      this.#freeAtMs = leavesMs;
    }
    const lost = lossRate > 0 && this.#random() < lossRate;
    return leavesMs + delayMs + (lost ? Math.max(LEAST_RTO_MS, 2 * delayMs) : 0);
  }

  /** xorshift32 */
  #random(): number {
    let x = this.#seed;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.#seed = x;
    return (x >>> 0) / 2 ** 32;
  }
}

class RunningPipe implements Pipe {
  readonly #line: DelayLine;
  readonly #from: Socket;
  readonly #to: Socket;
  readonly #queue: Chunk[] = [];
  #lastDueMs = 0;
  #timer: NodeJS.Timeout | undefined;
  #blocked = false;
  #stopped = false;
  bytesUnderWay = 0;

  constructor(line: DelayLine, from: Socket, to: Socket) {
    this.#line = line;
    this.#from = from;
    this.#to = to;
    from.on('data', this.#take);
    from.on('end', this.#end);
    to.on('drain', this.#unblock);
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
    this.#queue.length = 0;
    this.bytesUnderWay = 0;
    this.#from.off('data', this.#take).pause();
    this.#from.off('end', this.#end);
    this.#to.off('drain', this.#unblock);
  }

  readonly #take = (bytes: Buffer): void => {
    this.bytesUnderWay += bytes.length;
    const { lossRate, bytesPerSecond } = this.#line.conditions;
    // Without losses and limits all segments of a chunk arrive together.
    const step = lossRate > 0 || bytesPerSecond > 0 ? SEGMENT_BYTES : bytes.length;
    for (let at = 0; at < bytes.length; at += step) this.#enqueue(bytes.subarray(at, at + step));
    if (this.bytesUnderWay >= WINDOW_BYTES) this.#from.pause();
    this.#deliver();
  };

  readonly #end = (): void => {
    this.#enqueue(undefined);
    this.#deliver();
  };

  readonly #unblock = (): void => {
    this.#blocked = false;
    this.#deliver();
  };

  #enqueue(bytes: Buffer | undefined): void {
    this.#lastDueMs = Math.max(this.#lastDueMs, this.#line.arrivalMs(bytes?.length ?? 0));
    this.#queue.push({ bytes, dueMs: this.#lastDueMs });
  }

  #deliver(): void {
    clearTimeout(this.#timer);
    const now = performance.now();
    while (!this.#blocked && !this.#stopped && this.#queue.length > 0) {
      const [first] = this.#queue;
      if (first!.dueMs > now) {
        this.#timer = setTimeout(() => this.#deliver(), Math.ceil(first!.dueMs - now));
        break;
      }
      this.#queue.shift();
      this.#write(first!.bytes);
    }
    if (!this.#stopped && this.bytesUnderWay < WINDOW_BYTES / 2 && this.#from.isPaused()) this.#from.resume();
  }

  #write(bytes: Buffer | undefined): void {
    if (bytes === undefined) {
      this.#to.end();
      return;
    }
    this.bytesUnderWay -= bytes.length;
    this.#line.delivered += bytes.length;
    if (!this.#to.write(bytes)) this.#blocked = true;
  }
}
