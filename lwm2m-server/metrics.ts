import { Counter, Gauge, type Registry } from 'prom-client';
import { COAP_COUNTERS } from '../lwm2m/coap/counters.ts';
import type { CoapEndpoint } from '../lwm2m/coap/endpoint.ts';
import { DECODE_FORMATS, exposeCounters, exposeGauge, SERVER_COUNTERS, type ServerCounters } from './counters.ts';
import type { GatewayServer } from './gateway-server.ts';
import type { Latencies } from './latencies.ts';

const TYPES = ['CON', 'NON', 'ACK', 'RST'] as const;

/** Codes shown by name, RFC 7252 §12.1, RFC 7959 §2.9, and those of PATCH and FETCH; any other is `other`, so that no sender can make labels. */
const CODES: Readonly<Record<number, string>> = {
  0: 'EMPTY',
  1: 'GET',
  2: 'POST',
  3: 'PUT',
  4: 'DELETE',
  5: 'FETCH',
  6: 'PATCH',
  7: 'iPATCH',
  ...Object.fromEntries(
    ['2.01', '2.02', '2.03', '2.04', '2.05', '2.31']
      .concat(['4.00', '4.01', '4.02', '4.03', '4.04', '4.05', '4.06', '4.08', '4.09', '4.12', '4.13', '4.15'])
      .concat(['5.00', '5.01', '5.02', '5.03', '5.04', '5.05'])
      .map((code) => [Number(code[0]) * 32 + Number(code.slice(2)), code]),
  ),
};
const CODE_VALUES = 256;

export interface MeteredParts {
  readonly server: GatewayServer;
  readonly endpoint: CoapEndpoint;
  readonly counters: ServerCounters;
  readonly commitLatency: Latencies;
  readonly commandLatency: Latencies;
  readonly backlog: () => number;
}

/** Everything that /metrics shows of this server; read when it is asked for. Every label has a fixed set of values. */
export function exposeMetrics(registry: Registry, parts: MeteredParts): void {
  const { server, endpoint, counters } = parts;
  exposeCounters(registry, 'lwm2m', SERVER_COUNTERS, counters);
  const about = Object.fromEntries(COAP_COUNTERS.map((name) => [name, `CoAP endpoint: ${name}`]));
  exposeCounters(registry, 'coap', about, endpoint.counters);
  exposeMessages(registry, endpoint);
  exposeDecodeErrors(registry, counters);
  exposeHeld(registry, endpoint);
  exposeRegistrations(registry, server);
  exposeGauge(registry, 'lwm2m_observations', 'observations now', () => server.observations.size);
  exposeQueues(registry, server);
  exposeGauge(registry, 'kafka_backlog_records', 'records that wait for Kafka', parts.backlog);
  const commit = 'from a record handed to Kafka to its commit, one in flight at a time measured';
  parts.commitLatency.expose(registry, 'kafka_commit_seconds', commit);
  const command = 'from a command taken to its reply committed; commands that waited for a device that slept included';
  parts.commandLatency.expose(registry, 'lwm2m_command_seconds', command);
}

function exposeMessages(registry: Registry, { messages }: CoapEndpoint): void {
  new Counter({
    name: 'coap_messages_total',
    help: 'CoAP messages by direction, type and code',
    labelNames: ['direction', 'type', 'code'],
    registers: [registry],
    collect() {
      this.reset();
      for (const direction of ['in', 'out'] as const) {
        messages[direction].forEach((count, index) => {
          if (count === 0) return;
          const type = TYPES[Math.trunc(index / CODE_VALUES)]!;
          this.inc({ direction, type, code: CODES[index % CODE_VALUES] ?? 'other' }, count);
        });
      }
    },
  });
}

function exposeDecodeErrors(registry: Registry, counters: ServerCounters): void {
  new Counter({
    name: 'lwm2m_decode_errors_total',
    help: 'payloads, or records within one, that could not be read, by content format',
    labelNames: ['format'],
    registers: [registry],
    collect() {
      this.reset();
      for (const format of DECODE_FORMATS) this.inc({ format }, counters[`decode_errors_${format}`]);
    },
  });
}

function exposeHeld(registry: Registry, endpoint: CoapEndpoint): void {
  new Gauge({
    name: 'coap_held',
    help: 'what the CoAP endpoint holds now: peers, transmissions, requests, notifications, block-wise transfers',
    labelNames: ['what'],
    registers: [registry],
    collect() {
      for (const [what, count] of Object.entries(endpoint.held)) this.set({ what }, count);
    },
  });
}

function exposeRegistrations(registry: Registry, { registrations, presence }: GatewayServer): void {
  exposeGauge(registry, 'lwm2m_registrations', 'devices registered now', () => registrations.size);
  new Gauge({
    name: 'lwm2m_registrations_by_state',
    help: 'devices registered now: reachable always, or in queue mode awake or asleep',
    labelNames: ['state'],
    registers: [registry],
    collect() {
      const count = { reachable: 0, awake: 0, asleep: 0 };
      for (const registration of registrations.all())
        count[!registration.queueMode ? 'reachable' : presence.isAwake(registration) ? 'awake' : 'asleep']++;
      for (const [state, devices] of Object.entries(count)) this.set({ state }, devices);
    },
  });
}

function exposeQueues(registry: Registry, { queues }: GatewayServer): void {
  exposeGauge(registry, 'lwm2m_commands_waiting', 'commands taken and not answered yet', () => queues.size);
  exposeGauge(
    registry,
    'lwm2m_commands_parked',
    'of these, commands that wait for a device that sleeps or is away',
    () => queues.parked,
  );
  exposeGauge(
    registry,
    'lwm2m_commands_oldest_seconds',
    'age of the oldest command without a reply',
    () => queues.oldestAgeMs() / 1_000,
  );
}
