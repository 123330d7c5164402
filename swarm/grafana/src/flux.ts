/** The measurement that connector-influxdb writes: tags serverId, ep, path, kind; fields value, svalue, bvalue, code, ticket, observationId. */
const MEASUREMENT = 'resources';
export type Field = 'value' | 'svalue' | 'bvalue' | 'code' | 'ticket' | 'observationId';

/** What the variables of a dashboard have chosen. All of them is `.*`, so that a fleet of any size makes no longer query. */
export const CHOSEN = ['serverId', 'ep', 'path'] as const;
const VARIABLE = { serverId: 'server', ep: 'endpoint', path: 'path' } as const;
export type Tag = (typeof CHOSEN)[number];

/** Lines of Flux from the bucket to the points of some fields, each filter one that the store does itself. */
export function points(fields: readonly Field[], tags: readonly Tag[] = CHOSEN): string {
  const wanted = fields.map((field) => `r._field == "${field}"`).join(' or ');
  return flux(
    'from(bucket: v.defaultBucket)',
    'range(start: v.timeRangeStart, stop: v.timeRangeStop)',
    `filter(fn: (r) => r._measurement == "${MEASUREMENT}")`,
    `filter(fn: (r) => ${wanted})`,
    ...tags.map(chosen),
  );
}

/** The values of a tag that there are, for a variable; those that go before narrow it. */
export function tagValues(tag: Tag | 'kind', among: readonly Tag[] = []): string {
  const conditions = [`r._measurement == "${MEASUREMENT}"`, ...among.map(isChosen)];
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

function chosen(tag: Tag): string {
  return `filter(fn: (r) => ${isChosen(tag)})`;
}

function isChosen(tag: Tag): string {
  return `r.${tag} =~ /^\${${VARIABLE[tag]}:regex}$/`;
}
