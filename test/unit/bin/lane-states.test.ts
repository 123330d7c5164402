import assert from 'node:assert/strict';
import { laneLines } from '../../../bin/lane-states.ts';

describe('bin/lane-states', () => {
  it('says of each lane whether it runs, why not, what waits and what stands still', () => {
    const running = { lane: 'down', phase: 'running', reason: null, lag: { records: 0 }, stopped: [] };
    const waiting = {
      lane: 'up-bulk',
      phase: 'waiting',
      reason: 'KAFKA_UNAVAILABLE: away',
      lag: { records: 7 },
      stopped: [{}],
    };
    assert.deepEqual(laneLines({ gateways: [{ gatewayId: 'gw1', lanes: [running, waiting] }] }), {
      'gw1/down': 'running, to copy 0',
      'gw1/up-bulk': 'waiting (KAFKA_UNAVAILABLE: away), to copy 7, partitions that stand still: 1',
    });
  });
});
