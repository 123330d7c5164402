import { PlatformError } from '../../common/errors.ts';
import type { SchemaIds, UnknownSchemaId } from '../../common/kafka/batch/schema-ids.ts';
import type { SchemaTranslation } from '../copy/schema-translation.ts';
import type { Side } from '../lanes.ts';
import { copySchema } from './copy-schema.ts';
import type { Registry } from './registry.ts';
import { type Direction, hashOf, type SchemaMap } from './schema-map.ts';

export interface RegistryTranslationOptions {
  readonly direction: Direction;
  readonly registries: Readonly<Record<Side, Registry>>;
  readonly map: SchemaMap;
  /** Called for each id that is asked for at a registry. */
  readonly onMiss: () => void;
  readonly signal: AbortSignal;
}

/** A lane waits so long for an answer. Then its partition rests, the others go on, and the question stays open. */
const PATIENCE_MS = 2_000;
/** Everything that one id needs, its references too. */
const LEARN_TIMEOUT_MS = 30_000;
/** Shorter than a partition rests, so that it is asked anew each time, and once for all partitions of a topic. */
const REFUSED_FOR_MS = 10_000;
const AWAY_FOR_MS = 500;
/** The oldest is forgotten. */
const REFUSALS_LIMIT = 1_000;
const OPEN_QUESTIONS_LIMIT = 64;

interface Question {
  readonly sinceMs: number;
  readonly answered: Promise<void>;
}

interface Refusal {
  readonly untilMs: number;
  readonly error: PlatformError;
}

/** Ids of one registry for those of the other, one way. All lanes of the way use the same. */
export class RegistryTranslation implements SchemaTranslation {
  readonly #o: RegistryTranslationOptions;
  readonly #questions = new Map<string, Question>();
  readonly #refusals = new Map<string, Refusal>();
  #away: Refusal | undefined = undefined;

  constructor(options: RegistryTranslationOptions) {
    this.#o = options;
  }

  idsFor(topic: string): SchemaIds {
    return this.#o.map.known[this.#o.direction].of(topic);
  }

  async learn(topic: string, unknown: UnknownSchemaId): Promise<void> {
    const name = `${unknown.part} ${unknown.id} ${topic}`;
    const question = this.#questions.get(name) ?? this.#ask(name, topic, unknown);
    await this.#inTime(question, `schema id ${unknown.id} of ${topic} is still asked for`);
  }

  #ask(name: string, topic: string, unknown: UnknownSchemaId): Question {
    this.#throwIfRefused(name);
    if (this.#questions.size >= OPEN_QUESTIONS_LIMIT)
      throw new PlatformError('REGISTRY_UNAVAILABLE', `${OPEN_QUESTIONS_LIMIT} schema ids are already asked for`);
    this.#o.onMiss();
    const answered = this.#find(topic, unknown)
      .catch((error: unknown) => {
        this.#remember(name, error);
        throw error;
      })
      .finally(() => this.#questions.delete(name));
    // Whoever waits is told; nobody may be waiting any more.
    answered.catch(() => undefined);
    const question = { sinceMs: performance.now(), answered };
    this.#questions.set(name, question);
    return question;
  }

  async #find(topic: string, unknown: UnknownSchemaId): Promise<void> {
    const { direction, registries, map } = this.#o;
    const signal = AbortSignal.any([this.#o.signal, AbortSignal.timeout(LEARN_TIMEOUT_MS)]);
    const known = map.known[direction];
    known.assertRoom();
    await map.prove(signal);
    const [from, to] = direction === 'up' ? (['edge', 'cloud'] as const) : (['cloud', 'edge'] as const);
    const source = registries[from];
    const target = registries[to];
    const { targetId, schema } = await copySchema({ source, target, topic, unknown, signal });
    // What it says may be written otherwise there.
    const copy = await target.schemaById(targetId, signal);
    if (copy === undefined)
      throw new PlatformError('REGISTRY_UNAVAILABLE', `${target.url} gave schema id ${targetId} and does not know it`);
    known.set([topic, unknown.part, unknown.id, targetId]);
    const [atSource, atTarget] = [
      { id: unknown.id, sha256: hashOf(schema) },
      { id: targetId, sha256: hashOf(copy) },
    ];
    map.keep(direction === 'up' ? { edge: atSource, cloud: atTarget } : { edge: atTarget, cloud: atSource });
  }

  #throwIfRefused(name: string): void {
    const now = performance.now();
    for (const known of [this.#refusals.get(name), this.#away])
      if (known !== undefined && now < known.untilMs) throw known.error;
  }

  #remember(name: string, error: unknown): void {
    if (!(error instanceof PlatformError)) return;
    const now = performance.now();
    if (error.retriable) {
      this.#away = { untilMs: now + AWAY_FOR_MS, error };
      return;
    }
    this.#refusals.delete(name);
    this.#refusals.set(name, { untilMs: now + REFUSED_FOR_MS, error });
    if (this.#refusals.size > REFUSALS_LIMIT) this.#refusals.delete(this.#refusals.keys().next().value!);
  }

  async #inTime({ sinceMs, answered }: Question, what: string): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      const leftMs = sinceMs + PATIENCE_MS - performance.now();
      timer = setTimeout(() => reject(new PlatformError('REGISTRY_UNAVAILABLE', what)), Math.max(0, leftMs));
    });
    try {
      await Promise.race([answered, late]);
    } finally {
      clearTimeout(timer);
    }
  }
}
