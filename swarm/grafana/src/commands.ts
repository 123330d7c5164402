import * as units from '@grafana/grafana-foundation-sdk/units';
import { board, fluxVariable, gatewayVariable, OF_GATEWAY } from './board.ts';
import { flux, namedBy, points, tagValues } from './flux.ts';
import { fluxGraph, fluxStat, fluxTable, graph, stat } from './panels.ts';
import { highest, now, quantile, rate } from './promql.ts';

const LOG_ROWS = 200;

/**
 * Replies: in the store they differ from notifications by their kind, for a notification is of the kind `observe`. The first reply to an
 * observe command is of that kind too, and is left out with them.
 */
const REPLIES = 'filter(fn: (r) => r.kind != "observe")';
const SUCCESS = '["CREATED", "DELETED", "CHANGED", "CONTENT"]';

/** Of older values of a read each is an observation with the id `read`. */
const NO_VALUES_OF_OLD = 'filter(fn: (r) => not exists r.observationId)';

const shown = { by: ['gateway'], where: OF_GATEWAY };

export const commands = board({
  uid: 'zeelos-commands',
  title: 'Commands',
  about:
    'What was asked of devices and what came of it: replies from InfluxDB, times and queues from the LwM2M servers.',
  variables: [
    fluxVariable('server', 'Server', tagValues('serverId')),
    fluxVariable('endpoint', 'Endpoint', tagValues('ep', ['serverId'])),
    gatewayVariable('lwm2m_commands_received_total'),
  ],
  rows: {
    Outcome: [
      fluxStat({
        title: 'Replies',
        about: 'Replies stored in the time that is shown, without those to observe commands.',
        unit: units.Short,
        name: 'replies',
        flux: flux(points(['code'], ['serverId', 'ep']), REPLIES, 'group()', 'count()'),
      }),
      fluxStat({
        title: 'Successful',
        about: 'Share of the replies with a code of success. The log below tells what the others say.',
        unit: units.PercentUnit,
        limits: { doubtful: 0.99, bad: 0.9 },
        name: 'successful',
        flux: flux(
          points(['code'], ['serverId', 'ep']),
          REPLIES,
          `map(fn: (r) => ({_value: if contains(value: r._value, set: ${SUCCESS}) then 1.0 else 0.0}))`,
          'group()',
          'mean()',
        ),
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
      stat({
        title: 'Time to reply, 99 of 100',
        about: 'From a command taken to its reply committed; commands that waited for a sleeper included.',
        unit: units.Seconds,
        series: { '{{gateway}}': quantile(0.99, 'lwm2m_command_seconds', shown) },
      }),
    ],
    Log: [
      fluxTable({
        title: 'Command log',
        about: `The newest ${LOG_ROWS} replies: who was asked what, with which outcome. The ticket is the one of the command.`,
        flux: [
          flux(
            points(['code', 'ticket', 'value', 'svalue', 'bvalue', 'observationId'], ['serverId', 'ep']),
            REPLIES,
            `tail(n: ${LOG_ROWS})`,
            'pivot(rowKey: ["_time"], columnKey: ["_field"], valueColumn: "_value")',
            NO_VALUES_OF_OLD,
            'map(fn: (r) => ({_time: r._time, serverId: r.serverId, ep: r.ep, kind: r.kind, path: r.path, code: r.code, ticket: r.ticket, says: if exists r.value then string(v: r.value) else if exists r.bvalue then string(v: r.bvalue) else if exists r.svalue then r.svalue else ""}))',
            'group()',
            'sort(columns: ["_time"], desc: true)',
            `limit(n: ${LOG_ROWS})`,
          ),
        ],
      }),
    ],
    'Over time': [
      fluxGraph({
        title: 'Replies by code',
        about: 'Replies stored in one step of the picture, by their code.',
        unit: units.Short,
        name: namedBy('code'),
        points: true,
        flux: flux(
          points(['code'], ['serverId', 'ep']),
          REPLIES,
          'duplicate(column: "_value", as: "code")',
          'group(columns: ["code"])',
          'aggregateWindow(every: v.windowPeriod, fn: count, createEmpty: false)',
        ),
      }),
      fluxGraph({
        title: 'Replies by kind',
        about: 'Replies stored in one step of the picture, by what was asked.',
        unit: units.Short,
        name: namedBy('kind'),
        points: true,
        flux: flux(
          points(['code'], ['serverId', 'ep']),
          REPLIES,
          'group(columns: ["kind"])',
          'aggregateWindow(every: v.windowPeriod, fn: count, createEmpty: false)',
        ),
      }),
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
        about:
          'From a command taken at the gateway to its reply committed there; the way through the replicator is not in it.',
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
