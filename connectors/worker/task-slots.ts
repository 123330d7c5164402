import { TASKS_LIMIT } from '../config/common-config.ts';
import { connectorClassOf } from '../config/connector-classes.ts';
import type { ConnectorEntry } from './connector-configs.ts';

/**
 * Partitions of the topic by which workers share tasks: a task has the slot of its connector's name and its number, and the worker that the
 * group gives the partition runs it. More workers than slots would be idle.
 */
export const SLOTS = 60;

export function slotOf(connector: string, number: number): number {
  return (hash(connector) + number) % SLOTS;
}

/** A source reads one query: one task. A connector that is stopped has none. */
export function taskCountOf({ config, state }: ConnectorEntry): number {
  if (state === 'STOPPED') return 0;
  if (connectorClassOf(config['connector.class'])?.row.type === 'source') return 1;
  const count = Number(config['tasks.max'] ?? 1);
  // The topic may hold what the REST interface would refuse: its tasks tell of the fault.
  return Number.isInteger(count) && count > 0 ? Math.min(count, TASKS_LIMIT) : 1;
}

/** FNV-1a over UTF-16 code units. */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (let at = 0; at < text.length; at++) value = Math.imul(value ^ text.charCodeAt(at), 0x01000193);
  return value >>> 0;
}
