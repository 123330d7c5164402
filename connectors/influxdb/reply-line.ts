import type { AvroResponse } from '../../schemas/generated/records.ts';
import { nanosecondsAt, quoted, tag } from './line-text.ts';
import type { PathValue } from './points.ts';

const MEASUREMENT = 'commands';
/** Of what a reply says: a longer text is cut here, and whole among the values. */
export const SAYS_CHARACTERS = 500;

/**
 * One line for each reply, under the path that was asked: its values stand in the measurement of all values, each under its own path
 * and time. Tags have few values each.
 */
export function replyLine(reply: AvroResponse, values: readonly PathValue[], nanosecondsWithin: number): string {
  const { serverId, ep, path, rep, ticket, timestamp } = reply;
  const latencyMs = reply.latencyMs?.double;
  const requestedBy = reply.requestedBy?.string;
  const says = saysOf(values);
  const fields = [
    ...(latencyMs !== undefined && Number.isFinite(latencyMs) ? [`latencyMs=${latencyMs}`] : []),
    ...(requestedBy === undefined ? [] : [`requestedBy=${quoted(requestedBy)}`]),
    ...(says === undefined ? [] : [`says=${quoted(says)}`]),
    `ticket=${quoted(ticket)}`,
  ];
  const tags = tag('code', rep.code) + tag('ep', ep) + tag('kind', rep.kind) + tag('path', path);
  return `${MEASUREMENT}${tags}${tag('serverId', serverId)} ${fields.join(',')} ${nanosecondsAt(timestamp, nanosecondsWithin)}`;
}

/** The value, the message or the links; of several values their number. */
function saysOf(values: readonly PathValue[]): string | undefined {
  if (values.length > 1) return `${values.length} values`;
  const text = values[0]?.value === undefined ? undefined : String(values[0].value.value);
  return text !== undefined && text.length > SAYS_CHARACTERS ? `${text.slice(0, SAYS_CHARACTERS)}…` : text;
}
