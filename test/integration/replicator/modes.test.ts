import assert from 'node:assert/strict';
import { replicatorContract } from '../../contract/replicator.ts';
import { eventually } from '../../rig/eventually.ts';
import { useTwoRegistries } from '../../rig/registries.ts';
import { recordsIn } from '../../rig/same-records.ts';

/** Batches far above what is drawn together. */
const BIG_BATCHES = { batchBytes: 200_000, lingerMs: 500, transactionRecords: 400 } as const;

/** As notifications come: each record a batch of its own. */
const ONE_A_BATCH = { batchBytes: 0, transactionRecords: 50 } as const;

replicatorContract({
  mode: 'raw',
  load: { ...BIG_BATCHES, count: 3_000, maxBytes: 900_000 },
  // Uncompressed ones would be compressed for the WAN.
  flags: async () => ({ 'wan-compression': 'none' }),
});

replicatorContract({ mode: 'coalesce', load: { ...ONE_A_BATCH, count: 1_500, maxBytes: 20_000 } });

/** Times that are a minute apart make a new segment, and all segments but the last are compacted at once. */
const COMPACTED = { 'cleanup.policy': 'compact', 'min.cleanable.dirty.ratio': '0.01', 'segment.ms': '10000' };
const SEGMENT_MS = 60_000;

replicatorContract({
  mode: 'record',
  settings: COMPACTED,
  load: { batchBytes: 20_000, lingerMs: 100, count: 2_000, maxBytes: 5_000, keys: 300, times: 'even' },
  async arrange(copy, topic, written) {
    const later = { brokers: copy.at.brokers.edge, topic, partitions: 2, keys: 300, times: 'even' } as const;
    let all = written;
    for (const segment of [1, 2]) {
      const firstTime = Date.now() + segment * SEGMENT_MS;
      all += (await copy.at.records.produce({ ...later, count: 20, seed: segment + 1, firstTime })).committed;
    }
    let before = Number.POSITIVE_INFINITY;
    await eventually(`${topic} is compacted`, async () => {
      const left = recordsIn(await copy.dump('edge', topic));
      const isQuiet = left === before && left < 0.8 * all;
      before = left;
      return isQuiet;
    });
  },
});

const KEY = { type: 'record', name: 'Key', fields: [{ name: 'ep', type: 'string' }] };
const VALUES = [
  { type: 'record', name: 'Value', fields: [{ name: 'v', type: 'int' }] },
  {
    type: 'record',
    name: 'Value',
    fields: [
      { name: 'v', type: 'int' },
      { name: 'unit', type: 'string', default: '' },
    ],
  },
];

replicatorContract({
  mode: 'translate',
  load: { batchBytes: 50_000, lingerMs: 100, count: 1_500, maxBytes: 20_000 },
  async flags() {
    const { edge, cloud } = await useTwoRegistries();
    return { 'edge-registry-url': edge.url, 'cloud-registry-url': cloud.url, 'schema-ids': 'translate' };
  },
  async prepare(topic) {
    const { edge, cloud } = await useTwoRegistries();
    const keyIds = [await edge.register(`${topic}-key`, KEY)];
    const valueIds: number[] = [];
    for (const schema of VALUES) valueIds.push(await edge.register(`${topic}-value`, schema));
    // One is known there under another id; the others are not.
    await cloud.register(`${topic}-value`, VALUES[0]!);
    return { keyIds, valueIds };
  },
  async idsOf(topic) {
    const { edge, cloud } = await useTwoRegistries();
    const ids = new Map<number, number>();
    for (const [part, schemas] of [
      ['key', [KEY]],
      ['value', VALUES],
    ] as const) {
      for (const schema of schemas) {
        const from = (await edge.idOf(`${topic}-${part}`, schema))!;
        const to = await cloud.idOf(`${topic}-${part}`, schema);
        assert.ok(to !== undefined && to !== from, `${topic}-${part}: ${from} is ${to} in the cloud`);
        ids.set(from, to);
      }
    }
    return ids;
  },
});
