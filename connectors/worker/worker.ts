import { PlatformError } from '../../common/errors.ts';
import { shareSlots } from '../../common/kafka/member-slots.ts';
import { ensureTopics } from '../../common/kafka/topics.ts';
import { sleep, untilDone } from '../../common/lifecycle.ts';
import { connectorClassOf } from '../config/connector-classes.ts';
import type { RawConfig } from '../config/definition.ts';
import { CompactedTable } from './compacted-table.ts';
import { ConnectorConfigs, type ConnectorEntry, type TargetState } from './connector-configs.ts';
import { RunningTasks, type WantedTask } from './running-tasks.ts';
import { type Status, Statuses, type StatusPart, statusKey, topicKey } from './statuses.ts';
import type { TaskContext } from './tasks.ts';

export interface WorkerOptions extends TaskContext {
  /** Shown as `worker_id`: host:port of its REST interface. */
  readonly workerId: string;
  readonly signal: AbortSignal;
  /** How long the others wait for a worker that says nothing. */
  readonly sessionTimeoutMs?: number;
}

/**
 * Partitions of the topic by which workers share tasks: a task has the slot of its connector's name and its number, and the worker that the
 * group gives the partition runs it. More workers than slots would be idle.
 */
const SLOTS = 60;
const CORRECT_AFTER_MS = 1_000;

/**
 * One worker of a group. Which connectors there are and in what state they should be stands in one compacted topic, what became of them in
 * another; both are read by all workers, so that each answers for all.
 */
export class Worker {
  readonly configs = new ConnectorConfigs();
  readonly statuses: Statuses;
  readonly #o: WorkerOptions;
  readonly #tasks: RunningTasks;
  #configTable: CompactedTable | undefined;
  #statusTable: CompactedTable | undefined;
  #slots: ReadonlySet<number> = new Set();
  #sharing: Promise<void> = Promise.resolve();
  /** One change after the other. */
  #work: Promise<void> = Promise.resolve();
  #isDue = false;
  /** Writes of statuses that are under way. */
  readonly #writing = new Set<Promise<void>>();
  #stopped = false;

  constructor(o: WorkerOptions) {
    this.#o = o;
    this.statuses = new Statuses(o.workerId);
    this.#tasks = new RunningTasks({
      context: o,
      onStatus: (connector, number, status) => this.#tell(connector, number, status),
      onTopic: (connector, topic) => this.#write(topicKey(connector, topic), { topic, connector }),
    });
    this.configs.onChange = () => this.#reconcile();
    this.configs.onRestart = ({ connector, tasks }) => this.#restart(connector, tasks);
    this.statuses.onForeign = (key) => void this.#correct(key);
  }

  /** Resolves once the worker knows what all workers know; waits for Kafka. */
  async start(): Promise<void> {
    const { kafka, groupId, log, signal } = this.#o;
    const topic = (name: string) => `${groupId}-${name}`;
    await untilDone('preparing the topic of the slots', { signal, log }, () =>
      ensureTopics(kafka, [{ topic: topic('slots'), partitions: SLOTS, settings: { 'cleanup.policy': 'compact' } }]),
    );
    const common = { kafka, log, signal };
    [this.#statusTable, this.#configTable] = await Promise.all([
      CompactedTable.open({
        ...common,
        topic: topic('status'),
        onRecord: (key, value) => this.statuses.take(key, value),
      }),
      CompactedTable.open({
        ...common,
        topic: topic('configs'),
        onRecord: (key, value, live) => this.configs.take(key, value, live),
      }),
    ]);
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
      this.#write(statusKey(connector, number), this.#status({ state: 'UNASSIGNED' }));
      if (number === 0) this.#write(statusKey(connector, 'connector'), this.#status({ state: 'UNASSIGNED' }));
    }
    // The reader has stopped already, so nobody sees these writes here: it is enough that Kafka has them.
    await this.#configTable?.close();
    await this.#statusTable?.close();
    await Promise.allSettled(this.#writing);
  }

  /** Errors: KAFKA_UNAVAILABLE, as of all that changes something. */
  async put(name: string, config: RawConfig): Promise<void> {
    await ConnectorConfigs.put(this.#table(), name, { ...config, name });
    for (const key of this.statuses.keysOf(name, this.taskCount(name))) await this.#statusTable?.put(key, null);
  }

  async putState(name: string, state: TargetState): Promise<void> {
    await ConnectorConfigs.putState(this.#table(), name, state);
  }

  async remove(name: string): Promise<void> {
    await ConnectorConfigs.remove(this.#table(), name);
    for (const key of this.statuses.keysOf(name)) await this.#statusTable?.put(key, null);
  }

  /** Starts tasks anew, on whichever worker they are. */
  async restart(name: string, tasks: readonly number[]): Promise<void> {
    await ConnectorConfigs.restart(this.#table(), { connector: name, tasks });
  }

  async forgetTopics(name: string): Promise<void> {
    for (const topic of this.statuses.topicsOf(name)) await this.#statusTable?.put(topicKey(name, topic), null);
  }

  /** All that stood in the topics is known. */
  get isReady(): boolean {
    return this.#configTable !== undefined;
  }

  taskCount(name: string): number {
    const entry = this.configs.get(name);
    return entry === undefined || entry.state === 'STOPPED' ? 0 : taskCountOf(entry);
  }

  status(name: string, part: StatusPart): Status {
    return this.statuses.get(name, part) ?? { state: 'UNASSIGNED', worker_id: '' };
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
      await this.#tasks.become(wanted);
      this.#tellConnectors();
    });
  }

  #wantedOf(name: string, entry: ConnectorEntry): readonly WantedTask[] {
    if (entry.state === 'STOPPED') return [];
    const { config, version } = entry;
    return Array.from({ length: taskCountOf(entry) }, (_, number) => number)
      .filter((number) => this.#owns(name, number))
      .map((number) => ({ connector: name, number, config, version, paused: entry.state === 'PAUSED' }));
  }

  #owns(name: string, number: number): boolean {
    return this.#slots.has((hash(name) + number) % SLOTS);
  }

  /** The connector itself goes with its first task. */
  #tellConnectors(): void {
    for (const name of this.configs.names()) {
      if (!this.#owns(name, 0)) continue;
      const { state } = this.configs.get(name)!;
      const status = this.#status({ state: state === 'STARTED' ? 'RUNNING' : state });
      const now = this.statuses.get(name, 'connector');
      if (now?.state !== status.state || now.worker_id !== status.worker_id)
        this.#write(statusKey(name, 'connector'), status);
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

  #tell(connector: string, number: number, status: Omit<Status, 'worker_id'>): void {
    this.#latest.set(statusKey(connector, number), status);
    this.#write(statusKey(connector, number), this.#status(status));
  }

  readonly #correcting = new Set<string>();
  /** The last words of the tasks of this worker. */
  readonly #latest = new Map<string, Omit<Status, 'worker_id'>>();

  /**
   * Another worker spoke last of a task that is ours: it lost the task while it was out of reach. Said again after a pause, for as long as
   * two believe that they own a task they would answer each other.
   */
  async #correct(key: string): Promise<void> {
    if (!this.#latest.has(key) || this.#correcting.has(key)) return;
    this.#correcting.add(key);
    await sleep(CORRECT_AFTER_MS, this.#o.signal);
    this.#correcting.delete(key);
    const status = this.#latest.get(key);
    if (status === undefined || this.#stopped || this.statuses.byKey(key)?.worker_id === this.#o.workerId) return;
    const own = this.#tasks.all().find(({ connector, number }) => statusKey(connector, number) === key);
    if (own === undefined) this.#latest.delete(key);
    else if (this.#owns(own.connector, own.number)) this.#write(key, this.#status(status));
  }

  #status(status: Omit<Status, 'worker_id'>): Status {
    return { ...status, worker_id: this.#o.workerId };
  }

  #write(key: string, value: unknown): void {
    const writing = (this.#statusTable?.put(key, value) ?? Promise.resolve()).catch((error: unknown) =>
      this.#o.log.debug({ key, err: error }, 'a status could not be written'),
    );
    this.#writing.add(writing);
    void writing.finally(() => this.#writing.delete(writing));
  }
}

/** A source reads one query: one task. */
function taskCountOf({ config }: ConnectorEntry): number {
  if (connectorClassOf(config['connector.class'])?.row.type === 'source') return 1;
  const count = Number(config['tasks.max'] ?? 1);
  return Number.isInteger(count) && count > 0 ? count : 1;
}

/** FNV-1a over UTF-16 code units. */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (let at = 0; at < text.length; at++) value = Math.imul(value ^ text.charCodeAt(at), 0x01000193);
  return value >>> 0;
}
