import { pino } from 'pino';
import { PlatformError } from '../../../common/errors.ts';
import type { OnCommitted, OutgoingRecord } from '../../../common/kafka/committing-producer.ts';
import type {
  CoapNotification,
  CoapResponse,
  OutgoingRequest,
  RequestOptions,
  ResponseToSend,
} from '../../../lwm2m/coap/endpoint.ts';
import { type Peer, udpPeer } from '../../../lwm2m/coap/transport.ts';
import { coreObjectModels } from '../../../lwm2m/model/core-objects.ts';
import { AnsweredCommands } from '../../../lwm2m-server/bridge/answered-commands.ts';
import { Outbox } from '../../../lwm2m-server/bridge/outbox.ts';
import { StateEntries } from '../../../lwm2m-server/bridge/restore.ts';
import { WaitingCommand } from '../../../lwm2m-server/bridge/waiting-command.ts';
import { newServerCounters } from '../../../lwm2m-server/counters.ts';
import { GatewayServer } from '../../../lwm2m-server/gateway-server.ts';
import { RecordedNotifications } from '../../../lwm2m-server/observation/recorded-notifications.ts';
import { Profiles } from '../../../lwm2m-server/registration/profiles.ts';
import { avroType } from '../../../schemas/avro-types.ts';
import type {
  AvroRegistrationResponse,
  AvroRequestKind,
  AvroResponse,
  AvroResponseObserve,
  ServerState,
} from '../../../schemas/generated/records.ts';
import { TOPICS } from '../../../schemas/topics.ts';

const GATEWAY = 'gw1';
const FRAME_BYTES = 5;
const rows = Object.values(TOPICS);
const subjects = Object.fromEntries(
  rows.flatMap((row, index) => [
    [`${row.nameFor(GATEWAY)}-key`, 100 + index],
    [`${row.nameFor(GATEWAY)}-value`, index],
  ]),
);

export type Asked = Pick<OutgoingRequest, 'method' | 'path' | 'observe' | 'token' | 'query' | 'accept'> & {
  readonly peer: Peer;
  readonly onProgress: RequestOptions['onProgress'];
};

type NotificationOutcome = 'acknowledged' | 'rejected' | 'ignored';

export interface MemoryGatewayOptions {
  readonly observe?: readonly string[];
  readonly profilesFile?: string;
  readonly maxRegistrations?: number;
  readonly commandQueueLimit?: number;
  readonly nowMs?: number;
}

/** The server between a socket and a Kafka that are not there: tests play device, broker and clock. */
export class MemoryGateway {
  readonly server: GatewayServer;
  readonly outbox: Outbox;
  readonly answered = new AnsweredCommands();
  readonly counters = newServerCounters();
  readonly asked: Asked[] = [];
  readonly forgotten: string[] = [];
  /** Everything committed, oldest first. */
  readonly committed: OutgoingRecord[] = [];
  /** What a device answers; by default it takes up every observation. */
  answer: (asked: Asked) => Partial<CoapResponse> | Promise<Partial<CoapResponse>> = () => ({
    code: '2.05',
    observe: 1,
  });
  nowMs: number;
  elapsedMs = 0;
  backlog = 0;
  /** As when the backlog is full: nothing can be appended. */
  refuses = false;
  failingForMs = 0;
  #waiting: (() => void)[] | undefined;
  readonly #stopping = new AbortController();

  constructor(options: MemoryGatewayOptions = {}) {
    this.nowMs = options.nowMs ?? 1_700_000_000_000;
    const log = pino({ level: 'silent' });
    const producer = {
      append: (record: OutgoingRecord, onCommitted?: OnCommitted) => this.#take([record], onCommitted),
      appendAll: (records: readonly OutgoingRecord[], onCommitted?: OnCommitted) => this.#take(records, onCommitted),
      commit: async (...records: readonly OutgoingRecord[]) =>
        await new Promise<void>((resolve) => this.#take(records, () => resolve())),
      failingForMs: () => this.failingForMs,
      backlog: 0,
    };
    Object.defineProperty(producer, 'backlog', { get: () => this.backlog });
    this.outbox = new Outbox(GATEWAY, { gatewayId: GATEWAY, subjects, schemas: {} }, producer);
    this.server = new GatewayServer({
      server: { serverId: GATEWAY, address: '127.0.0.1', port: 5683 },
      endpoint: {
        request: async (peer, request, options) => await this.#ask(peer, request, options),
        forget: (peer) => void this.forgotten.push(peer.key),
      },
      models: coreObjectModels(),
      outbox: this.outbox,
      answered: this.answered,
      recorded: new RecordedNotifications(0),
      counters: this.counters,
      observe: options.observe ?? [],
      profiles: new Profiles(options.profilesFile, log),
      maxRegistrations: options.maxRegistrations ?? 100,
      requestTimeoutMs: 1_000,
      commandQueueLimit: options.commandQueueLimit ?? 100,
      signal: this.#stopping.signal,
      log,
      now: () => this.nowMs,
      elapsed: () => this.elapsedMs,
    });
  }

  stop(): void {
    this.#stopping.abort();
  }

  #take(records: readonly OutgoingRecord[], onCommitted?: OnCommitted): void {
    if (this.refuses) throw new PlatformError('KAFKA_BACKLOG_FULL', 'no room');
    const commit = () => {
      this.committed.push(...records);
      onCommitted?.();
    };
    if (this.#waiting === undefined) queueMicrotask(commit);
    else this.#waiting.push(commit);
  }

  /** From now on Kafka commits nothing, until `release`. */
  hold(): void {
    this.#waiting = [];
  }

  release(): void {
    const waiting = this.#waiting ?? [];
    this.#waiting = undefined;
    for (const commit of waiting) commit();
  }

  async #ask(peer: Peer, request: OutgoingRequest, options?: RequestOptions): Promise<CoapResponse> {
    const asked = { ...request, peer, onProgress: options?.onProgress };
    this.asked.push(asked);
    const { code = '2.05', observe, payload = Buffer.from('1'), contentFormat = 0 } = await this.answer(asked);
    if (code === 'timeout') throw new PlatformError('COAP_TIMEOUT', 'no answer');
    return {
      code,
      observe,
      payload: Buffer.from(payload),
      contentFormat,
      locationPath: [],
      token: Buffer.from(request.token ?? []),
      peer,
    };
  }

  /** A request of a device; resolves with the answer. */
  async request(
    method: string,
    path: readonly string[],
    more: {
      readonly query?: readonly string[];
      readonly body?: string;
      readonly peer?: Peer;
      readonly contentFormat?: number;
    } = {},
  ): Promise<ResponseToSend> {
    const { query = [], body = '', peer = udpPeer('127.0.0.1', 5000), contentFormat } = more;
    const rest = {
      token: Buffer.from('a1'),
      payload: Buffer.from(body),
      confirmable: true,
      messageId: 1,
      contentFormat,
    };
    return await new Promise((resolve) => this.server.onRequest({ method, path, query, peer, ...rest }, resolve));
  }

  /** Registers and returns the Location's last segment, once what the server does thereafter is done. */
  async register(ep: string, body = '</3303/0>', peer?: Peer, query: readonly string[] = []): Promise<string> {
    const more = peer === undefined ? {} : { peer };
    const answer = await this.request('POST', ['rd'], { query: [`ep=${ep}`, ...query], body, ...more });
    if (answer.code !== '2.01') throw new Error(`registering answered ${answer.code}`);
    await settled();
    return answer.locationPath![1]!;
  }

  /** Runs a command to its reply. */
  async command(kind: AvroRequestKind, ep: string, ticket: string, path: string): Promise<void> {
    const payload = { kind, path, contentFormat: 'TEXT_CODE', body: null } as const;
    const request = { serverId: GATEWAY, ep, ticket, payload };
    this.server.admission.admit(new WaitingCommand({ request, receivedAtMs: this.nowMs, bytes: 0 }));
    await settled();
  }

  /** What came of a notification. */
  notify(token: Buffer, more: Partial<CoapNotification> = {}): NotificationOutcome | undefined {
    let outcome: NotificationOutcome | undefined;
    const settle = (as: NotificationOutcome) => () => {
      outcome = as;
    };
    this.server.onNotification({
      peer: udpPeer('127.0.0.1', 5000),
      token,
      code: '2.05',
      messageId: 1,
      observe: 2,
      confirmable: true,
      contentFormat: 0,
      payload: Buffer.from('2'),
      acknowledge: settle('acknowledged'),
      reject: settle('rejected'),
      ignore: settle('ignored'),
      ...more,
    });
    return outcome;
  }

  #decoded<T>(row: (typeof rows)[number]): T[] {
    const topic = row.nameFor(GATEWAY);
    const of = this.committed.filter((record) => record.topic === topic && record.value !== null);
    return of.map(({ value }) => avroType(row.value).fromBuffer(value!.subarray(FRAME_BYTES)) as T);
  }

  get registrationRecords(): AvroRegistrationResponse[] {
    return this.#decoded(TOPICS.registrations);
  }

  get replies(): AvroResponse[] {
    return this.#decoded(TOPICS.replies);
  }

  get observationRecords(): AvroResponseObserve[] {
    return this.#decoded(TOPICS.observations);
  }

  /** The state topic as a compaction would leave it. */
  get state(): Map<string, ServerState> {
    const topic = TOPICS.state.nameFor(GATEWAY);
    const entries = new Map<string, ServerState>();
    for (const { topic: of, key, value } of this.committed) {
      if (of !== topic) continue;
      entries.delete(String(key));
      if (value !== null)
        entries.set(String(key), avroType(TOPICS.state.value).fromBuffer(value.subarray(FRAME_BYTES)) as ServerState);
    }
    return entries;
  }

  /** Starts as the server does that finds what this one left. */
  static after(killed: MemoryGateway, options: MemoryGatewayOptions = {}): MemoryGateway {
    killed.stop();
    const gateway = new MemoryGateway(options);
    const entries = new StateEntries();
    for (const [key, state] of killed.state) entries.set(key, state, 0);
    gateway.committed.push(...killed.committed);
    const restored = entries.all();
    gateway.server.restore(restored);
    gateway.server.resume(restored);
    return gateway;
  }
}

/** Lets everything run that waits for nothing outside. */
export async function settled(): Promise<void> {
  for (let round = 0; round < 10; round++) await new Promise((resolve) => setImmediate(resolve));
}
