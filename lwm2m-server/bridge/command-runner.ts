import { hasCode, isRetriable, PlatformError } from '../../common/errors.ts';
import type { OutgoingRecord } from '../../common/kafka/committing-producer.ts';
import { backoffMs, sleep } from '../../common/lifecycle.ts';
import type { Log } from '../../common/log.ts';
import type { AvroRequest, AvroRequestKind, AvroResponse } from '../../schemas/generated/records.ts';
import type { ServerCounters } from '../counters.ts';
import type { Observations } from '../observation/observations.ts';
import type { ObserveRequests } from '../observation/observe-requests.ts';
import { cancelledPath, observeTarget } from '../observation/observe-targets.ts';
import type { DeviceRequests, RequestOptions } from '../operation/device-requests.ts';
import { failure, inWords, notRegistered, type Outcome } from '../operation/outcome.ts';
import type { Registration } from '../registration/registration.ts';
import type { Registrations } from '../registration/registrations.ts';
import type { AnsweredCommands } from './answered-commands.ts';
import type { WaitingCommand } from './command-queues.ts';
import type { Outbox } from './outbox.ts';
import { commandEntry, commandIdentity, commandTombstone } from './state-entries.ts';

/** Operations that must not run twice. The others only read or set what they would set again. */
export const CHANGES_DEVICE: ReadonlySet<AvroRequestKind> = new Set([
  'write',
  'writeComposite',
  'execute',
  'create',
  'delete',
]);

const MAX_TIMEOUT_MS = 3_600_000;

export interface CommandRunnerOptions {
  readonly serverId: string;
  readonly registrations: Registrations;
  readonly requests: DeviceRequests;
  readonly observe: ObserveRequests;
  readonly observations: Observations;
  readonly outbox: Outbox;
  readonly answered: AnsweredCommands;
  readonly counters: ServerCounters;
  readonly requestTimeoutMs: number;
  readonly signal: AbortSignal;
  readonly log: Log;
  readonly now: () => number;
}

interface Result {
  readonly outcome: Outcome;
  /** When the value in the outcome was taken, if the device said so. */
  readonly valueTimestampMs?: number;
  /** Asked for when the reply is committed. */
  readonly state?: () => readonly OutgoingRecord[];
  /** The request was taken back before its answer; in our own shutdown nothing is known of it then, and no reply is due yet. */
  readonly withdrawn?: boolean;
}

/** Asks a device and tells what came of it. */
type Question = (registration: Registration) => Promise<Result>;

/** Runs one command and commits its one reply. */
export class CommandRunner {
  readonly #o: CommandRunnerOptions;

  constructor(options: CommandRunnerOptions) {
    this.#o = options;
  }

  /** Never rejects. On shutdown it ends without a reply: the command is in the state topic and goes on after the next start. */
  async run(waiting: WaitingCommand): Promise<void> {
    const { request } = waiting.command;
    try {
      if (this.#o.signal.aborted) return await this.#leave(waiting);
      const result = await this.#resultOf(waiting);
      if (this.#o.signal.aborted && result.withdrawn === true) return;
      await this.#reply(request, result, [commandTombstone(this.#o.outbox, request)]);
    } catch (error) {
      if (!this.#o.signal.aborted)
        this.#o.log.error({ err: error, ticket: request.ticket }, 'a reply could not be recorded');
    }
  }

  /** Answers without running: for commands that may not even wait. Throws what the outbox throws when no reply can be made of it. */
  async refuse(request: AvroRequest, outcome: Outcome): Promise<void> {
    await this.#reply(request, { outcome });
  }

  /** It did not leave: the state must not say that it was started. */
  async #leave({ command, marked }: WaitingCommand): Promise<void> {
    if (marked) await this.#o.outbox.commit(commandEntry(this.#o.outbox, command));
  }

  async #resultOf(waiting: WaitingCommand): Promise<Result> {
    try {
      return await this.#attempt(waiting);
    } catch (error) {
      if (!(error instanceof PlatformError))
        this.#o.log.error({ err: error, ticket: waiting.command.request.ticket }, 'a fault while running a command');
      const withdrawn = hasCode(error, 'COAP_CANCELLED') || hasCode(error, 'SHUTTING_DOWN');
      return { outcome: failure(error), withdrawn };
    }
  }

  async #attempt(waiting: WaitingCommand): Promise<Result> {
    const { request, startedAt } = waiting.command;
    const { counters, now } = this.#o;
    if (startedAt != null) {
      counters.commands_interrupted++;
      return {
        outcome: inWords(
          'INTERNAL_SERVER_ERROR',
          'INTERRUPTED: the server ended while this ran; whether the device did it is unknown',
        ),
      };
    }
    if (request.expiresAt != null && now() > request.expiresAt.long) {
      counters.commands_expired++;
      return { outcome: inWords('PRECONDITION_FAILED', 'EXPIRED: the command was not run') };
    }
    const ask = this.#questionOf(request, this.#registrationOf(request));
    if (CHANGES_DEVICE.has(request.payload.kind)) return await this.#askOnce(waiting, ask);
    const registration = this.#registrationOf(request);
    try {
      return await ask(registration);
    } catch (error) {
      // The device moved to another address while it was asked: what changes nothing is asked again there.
      const moved = this.#o.registrations.byId(registration.registrationId);
      if (!hasCode(error, 'COAP_CANCELLED') || this.#o.signal.aborted) throw error;
      if (moved === undefined || moved.peer.key === registration.peer.key) throw error;
      return await ask(moved);
    }
  }

  /** Marked as started before it leaves, so that a restart knows better than to repeat it. */
  async #askOnce(waiting: WaitingCommand, ask: Question): Promise<Result> {
    const { outbox, now, signal } = this.#o;
    const { command, marked } = waiting;
    if (!marked) await outbox.commit(commandEntry(outbox, { ...command, startedAt: { long: now() } }));
    if (signal.aborted) {
      await this.#leave({ ...waiting, marked: true });
      throw new PlatformError('SHUTTING_DOWN', 'the command did not leave');
    }
    return await ask(this.#registrationOf(command.request));
  }

  #registrationOf({ ep }: AvroRequest): Registration {
    const registration = this.#o.registrations.byEndpointName(ep);
    if (registration === undefined) throw notRegistered(ep);
    return registration;
  }

  /** Throws for what the requester did wrong, before anything is sent or marked. */
  #questionOf(request: AvroRequest, asked: Registration): Question {
    const { kind } = request.payload;
    const options = this.#optionsOf(request);
    const { observe, requests, observations } = this.#o;
    if (kind === 'observe' || kind === 'observeComposite') {
      const target = observeTarget(request, asked);
      return (registration) => observe.start(registration, target, options);
    }
    if (kind === 'observeCancel') {
      const path = cancelledPath(request, observations);
      return (registration) => observe.cancel(registration, path, options);
    }
    const question = requests.prepare(request.payload, asked, request.ticket);
    return (registration) => requests.run(registration, question, options);
  }

  #optionsOf(request: AvroRequest): RequestOptions {
    const wanted = request.timeoutMs?.long ?? this.#o.requestTimeoutMs;
    if (!(wanted > 0 && wanted <= MAX_TIMEOUT_MS))
      throw new PlatformError('LWM2M_REQUEST', `timeoutMs must be from 1 to ${MAX_TIMEOUT_MS}`);
    return { timeoutMs: wanted, signal: this.#o.signal };
  }

  async #reply(
    request: AvroRequest,
    { outcome, valueTimestampMs, state }: Result,
    tombstone: readonly OutgoingRecord[] = [],
  ): Promise<void> {
    const { outbox, answered, counters, signal } = this.#o;
    let told = outcome;
    for (let attempt = 0; ; attempt++) {
      try {
        const reply = outbox.reply(request.ep, this.#replyRecord(request, told, valueTimestampMs));
        await outbox.commit(...(state?.() ?? []), reply, ...tombstone);
        break;
      } catch (error) {
        if (isRetriable(error) && !signal.aborted) await sleep(backoffMs(attempt), signal);
        else if (isUnrecordable(error) && told === outcome) told = unrecordable(error);
        else throw error;
      }
    }
    answered.add(commandIdentity(request));
    counters.commands_answered++;
  }

  #replyRecord(request: AvroRequest, outcome: Outcome, valueTimestampMs: number | undefined): AvroResponse {
    const { ticket, ep, payload } = request;
    return {
      ticket,
      serverId: this.#o.serverId,
      ep,
      path: payload.path,
      timestamp: this.#o.now(),
      rep: { kind: payload.kind, ...outcome },
      valueTimestamp: valueTimestampMs === undefined ? null : { long: Math.trunc(valueTimestampMs) },
    };
  }
}

/** The outcome does not fit into a record: the reply says that instead. */
function isUnrecordable(error: unknown): error is PlatformError {
  return hasCode(error, 'KAFKA_REFUSED') || hasCode(error, 'AVRO_INVALID');
}

function unrecordable({ code, message }: PlatformError): Outcome {
  return inWords('INTERNAL_SERVER_ERROR', `${code}: the answer of the device fits no record: ${message.slice(0, 500)}`);
}
