import { pino } from 'pino';
import type { OnCommitted, OutgoingRecord } from '../../common/kafka/committing-producer.ts';
import { CoapEndpoint } from '../../lwm2m/coap/endpoint.ts';
import { type Peer, type TransportOpener, udpPeer } from '../../lwm2m/coap/transport.ts';
import { coreObjectModels } from '../../lwm2m/model/core-objects.ts';
import { AnsweredCommands } from '../../lwm2m-server/bridge/answered-commands.ts';
import { Outbox } from '../../lwm2m-server/bridge/outbox.ts';
import { newServerCounters, type ServerCounters } from '../../lwm2m-server/counters.ts';
import { GatewayServer } from '../../lwm2m-server/gateway-server.ts';
import { RecordedNotifications } from '../../lwm2m-server/observation/recorded-notifications.ts';
import { Profiles } from '../../lwm2m-server/registration/profiles.ts';
import { TOPICS } from '../../schemas/topics.ts';

const GATEWAY = 'fuzz';
const MOST_REGISTRATIONS = 2_000;
const START_MS = 1_700_000_000_000;

const rows = Object.values(TOPICS);
const subjects = Object.fromEntries(
  rows.flatMap((row, index) => [
    [`${row.nameFor(GATEWAY)}-key`, 100 + index],
    [`${row.nameFor(GATEWAY)}-value`, index],
  ]),
);

/** The server with all of its handlers, between a network and a Kafka that are functions: everything in it is what runs in the field. */
export class FuzzedServer {
  readonly endpoint: CoapEndpoint;
  readonly server: GatewayServer;
  readonly counters: ServerCounters;
  /** What was logged as an error: a fault of ours that was caught. */
  readonly errors: string[];
  #deliver: (datagram: Buffer, peer: Peer) => void = () => undefined;
  readonly #clock: { nowMs: number };

  private constructor(
    parts: Pick<FuzzedServer, 'endpoint' | 'server' | 'counters' | 'errors'> & { clock: { nowMs: number } },
  ) {
    this.endpoint = parts.endpoint;
    this.server = parts.server;
    this.counters = parts.counters;
    this.errors = parts.errors;
    this.#clock = parts.clock;
  }

  static async open(onSent: (datagram: Uint8Array, peer: Peer) => void): Promise<FuzzedServer> {
    const errors: string[] = [];
    const log = pino({ level: 'error' }, { write: (line: string) => void errors.push(line.trim()) });
    const clock = { nowMs: 0 };
    const counters = newServerCounters();
    let deliver: FuzzedServer['receive'] = () => undefined;
    const transport: TransportOpener = async ({ onDatagram }) => {
      deliver = onDatagram;
      return { send: onSent, close: async () => undefined, localAddress: '127.0.0.1', localPort: 5683 };
    };
    let endpoint: CoapEndpoint | undefined;
    const server = new GatewayServer({
      server: { serverId: GATEWAY, address: '127.0.0.1', port: 5683 },
      endpoint: {
        request: async (peer, request, options) => await endpoint!.request(peer, request, options),
        forget: (peer) => endpoint!.forget(peer),
      },
      models: coreObjectModels(),
      outbox: new Outbox(GATEWAY, { gatewayId: GATEWAY, subjects, schemas: {} }, committingAtOnce()),
      answered: new AnsweredCommands(),
      recorded: new RecordedNotifications(0),
      counters,
      observe: ['/3303/*/5700', '/3303/0'],
      profiles: new Profiles(undefined, log),
      maxRegistrations: MOST_REGISTRATIONS,
      requestTimeoutMs: 10_000,
      signal: new AbortController().signal,
      log,
      now: () => START_MS + clock.nowMs,
      elapsed: () => clock.nowMs,
    });
    endpoint = await CoapEndpoint.open({
      transport,
      now: () => clock.nowMs,
      onRequest: (request, respond) => server.onRequest(request, respond),
      onNotification: (notification) => server.onNotification(notification),
      pathOfNotification: (peer, token) => server.pathOfNotification(peer, token),
      log,
    });
    const fuzzed = new FuzzedServer({ endpoint, server, counters, errors, clock });
    fuzzed.#deliver = deliver;
    return fuzzed;
  }

  /** Into the receive path, as the socket would. */
  receive(datagram: Buffer, peer: Peer): void {
    this.#deliver(datagram, peer);
  }

  /** The clock of everything but the interval that asks it. */
  advance(byMs: number): void {
    this.#clock.nowMs += byMs;
    this.server.tick();
  }

  async close(): Promise<void> {
    await this.endpoint.close();
  }
}

export function peerNumber(number: number): Peer {
  return udpPeer(`10.${number >> 16}.${(number >> 8) & 0xff}.${number & 0xff}`, 5683);
}

/** Kafka, which has every record a moment later. */
function committingAtOnce() {
  const take = (_records: readonly OutgoingRecord[], onCommitted?: OnCommitted): void => {
    if (onCommitted !== undefined) queueMicrotask(() => onCommitted());
  };
  return {
    append: (record: OutgoingRecord, onCommitted?: OnCommitted) => take([record], onCommitted),
    appendAll: take,
    commit: async () => undefined,
    failingForMs: () => 0,
    backlog: 0,
  };
}
