import { lookup } from 'node:dns/promises';
import { isIP, isIPv6 } from 'node:net';
import { messageOf, PlatformError } from '../../common/errors.ts';
import type { Log } from '../../common/log.ts';
import {
  CoapEndpoint,
  type CoapLimits,
  type CoapRequest,
  type Respond,
  type ResponseToSend,
} from '../coap/endpoint.ts';
import { type Peer, udpPeer } from '../coap/transport.ts';
import type { ObjectModels } from '../model/object-models.ts';
import { type Lwm2mPath, pathOfSegments } from '../path.ts';
import { AttributeStore } from './attribute-store.ts';
import { type Clock, systemClock } from './clock.ts';
import { registrationLinks } from './discover.ts';
import type { NotificationRules } from './notification-rules.ts';
import { type DeviceObject, type ObjectTree, objectTree } from './object-tree.ts';
import { Observations } from './observations.ts';
import { Operations } from './operations.ts';
import { readNode } from './readings.ts';
import { errorResponse, refusal, responseCodeOf } from './refusal.ts';
import { DEFAULT_TIMING, Registration, type RegistrationState, type RegistrationTiming } from './registration.ts';
import { MAX_LIFETIME_SECONDS, type ServerAccount, serverObject } from './server-object.ts';

export interface Lwm2mDeviceOptions {
  readonly endpointName: string;
  readonly server: { readonly host: string; readonly port: number };
  /** All but object 1 (LwM2M Server), which the device adds. */
  readonly objects: Iterable<DeviceObject>;
  /** The types of what a server writes. */
  readonly models: ObjectModels;
  /** Default 300. */
  readonly lifetimeSeconds?: number;
  /** What it announces; default 1.0. */
  readonly version?: '1.0' | '1.1';
  /** Default: loopback for a server on loopback, else all addresses of the server's family. */
  readonly localAddress?: string;
  readonly localPort?: number;
  /** Confirmable notifications; default true. */
  readonly confirmable?: boolean;
  /** Observations kept at a time; default 256. At it an Observe is answered like a Read. */
  readonly maxObservations?: number;
  readonly timing?: Partial<RegistrationTiming>;
  readonly coapLimits?: Partial<CoapLimits>;
  readonly log?: Log;
  readonly clock?: Clock;
  /** From 0 up to 1. */
  readonly random?: () => number;
}

const DEFAULT_LIFETIME_SECONDS = 300;
const DEFAULT_MAX_OBSERVATIONS = 256;
const ENDPOINT_NAME_BYTES = 128;

/** One LwM2M device with one server: it registers, serves its objects and notifies, and goes on doing so while the server comes and goes. */
export class Lwm2mDevice {
  readonly endpointName: string;
  readonly #options: Lwm2mDeviceOptions;
  readonly #tree: ObjectTree;
  readonly #attributes = new AttributeStore();
  readonly #account: ServerAccount;
  readonly #operations: Operations;
  readonly #observations: Observations;
  readonly #registration: Registration;
  #endpoint!: CoapEndpoint; // set by start(), the only way to a device

  private constructor(options: Lwm2mDeviceOptions) {
    this.#options = options;
    this.endpointName = options.endpointName;
    const lifetimeSeconds = options.lifetimeSeconds ?? DEFAULT_LIFETIME_SECONDS;
    this.#account = { lifetimeSeconds, defaultPmin: undefined, defaultPmax: undefined };
    this.#tree = objectTree([this.#serverObject(), ...options.objects]);
    this.#operations = this.#createOperations();
    this.#observations = this.#createObservations();
    this.#registration = this.#createRegistration();
  }

  /**
   * Opens the socket and begins to register; does not wait for the server.
   * Rejects CONFIG_INVALID for an endpoint name or lifetime out of range, TRANSPORT_BIND.
   */
  static async start(options: Lwm2mDeviceOptions): Promise<Lwm2mDevice> {
    assertOptions(options);
    const device = new Lwm2mDevice(options);
    device.#endpoint = await CoapEndpoint.open({
      address: options.localAddress ?? localAddressFor(options.server.host),
      port: options.localPort,
      limits: options.coapLimits,
      log: options.log,
      onRequest: (request, respond) => void device.#serve(request, respond),
      onNotification: (notification) => notification.reject(), // it observes nobody
    });
    device.#registration.start();
    return device;
  }

  get state(): RegistrationState {
    return this.#registration.state;
  }

  get localPort(): number {
    return this.#endpoint.localPort;
  }

  get observations(): number {
    return this.#observations.size;
  }

  get notificationsSent(): number {
    return this.#observations.sent;
  }

  get coapCounters(): CoapEndpoint['counters'] {
    return this.#endpoint.counters;
  }

  /** A value at or below this path changed: its observers are notified as their attributes allow. Cheap without observers. */
  changed(path: Lwm2mPath): void {
    this.#observations.changed(path);
  }

  /** Objects or instances came or went: the server is told by an Update. */
  objectsChanged(): void {
    this.#registration.update('links');
  }

  /** Deregisters (best effort, within 2 s) and closes the socket. */
  async stop(): Promise<void> {
    this.#observations.stop();
    const server = this.#registration.server;
    if (server !== undefined) this.#endpoint.forget(server); // frees the way for the deregistration
    await this.#registration.stop();
    await this.#endpoint.close();
  }

  #serverObject(): DeviceObject {
    return serverObject(this.#account, {
      onLifetime: () => this.#registration.update('now'),
      onUpdateTrigger: () => this.#registration.update('now'),
      onDefaults: () => this.#observations.replan(),
    });
  }

  #createOperations(): Operations {
    return new Operations({
      tree: this.#tree,
      models: this.#options.models,
      attributes: this.#attributes,
      onWritten: (path) => this.changed(path),
      onAttributes: () => this.#observations.replan(),
      onInstances: (removed) => this.#onInstances(removed),
    });
  }

  #createObservations(): Observations {
    const { clock = systemClock, log, maxObservations = DEFAULT_MAX_OBSERVATIONS, confirmable = true } = this.#options;
    return new Observations({
      clock,
      log,
      maxObservations,
      confirmable,
      readNode: (path) => readNode(this.#tree, path),
      rulesOf: (path) => this.#rulesOf(path),
      notify: (peer, notification) => this.#endpoint.notify(peer, notification),
      onDoubt: () => this.#registration.doubt(),
    });
  }

  #createRegistration(): Registration {
    const { clock = systemClock, random = Math.random, timing, log, endpointName, version = '1.0' } = this.#options;
    return new Registration({
      clock,
      random,
      timing: { ...DEFAULT_TIMING, ...timing },
      log: log?.child({ endpointName }),
      endpointName,
      version,
      lifetimeSeconds: () => this.#account.lifetimeSeconds,
      links: () => registrationLinks(this.#tree),
      resolveServer: () => this.#resolveServer(),
      request: (peer, request, options) => this.#endpoint.request(peer, request, options),
      onStartOver: (peer) => this.#startOver(peer),
      onRegistered: () => this.#options.log?.debug({ endpointName }, 'registered'),
      onSignOfLife: () => this.#observations.onSignOfLife(),
    });
  }

  /** With a new registration the server observes anew; a notification of an old one would be in its way. */
  #startOver(peer: Peer): void {
    this.#observations.clear();
    this.#endpoint.forget(peer);
  }

  #onInstances(removed: Lwm2mPath | undefined): void {
    if (removed !== undefined) {
      this.#attributes.forget(removed);
      this.#observations.removeBelow(removed);
      this.changed({ objectId: removed.objectId! });
    }
    this.objectsChanged();
  }

  #rulesOf(path: Lwm2mPath): NotificationRules {
    const { defaultPmin, defaultPmax } = this.#account;
    const defaults: NotificationRules = {
      ...(defaultPmin !== undefined && { pmin: defaultPmin }),
      ...(defaultPmax !== undefined && { pmax: defaultPmax }),
    };
    return { ...defaults, ...this.#attributes.effective(path) };
  }

  async #resolveServer(): Promise<Peer> {
    const { host, port } = this.#options.server;
    if (isIP(host) !== 0) return udpPeer(host, port);
    const family = isIPv6(this.#endpoint.localAddress) ? 6 : 4;
    const { address } = await lookup(host, { family });
    return udpPeer(address, port);
  }

  /** Never rejects. */
  async #serve(request: CoapRequest, respond: Respond): Promise<void> {
    try {
      if (request.peer.key !== this.#registration.server?.key) throw refusal('4.01', 'not the server of this device');
      respond(await this.#answer(request));
    } catch (error) {
      if (responseCodeOf(error) === undefined) {
        const { endpointName } = this;
        this.#options.log?.warn({ endpointName, path: request.path, reason: messageOf(error) }, 'a request failed');
      }
      respond(errorResponse(error));
    }
  }

  async #answer(request: CoapRequest): Promise<ResponseToSend> {
    if (request.method !== 'GET' || request.observe === undefined) return await this.#operations.run(request);
    if (request.observe === 1) {
      this.#observations.remove(request.peer, request.token);
      return await this.#operations.run(request);
    }
    const path = pathOfSegments(request.path);
    const changesBefore = this.#observations.changes;
    const { node, contentFormat, ...response } = await this.#operations.read(request, path);
    const { peer, token } = request;
    const observe = this.#observations.add({ peer, token, path, contentFormat, node, changesBefore });
    return { ...response, contentFormat, ...(observe !== undefined && { observe }) };
  }
}

function assertOptions({ endpointName, lifetimeSeconds }: Lwm2mDeviceOptions): void {
  const bytes = Buffer.byteLength(endpointName);
  if (bytes === 0 || bytes > ENDPOINT_NAME_BYTES) {
    throw new PlatformError('CONFIG_INVALID', `an endpoint name has 1 to ${ENDPOINT_NAME_BYTES} bytes`);
  }
  const isLifetime = (seconds: number): boolean =>
    Number.isInteger(seconds) && seconds >= 1 && seconds <= MAX_LIFETIME_SECONDS;
  if (lifetimeSeconds !== undefined && !isLifetime(lifetimeSeconds)) {
    throw new PlatformError('CONFIG_INVALID', `a lifetime has 1 to ${MAX_LIFETIME_SECONDS} seconds`);
  }
}

function localAddressFor(host: string): string {
  if (isIPv6(host)) return host === '::1' ? '::1' : '::';
  return host === 'localhost' || host.startsWith('127.') ? '127.0.0.1' : '0.0.0.0';
}
