import { AssertionError } from 'node:assert';
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { tmpdir } from 'node:os';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { messageOf, PlatformError } from '../../common/errors.ts';

/** One JSON line that a peer printed. `at` is its own clock, ms since 1970. */
export interface PeerEvent {
  readonly event: string;
  readonly at?: number;
  readonly [field: string]: unknown;
}

export type EventMatch = string | ((event: PeerEvent) => boolean);

export type PeerChild = ChildProcessByStdio<Writable, Readable, Readable>;

export interface PeerExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A running foreign program. Everything it prints on stdout is an event. */
export interface Peer {
  readonly name: string;
  readonly process: PeerChild;
  /** Oldest first, at most `MAX_EVENTS`; for longer accounts use `onEvent`, which sees every one. */
  readonly events: readonly PeerEvent[];
  /** Events that `events` has no room for. */
  readonly droppedEvents: number;
  readonly exited: Promise<PeerExit>;
  /** The end of what it printed on stderr, at most `MAX_STDERR_CHARS`. */
  stderr(): string;
  /** All kept events of that name. */
  eventsOf(name: string): PeerEvent[];
  /**
   * The first matching event at or after index `from` (default 0: also one that came before this call).
   * Rejects with AssertionError at the timeout, or at once when the peer ends without it.
   */
  waitFor(match: EventMatch, timeoutMs: number, from?: number): Promise<PeerEvent>;
  /** SIGTERM, then SIGKILL after `STOP_GRACE_MS`. Resolves once it is gone; may be called again. */
  stop(): Promise<void>;
}

export interface PeerOptions {
  /** Called for every event, in order, before `waitFor` sees it. */
  readonly onEvent?: (event: PeerEvent) => void;
  /** Default: ours. */
  readonly env?: NodeJS.ProcessEnv;
  /** False: `events` stays empty, for endless accounts. Default true. */
  readonly keepEvents?: boolean;
}

export const MAX_EVENTS = 500_000;
export const MAX_STDERR_CHARS = 64 * 1024;
/** Longer than the slowest orderly end: a raw fleet drains for 2 s and de-registers for 2 s. */
export const STOP_GRACE_MS = 8_000;

interface Waiter {
  readonly matches: (event: PeerEvent) => boolean;
  readonly settle: (event: PeerEvent | undefined, why: string) => void;
}

/** In the order of their start. */
const running = new Set<RunningPeer>();
let exitHooked = false;

/** No peer outlives us: the 'exit' hook covers an orderly end, the end of their stdin covers SIGKILL. */
function hookExit(): void {
  if (exitHooked) return;
  exitHooked = true;
  process.on('exit', () => {
    for (const peer of running) peer.process.kill('SIGKILL');
  });
}

/** Stops every peer still running, the last started first. */
export async function stopAllPeers(): Promise<void> {
  for (const peer of [...running].reverse()) await peer.stop();
}

/** Starts a program that prints JSON lines. @throws PlatformError STACK_START_FAILED when it cannot be started */
export async function startPeer(
  name: string,
  command: string,
  args: readonly string[],
  options: PeerOptions = {},
): Promise<Peer> {
  hookExit();
  const child = spawn(command, args, {
    cwd: tmpdir(),
    env: { ...(options.env ?? process.env), PYTHONDONTWRITEBYTECODE: '1' },
    stdio: ['pipe', 'pipe', 'pipe'],
    detached: false,
  });
  const peer = new RunningPeer(name, child, options);
  await new Promise<void>((resolve, reject) => {
    child.once('spawn', resolve);
    child.once('error', (cause) =>
      reject(new PlatformError('STACK_START_FAILED', `${name}: ${messageOf(cause)}`, { cause })),
    );
  });
  return peer;
}

class RunningPeer implements Peer {
  readonly name: string;
  readonly process: PeerChild;
  readonly events: PeerEvent[] = [];
  readonly exited: Promise<PeerExit>;
  droppedEvents = 0;
  readonly #options: PeerOptions;
  readonly #waiters = new Set<Waiter>();
  #stderr = '';
  #exit: PeerExit | undefined;

  constructor(name: string, child: PeerChild, options: PeerOptions) {
    this.name = name;
    this.process = child;
    this.#options = options;
    running.add(this);
    createInterface({ input: child.stdout }).on('line', (line) => this.#take(parseLine(line)));
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr = (this.#stderr + text).slice(-MAX_STDERR_CHARS);
    });
    child.stdin.on('error', () => {}); // it may end before it has read what we wrote
    this.exited = new Promise((resolve) => {
      // 'close' and not 'exit': what it printed last must have been read.
      child.once('close', (code, signal) => {
        this.#exit = { code, signal };
        running.delete(this);
        for (const waiter of this.#waiters) waiter.settle(undefined, this.#ending());
        resolve(this.#exit);
      });
    });
  }

  stderr(): string {
    return this.#stderr;
  }

  eventsOf(name: string): PeerEvent[] {
    return this.events.filter((event) => event.event === name);
  }

  waitFor(match: EventMatch, timeoutMs: number, from = 0): Promise<PeerEvent> {
    const matches = typeof match === 'string' ? (event: PeerEvent) => event.event === match : match;
    const past = this.events.slice(from).find(matches);
    if (past !== undefined) return Promise.resolve(past);
    const wanted = typeof match === 'string' ? `"${match}"` : 'the awaited event';
    return new Promise((resolve, reject) => {
      const settle: Waiter['settle'] = (event, why) => {
        clearTimeout(timer);
        this.#waiters.delete(waiter);
        if (event !== undefined) resolve(event);
        else reject(new AssertionError({ message: `${this.name}: no ${wanted}: ${why}\n${this.#lastWords()}` }));
      };
      const waiter: Waiter = { matches, settle };
      const timer = setTimeout(() => settle(undefined, `nothing within ${timeoutMs} ms`), timeoutMs);
      this.#waiters.add(waiter);
      if (this.#exit !== undefined) settle(undefined, this.#ending());
    });
  }

  async stop(): Promise<void> {
    if (this.#exit !== undefined) return;
    this.process.kill('SIGTERM');
    const timer = setTimeout(() => this.process.kill('SIGKILL'), STOP_GRACE_MS);
    await this.exited;
    clearTimeout(timer);
  }

  #take(event: PeerEvent): void {
    this.#options.onEvent?.(event);
    if (this.#options.keepEvents !== false) {
      if (this.events.length < MAX_EVENTS) this.events.push(event);
      else this.droppedEvents += 1;
    }
    for (const waiter of this.#waiters) if (waiter.matches(event)) waiter.settle(event, '');
  }

  #ending(): string {
    return `it ended with ${this.#exit?.signal ?? `code ${this.#exit?.code}`}`;
  }

  #lastWords(): string {
    const events = this.events.slice(-5).map((event) => JSON.stringify(event));
    return [...events, this.#stderr.slice(-2_000)].join('\n');
  }
}

/** A line that is no JSON object is an event of its own: nothing printed is lost. */
function parseLine(line: string): PeerEvent {
  try {
    const value: unknown = JSON.parse(line);
    if (typeof value === 'object' && value !== null && 'event' in value && typeof value.event === 'string') {
      return value as PeerEvent;
    }
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
  }
  return { event: 'text', line };
}

/** Waits for the first event of a peer that must come up; stops it when that fails. @throws STACK_START_FAILED */
export async function untilUp(peer: Peer, event: string, timeoutMs: number): Promise<PeerEvent> {
  try {
    return await peer.waitFor(event, timeoutMs);
  } catch (cause) {
    await peer.stop();
    throw new PlatformError('STACK_START_FAILED', messageOf(cause), { cause });
  }
}
