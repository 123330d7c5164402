import { messageOf } from '../common/errors.ts';
import type { Log } from '../common/log.ts';
import type {
  CoapEndpoint,
  CoapNotification,
  CoapRequest,
  ObservedRequest,
  RequestOptions,
  Respond,
} from '../lwm2m/coap/endpoint.ts';
import type { Peer } from '../lwm2m/coap/transport.ts';
import type { ObjectModels } from '../lwm2m/model/object-models.ts';
import type { AnsweredCommands } from './bridge/answered-commands.ts';
import type { ServerIdentity } from './bridge/avro-registrations.ts';
import { CommandAdmission } from './bridge/command-admission.ts';
import { CommandQueues } from './bridge/command-queues.ts';
import { notUnderstood } from './bridge/command-refusals.ts';
import { CommandRunner } from './bridge/command-runner.ts';
import { CommandStore } from './bridge/command-store.ts';
import type { Outbox } from './bridge/outbox.ts';
import type { RestoredState } from './bridge/restore.ts';
import { commandTombstone, observationTombstone } from './bridge/state-entries.ts';
import { GatewayChildren } from './children/gateway-children.ts';
import { GatewayObject } from './children/gateway-object.ts';
import type { ServerCounters } from './counters.ts';
import { ServerEvents } from './events.ts';
import { FILE_PATH, FileInterface } from './file-source/file-interface.ts';
import type { FirmwareFiles } from './file-source/firmware-files.ts';
import { type DesiredObservation, DesiredObservations } from './observation/desired-observations.ts';
import { Notifications } from './observation/notifications.ts';
import { NO_TICKET, type Observation, Observations } from './observation/observations.ts';
import { ObserveRequests } from './observation/observe-requests.ts';
import { observedRequest } from './observation/observed-request.ts';
import type { RecordedNotifications } from './observation/recorded-notifications.ts';
import { Refusals } from './observation/refusals.ts';
import { Wishes } from './observation/wishes.ts';
import { DeviceRequests } from './operation/device-requests.ts';
import { PeerTurns } from './operation/peer-turns.ts';
import { SEND_PATH, SendInterface } from './operation/send-interface.ts';
import { ValueRecords } from './operation/value-records.ts';
import { Presence } from './queue-mode/presence.ts';
import { AWAKE_WINDOW_MS, COMMAND_QUEUE_LIMIT, COMMAND_QUEUE_TTL_MS } from './queue-mode/queue-defaults.ts';
import type { Profiles } from './registration/profiles.ts';
import type { Registration, RegistrationEnd } from './registration/registration.ts';
import { REGISTRATION_PATH, RegistrationInterface } from './registration/registration-interface.ts';
import { fullLifeMs, Registrations } from './registration/registrations.ts';

/** Observations per registration that the total is sized for. */
const OBSERVATIONS_PER_REGISTRATION = 10;

/** A device restored after an outage of ours gets at least so long to say that it is still there. */
const RESTORED_GRACE_MS = 60_000;

export interface GatewayServerOptions {
  readonly server: ServerIdentity;
  readonly endpoint: Pick<CoapEndpoint, 'request' | 'forget'>;
  readonly models: ObjectModels;
  readonly outbox: Outbox;
  readonly answered: AnsweredCommands;
  readonly recorded: RecordedNotifications;
  readonly counters: ServerCounters;
  readonly observe: readonly string[];
  readonly profiles: Profiles;
  /** Absent: nothing is served to devices that pull. */
  readonly firmware?: FirmwareFiles | undefined;
  readonly maxRegistrations: number;
  readonly requestTimeoutMs: number;
  /** Of queue mode; the defaults of the settings where they are not given. */
  readonly awakeWindowMs?: number;
  readonly commandQueueTtlMs?: number;
  readonly commandQueueLimit?: number;
  /** Told how long each command that ran took until its reply was committed. */
  readonly onCommandRan?: (ms: number) => void;
  readonly signal: AbortSignal;
  readonly log: Log;
  readonly now: () => number;
  /** Milliseconds of a clock that never steps. */
  readonly elapsed: () => number;
}

/** A changed profiles file is seen after so many seconds. */
const PROFILES_EVERY_TICKS = 5;

/** One gateway's LwM2M server between its socket and its outbox: joins registration, observation and commands. */
export class GatewayServer {
  readonly registrations: Registrations;
  readonly observations: Observations;
  readonly queues: CommandQueues;
  readonly presence: Presence;
  /** Devices behind LwM2M gateways. */
  readonly children: GatewayChildren;
  /** For commands of this process. */
  readonly admission: CommandAdmission;
  readonly store: CommandStore;
  readonly events: ServerEvents;
  readonly #o: GatewayServerOptions;
  readonly #registration: RegistrationInterface;
  readonly #notifications: Notifications;
  readonly #send: SendInterface;
  readonly #files: FileInterface | undefined;
  readonly #desired: DesiredObservations;
  readonly #wishes: Wishes;
  /** Entries of the state topic that belong to nothing. */
  readonly #lost: { endpointName: string; path: string }[] = [];
  readonly #turns = new PeerTurns(async (...asked) => await this.#o.endpoint.request(...asked));
  #ticks = 0;

  constructor(options: GatewayServerOptions) {
    this.#o = options;
    const { models, outbox, server } = options;
    const endpoint = { request: this.#request };
    const events = new ServerEvents((error) => options.log.error({ err: error }, 'a fault in a listener'));
    this.events = events;
    this.registrations = new Registrations(options.maxRegistrations, options.elapsed);
    this.observations = new Observations(options.maxRegistrations * OBSERVATIONS_PER_REGISTRATION);
    this.presence = new Presence({
      awakeWindowMs: options.awakeWindowMs ?? AWAKE_WINDOW_MS,
      windowOf: (registration) => options.profiles.awakeWindowMs(registration),
      hostOf: ({ behind }) => this.registrations.byId(behind?.gatewayRegistrationId ?? ''),
      elapsed: options.elapsed,
      onAwake: (registration) => {
        this.queues.wake(registration.endpointName);
        for (const child of this.children.of(registration)) this.queues.wake(child.endpointName);
        if (events.hasListeners) events.emit({ kind: 'awake', registration });
      },
      onSleeping: (registration) => {
        if (events.hasListeners) events.emit({ kind: 'sleeping', registration });
      },
    });
    const shared = {
      ...options,
      endpoint,
      presence: this.presence,
      registrations: this.registrations,
      observations: this.observations,
      serverId: server.serverId,
    };
    const wishes = new Wishes(options.maxRegistrations * OBSERVATIONS_PER_REGISTRATION);
    const refusals = new Refusals();
    this.#wishes = wishes;
    const values = new ValueRecords({ ...shared, events });
    const observe = new ObserveRequests({ ...shared, wishes, endpoint, models, outbox, values });
    const isLooking = (registration: Registration) => this.children.isLooking(registration);
    this.#send = new SendInterface({ ...shared, values, isLooking });
    this.#files = options.firmware && new FileInterface(options.firmware, this.registrations);
    const onGatewayObject = (gateway: Registration) => this.children.look(gateway);
    this.#notifications = new Notifications({ ...shared, wishes, refusals, values, onGatewayObject });
    this.#desired = new DesiredObservations({
      ...shared,
      wishes,
      refusals,
      requests: observe,
      notifications: this.#notifications,
    });
    this.store = new CommandStore({
      ...options,
      onUnkeepable: (command, error) => this.queues.refuse(command, notUnderstood(error)),
    });
    const runner = new CommandRunner({
      ...shared,
      store: this.store,
      requests: new DeviceRequests({ ...shared, values }),
      observe,
      onRan: options.onCommandRan,
    });
    this.queues = new CommandQueues({
      run: (command) => runner.run(command),
      answer: (command, refusal) => runner.answer(command, refusal),
      readiness: (command) => runner.readiness(command),
      onParked: (command) => this.store.keep(command),
      onExpired: () => options.counters.commands_expired++,
      parkedLimit: options.commandQueueLimit ?? COMMAND_QUEUE_LIMIT,
      waitMs: options.commandQueueTtlMs ?? COMMAND_QUEUE_TTL_MS,
      now: options.now,
    });
    this.admission = new CommandAdmission({ ...shared, queues: this.queues, store: this.store });
    const onRegistered = (registration: Registration) => {
      this.#heardOf(registration, 'registered');
      if (events.hasListeners) events.emit({ kind: 'registered', registration });
    };
    const onUpdated = (registration: Registration) => {
      this.#heardOf(registration, 'updated');
      if (events.hasListeners) events.emit({ kind: 'updated', registration });
    };
    const onChildEnded = (registration: Registration, end: RegistrationEnd) => {
      if (events.hasListeners) events.emit({ kind: 'deregistered', registration, end });
    };
    this.children = new GatewayChildren({
      ...{ ...shared, wishes, refusals },
      object: new GatewayObject(shared),
      events: { onRegistered, onUpdated, onEnded: onChildEnded },
    });
    this.#registration = new RegistrationInterface({
      ...shared,
      wishes,
      refusals,
      events: {
        onRegistered: (registration) => {
          onRegistered(registration);
          this.children.look(registration);
        },
        onUpdated: (registration) => {
          onUpdated(registration);
          this.children.carryOver(registration);
          for (const child of this.children.of(registration)) this.#heardOf(child, 'updated');
          this.children.look(registration, true);
        },
        onMoved: (registration, from) => {
          this.children.carryOver(registration);
          this.#forget(from);
        },
        onEnded: (registration, end, successor) => {
          if (successor === undefined) this.presence.forget(registration.endpointName);
          if (successor?.peer.key !== registration.peer.key) this.#forget(registration.peer);
          if (events.hasListeners) events.emit({ kind: 'deregistered', registration, end });
          this.children.endAllOf(registration, end);
        },
      },
    });
  }

  /** Its registration or update is recorded: what waits for it leaves, also where it was not asleep but away, and what is wanted of it. */
  #heardOf(registration: Registration, occasion: 'registered' | 'updated'): void {
    this.presence.heard(registration);
    this.queues.wake(registration.endpointName);
    this.#desired.ensure(registration, occasion);
  }

  onRequest(request: CoapRequest, respond: Respond): void {
    if (this.#o.signal.aborted) respond({ code: '5.03' });
    else if (request.path[0] === REGISTRATION_PATH) this.#registration.handle(request, respond);
    else {
      this.#heardFrom(request.peer);
      if (request.path[0] === SEND_PATH) this.#send.handle(request, respond);
      else if (request.path[0] === FILE_PATH && this.#files !== undefined) this.#files.handle(request, respond);
      else respond({ code: '4.04' });
    }
  }

  /** Every request of ours to a device; what answers, or takes or sends a block, is awake. */
  readonly #request: CoapEndpoint['request'] = async (peer, request, options) => {
    const onProgress: RequestOptions['onProgress'] = (progress) => {
      this.#heardFrom(peer);
      options?.onProgress?.(progress);
    };
    const answer = await this.#turns.request(peer, request, { ...options, onProgress });
    this.#heardFrom(peer);
    return answer;
  };

  #heardFrom(peer: Peer): void {
    for (const registration of this.registrations.byPeer(peer))
      if (registration.queueMode) this.presence.heard(registration);
  }

  onNotification(notification: CoapNotification): void {
    if (this.#o.signal.aborted) notification.ignore();
    else this.#notifications.receive(notification);
  }

  /** What this gateway wants observed of a device, and how far it got. */
  desiredOf(endpointName: string): DesiredObservation[] {
    return this.#desired.desiredOf(endpointName);
  }

  /** Nobody is there any more. Other devices may use the same socket: their exchanges go on. */
  #forget(peer: Peer): void {
    if (this.registrations.byPeer(peer).length > 0) return;
    this.#turns.forget(peer);
    this.#o.endpoint.forget(peer);
  }

  /** Where the later blocks of a notification are fetched (RFC 7959 §3.4). */
  pathOfNotification(peer: Peer, token: Buffer): ObservedRequest | undefined {
    const observation = this.observations.byToken(token);
    const registration = observation === undefined ? undefined : this.registrations.byId(observation.registrationId);
    if (observation === undefined || registration?.peer.key !== peer.key) return undefined;
    return observedRequest(registration, observation);
  }

  /** Once a second. */
  tick(): void {
    try {
      this.#registration.tick();
      this.#send.tick();
      this.children.tick();
      this.presence.tick();
      if (++this.#ticks % PROFILES_EVERY_TICKS === 0 && this.#o.profiles.reload()) this.#desired.ensureAll();
    } catch (error) {
      this.#o.log.error({ err: error }, 'a fault while looking at lifetimes');
    }
  }

  /** Takes up what a former run left: devices go on without registering anew. Call before the socket opens. */
  restore(state: RestoredState): void {
    for (const registration of state.registrations) {
      const fullMs = fullLifeMs(registration);
      const leftMs = registration.lastUpdateAtMs + fullMs - this.#o.now();
      this.registrations.add(registration, Math.min(fullMs, Math.max(leftMs, RESTORED_GRACE_MS)));
      if (registration.behind === undefined)
        this.presence.heardBefore(registration, this.#o.now() - registration.lastUpdateAtMs);
    }
    // Where a gateway is, so are its children, whatever was recorded of them last.
    for (const registration of state.registrations)
      if (registration.behind === undefined) this.children.carryOver(registration);
    for (const entry of state.observations) this.#restoreObservation(entry);
  }

  /** Of a registration that ended, what a command started waits for the next one; the rest is no more. */
  #restoreObservation(observation: Observation): void {
    const { endpointName, registrationId, path, ticket } = observation;
    if (this.registrations.byId(registrationId) !== undefined) this.#setRestored(observation);
    else if (ticket !== NO_TICKET) this.#wishes.add(endpointName, observation);
    else this.#lost.push({ endpointName, path });
  }

  /** A limit may have been lowered since: that must not keep the server from starting. */
  #setRestored(observation: Observation): void {
    try {
      this.observations.set(observation);
    } catch (error) {
      const { endpointName, path } = observation;
      this.#lost.push({ endpointName, path });
      this.#o.log.warn({ endpoint: endpointName, path, reason: messageOf(error) }, 'an observation is given up');
    }
  }

  /** Goes on with commands that have no reply yet and with observations that are missing. Call once the socket is open. */
  resume(state: RestoredState): void {
    const { answered, outbox } = this.#o;
    for (const command of state.commands) {
      if (answered.has(command.identity)) outbox.append(commandTombstone(outbox, command.request));
      else if (command.request.payload.kind === 'cancel') this.admission.admit(command);
      else this.queues.push(command);
    }
    for (const lost of this.#lost.splice(0)) outbox.append(observationTombstone(outbox, lost));
    this.children.restored();
    this.#desired.ensureAll();
  }
}
