import * as units from '@grafana/grafana-foundation-sdk/units';
import { board, fluxVariable, OF_GATEWAY, toBoard } from './board.ts';
import { DEVICE_LINKS } from './device-links.ts';
import { flux, namedBy, quantileOf, replies, tagValues } from './flux.ts';
import { fluxGraph, fluxStat, graph, stat } from './panels.ts';
import { highest, now, quantile, rate } from './promql.ts';
import { fluxTable } from './tables.ts';

const LOG_ROWS = 200;

const SUCCESS = ['CONTENT', 'CHANGED', 'CREATED', 'DELETED'];
const isSuccess = `contains(value: r.code, set: ${JSON.stringify(SUCCESS)})`;
const COLOURS = {
  ...Object.fromEntries(SUCCESS.map((code) => [code, 'green' as const])),
  ...Object.fromEntries(
    [
      ...['BAD_REQUEST', 'UNAUTHORIZED', 'METHOD_NOT_ALLOWED', 'FORBIDDEN', 'NOT_FOUND', 'NOT_ACCEPTABLE'],
      ...['REQUEST_ENTITY_INCOMPLETE', 'PRECONDITION_FAILED', 'REQUEST_ENTITY_TOO_LARGE', 'UNSUPPORTED_CONTENT_FORMAT'],
    ].map((code) => [code, 'orange' as const]),
  ),
  ...{ INTERNAL_SERVER_ERROR: 'red' as const, UNKNOWN: 'red' as const },
};

const shown = { by: ['gateway'], where: OF_GATEWAY };

/** @param q share of the commands that took no longer */
function latency(q: number, called: string): string {
  return flux(
    replies('latencyMs'),
    'group(columns: ["kind"])',
    `aggregateWindow(every: v.windowPeriod, fn: ${quantileOf(q)}, createEmpty: false)`,
    `set(key: "share", value: "${called}")`,
    'group(columns: ["kind", "share"])',
  );
}

/** Replies by requester, as a column. */
function requesters(column: string, ...steps: readonly string[]): string {
  return flux(
    replies('requestedBy'),
    ...steps,
    'duplicate(column: "_value", as: "requester")',
    'group(columns: ["requester"])',
    'count()',
    'group()',
    `rename(columns: {_value: "${column}"})`,
  );
}

export const commands = board({
  uid: 'zeelos-commands',
  title: 'Commands',
  about:
    'What was asked of devices, by whom, and what came of it: replies from InfluxDB, queues from the LwM2M servers.',
  variables: [
    fluxVariable('gateway', 'Gateway', tagValues('commands', 'serverId')),
    fluxVariable('endpoint', 'Endpoint', tagValues('commands', 'ep', ['serverId'])),
    fluxVariable('operation', 'Operation', tagValues('commands', 'kind', ['serverId', 'ep'])),
  ],
  rows: {
    Outcome: [
      fluxStat({
        title: 'Replies',
        about: 'Replies stored in the time that is shown: one for each command.',
        unit: units.Short,
        name: 'replies',
        flux: flux(replies('ticket'), 'group()', 'count()'),
      }),
      fluxStat({
        title: 'Successful',
        about: 'Share of the replies with a code of success. The log below tells what the others say.',
        unit: units.PercentUnit,
        limits: { doubtful: 0.99, bad: 0.9 },
        name: 'successful',
        flux: flux(
          replies('ticket'),
          'group()',
          `map(fn: (r) => ({_value: if ${isSuccess} then 1.0 else 0.0}))`,
          'mean()',
        ),
      }),
      fluxStat({
        title: 'Latency, 95 of 100',
        about:
          'From the arrival of a command at its gateway to its reply, of the commands that are chosen. Those that waited for a sleeper are among them.',
        unit: units.Milliseconds,
        name: 'latency',
        flux: flux(replies('latencyMs'), 'group()', 'quantile(q: 0.95)'),
      }),
      stat({
        title: 'Waiting',
        about: 'Commands that the servers have taken and not answered yet.',
        unit: units.Short,
        series: { '{{gateway}}': now('lwm2m_commands_waiting', shown) },
      }),
      stat({
        title: 'Waiting for sleepers',
        about: 'Of these, commands that wait for a device that sleeps or is away.',
        unit: units.Short,
        series: { '{{gateway}}': now('lwm2m_commands_parked', shown) },
      }),
      stat({
        title: 'Oldest without a reply',
        about:
          'Age of the oldest command without a reply. Long where nobody sleeps: look whether the gateway reaches Kafka and its devices.',
        unit: units.Seconds,
        limits: { doubtful: 60, bad: 600 },
        series: { '{{gateway}}': highest('lwm2m_commands_oldest_seconds', shown) },
      }),
    ],
    Log: [
      fluxTable({
        title: 'Command log',
        about: `The newest ${LOG_ROWS} replies: who was asked what by whom, what came of it, and how long that took at the gateway. The ticket is the one of the command.`,
        flux: [
          flux(
            replies('ticket', 'requestedBy', 'latencyMs', 'says'),
            `tail(n: ${LOG_ROWS})`,
            'pivot(rowKey: ["_time"], columnKey: ["_field"], valueColumn: "_value")',
            'group()',
            'keep(columns: ["_time", "serverId", "ep", "kind", "path", "code", "says", "requestedBy", "latencyMs", "ticket"])',
            'sort(columns: ["_time"], desc: true)',
            `limit(n: ${LOG_ROWS})`,
          ),
        ],
        columns: {
          ...{ _time: 'time', serverId: 'gateway', ep: 'endpoint', kind: 'operation', path: 'path', code: 'result' },
          ...{ says: 'says', requestedBy: 'requester', latencyMs: 'latency', ticket: 'ticket' },
        },
        units: { latency: units.Milliseconds },
        colours: COLOURS,
        links: {
          ...DEVICE_LINKS,
          operation: toBoard('zeelos-commands', 'Only this operation', { gateway: 'gateway', operation: 'operation' }),
        },
      }),
    ],
    'Over time': [
      fluxGraph({
        title: 'Replies by result',
        about: 'Replies stored in one step of the picture, by their code.',
        unit: units.Short,
        name: namedBy('code'),
        points: true,
        flux: flux(
          replies('ticket'),
          'group(columns: ["code"])',
          'aggregateWindow(every: v.windowPeriod, fn: count, createEmpty: false)',
        ),
      }),
      fluxGraph({
        title: 'Replies by operation',
        about: 'Replies stored in one step of the picture, by what was asked.',
        unit: units.Short,
        name: namedBy('kind'),
        points: true,
        flux: flux(
          replies('ticket'),
          'group(columns: ["kind"])',
          'aggregateWindow(every: v.windowPeriod, fn: count, createEmpty: false)',
        ),
      }),
      fluxGraph({
        title: 'Latency by operation',
        about:
          'From the arrival of a command at its gateway to its reply, the time in its queue and for a sleeper included; the way through the replicator is not in it.',
        unit: units.Milliseconds,
        name: namedBy('kind', 'share'),
        points: true,
        flux: [latency(0.5, 'half'), latency(0.95, '95 of 100')],
      }),
      fluxTable({
        title: 'Requesters',
        about:
          'Replies by who asked, as the commands say it, of these those without success, and the latency that 95 of 100 stay below.',
        width: 12,
        flux: [
          requesters('replies'),
          requesters('failed', `filter(fn: (r) => not ${isSuccess})`),
          flux(
            replies('requestedBy', 'latencyMs'),
            'pivot(rowKey: ["_time"], columnKey: ["_field"], valueColumn: "_value")',
            'filter(fn: (r) => exists r.requestedBy and exists r.latencyMs)',
            'group(columns: ["requestedBy"])',
            'quantile(q: 0.95, column: "latencyMs")',
            'group()',
            'rename(columns: {requestedBy: "requester", latencyMs: "latency"})',
          ),
        ],
        columns: { requester: 'requester', replies: 'replies', failed: 'failed', latency: 'latency' },
        units: { latency: units.Milliseconds },
        greatestFirst: 'replies',
      }),
    ],
    'At the gateway': [
      graph({
        title: 'Commands',
        about:
          'Taken and answered should be equal. Expired: nobody woke in time. Repeated: seen before, not run again. Interrupted: the server died in the middle. Unreadable: in the dead-letter topic.',
        unit: units.CountsPerSecond,
        series: {
          '{{gateway}} taken': rate('lwm2m_commands_received_total', shown),
          '{{gateway}} answered': rate('lwm2m_commands_answered_total', shown),
          '{{gateway}} expired': rate('lwm2m_commands_expired_total', shown),
          '{{gateway}} repeated': rate('lwm2m_commands_repeated_total', shown),
          '{{gateway}} interrupted': rate('lwm2m_commands_interrupted_total', shown),
          '{{gateway}} unreadable': rate('lwm2m_commands_undecodable_total', shown),
        },
      }),
      graph({
        title: 'Time to reply',
        about: 'From a command taken to its reply committed, of all that were asked, also where InfluxDB has none yet.',
        unit: units.Seconds,
        series: {
          '{{gateway}} half': quantile(0.5, 'lwm2m_command_seconds', shown),
          '{{gateway}} 95 of 100': quantile(0.95, 'lwm2m_command_seconds', shown),
          '{{gateway}} 99 of 100': quantile(0.99, 'lwm2m_command_seconds', shown),
        },
      }),
    ],
  },
});
