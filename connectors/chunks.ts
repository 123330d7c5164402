import type { FetchedBatch } from '../common/kafka/consume-bytes.ts';
import { FetchedRecords } from '../common/kafka/fetched-records.ts';
import { type DecodedRecord, type PoisonRecord, poisonOf, type TopicDecoder, type ValueDecoder } from './decode.ts';
import type { Patience } from './patience.ts';
import { type ByteChunk, type ByteSink, TAKEN } from './sink.ts';

/** Records that are written to the store together: those between two offsets of one batch. */
export class Chunk {
  readonly from: number;
  /** Behind its last record. */
  next: number;
  total = 0;
  tombstones = 0;
  /** Records that were taken from their bytes, and those of them that leave nothing in the store. */
  taken = 0;
  takenForNothing = 0;
  readonly bytes: ByteChunk | undefined;
  readonly decoded: DecodedRecord[] = [];
  readonly poison: PoisonRecord[] = [];

  constructor(from: number, bytes: ByteChunk | undefined) {
    this.from = from;
    this.next = from;
    this.bytes = bytes;
  }
}

export interface ChunksOptions {
  readonly decoder: ValueDecoder;
  /** Most records of a chunk. */
  readonly batchRecords: number;
  readonly patience: Patience;
  /** Of a sink that takes records from their bytes. */
  readonly byteSink: ByteSink | undefined;
}

/** Cuts what was fetched into chunks, of which each record is taken from its bytes, decoded, or found to be poison. */
export class Chunks {
  readonly #o: ChunksOptions;

  constructor(o: ChunksOptions) {
    this.#o = o;
  }

  /** Errors: CONFIG_INVALID for a topic that is not taken, RECORD_BATCH_CORRUPT, the reason of the batch's signal. */
  async *of(batch: FetchedBatch): AsyncGenerator<Chunk> {
    yield* this.#read(batch, { from: batch.from, until: batch.next, byteSink: this.#o.byteSink });
  }

  /** The same records once more, all of them decoded. */
  async again(batch: FetchedBatch, { from, next }: Chunk): Promise<Chunk> {
    for await (const chunk of this.#read(batch, { from, until: next, byteSink: undefined })) return chunk;
    return new Chunk(from, undefined);
  }

  async *#read(
    batch: FetchedBatch,
    { from, until, byteSink }: { from: number; until: number; byteSink: ByteSink | undefined },
  ): AsyncGenerator<Chunk> {
    const { topic, partition } = batch;
    const decoder = this.#o.decoder.of(topic);
    const begin = (at: number) => new Chunk(at, byteSink?.openChunk(topic, partition));
    const records = new FetchedRecords();
    records.reset(batch.bytes, batch.aborted, from);
    let chunk = begin(from);
    while (await records.nextBatch()) {
      while (records.next() && records.offset < until) {
        if (!takes(chunk, records)) await this.#take(batch, decoder, records, chunk);
        chunk.total++;
        chunk.next = records.offset + 1;
        if (chunk.total >= this.#o.batchRecords || chunk.bytes?.isFull === true) {
          yield chunk;
          chunk = begin(chunk.next);
        }
      }
      if (records.nextOffset >= until) break;
    }
    if (chunk.total > 0) yield chunk;
    else if (chunk.bytes !== undefined) byteSink?.release(chunk.bytes);
  }

  async #take(batch: FetchedBatch, decoder: TopicDecoder, records: FetchedRecords, chunk: Chunk): Promise<void> {
    const { topic, partition, signal } = batch;
    const source = records.record();
    if (source.value === null) {
      chunk.tombstones++;
      return;
    }
    try {
      const decoded = await this.#o.patience.outlast(signal, () => decoder.decode(partition, source));
      chunk.decoded.push(decoded);
      if (chunk.bytes !== undefined) this.#o.byteSink?.learn(topic, decoder.from, decoded.schema);
    } catch (error) {
      signal.throwIfAborted();
      chunk.poison.push(poisonOf(source, error));
    }
  }
}

/** False for a record that has to be decoded. One with headers may be a replayed one, whose place is told by them. */
function takes(chunk: Chunk, records: FetchedRecords): boolean {
  const { bytes } = chunk;
  if (bytes === undefined || records.valueStart < 0 || records.headerCount > 0) return false;
  const made = bytes.take(records.bytes, records.valueStart, records.valueEnd, records);
  if (made < TAKEN.nothing) return false;
  chunk.taken++;
  if (made === TAKEN.nothing) chunk.takenForNothing++;
  return true;
}
