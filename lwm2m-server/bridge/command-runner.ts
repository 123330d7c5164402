import { hasCode, isRetriable, PlatformError } from '../../common/errors.ts';
import type { Log } from '../../common/log.ts';
import type { TransferProgress } from '../../lwm2m/coap/endpoint.ts';
import type { AvroRequest, AvroRequestKind } from '../../schemas/generated/records.ts';
import { addressed } from '../children/prefixed-commands.ts';
import type { Observations } from '../observation/observations.ts';
import type { ObserveRequests } from '../observation/observe-requests.ts';
import { cancelledPath, observeTarget } from '../observation/observe-targets.ts';
import type { DeviceRequests, RequestOptions } from '../operation/device-requests.ts';
import { failure, notRegistered } from '../operation/outcome.ts';
import type { Presence } from '../queue-mode/presence.ts';
import type { Registration } from '../registration/registration.ts';
import type { Registrations } from '../registration/registrations.ts';
import { type CommandRefusal, EXPIRED, INTERRUPTED } from './command-refusals.ts';
import { CommandReplies, type CommandRepliesOptions, type CommandResult } from './command-replies.ts';
import type { CommandStore } from './command-store.ts';
import type { Transfer, WaitingCommand } from './waiting-command.ts';

/** Operations that must not run twice. The others only read or set what they would set again. */
export const CHANGES_DEVICE: ReadonlySet<AvroRequestKind> = new Set([
  'write',
  'writeComposite',
  'execute',
  'create',
  'delete',
]);

const MAX_TIMEOUT_MS = 3_600_000;

export interface CommandRunnerOptions extends CommandRepliesOptions {
  readonly registrations: Registrations;
  readonly presence: Presence;
  readonly requests: DeviceRequests;
  readonly observe: ObserveRequests;
  readonly observations: Observations;
  readonly store: CommandStore;
  readonly requestTimeoutMs: number;
  readonly log: Log;
}

/** The device did not listen: the command goes back to waiting for it. */
const WAITS = Symbol('waits');

/** Asks a device and tells what came of it. */
type Question = (registration: Registration) => Promise<CommandResult>;

/** Runs one command and commits its one reply. */
export class CommandRunner {
  readonly #o: CommandRunnerOptions;
  readonly #replies: CommandReplies;

  constructor(options: CommandRunnerOptions) {
    this.#o = options;
    this.#replies = new CommandReplies(options);
  }

  /** Whether the device listens now; when it does not, whether the command waits for it. What needs no device runs. */
  readiness(command: WaitingCommand): 'run' | 'wait' {
    const { registrations, presence, signal } = this.#o;
    if (command.startedBefore || signal.aborted || this.#isLate(command)) return 'run';
    const registration = registrations.byEndpointName(command.request.ep);
    if (registration !== undefined && presence.isAwake(registration)) return 'run';
    if (!waitsFor(command, registration) || this.#isFaulty(command, registration)) return 'run';
    return 'wait';
  }

  /** Its requester did something wrong: it need not wait to be told so. */
  #isFaulty(command: WaitingCommand, registration: Registration | undefined): boolean {
    if (registration === undefined) return false;
    try {
      this.#questionOf(command, registration);
      return false;
    } catch {
      return true;
    }
  }

  /** Never rejects. On shutdown it ends without a reply: the command is in a topic and goes on after the next start. */
  async run(command: WaitingCommand): Promise<'done' | 'waits'> {
    try {
      if (this.#o.signal.aborted) {
        command.onReply?.(undefined, 'SHUTTING_DOWN');
        return 'done';
      }
      const result = await this.#resultOf(command);
      if (result === WAITS) return 'waits';
      if (this.#o.signal.aborted && result.withdrawn === true) command.onReply?.(undefined, result.failure);
      else await this.#replies.commit(command, result);
    } catch (error) {
      this.#onUnanswered(command, error);
    }
    return 'done';
  }

  /** Replies without running. Never rejects. */
  async answer(command: WaitingCommand, refusal: CommandRefusal): Promise<void> {
    try {
      await this.#replies.commit(command, refusal);
    } catch (error) {
      this.#onUnanswered(command, error);
    }
  }

  #onUnanswered(command: WaitingCommand, error: unknown): void {
    command.onReply?.(undefined, 'INTERNAL');
    if (this.#o.signal.aborted) return;
    // There is nothing that could be told; its offset must not hold up the others.
    command.settle();
    this.#o.log.error({ err: error, ticket: command.request.ticket }, 'a reply could not be recorded');
  }

  async #resultOf(command: WaitingCommand): Promise<CommandResult | typeof WAITS> {
    try {
      return await this.#attempt(command);
    } catch (error) {
      if (!(error instanceof PlatformError))
        this.#o.log.error({ err: error, ticket: command.request.ticket }, 'a fault while running a command');
      const withdrawn = hasCode(error, 'COAP_CANCELLED') || hasCode(error, 'SHUTTING_DOWN');
      return { outcome: failure(error), failure: error instanceof PlatformError ? error.code : 'INTERNAL', withdrawn };
    }
  }

  async #attempt(command: WaitingCommand): Promise<CommandResult | typeof WAITS> {
    const { request } = command;
    if (command.startedBefore) {
      this.#o.counters.commands_interrupted++;
      return INTERRUPTED;
    }
    if (this.#isLate(command)) {
      this.#o.counters.commands_expired++;
      return EXPIRED;
    }
    const dropped = this.#droppedWish(request);
    if (dropped !== undefined) return dropped;
    const registration = this.#registrationOf(request);
    const ask = this.#questionOf(command, registration);
    if (!this.#o.presence.isAwake(registration))
      throw new PlatformError('COAP_TIMEOUT', 'the device sleeps, and the command was not to wait');
    if (CHANGES_DEVICE.has(request.payload.kind)) return await this.#askOnce(command, ask);
    return await this.#askAgain(command, registration, ask);
  }

  /** Marked as started before it leaves, so that a restart knows better than to repeat it. */
  async #askOnce(command: WaitingCommand, ask: Question): Promise<CommandResult> {
    const { store, presence, signal, elapsed } = this.#o;
    await this.#mark(command);
    if (signal.aborted) {
      await store.unmark(command);
      throw new PlatformError('SHUTTING_DOWN', 'the command did not leave');
    }
    const registration = this.#registrationOf(command.request);
    const askedAtMs = elapsed();
    try {
      return await this.#ask(command, registration, ask);
    } catch (error) {
      if (hasCode(error, 'COAP_TIMEOUT')) presence.silent(registration, askedAtMs);
      throw error;
    }
  }

  /** A command too large to be kept is not run: whether it ran could not be known after a kill. */
  async #mark(command: WaitingCommand): Promise<void> {
    try {
      await this.#o.store.markStarted(command);
    } catch (error) {
      if (isRetriable(error) || !(error instanceof PlatformError)) throw error;
      throw new PlatformError('LWM2M_REQUEST', error.message, { cause: error });
    }
  }

  /** What changes nothing is asked again: at the new address of a device that moved, and of a sleeper when it is awake again. */
  async #askAgain(
    command: WaitingCommand,
    registration: Registration,
    ask: Question,
  ): Promise<CommandResult | typeof WAITS> {
    const { presence, registrations, signal, elapsed } = this.#o;
    const askedAtMs = elapsed();
    try {
      return await this.#ask(command, registration, ask);
    } catch (error) {
      if (signal.aborted) throw error;
      const lost = hasCode(error, 'COAP_TIMEOUT') || hasCode(error, 'COAP_CANCELLED');
      if (hasCode(error, 'COAP_TIMEOUT')) presence.silent(registration, askedAtMs);
      if (lost && registration.queueMode && waitsFor(command, registration)) return WAITS;
      const moved = registrations.byId(registration.registrationId);
      if (!hasCode(error, 'COAP_CANCELLED') || moved === undefined) throw error;
      if (moved.peer.key === registration.peer.key) throw error;
      return await this.#ask(command, moved, ask);
    }
  }

  async #ask(command: WaitingCommand, registration: Registration, ask: Question): Promise<CommandResult> {
    command.state = 'sent';
    command.attempts++;
    try {
      return await ask(registration);
    } finally {
      command.state = 'queued';
    }
  }

  #isLate({ expiresAtMs }: WaitingCommand): boolean {
    return this.#o.now() > expiresAtMs;
  }

  /** An observation that is wanted of a device which does not hold it, and perhaps is not there, ends without asking it. */
  #droppedWish(asked: AvroRequest): CommandResult | undefined {
    if (asked.payload.kind !== 'observeCancel') return undefined;
    const request = addressed(asked, this.#o.registrations);
    const path = cancelledPath(request, this.#o.observations);
    return this.#o.observe.dropWish(request.ep, path, request.ticket);
  }

  /** A gateway's command may be for a device behind it. */
  #registrationOf(asked: AvroRequest): Registration {
    const { ep } = addressed(asked, this.#o.registrations);
    const registration = this.#o.registrations.byEndpointName(ep);
    if (registration === undefined) throw notRegistered(ep);
    return registration;
  }

  /** Throws for what the requester did wrong, before anything is sent or marked. */
  #questionOf(command: WaitingCommand, registered: Registration): Question {
    const request = addressed(command.request, this.#o.registrations);
    const { kind } = request.payload;
    const options = this.#optionsOf(command);
    const { observe, requests, observations } = this.#o;
    if (kind === 'observe' || kind === 'observeComposite') {
      const target = observeTarget(request, registered);
      return (registration) => observe.start(registration, target, options);
    }
    if (kind === 'observeCancel') {
      const path = cancelledPath(request, observations);
      return (registration) => observe.cancel(registration, path, options);
    }
    const question = requests.prepare(request.payload, registered, request.ticket);
    return (registration) => requests.run(registration, question, options);
  }

  #optionsOf(command: WaitingCommand): RequestOptions {
    const { now, requestTimeoutMs, signal } = this.#o;
    const wanted = command.request.timeoutMs?.long ?? requestTimeoutMs;
    if (!(wanted > 0 && wanted <= MAX_TIMEOUT_MS))
      throw new PlatformError('LWM2M_REQUEST', `timeoutMs must be from 1 to ${MAX_TIMEOUT_MS}`);
    const onProgress = (progress: TransferProgress): void => {
      command.transfer = transferOf(progress, now());
    };
    return { timeoutMs: wanted, signal, onProgress };
  }
}

function transferOf(progress: TransferProgress, lastBlockAtMs: number): Transfer {
  const { totalBytes } = progress;
  if ('sentBytes' in progress) return { direction: 'sent', bytes: progress.sentBytes, totalBytes, lastBlockAtMs };
  return { direction: 'received', bytes: progress.receivedBytes, totalBytes, lastBlockAtMs };
}

/** Whether it waits for a device that does not listen: as its requester says, else for those of queue mode, which come back. */
function waitsFor(command: WaitingCommand, registration: Registration | undefined): boolean {
  if (command.waitsUntilMs !== undefined) return true;
  return command.request.queue?.boolean ?? registration?.queueMode === true;
}
