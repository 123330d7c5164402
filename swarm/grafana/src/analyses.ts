import * as units from '@grafana/grafana-foundation-sdk/units';
import { board, fluxVariable } from './board.ts';
import { DEVICE_LINKS } from './device-links.ts';
import { alarmsSince, flux, maxima, namedBy, statistics, tagValues, values } from './flux.ts';
import { filledDownTo, fluxGraph, fluxStat, STEPS, THIN, timeline } from './panels.ts';
import { fluxTable } from './tables.ts';

/** How far back an alarm is looked for that began and has not ended. */
const ALARMS_SINCE = '-30d';
const ALARM = '["serverId", "ep", "path", "rule", "kind"]';
const COLOURS = { RAISED: 'red', CLEARED: 'green' } as const;

/** A step of the picture, or a window of the analysis where that is longer. */
const MAXIMUM_STEP = 'if int(v: v.windowPeriod) > int(v: 30s) then v.windowPeriod else 30s';

/** What each alarm said last, one of its fields as a column. */
function alarmColumn(field: 'state' | 'value' | 'limit'): string {
  const since = field === 'state' ? ', _time: "since"' : '';
  return flux(
    alarmsSince(ALARMS_SINCE, field),
    'last()',
    'group()',
    `keep(columns: ["serverId", "ep", "path", "rule", "kind", ${field === 'state' ? '"_time", ' : ''}"_value"])`,
    `rename(columns: {_value: "${field}"${since}})`,
  );
}

/** Of the resources that are chosen together. */
function band(statistic: 'min' | 'mean' | 'max'): string {
  return flux(
    statistics(statistic),
    `aggregateWindow(every: v.windowPeriod, fn: ${statistic === 'mean' ? 'last' : statistic}, timeSrc: "_start", createEmpty: false)`,
    'group()',
    'sort(columns: ["_time"])',
    `aggregateWindow(every: v.windowPeriod, fn: ${statistic}, timeSrc: "_start", createEmpty: false)`,
    `set(key: "statistic", value: "${statistic}")`,
    'group(columns: ["statistic"])',
  );
}

function windowColumn(statistic: 'min' | 'mean' | 'max' | 'count'): string {
  const at = statistic === 'count';
  return flux(
    statistics(statistic),
    'last()',
    'group()',
    `keep(columns: ["serverId", "ep", "path", ${at ? '"_time", ' : ''}"_value"])`,
    `rename(columns: {_value: "${at ? 'values' : statistic}"${at ? ', _time: "begins"' : ''}})`,
  );
}

export const analyses = board({
  uid: 'zeelos-analyses',
  title: 'Analyses',
  about:
    'What the analyses at the edge find in the values: alarms, greatest numbers, statistics of windows of time. From InfluxDB; empty where an analysis does not run.',
  variables: [
    fluxVariable('gateway', 'Gateway', tagValues('resources', 'serverId')),
    fluxVariable('endpoint', 'Endpoint', tagValues('resources', 'ep', ['serverId'])),
    fluxVariable('path', 'Path', tagValues('resources', 'path', ['serverId', 'ep'])),
  ],
  rows: {
    Alarms: [
      fluxStat({
        title: 'Raised now',
        about: 'Alarms that began within the last 30 days and have not ended.',
        unit: units.Short,
        width: 6,
        limits: { doubtful: 1, bad: 10 },
        name: 'raised',
        flux: flux(
          alarmsSince(ALARMS_SINCE, 'state'),
          'last()',
          'map(fn: (r) => ({_value: if r._value == "RAISED" then 1 else 0}))',
          'group()',
          'sum()',
        ),
      }),
      fluxStat({
        title: 'Began',
        about:
          'Alarms that began in the time that is shown. Many of one rule: it has no room between raising and clearing.',
        unit: units.Short,
        width: 6,
        name: 'began',
        flux: flux(
          alarmsSince(undefined, 'state'),
          'map(fn: (r) => ({_value: if r._value == "RAISED" then 1 else 0}))',
          'group()',
          'sum()',
        ),
      }),
      fluxStat({
        title: 'Devices with an alarm',
        about: 'Devices of which at least one alarm is raised now.',
        unit: units.Short,
        width: 6,
        name: 'devices',
        flux: flux(
          alarmsSince(ALARMS_SINCE, 'state'),
          'last()',
          'group(columns: ["serverId", "ep"])',
          'map(fn: (r) => ({serverId: r.serverId, ep: r.ep, _value: if r._value == "RAISED" then 1 else 0}))',
          'max()',
          'group()',
          'sum()',
        ),
      }),
      fluxStat({
        title: 'Newest change',
        about: 'When an alarm began or ended last, within the last 30 days.',
        unit: units.DateTimeFromNow,
        width: 6,
        name: 'newest',
        flux: flux(
          alarmsSince(ALARMS_SINCE, 'state'),
          'last()',
          'group()',
          'max(column: "_time")',
          'map(fn: (r) => ({_value: float(v: int(v: r._time) / 1000000)}))',
        ),
      }),
      fluxTable({
        title: 'Alarms',
        about:
          'Each rule and what it looks at: whether the alarm is raised, since when, by which value, and the limit. Without a path it looks at the whole device. A silence has no value; its limit is in seconds.',
        flux: [alarmColumn('state'), alarmColumn('value'), alarmColumn('limit')],
        columns: {
          ...{ state: 'state', since: 'since', serverId: 'gateway', ep: 'endpoint', path: 'path', rule: 'rule' },
          ...{ kind: 'kind', value: 'value', limit: 'limit' },
        },
        units: { since: units.DateTimeFromNow },
        colours: COLOURS,
        greatestFirst: 'state',
        links: DEVICE_LINKS,
      }),
      timeline({
        title: 'When alarms were raised',
        about:
          'Alarms that began or ended in the time that is shown; before the first change of each nothing is drawn.',
        unit: 'string',
        colours: COLOURS,
        name: namedBy('ep', 'path', 'rule'),
        flux: flux(
          alarmsSince(undefined, 'state'),
          `group(columns: ${ALARM})`,
          'sort(columns: ["_time"])',
          'aggregateWindow(every: v.windowPeriod, fn: last, createEmpty: false)',
        ),
      }),
    ],
    'Greatest numbers': [
      fluxGraph({
        title: 'Numbers and their greatest of 30 seconds',
        about:
          'Mean of each resource over one step of the picture, and in steps the greatest number of each 30 s, as the analysis maxper30sec tells. A mean far below: peaks that the picture hides.',
        unit: units.Short,
        width: 24,
        signed: true,
        name: namedBy('ep', 'path', 'what'),
        drawn: { greatest$: STEPS },
        flux: [
          flux(
            values('value'),
            'aggregateWindow(every: v.windowPeriod, fn: mean, createEmpty: false)',
            'set(key: "what", value: "mean")',
            'group(columns: ["ep", "path", "what"])',
            'sort(columns: ["_time"])',
          ),
          flux(
            maxima(),
            `aggregateWindow(every: ${MAXIMUM_STEP}, fn: max, timeSrc: "_start", createEmpty: false)`,
            'set(key: "what", value: "greatest")',
            'group(columns: ["ep", "path", "what"])',
            'sort(columns: ["_time"])',
          ),
        ],
      }),
    ],
    'Windows of time': [
      fluxGraph({
        title: 'Smallest, mean and greatest',
        about:
          'Of the windows of the analysis downsample, all chosen resources together: the mean is that of their means. Choose one path, for temperatures and states together say nothing.',
        unit: units.Short,
        signed: true,
        name: namedBy('statistic'),
        drawn: { '^min$': THIN, '^max$': filledDownTo('min') },
        flux: [band('min'), band('mean'), band('max')],
      }),
      fluxGraph({
        title: 'Values in a window',
        about: 'How many numbers went into each window. Fewer than usual: values were lost, late, or not measured.',
        unit: units.Short,
        name: namedBy('ep', 'path'),
        points: true,
        flux: flux(
          statistics('count'),
          'aggregateWindow(every: v.windowPeriod, fn: last, timeSrc: "_start", createEmpty: false)',
          'group(columns: ["ep", "path"])',
          'sort(columns: ["_time"])',
        ),
      }),
      fluxTable({
        title: 'Newest window',
        about: 'The newest window of each resource, in the time that is shown. One that is not closed yet still grows.',
        flux: [windowColumn('min'), windowColumn('mean'), windowColumn('max'), windowColumn('count')],
        columns: {
          ...{ begins: 'begins', serverId: 'gateway', ep: 'endpoint', path: 'path', values: 'values' },
          ...{ min: 'min', mean: 'mean', max: 'max' },
        },
        links: DEVICE_LINKS,
      }),
    ],
  },
});
