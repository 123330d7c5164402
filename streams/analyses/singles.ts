import type { FrameEncoder } from '../../schemas/codec.ts';
import type {
  AvroCompositeNode,
  AvroInstanceResource,
  AvroKey,
  AvroMultipleResource,
  AvroResource,
  AvroResponseObserve,
} from '../../schemas/generated/records.ts';
import { CONTENT, type ObservationView } from '../observation-view.ts';
import { type Emitter, noSkips, type StreamTask, type TaskClock } from '../stream-task.ts';

export interface SinglesOptions {
  readonly keys: FrameEncoder<AvroKey>;
  readonly values: FrameEncoder<AvroResponseObserve>;
  decode(observation: ObservationView): AvroResponseObserve;
}

/** What the broker would refuse ends the transaction that it stands in, again and again. */
const SINGLE_LIMIT_BYTES = 900_000;
/** Each value takes the names of its reading with it: a few long ones and many values must not become any amount of memory. */
const READING_LIMIT_BYTES = 16 * 2 ** 20;

interface Pending {
  readonly key: Buffer;
  readonly value: Buffer;
}

/**
 * Takes batch readings apart: an observation of an object, an instance, a resource with instances or a composite becomes one
 * observation for each single value in it, with the value's own path and, where it has one, its own time. A single value goes on as it is.
 */
export class Singles implements StreamTask {
  readonly skips = noSkips();
  readonly entries = 0;
  readonly form = '';
  readonly #o: SinglesOptions;
  #pending: Pending[] = [];
  #streamTimeMs = Number.NEGATIVE_INFINITY;

  constructor(o: SinglesOptions) {
    this.#o = o;
  }

  get unflushed(): number {
    return this.#pending.length;
  }

  get clock(): TaskClock {
    return { streamTimeMs: this.#streamTimeMs, closedThroughMs: Number.NEGATIVE_INFINITY };
  }

  set clock({ streamTimeMs }: TaskClock) {
    this.#streamTimeMs = streamTimeMs;
  }

  process(observation: ObservationView, recordTimeMs: number): void {
    this.#streamTimeMs = Math.max(this.#streamTimeMs, Math.min(observation.timestamp, recordTimeMs));
    if (observation.content === CONTENT.none) {
      this.skips.no_value++;
      return;
    }
    const { keys, values, decode } = this.#o;
    const whole = decode(observation);
    const key = keys.encode({ ep: whole.ep });
    const made: Pending[] = [];
    let bytes = 0;
    for (const single of singlesOf(whole)) {
      const value = values.encode(single);
      bytes += value.length;
      if (value.length > SINGLE_LIMIT_BYTES || bytes > READING_LIMIT_BYTES) {
        this.skips.too_long++;
        return;
      }
      made.push({ key, value });
    }
    for (const one of made) this.#pending.push(one);
  }

  tick(): void {}

  flush(out: Emitter): void {
    for (const { key, value } of this.#pending) out.output(key, value);
    this.#pending = [];
  }

  restore(): void {}
}

const READ = 'io.zeelos.leshan.avro.response.AvroReadResponseBody';
const COMPOSITE = 'io.zeelos.leshan.avro.response.AvroCompositeResponse';
const OBJECT = 'io.zeelos.leshan.avro.resource.AvroObjectResource';
const INSTANCE = 'io.zeelos.leshan.avro.resource.AvroInstanceResource';
const MULTIPLE = 'io.zeelos.leshan.avro.resource.AvroMultipleResource';
const SINGLE = 'io.zeelos.leshan.avro.resource.AvroResource';

type Content = AvroCompositeNode['content'];

/** In the order in which they stand in the record. */
export function singlesOf(observation: AvroResponseObserve): readonly AvroResponseObserve[] {
  const body = observation.rep.body as Readonly<Record<string, unknown>> | null | undefined;
  if (body === null || body === undefined) return [];
  if (READ in body) return resourcesIn((body[READ] as { content: Content }).content).map((one) => as(observation, one));
  if (!(COMPOSITE in body)) return [];
  const { nodes } = body[COMPOSITE] as { nodes: readonly AvroCompositeNode[] };
  return nodes.flatMap(({ content, timestamp }) => {
    const time = (timestamp as { long: number } | null | undefined)?.long ?? observation.timestamp;
    return resourcesIn(content).map((one) => ({ ...as(observation, one), timestamp: time }));
  });
}

function as(observation: AvroResponseObserve, resource: AvroResource): AvroResponseObserve {
  const body = { [READ]: { content: { [SINGLE]: resource } } };
  const rep = { ...observation.rep, body } as unknown as AvroResponseObserve['rep'];
  return { ...observation, path: resource.path, rep };
}

function resourcesIn(content: Content): readonly AvroResource[] {
  const [[kind, node]] = Object.entries(content) as [[string, unknown]];
  switch (kind) {
    case SINGLE:
      return [node as AvroResource];
    case MULTIPLE:
      return Object.values((node as AvroMultipleResource).resources);
    case INSTANCE:
      return resourcesOfInstance(node as AvroInstanceResource);
    case OBJECT:
      return (node as { instances: readonly AvroInstanceResource[] }).instances.flatMap(resourcesOfInstance);
    default:
      return [];
  }
}

function resourcesOfInstance({ resources, multipleResources }: AvroInstanceResource): readonly AvroResource[] {
  const several = (multipleResources as { array: readonly AvroMultipleResource[] } | null | undefined)?.array ?? [];
  return [...resources, ...several.flatMap((one) => Object.values(one.resources))];
}
