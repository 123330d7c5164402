/**
 * What stands in the bucket. Connector-influxdb writes `resources` (a point for each value; tags serverId, ep, path, kind) and `commands` (one
 * for each reply; tags also code); `downsampled` (tags serverId, ep, path) and `alarms` (tags also rule, kind) come from the analyses by KCQL.
 */
interface Fields {
  resources: 'value' | 'svalue' | 'bvalue';
  commands: 'ticket' | 'requestedBy' | 'latencyMs' | 'says';
  downsampled: 'min' | 'mean' | 'max' | 'count';
  alarms: 'state' | 'value' | 'limit';
}
export type Measurement = keyof Fields;

/** What the variables of a dashboard have chosen. All of them is `.*`, so that a fleet of any size makes no longer query. */
const VARIABLE = { serverId: 'gateway', ep: 'endpoint', path: 'path', kind: 'operation' } as const;
export type Tag = keyof typeof VARIABLE;
const OF_DEVICES = ['serverId', 'ep'] as const;
const OF_RESOURCES = [...OF_DEVICES, 'path'] as const;

/** The analysis maxper30sec puts its results beside what was measured, with this behind their path. */
const MAXIMUM = '-max';
const MEASURED = `r.path !~ /${MAXIMUM}$/`;

/** Numbers, texts and switches as devices gave them. */
export function values(...fields: readonly Fields['resources'][]): string {
  return points('resources', fields, [...OF_RESOURCES.map(isChosen), MEASURED]);
}

/** The greatest numbers of 30 seconds, of the resources that are chosen. */
export function maxima(): string {
  const path = `r.path =~ /^\${${VARIABLE.path}:regex}${MAXIMUM}$/`;
  return points('resources', ['value'], [...OF_DEVICES.map(isChosen), path]);
}

export function replies(...fields: readonly Fields['commands'][]): string {
  return points('commands', fields, [...OF_DEVICES, 'kind' as const].map(isChosen));
}

/** Of windows of time. */
export function statistics(...fields: readonly Fields['downsampled'][]): string {
  return points('downsampled', fields, OF_RESOURCES.map(isChosen));
}

/** @param since where to begin; the time that is shown when absent. An alarm may have begun long before it and be raised still. */
export function alarmsSince(since: string | undefined, ...fields: readonly Fields['alarms'][]): string {
  return points('alarms', fields, OF_DEVICES.map(isChosen), since);
}

/** Lines of Flux from the bucket to the points of some fields, each filter one that the store does itself. */
function points(
  measurement: Measurement,
  fields: readonly string[],
  conditions: readonly string[],
  since = 'v.timeRangeStart',
): string {
  const wanted = fields.map((field) => `r._field == "${field}"`).join(' or ');
  return flux(
    'from(bucket: v.defaultBucket)',
    `range(start: ${since}, stop: v.timeRangeStop)`,
    `filter(fn: (r) => r._measurement == "${measurement}")`,
    `filter(fn: (r) => ${wanted})`,
    ...conditions.map((condition) => `filter(fn: (r) => ${condition})`),
  );
}

/** The values of a tag that there are, for a variable; those that go before narrow it. */
export function tagValues(measurement: Measurement, tag: Tag, among: readonly Tag[] = []): string {
  const conditions = [
    `r._measurement == "${measurement}"`,
    ...(tag === 'path' ? [MEASURED] : []),
    ...among.map(isChosen),
  ];
  return [
    'import "influxdata/influxdb/schema"',
    `schema.tagValues(bucket: v.defaultBucket, tag: "${tag}", predicate: (r) => ${conditions.join(' and ')}, start: v.timeRangeStart)`,
  ].join('\n');
}

/** What a series of a picture is called: the values of its tags. */
export function namedBy(...tags: readonly string[]): string {
  return tags.map((tag) => `\${__field.labels.${tag}}`).join(' ');
}

export function flux(...steps: readonly string[]): string {
  return steps.join('\n  |> ');
}

/** A function for aggregateWindow. @param q from 0 to 1 */
export function quantileOf(q: number): string {
  return `(column, tables=<-) => tables |> quantile(q: ${q}, column: column)`;
}

function isChosen(tag: Tag): string {
  return `r.${tag} =~ /^\${${VARIABLE[tag]}:regex}$/`;
}
