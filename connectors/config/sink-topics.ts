import { setImmediate as nextTurn } from 'node:timers/promises';
import { topicRowOf } from '../../schemas/topics.ts';
import { ANY_TOPIC, type Statement } from '../kcql/statement.ts';
import type { SinkTopic } from '../sink.ts';
import { TOPICS_LIMIT } from './common-config.ts';
import type { TopicPattern } from './topic-pattern.ts';

type AddFault = (name: string, text: string) => void;

/** Where a sink's topics come from; parts that are faulty themselves are absent. */
export interface TopicSource {
  readonly topics?: readonly string[];
  readonly topicsRegex?: TopicPattern | undefined;
  /** Empty: `<topic>.dlq` */
  readonly deadLetterTopic?: string;
}

const DEAD_LETTERS = '.dlq';

/** One of `topics` and `topics.regex`, and not what the connector itself sets aside. @param isGiven whether the setting has a text */
export function checkTopicSource(
  { topics = [], topicsRegex, deadLetterTopic = '' }: TopicSource,
  isGiven: (name: 'topics' | 'topics.regex') => boolean,
  add: AddFault,
): void {
  const [list, pattern] = [isGiven('topics'), isGiven('topics.regex')];
  if (list && pattern) add('topics.regex', 'topics and topics.regex are mutually exclusive options, but both are set.');
  else if (!list && !pattern) add('topics', 'Must configure one of topics or topics.regex');
  if (deadLetterTopic === '') return;
  if (topics.includes(deadLetterTopic))
    add('topics', `${deadLetterTopic} is where this connector sets records aside: it cannot take it`);
  if (topicsRegex?.matches(deadLetterTopic) === true)
    add('topics.regex', `${deadLetterTopic} matches, and is where this connector sets records aside`);
}

const KINDS: Readonly<Record<SinkTopic, string>> = {
  observations: 'observations',
  replies: 'management.rep',
  registrations: 'registrations',
};

function isOneOf(topic: string, rows: readonly SinkTopic[]): boolean {
  const found = topicRowOf(topic);
  return found !== undefined && rows.some((row) => topic === `iot.${found.gatewayId}.${KINDS[row]}`);
}

/** Of a connector whose mapping is built in. */
export function checkRowTopics(topics: readonly string[] | undefined, rows: readonly SinkTopic[], add: AddFault): void {
  for (const topic of topics ?? []) {
    if (isOneOf(topic, rows)) continue;
    const names = rows.map((row) => `iot.<gateway>.${KINDS[row]}`).join(' and ');
    add('topics', `${topic}: without KCQL only ${names} can be taken`);
  }
}

/** Each topic has its statement and each statement its topic; `FROM` a star in backticks is for topics without one of their own. */
export function checkStatementTopics(
  statements: readonly Statement[],
  { topics = [], topicsRegex }: TopicSource,
  add: (text: string) => void,
): void {
  const named = new Set(statements.map(({ topic }) => topic));
  if (!named.has(ANY_TOPIC)) for (const topic of topics) if (!named.has(topic)) add(`No statement is FROM ${topic}`);
  named.delete(ANY_TOPIC);
  for (const topic of named) {
    if (topicsRegex === undefined && !topics.includes(topic)) add(`${topic} is not among the topics`);
    if (topicsRegex?.matches(topic) === false) add(`${topic} does not match topics.regex`);
  }
}

export interface TopicChoice {
  readonly pattern: TopicPattern;
  /** Of a mapping by KCQL; empty: the mapping is built in, and takes the rows. */
  readonly statements: readonly Statement[];
  readonly rows: readonly SinkTopic[];
  readonly deadLetterTopic: string;
  /** Prefix of the topics that the workers keep. */
  readonly groupId: string;
}

/** Matching gives way to other work after so long. */
const TURN_MS = 10;

/**
 * Which topics of a cluster a sink with `topics.regex` takes: those that match and that it has a mapping for, but never Kafka's own
 * (`__…`), the workers', or dead letters.
 */
export class TopicChooser {
  readonly #o: TopicChoice;
  readonly #never: ReadonlySet<string>;
  readonly #named: ReadonlySet<string>;
  /** Names that stood in the cluster at the last look. */
  #known = new Map<string, boolean>();

  constructor(o: TopicChoice) {
    this.#o = o;
    const kept = ['configs', 'status', 'offsets', 'slots'].map((name) => `${o.groupId}-${name}`);
    this.#never = new Set([o.deadLetterTopic, ...kept]);
    this.#named = new Set(o.statements.map(({ topic }) => topic));
  }

  /** In the order of their names. @returns `left`: how many match beyond the limit, which are not taken */
  async choose(existing: readonly string[]): Promise<{ readonly topics: readonly string[]; readonly left: number }> {
    const known = new Map<string, boolean>();
    let turn = performance.now();
    for (const topic of existing) {
      known.set(topic, this.#known.get(topic) ?? this.#isTaken(topic));
      if (performance.now() - turn < TURN_MS) continue;
      await nextTurn();
      turn = performance.now();
    }
    this.#known = known;
    const all = existing.filter((topic) => known.get(topic) === true).sort();
    return { topics: all.slice(0, TOPICS_LIMIT), left: Math.max(0, all.length - TOPICS_LIMIT) };
  }

  #isTaken(topic: string): boolean {
    if (topic.startsWith('__') || topic.endsWith(DEAD_LETTERS) || this.#never.has(topic)) return false;
    const isMapped =
      this.#named.size === 0 ? isOneOf(topic, this.#o.rows) : this.#named.has(topic) || this.#named.has(ANY_TOPIC);
    return isMapped && this.#o.pattern.matches(topic);
  }
}
