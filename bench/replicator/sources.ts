import { join } from 'node:path';
import { ProcessGroup } from '../process-group.ts';
import type { Reading } from './probe.ts';
import type { Surroundings } from './run.ts';

export const PARTITIONS = 4;

/** A topic of the source broker that every repeat copies, and what it holds. */
export interface SourceTopic {
  readonly gatewayId: string;
  readonly topic: string;
  readonly records: number;
  readonly isSmall: boolean;
  /** Values are numbered. */
  readonly sequence: number;
  /** What the probe read of it. */
  readonly reference: string;
}

const BULK = ['--kind', 'random', '--size', '200', '--compression', 'lz4'];
/** As a gateway without linger writes them: one to a batch, uncompressed. */
const ONE_BY_ONE = ['--kind', 'avro', '--one-per-batch', 'yes'];

/** Makes and fills a source topic by the yardstick's load tool. It is a gateway's observations, so that every replicator of ours takes it up. */
export async function fillSource(
  o: { gatewayId: string; records: number; isSmall: boolean },
  { yardstick, source, probe, folder }: Surroundings,
): Promise<SourceTopic> {
  const topic = `iot.${o.gatewayId}.observations`;
  await probe.createTopics(source.address, [topic], { partitions: PARTITIONS });
  const [program, ...before] = yardstick.tool;
  const kind = o.isSmall ? ONE_BY_ONE : BULK;
  const args = ['load', '--bootstrap', source.address, '--topic', topic, '--records', String(o.records), ...kind];
  await new ProcessGroup(program!, [...before, ...args]).lastLine();
  const reference = join(folder, `${o.gatewayId}.contents`);
  const sequence = o.isSmall ? o.records : 0;
  const reading = await probe.read(source.address, topic, { save: reference, sequence });
  assertWhole(reading, o.records);
  return { ...o, topic, sequence, reference };
}

function assertWhole({ records, missing }: Reading, wanted: number): void {
  if (records !== wanted || missing !== 0) throw new Error(`the source holds ${records} records of ${wanted}`);
}
