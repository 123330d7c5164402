import type { ErrorCode } from '../../common/errors.ts';
import type { AvroRequest, AvroResponse, CommandState } from '../../schemas/generated/records.ts';
import type { Deadlined } from '../queue-mode/deadlines.ts';
import { commandIdentity } from './state-entries.ts';

/** The record of a command in its topic: once this is settled its offset may be committed. */
export interface Held {
  settled: boolean;
}

/** Told the reply once it is recorded. @param failure why there is no answer of the device, where there is none */
export type OnReply = (reply: AvroResponse | undefined, failure: ErrorCode | undefined) => void;

export interface WaitingCommandOptions {
  readonly request: AvroRequest;
  readonly receivedAtMs: number;
  /** When it was taken, on the clock that never steps; undefined of one that a former run took. */
  readonly takenAtMs?: number;
  /** What it holds in memory, as its record tells. */
  readonly bytes: number;
  readonly sequence?: number | undefined;
  readonly held?: Held;
  readonly onReply?: OnReply;
  /** Its entry in the state topic is there. */
  readonly kept?: boolean;
  readonly startedBefore?: boolean;
  readonly waitsUntilMs?: number | undefined;
}

/** A body that goes block by block to the device, or comes from it. */
export interface Transfer {
  readonly direction: 'sent' | 'received';
  readonly bytes: number;
  /** Unknown while a device does not say how much will come. */
  readonly totalBytes: number | undefined;
  readonly lastBlockAtMs: number;
}

/** A command that was taken and has no reply yet. */
export class WaitingCommand implements Deadlined {
  readonly request: AvroRequest;
  readonly identity: string;
  readonly receivedAtMs: number;
  readonly takenAtMs: number | undefined;
  readonly bytes: number;
  readonly onReply: OnReply | undefined;
  /** A former run handed it to the device and died before the reply. */
  readonly startedBefore: boolean;
  /** Offset in the request topic; of a command that took another's place, that one's. */
  sequence: number | undefined;
  /** In the state topic, or on the way there: a tombstone must follow. */
  kept: boolean;
  /** Its reply is on the way into its topic: an entry in the state topic would come after its tombstone. */
  isEnding = false;
  /** Until then it waits for a device that sleeps or is away; undefined when it was not let wait. */
  waitsUntilMs: number | undefined;
  /** It waits for its device now, which sleeps or is away. */
  parked = false;
  state: 'queued' | 'sent' = 'queued';
  /** How often the device was asked, in this run of the server. */
  attempts = 0;
  /** How far its block-wise transfer is. */
  transfer: Transfer | undefined = undefined;
  deadlineIndex = -1;
  #held: Held[];
  /** Its entry in the state topic is committed, or its reply. */
  #isDurable: boolean;

  constructor(o: WaitingCommandOptions) {
    this.request = o.request;
    this.identity = commandIdentity(o.request);
    this.receivedAtMs = o.receivedAtMs;
    this.takenAtMs = o.takenAtMs;
    this.bytes = o.bytes;
    this.onReply = o.onReply;
    this.startedBefore = o.startedBefore === true;
    this.sequence = o.sequence;
    this.kept = o.kept === true;
    this.waitsUntilMs = o.waitsUntilMs;
    this.#isDurable = this.kept;
    this.#held = o.held === undefined ? [] : [o.held];
  }

  /** The command that an entry of the state topic holds. */
  static fromState(
    { request, receivedAt, startedAt, waitsUntil, sequence }: CommandState,
    bytes: number,
  ): WaitingCommand {
    return new WaitingCommand({
      request,
      receivedAtMs: receivedAt,
      bytes,
      kept: true,
      startedBefore: startedAt != null,
      waitsUntilMs: waitsUntil?.long,
      sequence: sequence?.long,
    });
  }

  toState(startedAtMs: number | undefined): CommandState {
    const { request, receivedAtMs, waitsUntilMs, sequence } = this;
    return {
      request,
      receivedAt: receivedAtMs,
      startedAt: startedAtMs === undefined ? null : { long: startedAtMs },
      waitsUntil: waitsUntilMs === undefined ? null : { long: waitsUntilMs },
      sequence: sequence === undefined ? null : { long: sequence },
    };
  }

  get expiresAtMs(): number {
    return this.waitsUntilMs ?? this.request.expiresAt?.long ?? Number.POSITIVE_INFINITY;
  }

  /** The same record came again: its offset waits as the first one's does. */
  hold(held: Held): void {
    if (this.#isDurable) held.settled = true;
    else this.#held.push(held);
  }

  /** Its records in the topic are not needed any more: another copy is durable, or its reply. */
  settle(): void {
    for (const held of this.#held) held.settled = true;
    this.#held = [];
    this.#isDurable = true;
  }
}
