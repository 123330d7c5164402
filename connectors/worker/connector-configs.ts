import { CONNECTOR_NAME, TASKS_LIMIT } from '../config/common-config.ts';
import type { RawConfig } from '../config/definition.ts';
import type { CompactedTable } from './compacted-table.ts';

export const TARGET_STATES = ['STARTED', 'PAUSED', 'STOPPED'] as const;
export type TargetState = (typeof TARGET_STATES)[number];

/** Most connectors of a group of workers; a further one is refused, and left out when it stands in the topic all the same. */
export const CONNECTORS_LIMIT = 500;

export interface ConnectorEntry {
  readonly config: RawConfig;
  readonly state: TargetState;
  /** Grows with each configuration: tasks of an older one must be made anew. */
  readonly version: number;
}

/** Which parts of a connector are to be started anew. */
export interface RestartRequest {
  readonly connector: string;
  /** Numbers of tasks. */
  readonly tasks: readonly number[];
}

const CONNECTOR = 'connector-';
const TARGET = 'target-state-';
const RESTART = 'restart-';
const CLAIM = 'claim-';

/** A claim that led to nothing so long ago was of a worker that died; longer than a write may take. */
const CLAIM_MS = 60_000;

interface Claim {
  readonly id: string;
  /** ms since 1970 */
  readonly at: number;
}

/** The connectors that are to run, as the configuration topic tells them; keys and values in the form of Kafka Connect. */
export class ConnectorConfigs {
  readonly #configs = new Map<string, { readonly config: RawConfig; readonly version: number }>();
  readonly #states = new Map<string, TargetState>();
  readonly #claims = new Map<string, Claim>();
  #version = 0;
  /** Told after each change. */
  onChange: () => void = () => undefined;
  /** Told once for each request that comes while this process runs. */
  onRestart: (request: RestartRequest) => void = () => undefined;
  /** Told of records that are left out. */
  onStrange: (key: string, why: string) => void = () => undefined;

  names(): readonly string[] {
    return [...this.#configs.keys()].sort();
  }

  get size(): number {
    return this.#configs.size;
  }

  get(name: string): ConnectorEntry | undefined {
    const found = this.#configs.get(name);
    return found && { ...found, state: this.#states.get(name) ?? 'STARTED' };
  }

  /** For the table. */
  take(key: string, value: unknown, live: boolean): void {
    const kind = [CONNECTOR, TARGET, RESTART, CLAIM].find((one) => key.startsWith(one));
    const name = key.slice(kind?.length ?? 0);
    if (kind === undefined || !CONNECTOR_NAME.test(name)) {
      this.onStrange(key, 'a key of another kind');
      return;
    }
    if (kind === CLAIM) this.#takeClaim(name, value);
    else if (kind === RESTART) {
      if (live) this.#takeRestart(name, value);
    } else {
      if (kind === CONNECTOR) this.#takeConfig(name, value);
      else this.#takeState(name, value);
      this.onChange();
    }
  }

  /** Whether the claim with this id is the one that may create the connector. */
  isClaimedBy(name: string, id: string): boolean {
    return this.#claims.get(name)?.id === id;
  }

  static async put(table: CompactedTable, name: string, config: RawConfig): Promise<void> {
    await table.put(CONNECTOR + name, { properties: config });
  }

  /** Of several claims that are made at once the first in the topic holds, for all who read it. */
  static async claim(table: CompactedTable, name: string, id: string): Promise<void> {
    await table.put(CLAIM + name, { id, at: Date.now() });
  }

  static async unclaim(table: CompactedTable, name: string): Promise<void> {
    await table.put(CLAIM + name, null);
  }

  static async putState(table: CompactedTable, name: string, state: TargetState): Promise<void> {
    await table.put(TARGET + name, { state });
  }

  static async remove(table: CompactedTable, name: string): Promise<void> {
    await table.put(CONNECTOR + name, null);
    await table.put(TARGET + name, null);
    await table.put(RESTART + name, null);
  }

  static async restart(table: CompactedTable, { connector, tasks }: RestartRequest): Promise<void> {
    await table.put(RESTART + connector, { tasks, at: new Date().toISOString() });
  }

  #takeConfig(name: string, value: unknown): void {
    this.#claims.delete(name);
    if (value === undefined) {
      this.#configs.delete(name);
      return;
    }
    const config = propertiesOf(value);
    if (config === undefined) this.onStrange(CONNECTOR + name, 'no properties, or some that are no text');
    else if (this.#configs.size >= CONNECTORS_LIMIT && !this.#configs.has(name))
      this.onStrange(CONNECTOR + name, `there are ${CONNECTORS_LIMIT} connectors already`);
    else this.#configs.set(name, { config, version: ++this.#version });
  }

  #takeState(name: string, value: unknown): void {
    const state = TARGET_STATES.find((one) => one === (value as { state?: unknown } | null | undefined)?.state);
    if (state === undefined) this.#states.delete(name);
    else if (this.#states.size < 2 * CONNECTORS_LIMIT || this.#states.has(name)) this.#states.set(name, state);
  }

  #takeClaim(name: string, value: unknown): void {
    const { id, at } = (value ?? {}) as { id?: unknown; at?: unknown };
    if (typeof id !== 'string' || typeof at !== 'number') {
      this.#claims.delete(name);
      return;
    }
    const holder = this.#claims.get(name);
    if (this.#configs.has(name) || (holder !== undefined && at - holder.at < CLAIM_MS)) return;
    if (this.#claims.size >= CONNECTORS_LIMIT) this.#claims.clear();
    this.#claims.set(name, { id, at });
  }

  #takeRestart(connector: string, value: unknown): void {
    const tasks = (value as { tasks?: unknown } | null | undefined)?.tasks;
    if (!Array.isArray(tasks)) return;
    const numbers = tasks.slice(0, TASKS_LIMIT).filter((one) => Number.isInteger(one));
    this.onRestart({ connector, tasks: numbers });
  }
}

/** Undefined for what nobody of ours wrote. */
function propertiesOf(value: unknown): RawConfig | undefined {
  const properties = (value as { properties?: unknown } | null)?.properties;
  if (typeof properties !== 'object' || properties === null || Array.isArray(properties)) return undefined;
  return Object.values(properties).every((text) => typeof text === 'string') ? (properties as RawConfig) : undefined;
}
