import { availableParallelism } from 'node:os';
import { BatchBuilder } from '../common/kafka/batch/builder.ts';
import { COMPRESSIONS, compress, decompress } from '../common/kafka/batch/compression.ts';
import { BatchCursor } from '../common/kafka/batch/cursor.ts';
import { readdress } from '../common/kafka/batch/readdress.ts';
import { patchSchemaIds } from '../common/kafka/batch/schema-ids.ts';
import { wholeNumber } from '../common/setting-types.ts';
import type { SettingsOf, SettingsTable } from '../common/settings.ts';
import { Relay } from '../replicator/copy/relay.ts';
import type { SchemaTranslation } from '../replicator/copy/schema-translation.ts';
import { KnownIds } from '../replicator/translation/known-ids.ts';
import { observationBatches } from './batches/observations.ts';

export const RECORD_BATCHES_SETTINGS = {
  repeats: { about: 'runs of each measurement; the best counts', schema: wholeNumber(1, 20).default(5) },
  milliseconds: { about: 'length of a run', schema: wholeNumber(50, 10_000).default(500) },
  devices: { about: 'devices whose notifications the batches hold', schema: wholeNumber(1, 100_000).default(1000) },
} as const satisfies SettingsTable;

const LIMIT_BYTES = 900_000;
/** About what one fetch brings. */
const SOURCE_BATCHES = 20_000;
const ADDRESS = { producerId: 4711n, producerEpoch: 3, baseSequence: 17, transactional: true };

type Settings = SettingsOf<typeof RECORD_BATCHES_SETTINGS>;

/** Units of work that a call did. */
type Work = () => number | Promise<number>;

/**
 * What the replicator does with batches, in memory: single-record batches joined to large ones, a large one readdressed, schema ids
 * replaced, and the codecs. Processor time counts, of this process with its threads: it depends less on what else runs.
 */
export async function recordBatches(settings: Settings, { signal }: { signal: AbortSignal }): Promise<void> {
  const source = observationBatches(SOURCE_BATCHES, settings.devices);
  const results: Record<string, number> = {};
  const report = async (name: string, unit: string, work: Work) => {
    if (signal.aborted) return;
    const { perSecond, perCpuSecond } = await measure(settings, work);
    results[name] = round(perCpuSecond);
    console.log(JSON.stringify({ case: name, unit, perSecond: round(perSecond), perCpuSecond: round(perCpuSecond) }));
  };

  await report('coalesce', 'records', () => coalesce(source, false));
  await report('verify and coalesce', 'records', () => coalesce(source, true));
  await report('relay, coalesce', 'records', () => relayed(source, plainRelay));
  await report('relay, translate', 'records', () => relayed(source, translatingRelay));
  const batch = await joined(source);
  const section = batch.subarray(61);
  const count = batch.readInt32BE(57);
  await report('readdress', 'batches', () => readdressed(batch));
  await report('patch schema ids', 'records', () => {
    patchSchemaIds(section, 0, section.length, count, { key: (id) => id, value: (id) => id });
    return count;
  });
  const bytesPerRecord: Record<string, number> = { source: round(source.length / SOURCE_BATCHES) };
  for (const codec of COMPRESSIONS) {
    const compressed = await compress(codec, section);
    bytesPerRecord[codec] = round((compressed.length + 61) / count);
    if (codec === 'none') continue;
    await report(`${codec} write`, 'MB', async () => {
      await compress(codec, section);
      return section.length / 1e6;
    });
    await report(`${codec} read`, 'MB', async () => (await decompress(codec, compressed)).length / 1e6);
  }
  const batchBytes = batch.length;
  console.log(
    JSON.stringify({
      benchmark: 'record-batches',
      batchBytes,
      readdressMicroseconds: round(1e6 / (results.readdress ?? Number.NaN)),
      perCpuSecond: results,
      bytesPerRecord,
      cores: availableParallelism(),
      node: process.version,
    }),
  );
}

const cursor = new BatchCursor();
const builder = new BatchBuilder({ limitBytes: LIMIT_BYTES, compression: 'none' });

/** Header and checksum of the joined batches are in it, a codec is not. */
async function coalesce(source: Buffer, verifies: boolean): Promise<number> {
  cursor.reset(source);
  let records = 0;
  while (cursor.next()) {
    if (verifies && !cursor.verify()) throw new Error('the source of the benchmark is spoilt');
    records += builder.addBatch(cursor, 0);
    if (builder.nextOffset > cursor.lastOffset) continue;
    await builder.finish(ADDRESS);
    records += builder.addBatch(cursor, 0);
  }
  if (!builder.isEmpty) await builder.finish(ADDRESS);
  return records;
}

const TOPIC = 'iot.bench.observations';
const SCHEMA_IDS = 8;

/** Each id becomes itself, so that the source is the same for every run; what is done for it is all that is done for another. */
function knownIds(): SchemaTranslation {
  const known = new KnownIds();
  for (let id = 1; id <= SCHEMA_IDS; id++)
    for (const part of ['key', 'value'] as const) known.set([TOPIC, part, id, id]);
  return { idsFor: (topic) => known.of(topic), learn: () => Promise.reject(new Error('an id is missing')) };
}

const plainRelay = new Relay({ compression: 'none', translation: undefined });
const translatingRelay = new Relay({ compression: 'none', translation: knownIds() });

/** All that is done with a fetched answer before it is sent, but for the codec. */
async function relayed(source: Buffer, relay: Relay): Promise<number> {
  const partition = {
    topic: TOPIC,
    partition: 0,
    topicId: '',
    leader: 0,
    leaderEpoch: 0,
    fetchOffset: 0,
    lastEpoch: -1,
  };
  const { batches, records, fault } = await relay.relay(
    {
      ...partition,
      ...{ endOffset: -1, logStart: 0, restsUntilMs: 0, caution: 'none' },
      ...{ cautionUntil: 0, stopBefore: Number.POSITIVE_INFINITY },
    },
    { records: source, aborted: [] },
  );
  if (fault !== undefined) throw fault;
  await Promise.all(batches);
  return records;
}

async function joined(source: Buffer): Promise<Buffer> {
  const full = new BatchBuilder({ limitBytes: LIMIT_BYTES, compression: 'none' });
  cursor.reset(source);
  while (cursor.next() && full.addBatch(cursor, 0) > 0);
  return await full.finish(ADDRESS);
}

function readdressed(batch: Buffer): number {
  const calls = 1000;
  for (let call = 0; call < calls; call++) readdress(batch, 0, { ...ADDRESS, baseSequence: call });
  return calls;
}

/** The best of the runs, after one that does not count. */
async function measure({ repeats, milliseconds }: Settings, work: Work) {
  let perSecond = 0;
  let perCpuSecond = 0;
  for (let run = 0; run <= repeats; run++) {
    let done = 0;
    const startedAtMs = performance.now();
    const cpu = process.cpuUsage();
    while (performance.now() - startedAtMs < milliseconds) done += await work();
    const { user, system } = process.cpuUsage(cpu);
    if (run === 0) continue;
    perSecond = Math.max(perSecond, (done * 1000) / (performance.now() - startedAtMs));
    perCpuSecond = Math.max(perCpuSecond, (done * 1e6) / (user + system));
  }
  return { perSecond, perCpuSecond };
}

function round(value: number): number {
  return value < 1000 ? Math.round(value * 100) / 100 : Math.round(value);
}
