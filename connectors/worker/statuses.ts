/** States of Kafka Connect. */
export type RunState = 'RUNNING' | 'PAUSED' | 'STOPPED' | 'FAILED' | 'UNASSIGNED';

export interface Status {
  readonly state: RunState;
  readonly worker_id: string;
  /** Of a FAILED one: what ended it. */
  readonly trace?: string;
  /** Of a RUNNING one: what it waits for. */
  readonly waiting?: string;
}

export type StatusPart = 'connector' | number;

const TASK = 'status-task-';
const CONNECTOR = 'status-connector-';
const TOPIC = 'status-topic-';

export function statusKey(connector: string, part: StatusPart): string {
  return part === 'connector' ? CONNECTOR + connector : `${TASK}${connector}-${part}`;
}

export function topicKey(connector: string, topic: string): string {
  return `${TOPIC}${topic}:connector-${connector}`;
}

/** What all workers say of connectors, tasks and topics, as the status topic tells it. */
export class Statuses {
  readonly #byKey = new Map<string, Status>();
  readonly #topics = new Map<string, Set<string>>();
  /** Told of each record that another worker wrote. */
  onForeign: (key: string) => void = () => undefined;
  readonly #workerId: string;

  constructor(workerId: string) {
    this.#workerId = workerId;
  }

  /** For the table. */
  take(key: string, value: unknown): void {
    if (key.startsWith(TOPIC)) {
      this.#takeTopic(key.slice(TOPIC.length), value !== undefined);
      return;
    }
    const status = value as Status | undefined;
    // A worker that goes gives up only what is still its own: its successor may have spoken already.
    if (status?.state === 'UNASSIGNED' && this.#byKey.get(key)?.worker_id !== status.worker_id) return;
    if (status === undefined) this.#byKey.delete(key);
    else this.#byKey.set(key, status);
    if (status?.worker_id !== this.#workerId) this.onForeign(key);
  }

  get(connector: string, part: StatusPart): Status | undefined {
    return this.#byKey.get(statusKey(connector, part));
  }

  byKey(key: string): Status | undefined {
    return this.#byKey.get(key);
  }

  topicsOf(connector: string): readonly string[] {
    return [...(this.#topics.get(connector) ?? [])].sort();
  }

  /** Keys of everything that is known of a connector, or of its tasks from a number on. */
  keysOf(connector: string, fromTask = 0): readonly string[] {
    const prefix = `${TASK}${connector}-`;
    const tasks = [...this.#byKey.keys()].filter((key) => {
      const number = key.startsWith(prefix) ? key.slice(prefix.length) : '';
      return /^\d+$/.test(number) && Number(number) >= fromTask;
    });
    if (fromTask > 0) return tasks;
    return [
      ...tasks,
      statusKey(connector, 'connector'),
      ...this.topicsOf(connector).map((topic) => topicKey(connector, topic)),
    ];
  }

  #takeTopic(text: string, isThere: boolean): void {
    const [topic, connector] = text.split(':connector-');
    if (topic === undefined || connector === undefined) return;
    const topics = this.#topics.get(connector) ?? new Set<string>();
    if (isThere) topics.add(topic);
    else topics.delete(topic);
    this.#topics.set(connector, topics);
  }
}
