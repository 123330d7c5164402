import assert from 'node:assert/strict';
import { PlatformError } from '../../../../common/errors.ts';
import { createLog } from '../../../../common/log.ts';
import type { LaneState } from '../../../../replicator/copy/lane-state.ts';
import { type GapPolicy, PartitionTroubles } from '../../../../replicator/copy/partition-troubles.ts';
import { LanePositions } from '../../../../replicator/copy/positions.ts';
import type { RelayedBatch } from '../../../../replicator/copy/relay.ts';
import type { SourcePartition } from '../../../../replicator/copy/source-partition.ts';
import { BROKER_ERROR } from '../../../../replicator/wire/broker-errors.ts';
import { Cluster } from '../../../../replicator/wire/cluster.ts';
import { idleLane } from '../idle-lane.ts';

const log = createLog('test', 'silent');
const TOPIC = 'iot.gw1.observations';
/** Nothing here asks it. */
const source = new Cluster({ brokers: ['127.0.0.1:1'], clientId: 'test', log });

function troublesOf(state: LaneState, onGap: GapPolicy = 'continue') {
  return new PartitionTroubles({ state, source, onGap, log });
}

function partitionAt(fetchOffset: number, state?: LaneState): SourcePartition {
  const place = { topic: TOPIC, partition: 0 };
  return {
    ...{ ...place, topicId: 'id', leader: 1, leaderEpoch: 0, fetchOffset, lastEpoch: 3, endOffset: 100, logStart: 0 },
    ...(state ?? idleLane()).misgivingOf(place),
  };
}

function batch(records: number, nextOffset: number): RelayedBatch {
  const place = { topic: TOPIC, partition: 0 };
  return { ...place, bytes: Buffer.alloc(0), records, nextOffset, mode: 'raw', maxTimestampMs: 0 };
}

function refusal(errorCode: number = BROKER_ERROR.MESSAGE_TOO_LARGE): PlatformError {
  return new PlatformError('KAFKA_REFUSED', 'too large', { details: { errorCode, topic: TOPIC, partition: 0 } });
}

function committedAt(state: LaneState, offset: number): void {
  state.committed = new LanePositions('c');
  state.committed.set(TOPIC, 'id', 0, { offset, epoch: 0 });
}

const careOf = (state: LaneState) => state.misgivingOf({ topic: TOPIC, partition: 0 });

describe('replicator/copy/partition-troubles: moving', () => {
  for (const [kind, to, records] of [
    ['GAP', 25, 15],
    ['TRUNCATED', 4, 6],
    ['RECREATED', 0, null],
  ] as const)
    it(`goes on after ${kind} and says how many records it is about`, () => {
      const partition = partitionAt(10);
      const [event] = troublesOf(idleLane()).move(partition, kind, to, -1);
      assert.deepEqual([partition.fetchOffset, partition.lastEpoch], [to, -1]);
      assert.deepEqual([event?.kind, event?.from, event?.to, event?.records], [kind, 10, to, records]);
      assert.deepEqual([event?.lane, event?.topic, event?.partition], ['up-bulk', TOPIC, 0]);
    });

  it('stands still where that is set, and tells it once', () => {
    const state = idleLane();
    const troubles = troublesOf(state, 'stop');
    const partition = partitionAt(10);
    assert.deepEqual(troubles.move(partition, 'GAP', 25, -1), []);
    troubles.move(partitionAt(10), 'GAP', 26, -1);
    assert.deepEqual([partition.fetchOffset, partition.restsUntilMs], [10, Number.POSITIVE_INFINITY]);
    assert.deepEqual(
      [...state.stopped.values()].map(({ offset, code }) => [offset, code]),
      [[10, 'REPLICATION_GAP']],
    );
    assert.deepEqual(
      state.events.map(({ kind }) => kind),
      ['STOPPED'],
    );
  });

  it('lets a log that was cut end where its leader says, and a topic that is another begin the lane anew', async () => {
    const partition = partitionAt(10);
    const [event] = await troublesOf(idleLane()).onTrouble({ partition, trouble: 'truncated', endOffset: 8 });
    assert.deepEqual([event?.kind, partition.fetchOffset], ['TRUNCATED', 8]);
    await assert.rejects(
      troublesOf(idleLane()).onTrouble({ partition, trouble: 'gone' }),
      (error) => error instanceof PlatformError && error.code === 'KAFKA_UNAVAILABLE',
    );
  });
});

describe('replicator/copy/partition-troubles: refusals', () => {
  it('leaves alone what may pass by itself, and what is of no partition here', () => {
    const state = idleLane();
    const troubles = troublesOf(state);
    troubles.onRefused([batch(5, 15)], refusal(BROKER_ERROR.NOT_LEADER_OR_FOLLOWER));
    troubles.onRefused([], refusal());
    troubles.onRefused([batch(5, 15)], new Error('a fault'));
    assert.equal(careOf(state).caution, 'none');
  });

  it('writes with more care each time, until the record at fault stands alone and the partition stops before it', () => {
    const state = idleLane();
    committedAt(state, 10);
    const troubles = troublesOf(state);
    troubles.onRefused([batch(50, 60)], refusal());
    assert.deepEqual([careOf(state).caution, careOf(state).cautionUntil], ['small', 60]);
    troubles.onRefused([batch(5, 15)], refusal());
    assert.equal(careOf(state).caution, 'single');
    // The record at 12 is at fault: those at 10 and 11 come first.
    troubles.onRefused([batch(1, 13)], refusal());
    assert.deepEqual([careOf(state).stopBefore, state.stopped.size], [12, 0]);
    const partition = partitionAt(12, state);
    troubles.onCommitted(partition, 12);
    assert.equal(partition.stopBefore, Number.POSITIVE_INFINITY);
    committedAt(state, 12);
    troubles.onRefused([batch(1, 13)], refusal());
    assert.equal(state.stopped.get(`${TOPIC}/0`)?.offset, 12);
    assert.ok(careOf(state).restsUntilMs > performance.now());
    assert.deepEqual(
      state.events.map(({ kind, from }) => [kind, from]),
      [['STOPPED', 12]],
    );
  });

  it('tells that a stopped partition goes on once its record is committed, and trusts it again', () => {
    const state = idleLane();
    const troubles = troublesOf(state);
    const partition = partitionAt(12);
    troubles.onFault(partition, 12, new PlatformError('RECORD_BATCH_CORRUPT', 'a wrong checksum'));
    assert.ok(partition.restsUntilMs > performance.now());
    state.beware(partition, { caution: 'single', cautionUntil: 13 });
    const careful = partitionAt(12, state);
    troubles.onCommitted(careful, 12);
    assert.equal(state.stopped.size, 1);
    troubles.onCommitted(careful, 13);
    assert.deepEqual([state.stopped.size, careful.caution, careOf(state).caution], [0, 'none', 'none']);
    assert.deepEqual(
      state.events.map(({ kind, from }) => [kind, from]),
      [
        ['STOPPED', 12],
        ['RESUMED', 13],
      ],
    );
  });
});
