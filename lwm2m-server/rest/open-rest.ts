import { randomBytes } from 'node:crypto';
import type { Registry } from 'prom-client';
import { Access } from '../../common/http/access.ts';
import { HttpPort } from '../../common/http/http-port.ts';
import type { Log } from '../../common/log.ts';
import type { SchemaSnapshot } from '../../common/schema-registry.ts';
import { exposeCounters, exposeGauge } from '../counters.ts';
import type { GatewayServer } from '../gateway-server.ts';
import type { ModelStore } from '../models/model-store.ts';
import { CoapTraces, type Watch } from '../trace/coap-traces.ts';
import type { RestContext } from './context.ts';
import { EventStreams } from './events/event-streams.ts';
import type { DeviceState } from './legacy/registration-json.ts';
import { problemAnswer } from './problem.ts';
import { QueuedOperations } from './queued-operations.ts';

export interface RestSettings {
  readonly rest: boolean;
  readonly restAddress: string;
  readonly restPort: number;
  readonly restTokenFile: string | undefined;
}

export interface RestParts {
  readonly gatewayId: string;
  readonly server: GatewayServer;
  readonly endpoint: { watch: Watch | undefined };
  readonly modelStore: ModelStore;
  readonly snapshot: SchemaSnapshot;
  readonly metrics: Registry;
  readonly log: Log;
  readonly now: () => number;
  /** Milliseconds of a clock that never steps. */
  readonly elapsed: () => number;
}

export interface Rest {
  readonly port: number;
  close(): Promise<void>;
}

const METRICS = {
  requestsRefused: 'REST requests without a valid token or from a foreign page',
  streamsCut: 'event streams cut because their client took nothing',
  eventsMissed: 'events left out of streams that were too slow',
} as const;

/** Who may use it; to be asked for before anything else starts. Undefined when REST is switched off. Errors: CONFIG_INVALID. */
export function restAccess({ rest, restAddress, restTokenFile }: RestSettings): Access | undefined {
  return rest ? new Access({ address: restAddress, tokenFile: restTokenFile }) : undefined;
}

/** Opens the REST interface; undefined when it is switched off. Errors: TRANSPORT_BIND. */
export async function openRest(
  settings: RestSettings,
  access: Access | undefined,
  parts: RestParts,
): Promise<Rest | undefined> {
  if (access === undefined) return undefined;
  const { server, modelStore, log, gatewayId, snapshot, now, elapsed } = parts;
  const { registrations, observations, events } = server;
  const state = deviceState(parts);
  const traces = new CoapTraces({ endpoint: parts.endpoint, registrations, events, now });
  const streams = new EventStreams({ events, traces, state, run: randomBytes(6).toString('hex'), elapsed });
  const { admission, queues } = server;
  const operations = new QueuedOperations({ gatewayId, admission, queues, registrations, state });
  const context: RestContext = {
    ...{ gatewayId, registrations, observations, events, traces, streams, operations, state, snapshot, log, now },
    modelStore,
    models: modelStore.models,
    desiredOf: (endpointName) => server.desiredOf(endpointName),
    needsToken: settings.restTokenFile !== undefined,
  };
  const port = await HttpPort.open({
    address: settings.restAddress,
    port: settings.restPort,
    access,
    answerTo: problemAnswer,
    load: async () => await (await import('./fastify-app.ts')).openApp(context),
    log,
  });
  expose(parts.metrics, port, streams);
  return {
    port: port.port,
    close: async () => {
      streams.close();
      await port.close();
    },
  };
}

function expose(metrics: Registry, port: HttpPort, streams: EventStreams): void {
  const counters = {
    get requestsRefused() {
      return port.refused;
    },
    get streamsCut() {
      return streams.cut;
    },
    get eventsMissed() {
      return streams.missed;
    },
  };
  exposeCounters(metrics, 'rest', METRICS, counters);
  exposeGauge(metrics, 'rest_streams', 'event streams open now', () => streams.size);
}

function deviceState({ server: { presence }, now, elapsed }: RestParts): DeviceState {
  return {
    sleeping: (registration) => (registration.queueMode ? !presence.isAwake(registration) : undefined),
    awakeUntilMs: (registration) => {
      const untilMs = registration.queueMode ? presence.awakeUntilMs(registration) : undefined;
      return untilMs === undefined ? undefined : now() + untilMs - elapsed();
    },
    // Datagrams without DTLS are all that this server takes yet.
    secure: () => false,
  };
}
