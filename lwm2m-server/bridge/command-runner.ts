import { isRetriable, PlatformError } from '../../common/errors.ts';
import type { OutgoingRecord } from '../../common/kafka/committing-producer.ts';
import { backoffMs, sleep } from '../../common/lifecycle.ts';
import type { Log } from '../../common/log.ts';
import type { AvroRequest, AvroRequestKind, AvroResponse, CommandState } from '../../schemas/generated/records.ts';
import type { ServerCounters } from '../counters.ts';
import type { ObserveRequests } from '../observation/observe-requests.ts';
import { type DeviceRequests, formatNumber, type RequestOptions } from '../operation/device-requests.ts';
import { failure, inWords, type Outcome } from '../operation/outcome.ts';
import type { Registrations } from '../registration/registrations.ts';
import type { AnsweredCommands } from './answered-commands.ts';
import type { Outbox } from './outbox.ts';
import { commandEntry, commandIdentity, commandTombstone } from './state-entries.ts';

/** Operations that must not run twice. The others only read or set what they would set again. */
const CHANGES_DEVICE: ReadonlySet<AvroRequestKind> = new Set(['write', 'execute', 'create', 'delete']);

const MAX_TIMEOUT_MS = 3_600_000;

export interface CommandRunnerOptions {
  readonly serverId: string;
  readonly registrations: Registrations;
  readonly requests: DeviceRequests;
  readonly observe: ObserveRequests;
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
  readonly state: readonly OutgoingRecord[];
}

/** Runs one command and commits its one reply. */
export class CommandRunner {
  readonly #o: CommandRunnerOptions;

  constructor(options: CommandRunnerOptions) {
    this.#o = options;
  }

  /** Never rejects. On shutdown it ends without a reply: the command is in the state topic and goes on after the next start. */
  async run(command: CommandState): Promise<void> {
    try {
      const result = await this.#resultOf(command);
      if (this.#o.signal.aborted && isWithdrawn(result)) return;
      await this.#reply(command.request, result);
    } catch (error) {
      if (!this.#o.signal.aborted)
        this.#o.log.error({ err: error, ticket: command.request.ticket }, 'a reply could not be recorded');
    }
  }

  /** Answers without running: for commands that may not even wait. */
  async refuse(request: AvroRequest, outcome: Outcome): Promise<void> {
    await this.#reply(request, { outcome, state: [] });
  }

  async #resultOf(command: CommandState): Promise<Result> {
    try {
      return await this.#attempt(command);
    } catch (error) {
      if (!(error instanceof PlatformError))
        this.#o.log.error({ err: error, ticket: command.request.ticket }, 'a fault while running a command');
      return { outcome: failure(error), state: [] };
    }
  }

  async #attempt({ request, receivedAt, startedAt }: CommandState): Promise<Result> {
    const { counters, now, registrations, outbox } = this.#o;
    if (startedAt != null) {
      counters.commands_interrupted++;
      return {
        outcome: inWords(
          'INTERNAL_SERVER_ERROR',
          'INTERRUPTED: the server ended while this ran; whether the device did it is unknown',
        ),
        state: [],
      };
    }
    if (request.expiresAt != null && now() > request.expiresAt.long) {
      counters.commands_expired++;
      return { outcome: inWords('PRECONDITION_FAILED', 'EXPIRED: the command was not run'), state: [] };
    }
    const registration = registrations.byEndpointName(request.ep);
    if (registration === undefined) {
      throw new PlatformError('LWM2M_NOT_REGISTERED', `No registration for this endpoint '${request.ep}'`);
    }
    if (CHANGES_DEVICE.has(request.payload.kind)) {
      await outbox.commit(commandEntry(outbox, { request, receivedAt, startedAt: { long: now() } }));
    }
    const { kind, path, contentFormat } = request.payload;
    const options = this.#optionsOf(request);
    if (kind === 'observe') {
      return await this.#o.observe.start(
        registration,
        { path, ticket: request.ticket, accept: formatNumber(contentFormat) },
        options,
      );
    }
    if (kind === 'observeCancel') return await this.#o.observe.cancel(registration, path, options);
    return { outcome: await this.#o.requests.run(registration, request.payload, options), state: [] };
  }

  #optionsOf(request: AvroRequest): RequestOptions {
    const wanted = request.timeoutMs?.long ?? this.#o.requestTimeoutMs;
    if (!(wanted > 0 && wanted <= MAX_TIMEOUT_MS))
      throw new PlatformError('LWM2M_REQUEST', `timeoutMs must be from 1 to ${MAX_TIMEOUT_MS}`);
    return { timeoutMs: wanted, signal: this.#o.signal };
  }

  async #reply(request: AvroRequest, { outcome, state }: Result): Promise<void> {
    const { outbox, answered, counters } = this.#o;
    const records = (told: Outcome) => [
      ...state,
      outbox.reply(request.ep, this.#replyRecord(request, told)),
      commandTombstone(outbox, request),
    ];
    for (let attempt = 0; ; attempt++) {
      try {
        await outbox.commit(...records(outcome));
        break;
      } catch (error) {
        if (error instanceof PlatformError && error.code === 'KAFKA_REFUSED') {
          await outbox.commit(...records(inWords('INTERNAL_SERVER_ERROR', `${error.code}: ${error.message}`)));
          break;
        }
        if (!isRetriable(error) || this.#o.signal.aborted) throw error;
        await sleep(backoffMs(attempt), this.#o.signal);
      }
    }
    answered.add(commandIdentity(request));
    counters.commands_answered++;
  }

  #replyRecord(request: AvroRequest, outcome: Outcome): AvroResponse {
    const { ticket, ep, payload } = request;
    return {
      ticket,
      serverId: this.#o.serverId,
      ep,
      path: payload.path,
      timestamp: this.#o.now(),
      rep: { kind: payload.kind, ...outcome },
    };
  }
}

/** The request was withdrawn by our own shutdown, so nothing is known of its outcome and no reply is due yet. */
function isWithdrawn({ outcome }: Result): boolean {
  const body = outcome.body as { 'io.zeelos.leshan.avro.response.AvroGenericResponse'?: { message: string } } | null;
  const message = body?.['io.zeelos.leshan.avro.response.AvroGenericResponse']?.message ?? '';
  return message.startsWith('COAP_CANCELLED') || message.startsWith('SHUTTING_DOWN');
}
