import { connectorClassOf } from '../../config/connector-classes.ts';
import type { RawConfig } from '../../config/definition.ts';
import type { ConnectorEntry } from '../connector-configs.ts';
import { shown } from '../secrets.ts';
import type { Worker } from '../worker.ts';
import { RestError } from './rest-error.ts';

/** Throws 404. */
export function entryOf(worker: Worker, name: string): ConnectorEntry {
  const entry = worker.configs.get(name);
  if (entry === undefined) throw new RestError(404, `Connector ${name} not found`);
  return entry;
}

export function taskNumbers(worker: Worker, name: string): readonly number[] {
  return Array.from({ length: worker.taskCount(name) }, (_, number) => number);
}

/** Throws 404. */
export function taskOf(worker: Worker, { name, task }: { readonly name: string; readonly task: string }): number {
  entryOf(worker, name);
  const number = /^\d{1,4}$/.test(task) ? Number(task) : -1;
  if (number < 0 || number >= worker.taskCount(name)) throw new RestError(404, `Unknown task: ${name}-${task}`);
  return number;
}

export function infoOf(worker: Worker, name: string): object {
  const { config } = entryOf(worker, name);
  const tasks = taskNumbers(worker, name).map((task) => ({ connector: name, task }));
  return { name, config: shown(config), tasks, type: typeOf(config) };
}

export function statusOf(worker: Worker, name: string): object {
  const entry = worker.configs.get(name);
  if (entry === undefined) throw new RestError(404, `No status found for connector ${name}`);
  const tasks = taskNumbers(worker, name).map((id) => ({ id, ...worker.status(name, id) }));
  return { name, connector: worker.status(name, 'connector'), tasks, type: typeOf(entry.config) };
}

export function typeOf(config: RawConfig): 'sink' | 'source' | 'unknown' {
  return connectorClassOf(config['connector.class'])?.row.type ?? 'unknown';
}

/** Throws 400. */
export function tableOf(body: unknown): Readonly<Record<string, unknown>> {
  if (typeof body !== 'object' || body === null || Array.isArray(body))
    throw new RestError(400, 'The body must be an object of settings');
  return body as Readonly<Record<string, unknown>>;
}
