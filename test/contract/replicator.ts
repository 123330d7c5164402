import assert from 'node:assert/strict';
import { CODECS, type Codec, type Load } from '../peers/kafka-records.ts';
import { GatewayCopy } from '../rig/gateway-copy.ts';
import { assertSameRecords, recordsIn } from '../rig/same-records.ts';
import { useTwoClusters } from '../rig/two-clusters.ts';

export type Mode = 'raw' | 'coalesce' | 'translate' | 'record';
const MODES: readonly Mode[] = ['raw', 'coalesce', 'translate', 'record'];

export interface ModeUnderTest {
  readonly mode: Mode;
  /** Of the topics at the source. */
  readonly settings?: Readonly<Record<string, string>>;
  readonly load: Partial<Load> & { readonly count: number };
  /** Of the replicator. */
  flags?(): Promise<Readonly<Record<string, string>>>;
  /** Before records are written; gives what the load needs to know of the topic. */
  prepare?(topic: string): Promise<Partial<Load>>;
  /** After they are written: whatever else must be so before they are copied. */
  arrange?(copy: GatewayCopy, topic: string, written: number): Promise<void>;
  /** Schema ids of the source and what they are at the target, once all is copied. */
  idsOf?(topic: string): Promise<ReadonlyMap<number, number>>;
}

/** A last batch may be small, a small one alone, and of a compacted topic not all has gaps. */
const BESIDE: Readonly<Record<Mode, readonly Mode[]>> = {
  raw: ['coalesce'],
  coalesce: ['raw'],
  translate: [],
  record: ['coalesce', 'raw'],
};
const PARTITIONS = 2;

type Source = 'idempotent' | 'transactional';
const SOURCES: readonly Source[] = ['idempotent', 'transactional'];

/** What every mode promises, whatever the codec and whoever wrote the source: the copy is the same to a reader of committed records. */
export function replicatorContract(of: ModeUnderTest): void {
  describe(`replicator contract: ${of.mode}`, function () {
    this.timeout(120_000);
    let copy: GatewayCopy;
    const batches = new Map<Mode, number>();
    const topicOf = (codec: Codec, source: Source) => `analytics.${copy.gatewayId}.${codec}.${source}`;

    before(async function () {
      this.timeout(600_000);
      copy = new GatewayCopy(await useTwoClusters());
      const topics = CODECS.flatMap((codec) => SOURCES.map((source) => topicOf(codec, source)));
      for (const codec of CODECS) await Promise.all(SOURCES.map((source) => fill(codec, source)));
      const replicator = await copy.startReady({ 'up-topics': topics.join(','), ...(await of.flags?.()) });
      for (const topic of topics) await copy.untilCopied({ topic });
      for (const mode of MODES)
        batches.set(mode, await replicator.metric('zeelos_replicator_batches_total', { lane: 'up-bulk', mode }));
      await replicator.stop();
    });

    afterEach(function () {
      if (this.currentTest?.state === 'failed') console.log(copy.said);
    });

    after(() => copy?.close(batches.size === 0));

    async function fill(codec: Codec, source: Source): Promise<void> {
      const topic = topicOf(codec, source);
      const { records, brokers } = copy.at;
      await copy.create(topic, of.settings === undefined ? {} : { settings: of.settings });
      const known = await of.prepare?.(topic);
      const several = { producers: 3, transactional: 'yes', abortPercent: 30 } as const;
      const load = { partitions: PARTITIONS, ...of.load, ...known, ...(source === 'transactional' && several) };
      const place = { brokers: brokers.edge, topic };
      const { committed, lastTrouble } = await records.produce({ ...load, ...place, compression: codec });
      assert.equal(lastTrouble, null);
      assert.equal(recordsIn(await copy.dump('edge', topic)), committed);
      await of.arrange?.(copy, topic, committed);
    }

    for (const codec of CODECS) {
      for (const source of SOURCES) {
        it(`copies ${codec} of ${source} producers to the byte`, async () => {
          const topic = topicOf(codec, source);
          const ids = await of.idsOf?.(topic);
          const [original, found] = [await copy.dump('edge', topic, ids), await copy.dump('cloud', topic)];
          const { records } = assertSameRecords({ source: original, target: found });
          assert.ok(records > 0);
          assert.deepEqual([...found.keys()], [0, 1]);
          if (ids !== undefined) await assert.rejects(copy.compare({ topic }), 'the ids are the same on both sides');
        });
      }
    }

    it(`was copied in the mode ${of.mode}`, () => {
      const counts = JSON.stringify(Object.fromEntries(batches));
      assert.ok(batches.get(of.mode)! >= CODECS.length * SOURCES.length * PARTITIONS, counts);
      const others = MODES.filter((mode) => batches.get(mode)! > 0 && mode !== of.mode);
      assert.deepEqual(
        others.filter((mode) => !BESIDE[of.mode].includes(mode)),
        [],
        counts,
      );
    });
  });
}
