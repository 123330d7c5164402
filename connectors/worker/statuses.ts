import { CONNECTOR_NAME, TASKS_LIMIT, TOPICS_LIMIT } from '../config/common-config.ts';
import { CONNECTORS_LIMIT } from './connector-configs.ts';

/** States of Kafka Connect. */
export const RUN_STATES = ['RUNNING', 'PAUSED', 'STOPPED', 'FAILED', 'UNASSIGNED'] as const;
export type RunState = (typeof RUN_STATES)[number];

/** What is shown of a connector or a task. */
export interface Status {
  readonly state: RunState;
  readonly worker_id: string;
  /** Of a FAILED one: what ended it. */
  readonly trace?: string;
  /** Of a RUNNING one: what it waits for. */
  readonly waiting?: string;
}

/** As it stands in the topic: with the one life of a worker that said it. Its id may be used again, or twice. */
export interface ToldStatus extends Status {
  readonly incarnation: string;
}

export type StatusPart = 'connector' | number;

const TASK = 'status-task-';
const CONNECTOR = 'status-connector-';
const TOPIC = 'status-topic-';
const OF_CONNECTOR = ':connector-';

/** Further entries of the topic are not held: they are of connectors that cannot be. */
const STATUSES_LIMIT = CONNECTORS_LIMIT * (TASKS_LIMIT + 1);
const LONGEST_TEXT = 16_384;

export function statusKey(connector: string, part: StatusPart): string {
  return part === 'connector' ? CONNECTOR + connector : `${TASK}${connector}-${part}`;
}

export function topicKey(connector: string, topic: string): string {
  return TOPIC + topic + OF_CONNECTOR + connector;
}

/** What all workers say of connectors, tasks and topics, as the status topic tells it. */
export class Statuses {
  readonly #byKey = new Map<string, ToldStatus>();
  readonly #topics = new Map<string, Set<string>>();
  /** Told of each record that another worker wrote. */
  onForeign: (key: string) => void = () => undefined;
  readonly #incarnation: string;

  constructor(incarnation: string) {
    this.#incarnation = incarnation;
  }

  /** For the table; what is no status is left out. */
  take(key: string, value: unknown): void {
    if (key.startsWith(TOPIC)) {
      this.#takeTopic(key.slice(TOPIC.length), value !== undefined);
      return;
    }
    const status = value === undefined ? undefined : statusOf(value);
    if (value !== undefined && status === undefined) return;
    // A worker that goes gives up only what is still its own: its successor may have spoken already.
    if (status?.state === 'UNASSIGNED' && this.#byKey.get(key)?.incarnation !== status.incarnation) return;
    if (status === undefined) this.#byKey.delete(key);
    else if (this.#byKey.size < STATUSES_LIMIT || this.#byKey.has(key)) this.#byKey.set(key, status);
    if (status?.incarnation !== this.#incarnation) this.onForeign(key);
  }

  get(connector: string, part: StatusPart): ToldStatus | undefined {
    return this.#byKey.get(statusKey(connector, part));
  }

  byKey(key: string): ToldStatus | undefined {
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
    const at = text.indexOf(OF_CONNECTOR);
    const [topic, connector] = [text.slice(0, at), text.slice(at + OF_CONNECTOR.length)];
    if (at <= 0 || !CONNECTOR_NAME.test(connector)) return;
    const topics = this.#topics.get(connector) ?? new Set<string>();
    if (!isThere) topics.delete(topic);
    else if (topics.size < TOPICS_LIMIT) topics.add(topic);
    if (topics.size === 0) this.#topics.delete(connector);
    else if (this.#topics.size < STATUSES_LIMIT || this.#topics.has(connector)) this.#topics.set(connector, topics);
  }
}

function statusOf(value: unknown): ToldStatus | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const { state, worker_id, incarnation, trace, waiting } = value as Readonly<Record<string, unknown>>;
  const known = RUN_STATES.find((one) => one === state);
  if (known === undefined || typeof worker_id !== 'string') return undefined;
  return {
    state: known,
    worker_id: worker_id.slice(0, 1_000),
    incarnation: typeof incarnation === 'string' ? incarnation.slice(0, 100) : '',
    ...(typeof trace === 'string' && { trace: trace.slice(0, LONGEST_TEXT) }),
    ...(typeof waiting === 'string' && { waiting: waiting.slice(0, LONGEST_TEXT) }),
  };
}
