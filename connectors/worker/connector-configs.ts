import type { RawConfig } from '../config/definition.ts';
import type { CompactedTable } from './compacted-table.ts';

export const TARGET_STATES = ['STARTED', 'PAUSED', 'STOPPED'] as const;
export type TargetState = (typeof TARGET_STATES)[number];

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

/** The connectors that are to run, as the configuration topic tells them; keys and values in the form of Kafka Connect. */
export class ConnectorConfigs {
  readonly #configs = new Map<string, { readonly config: RawConfig; readonly version: number }>();
  readonly #states = new Map<string, TargetState>();
  #version = 0;
  /** Told after each change. */
  onChange: () => void = () => undefined;
  /** Told once for each request that comes while this process runs. */
  onRestart: (request: RestartRequest) => void = () => undefined;

  names(): readonly string[] {
    return [...this.#configs.keys()].sort();
  }

  get(name: string): ConnectorEntry | undefined {
    const found = this.#configs.get(name);
    return found && { ...found, state: this.#states.get(name) ?? 'STARTED' };
  }

  /** For the table. */
  take(key: string, value: unknown, live: boolean): void {
    if (key.startsWith(CONNECTOR)) this.#takeConfig(key.slice(CONNECTOR.length), value);
    else if (key.startsWith(TARGET)) this.#takeState(key.slice(TARGET.length), value);
    else if (key.startsWith(RESTART)) {
      const tasks = (value as { tasks?: unknown } | undefined)?.tasks;
      if (live && Array.isArray(tasks))
        this.onRestart({ connector: key.slice(RESTART.length), tasks: tasks.map(Number) });
      return;
    }
    this.onChange();
  }

  static async put(table: CompactedTable, name: string, config: RawConfig): Promise<void> {
    await table.put(CONNECTOR + name, { properties: config });
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
    const properties = (value as { properties?: RawConfig } | undefined)?.properties;
    if (typeof properties === 'object') this.#configs.set(name, { config: properties, version: ++this.#version });
    else this.#configs.delete(name);
  }

  #takeState(name: string, value: unknown): void {
    const state = TARGET_STATES.find((one) => one === (value as { state?: unknown } | undefined)?.state);
    if (state === undefined) this.#states.delete(name);
    else this.#states.set(name, state);
  }
}
