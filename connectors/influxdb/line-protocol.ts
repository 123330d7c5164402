import type { SinkRecord } from '../sink.ts';
import { directObservations } from './direct-observations.ts';
import { type LineMapping, nanosecondsAt, quoted, type RecordLines, tag } from './line-text.ts';
import { nanosecondsWithin, type PathValue, type PointValue, pathValuesOf, RESOURCES } from './points.ts';
import { replyLine } from './reply-line.ts';

/**
 * The lines of one observation or reply: its values, and of a reply one about itself. Tags have few values each: ticket, observation id
 * and code are fields, for as tags they would make a new series each. Tags stand sorted by key, as InfluxDB wants them.
 */
export function linesOf(record: SinkRecord): RecordLines {
  if (record.from !== 'observations' && record.from !== 'replies') return { lines: [], notFinite: 0 };
  const { ep, serverId, path, rep } = record.value;
  const head = `${RESOURCES}${tag('ep', ep)}${tag('kind', rep.kind)}`;
  const server = tag('serverId', serverId);
  const within = nanosecondsWithin(record);
  const timestamp = ownTimeOf(record) ?? record.value.timestamp;
  const tail = ` ${nanosecondsAt(timestamp, within)}`;
  const common = commonFields(record);
  const lines: string[] = [];
  let notFinite = 0;
  const values = pathValuesOf(path, rep);
  for (const point of values) {
    if (isNotFinite(point)) notFinite++;
    else {
      const end = point.timestampMs === undefined ? tail : ` ${nanosecondsAt(point.timestampMs, within)}`;
      lines.push(`${head}${tag('path', point.path)}${server} ${common}${valueField(point.value)}${end}`);
    }
  }
  if (record.from === 'replies') lines.push(replyLine(record.value, values, within));
  return { lines, notFinite };
}

/** Observations and replies as they are; most observations from their bytes. */
export const RESOURCE_LINES: LineMapping = {
  linesOf,
  direct: (_topic, from, _schema, writer) => (from === 'observations' ? directObservations(writer) : undefined),
};

/** When the value of a read was taken, if the device said so. */
function ownTimeOf(record: SinkRecord): number | undefined {
  return record.from === 'replies' ? record.value.valueTimestamp?.long : undefined;
}

function commonFields(record: SinkRecord & { from: 'observations' | 'replies' }): string {
  const { rep, ticket } = record.value;
  const observation = record.from === 'observations' ? `,observationId=${quoted(record.value.observationId)}` : '';
  return `code=${quoted(rep.code)}${observation},ticket=${quoted(ticket)}`;
}

function valueField(value: PointValue | undefined): string {
  if (value === undefined) return '';
  return `,${value.field}=${value.field === 'svalue' ? quoted(value.value) : value.value}`;
}

function isNotFinite({ value }: PathValue): boolean {
  return value?.field === 'value' && !Number.isFinite(value.value);
}
