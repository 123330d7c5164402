import assert from 'node:assert/strict';
import { Registry } from 'prom-client';
import { forgetGateway, type LaneMetrics } from '../../../../replicator/copy/lane-metrics.ts';
import { MODES } from '../../../../replicator/copy/relay.ts';
import { planLanes } from '../../../../replicator/lanes.ts';
import { idleLane } from '../idle-lane.ts';

const PLACE = { topic: 'iot.gw1.observations', partition: 3 };

describe('replicator/copy/lane-state', () => {
  it('resolves at once unless paused, then with resume or the signal, and leaves no listener behind', async () => {
    const lane = idleLane();
    const ending = new AbortController();
    await lane.untilResumed(ending.signal);
    lane.pause();
    let resumed = 0;
    const waiting = [1, 2].map(() => lane.untilResumed(ending.signal).then(() => resumed++));
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(resumed, 0);
    lane.resume();
    await Promise.all(waiting);
    lane.pause();
    const last = lane.untilResumed(ending.signal);
    ending.abort();
    await last;
    await lane.untilResumed(ending.signal);
    assert.equal(lane.isPaused, true);
  });

  it('counts the partitions that stand still, each once', async () => {
    const registry = new Registry();
    const lane = idleLane('up-bulk', 'gw1', registry);
    const stopped = { ...PLACE, offset: 5, code: 'KAFKA_REFUSED', reason: 'too large', sinceMs: 1 };
    const shown = async () => (await lane.metrics.stoppedPartitions.get()).values.map(({ value }) => value);
    assert.deepEqual([lane.stop(stopped), lane.stop({ ...stopped, offset: 6 })], [true, false]);
    assert.deepEqual([lane.stopped.get('iot.gw1.observations/3')?.offset, await shown()], [6, [1]]);
    assert.deepEqual([lane.release(PLACE), lane.release(PLACE)], [true, false]);
    assert.deepEqual(await shown(), [0]);
  });

  it('keeps what it has learnt about a partition until it is trusted again', () => {
    const lane = idleLane();
    lane.beware(PLACE, { caution: 'small', cautionUntil: 9 });
    lane.beware(PLACE, { restsUntilMs: 7 });
    const { caution, cautionUntil, restsUntilMs, stopBefore } = lane.misgivingOf(PLACE);
    assert.deepEqual([caution, cautionUntil, restsUntilMs, stopBefore], ['small', 9, 7, Number.POSITIVE_INFINITY]);
    assert.equal(lane.misgivingOf({ ...PLACE, partition: 4 }).caution, 'none');
    lane.trust(PLACE);
    assert.equal(lane.misgivingOf(PLACE).caution, 'none');
  });

  it('keeps a thousand events and no more', () => {
    const lane = idleLane();
    const event = { kind: 'GAP', lane: 'up-bulk', ...PLACE, from: 0, to: 1, records: 1, reason: '', at: 0 } as const;
    for (let i = 0; i < 1_200; i++) lane.tell(event);
    assert.equal(lane.events.length, 1_000);
  });
});

describe('replicator/copy/lane-metrics', () => {
  it('forgets all series of a gateway, and none of another', async () => {
    const registry = new Registry();
    const { metrics } = idleLane('up-bulk', 'gw1', registry);
    for (const gateway of ['gw1', 'gw2']) fill(metrics, gateway);
    forgetGateway(metrics, 'gw1', planLanes('gw1', ['analytics.gw1.alarms']));
    const text = await registry.metrics();
    assert.equal(text.includes('gateway="gw1"'), false);
    const names = new Set(text.match(/^zeelos_replicator_[a-z_]+(?=\{.*gateway="gw2")/gm));
    // A histogram has three names for one metric.
    assert.equal(names.size, Object.keys(metrics).length + 2);
  });
});

/** A value in every series that a gateway can have. */
function fill(metrics: LaneMetrics, gateway: string): void {
  metrics.schemaMisses.inc({ gateway });
  for (const { name: lane, topics } of planLanes(gateway, [`analytics.${gateway}.alarms`])) {
    const { bytesIn, bytesOut, failures, stoppedPartitions, waitingSeconds, commitSeconds } = metrics;
    for (const counter of [bytesIn, bytesOut, failures]) counter.inc({ gateway, lane });
    for (const gauge of [stoppedPartitions, waitingSeconds]) gauge.set({ gateway, lane }, 1);
    commitSeconds.observe({ gateway, lane }, 1);
    for (const mode of MODES) metrics.batches.inc({ gateway, lane, mode });
    for (const kind of ['GAP', 'RECREATED', 'TRUNCATED', 'STOPPED', 'RESUMED'])
      metrics.gaps.inc({ gateway, lane, kind });
    for (const { topic } of topics) {
      const { lagRecords, lagBytes, lagSeconds, headroomSeconds, endToEndSeconds } = metrics;
      metrics.records.inc({ gateway, lane, topic });
      metrics.gapRecords.inc({ gateway, topic });
      for (const gauge of [lagRecords, lagBytes, lagSeconds, headroomSeconds, endToEndSeconds])
        gauge.set({ gateway, topic }, 1);
    }
  }
}
