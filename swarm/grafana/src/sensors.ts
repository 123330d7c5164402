import * as units from '@grafana/grafana-foundation-sdk/units';
import { board, fluxVariable } from './board.ts';
import { DEVICE_LINKS } from './device-links.ts';
import { flux, namedBy, tagValues, values } from './flux.ts';
import { fluxGraph, fluxStat, timeline } from './panels.ts';
import { fluxTable } from './tables.ts';

const NAME = namedBy('serverId', 'ep', 'path');
const PER_RESOURCE = 'group(columns: ["serverId", "ep", "path"])';
const TABLE_ROWS = 200;
const WHERE = { serverId: 'gateway', ep: 'endpoint', path: 'path' };

/** One value a resource, by a selector or an aggregate that the store does itself, as a column of its own. */
function column(name: string, of: 'last' | 'min' | 'mean' | 'max' | 'count'): string {
  return flux(
    values('value'),
    `${of}()`,
    'group()',
    `keep(columns: ["serverId", "ep", "path", "kind", ${of === 'last' ? '"_time", ' : ''}"_value"])`,
    `rename(columns: {_value: "${name}"${of === 'last' ? ', _time: "at"' : ''}})`,
  );
}

export const sensors = board({
  uid: 'zeelos-sensors',
  title: 'Sensor values',
  about:
    'What devices measure and say: numbers, texts and switches of each resource, from InfluxDB. What analyses make of them has a dashboard of its own.',
  variables: [
    fluxVariable('gateway', 'Gateway', tagValues('resources', 'serverId')),
    fluxVariable('endpoint', 'Endpoint', tagValues('resources', 'ep', ['serverId'])),
    fluxVariable('path', 'Path', tagValues('resources', 'path', ['serverId', 'ep'])),
  ],
  rows: {
    Overview: [
      fluxStat({
        title: 'Values',
        about: 'Numbers, texts and switches stored in the time that is shown.',
        unit: units.Short,
        width: 6,
        name: 'values',
        flux: flux(values('value', 'svalue', 'bvalue'), 'count()', 'group()', 'sum()'),
      }),
      fluxStat({
        title: 'Devices with values',
        about: 'Endpoints of which at least one number was stored in the time that is shown.',
        unit: units.Short,
        width: 6,
        name: 'devices',
        flux: flux(values('value'), 'last()', 'keep(columns: ["ep"])', 'group()', 'distinct(column: "ep")', 'count()'),
      }),
      fluxStat({
        title: 'Resources with values',
        about: 'Resources, each of one device, of which at least one number was stored in the time that is shown.',
        unit: units.Short,
        width: 6,
        name: 'resources',
        flux: flux(values('value'), 'last()', PER_RESOURCE, 'last()', 'group()', 'count()'),
      }),
      fluxStat({
        title: 'Newest value',
        about:
          'When the newest number was measured. Old while devices send: look at Gateway and replication, then at Pipelines.',
        unit: units.DateTimeFromNow,
        width: 6,
        name: 'newest',
        flux: flux(
          values('value'),
          'last()',
          'group()',
          'max(column: "_time")',
          'map(fn: (r) => ({_value: float(v: int(v: r._time) / 1000000)}))',
        ),
      }),
    ],
    Numbers: [
      fluxGraph({
        title: 'Numbers',
        about: 'Mean of each resource over one step of the picture. A break in a line is a time without values.',
        unit: units.Short,
        width: 24,
        name: NAME,
        points: true,
        signed: true,
        flux: flux(
          values('value'),
          'aggregateWindow(every: v.windowPeriod, fn: mean, createEmpty: false)',
          PER_RESOURCE,
          'sort(columns: ["_time"])',
        ),
      }),
      fluxTable({
        title: 'Each resource',
        about:
          'Newest, smallest, mean and greatest number of each resource in the time that is shown, and how many there are.',
        flux: [
          column('newest', 'last'),
          column('min', 'min'),
          column('mean', 'mean'),
          column('max', 'max'),
          column('values', 'count'),
        ],
        columns: {
          ...WHERE,
          kind: 'kind',
          newest: 'newest',
          at: 'measured',
          min: 'min',
          mean: 'mean',
          max: 'max',
          values: 'values',
        },
        units: { measured: units.DateTimeFromNow },
        links: DEVICE_LINKS,
      }),
      fluxGraph({
        title: 'Values per step',
        about:
          'How many numbers each device had stored in one step of the picture. 0 is a gap: nothing was measured, sent or stored.',
        unit: units.Short,
        name: namedBy('serverId', 'ep'),
        flux: flux(
          values('value'),
          'aggregateWindow(every: v.windowPeriod, fn: count, timeSrc: "_start")',
          'group(columns: ["serverId", "ep"])',
          'aggregateWindow(every: v.windowPeriod, fn: sum, timeSrc: "_start")',
        ),
      }),
      fluxTable({
        title: 'Longest silence',
        about: 'Devices by the time since their newest number, within the time that is shown.',
        width: 12,
        flux: [
          flux(
            values('value'),
            'last()',
            'group(columns: ["serverId", "ep"])',
            'max(column: "_time")',
            'group()',
            'map(fn: (r) => ({serverId: r.serverId, ep: r.ep, silent: float(v: int(v: now()) - int(v: r._time)) / 1000000000.0}))',
            'sort(columns: ["silent"], desc: true)',
            `limit(n: ${TABLE_ROWS})`,
          ),
        ],
        columns: { serverId: 'gateway', ep: 'endpoint', silent: 'silent' },
        units: { silent: units.Seconds },
        links: DEVICE_LINKS,
      }),
    ],
    'Texts and switches': [
      timeline({
        title: 'Switches',
        about: 'Resources that are true or false. A change stays until the next value.',
        unit: units.BoolOnOff,
        name: NAME,
        flux: flux(
          values('bvalue'),
          'aggregateWindow(every: v.windowPeriod, fn: last, createEmpty: false)',
          PER_RESOURCE,
          'sort(columns: ["_time"])',
        ),
      }),
      fluxTable({
        title: 'Texts',
        about: `The newest ${TABLE_ROWS} texts: values that are text, and what a reply says in words.`,
        flux: [
          flux(
            values('svalue'),
            `tail(n: ${TABLE_ROWS})`,
            'group()',
            'keep(columns: ["_time", "serverId", "ep", "path", "kind", "_value"])',
            'sort(columns: ["_time"], desc: true)',
            `limit(n: ${TABLE_ROWS})`,
          ),
        ],
        columns: { _time: 'time', ...WHERE, kind: 'kind', _value: 'text' },
        links: DEVICE_LINKS,
      }),
    ],
  },
});
