import { avroType } from '../../../schemas/avro-types.ts';
import { FrameEncoder } from '../../../schemas/codec.ts';
import type { AvroRecords, AvroResponseObserve } from '../../../schemas/generated/records.ts';
import { ObservationReader } from '../../../streams/observation-reader.ts';
import type { ObservationView } from '../../../streams/observation-view.ts';
import { ObservationView as View } from '../../../streams/observation-view.ts';
import type { Emitter, StreamTask } from '../../../streams/stream-task.ts';

export const OBSERVE = 'io.zeelos.leshan.avro.response.AvroResponseObserve';
export const KEY = 'io.zeelos.leshan.avro.AvroKey';
export const SCHEMA_ID = 7;

export function encoder<N extends keyof AvroRecords>(name: N, id = SCHEMA_ID): FrameEncoder<AvroRecords[N]> {
  return new FrameEncoder(avroType(name), id);
}

/** A reader that knows our schema under SCHEMA_ID. */
export async function knowingReader(): Promise<ObservationReader> {
  const reader = new ObservationReader({ schemaById: async () => avroType(OBSERVE).schema() });
  await reader.learn(SCHEMA_ID);
  return reader;
}

const READ = 'io.zeelos.leshan.avro.response.AvroReadResponseBody';

/** @param value an Avro union value such as `{ double: 1 }`, or a whole content such as an instance */
export function observe(ep: string, path: string, timestamp: number, content: object): AvroResponseObserve {
  const body = { [READ]: { content } };
  return {
    ...{ ticket: 'unset', observationId: 'ab', serverId: 'gw', ep, path, timestamp },
    rep: { code: 'CONTENT', kind: 'observe', body },
    seq: null,
  } as unknown as AvroResponseObserve;
}

export function single(path: string, value: object): object {
  const id = Number(path.slice(path.lastIndexOf('/') + 1));
  return { 'io.zeelos.leshan.avro.resource.AvroResource': resource(id, path, value) };
}

export function resource(id: number, path: string, value: object): object {
  return { id, path, kind: 'SINGLE_RESOURCE', type: 'FLOAT', value };
}

export function number(ep: string, value: number, timestamp: number, path = '/3303/0/5700'): AvroResponseObserve {
  return observe(ep, path, timestamp, single(path, { double: value }));
}

/** Brings records to a task as Kafka would, and holds what it says. */
export class Bench implements Emitter {
  readonly outputs: { key: Buffer; value: Buffer }[] = [];
  readonly changelog = new Map<string, Buffer>();
  readonly #task: StreamTask;
  readonly #reader: ObservationReader;
  readonly #view: ObservationView = new View();
  readonly #frames = encoder(OBSERVE);

  constructor(task: StreamTask, reader: ObservationReader) {
    this.#task = task;
    this.#reader = reader;
  }

  give(observation: AvroResponseObserve, recordTimeMs = observation.timestamp): void {
    const frame = this.#frames.encode(observation);
    // Somewhere inside a larger buffer, as in a batch.
    const bytes = Buffer.concat([Buffer.from([1, 2, 3]), frame, Buffer.from([4])]);
    this.#reader.read(this.#view, bytes, 3, 3 + frame.length);
    this.#task.process(this.#view, recordTimeMs);
  }

  flush(): void {
    this.#task.flush(this);
  }

  output(key: Buffer, value: Buffer): void {
    this.outputs.push({ key, value });
  }

  change(key: Buffer, value: Buffer | null): void {
    if (value === null) this.changelog.delete(key.toString('latin1'));
    else this.changelog.set(key.toString('latin1'), value);
  }

  /** Into a fresh task, as after a restart. */
  restoreInto(task: StreamTask): void {
    for (const [key, value] of this.changelog) task.restore(Buffer.from(key, 'latin1'), value);
    task.clock = this.#task.clock;
  }
}
