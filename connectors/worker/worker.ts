import { randomUUID } from 'node:crypto';
import { PlatformError } from '../../common/errors.ts';
import { shareSlots } from '../../common/kafka/member-slots.ts';
import { ensureTopics } from '../../common/kafka/topics.ts';
import { untilDone } from '../../common/lifecycle.ts';
import type { RawConfig } from '../config/definition.ts';
import { ConnectorMetrics } from '../connector-metrics.ts';
import { SourceMetrics } from '../source-metrics.ts';
import { CompactedTable } from './compacted-table.ts';
import { ConnectorConfigs, type ConnectorEntry, type TargetState } from './connector-configs.ts';
import { RunningTasks, type WantedTask } from './running-tasks.ts';
import { StatusWriter } from './status-writer.ts';
import { type Status, Statuses, type StatusPart, statusKey, topicKey } from './statuses.ts';
import { SLOTS, slotOf, taskCountOf } from './task-slots.ts';
import type { TaskContext } from './tasks.ts';
import { showTasks, type TaskState } from './worker-metrics.ts';

export interface WorkerOptions extends TaskContext {
  /** Shown as `worker_id`: host:port of its REST interface. */
  readonly workerId: string;
  readonly signal: AbortSignal;
  /** How long the others wait for a worker that says nothing. */
  readonly sessionTimeoutMs?: number;
}

/** Records of the configuration topic that are warned of; more of them are told at level debug. */
const STRANGE_WARNINGS = 20;

/**
 * One worker of a group. Which connectors there are and in what state they should be stands in one compacted topic, what became of them in
 * another; both are read by all workers, so that each answers for all.
 */
export class Worker {
  readonly configs = new ConnectorConfigs();
  /** ms since 1970; null as it was at the start. */
  logLevelSetAt: number | null = null;
  readonly #statuses: Statuses;
  readonly #writer: StatusWriter;
  readonly #o: WorkerOptions;
  readonly #tasks: RunningTasks;
  /** One life of a worker: two may be started with one id. */
  readonly #incarnation = randomUUID();
  #configTable: CompactedTable | undefined;
  /** Undefined until the group has told. */
  #slots: ReadonlySet<number> | undefined;
  #sharing: Promise<void> = Promise.resolve();
  /** One change after the other. */
  #work: Promise<void> = Promise.resolve();
  #isDue = false;
  #stopped = false;
  #strange = 0;
  /** Connectors that have metrics. */
  #measured: readonly string[] = [];

  constructor(o: WorkerOptions) {
    this.#o = o;
    this.#statuses = new Statuses(this.#incarnation);
    const ownStatus = (key: string) => {
      const own = this.#stopped ? undefined : this.#tasks.byKey(key);
      return own !== undefined && this.#owns(own.wanted.connector, own.wanted.number) ? own.status : undefined;
    };
    const { workerId, signal, log } = o;
    this.#writer = new StatusWriter({
      ...{ workerId, signal, log, ownStatus },
      incarnation: this.#incarnation,
      statuses: this.#statuses,
    });
    this.#tasks = new RunningTasks({
      context: o,
      onStatus: (connector, number, status) => this.#writer.tell(connector, number, status),
      onTopic: (connector, topic) => this.#writer.write(topicKey(connector, topic), { topic, connector }),
    });
    this.configs.onChange = () => this.#reconcile();
    this.configs.onRestart = ({ connector, tasks }) => this.#restart(connector, tasks);
    this.configs.onStrange = (key, why) =>
      log[++this.#strange <= STRANGE_WARNINGS ? 'warn' : 'debug'](
        { key: key.slice(0, 200), why },
        'a record of the configuration topic is left out',
      );
    showTasks(o.metrics, () => this.#taskStates());
  }

  /** Resolves once the worker knows what all workers know; waits for Kafka. */
  async start(): Promise<void> {
    const { kafka, groupId, log, signal } = this.#o;
    const topic = (name: string) => `${groupId}-${name}`;
    await untilDone('preparing the topic of the slots', { signal, log }, () =>
      ensureTopics(kafka, [{ topic: topic('slots'), partitions: SLOTS, settings: { 'cleanup.policy': 'compact' } }]),
    );
    const common = { kafka, log, signal };
    const [statusTable, configTable] = await Promise.all([
      CompactedTable.open({
        ...common,
        topic: topic('status'),
        onRecord: (key, value) => this.#statuses.take(key, value),
      }),
      CompactedTable.open({
        ...common,
        topic: topic('configs'),
        onRecord: (key, value, live) => this.configs.take(key, value, live),
      }),
    ]);
    this.#writer.open(statusTable);
    this.#configTable = configTable;
    if (signal.aborted) return;
    this.#sharing = shareSlots({
      ...common,
      groupId,
      topic: topic('slots'),
      ...(this.#o.sessionTimeoutMs === undefined ? {} : { sessionTimeoutMs: this.#o.sessionTimeoutMs }),
      onSlots: (slots) => {
        this.#slots = slots;
        this.#reconcile();
      },
    });
  }

  /** After the signal was aborted: ends the tasks, gives up their statuses, leaves the group. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#sharing;
    await this.#work;
    const owned = this.#tasks.all();
    await this.#tasks.become([]);
    for (const { connector, number } of owned) {
      this.#writer.tell(connector, number, { state: 'UNASSIGNED' });
      if (number === 0) this.#writer.tell(connector, 'connector', { state: 'UNASSIGNED' });
    }
    await this.#configTable?.close();
    await this.#writer.close();
  }

  /** False when another creation of the name came first. Errors: KAFKA_UNAVAILABLE, as of all that changes something. */
  async create(name: string, config: RawConfig, state: TargetState | undefined): Promise<boolean> {
    const table = this.#table();
    const id = randomUUID();
    await ConnectorConfigs.claim(table, name, id);
    if (!this.configs.isClaimedBy(name, id)) return false;
    if (state !== undefined) await ConnectorConfigs.putState(table, name, state);
    await ConnectorConfigs.put(table, name, { ...config, name });
    await ConnectorConfigs.unclaim(table, name);
    return true;
  }

  async put(name: string, config: RawConfig): Promise<void> {
    await ConnectorConfigs.put(this.#table(), name, { ...config, name });
  }

  async putState(name: string, state: TargetState): Promise<void> {
    await ConnectorConfigs.putState(this.#table(), name, state);
  }

  async remove(name: string): Promise<void> {
    await ConnectorConfigs.remove(this.#table(), name);
    await this.#writer.remove(this.#statuses.keysOf(name));
  }

  /** Starts tasks anew, on whichever worker they are. */
  async restart(name: string, tasks: readonly number[]): Promise<void> {
    await ConnectorConfigs.restart(this.#table(), { connector: name, tasks });
  }

  topicsOf(name: string): readonly string[] {
    return this.#statuses.topicsOf(name);
  }

  async forgetTopics(name: string): Promise<void> {
    await this.#writer.remove(this.topicsOf(name).map((topic) => topicKey(name, topic)));
  }

  get logLevel(): string {
    return this.#o.log.level;
  }

  setLogLevel(level: string): void {
    this.logLevelSetAt = Date.now();
    this.#o.log.level = level;
    this.#tasks.setLogLevel(level);
  }

  /** All that stood in the topics is known. */
  get isReady(): boolean {
    return this.#configTable !== undefined;
  }

  taskCount(name: string): number {
    const entry = this.configs.get(name);
    return entry === undefined ? 0 : taskCountOf(entry);
  }

  /** What was told last, unless it cannot be true any more. */
  status(name: string, part: StatusPart): Status {
    const { workerId } = this.#o;
    const told = this.#statuses.get(name, part);
    if (told === undefined) return { state: 'UNASSIGNED', worker_id: '' };
    const { incarnation, ...status } = told;
    if (incarnation === this.#incarnation) return status;
    // Told by a former life of this worker, or by one that has lost to this one what it spoke of.
    const isOver =
      this.#slots === undefined ? told.worker_id === workerId : this.#owns(name, part === 'connector' ? 0 : part);
    return isOver ? { state: 'UNASSIGNED', worker_id: workerId } : status;
  }

  #table(): CompactedTable {
    if (this.#configTable === undefined)
      throw new PlatformError('KAFKA_UNAVAILABLE', 'the worker does not know its connectors yet');
    return this.#configTable;
  }

  #reconcile(): void {
    if (this.#isDue || this.#stopped) return;
    this.#isDue = true;
    this.#queue(async () => {
      this.#isDue = false;
      if (this.#o.signal.aborted || this.#configTable === undefined) return;
      const wanted = this.configs.names().flatMap((name) => this.#wantedOf(name, this.configs.get(name)!));
      const over = await this.#tasks.become(wanted);
      this.#forget(over);
      this.#tellConnectors();
    });
  }

  /** Of tasks that are no more, not of those that another worker has now: said by whom they were, so it is the last word. */
  #forget(over: readonly WantedTask[]): void {
    for (const { connector, number } of over) {
      if (number < this.taskCount(connector)) continue;
      this.#writer.write(statusKey(connector, number), null);
      if (number === 0 && this.configs.get(connector) === undefined)
        for (const key of this.#statuses.keysOf(connector)) this.#writer.write(key, null);
    }
    const names = this.configs.names();
    const present = new Set(names);
    for (const name of this.#measured) {
      if (present.has(name)) continue;
      ConnectorMetrics.forget(this.#o.metrics, name);
      SourceMetrics.forget(this.#o.metrics, name);
    }
    this.#measured = names;
  }

  #wantedOf(name: string, entry: ConnectorEntry): readonly WantedTask[] {
    const { config, version } = entry;
    return this.#ownTasks(name, entry).map((number) => ({
      ...{ connector: name, number, config, version },
      paused: entry.state === 'PAUSED',
    }));
  }

  #ownTasks(name: string, entry: ConnectorEntry): readonly number[] {
    return Array.from({ length: taskCountOf(entry) }, (_, number) => number).filter((number) =>
      this.#owns(name, number),
    );
  }

  #owns(name: string, number: number): boolean {
    return this.#slots?.has(slotOf(name, number)) === true;
  }

  #taskStates(): ReadonlyMap<string, readonly TaskState[]> {
    const states = new Map<string, readonly TaskState[]>();
    for (const name of this.configs.names()) {
      const own = this.#ownTasks(name, this.configs.get(name)!);
      if (own.length > 0)
        states.set(
          name,
          own.map((number) => this.#stateOf(name, number)),
        );
    }
    return states;
  }

  #stateOf(name: string, number: number): TaskState {
    const status = this.#tasks.byKey(statusKey(name, number))?.status;
    if (status === undefined || status.state === 'STOPPED') return 'UNASSIGNED';
    return status.waiting === undefined ? status.state : 'WAITING';
  }

  /** The connector itself goes with its first task. */
  #tellConnectors(): void {
    for (const name of this.configs.names()) {
      if (!this.#owns(name, 0)) continue;
      const { state } = this.configs.get(name)!;
      const expected = state === 'STARTED' ? 'RUNNING' : state;
      const now = this.#statuses.get(name, 'connector');
      if (now?.state !== expected || now.incarnation !== this.#incarnation)
        this.#writer.tell(name, 'connector', { state: expected });
    }
  }

  #restart(connector: string, tasks: readonly number[]): void {
    this.#queue(async () => {
      await Promise.all(tasks.map((number) => this.#tasks.restart(connector, number)));
    });
  }

  #queue(work: () => Promise<void>): void {
    this.#work = this.#work
      .then(work)
      .catch((error: unknown) => this.#o.log.error({ err: error }, 'a fault in the worker'));
  }
}
