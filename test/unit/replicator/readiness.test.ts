import assert from 'node:assert/strict';
import { reasonsOf } from '../../../replicator/readiness.ts';
import { idleLane } from './idle-lane.ts';

function gateway(lanes = [idleLane('up-urgent'), idleLane('down')]) {
  return { gatewayId: 'gw1', phase: 'running' as const, failure: undefined, lanes };
}

const failure = { code: 'KAFKA_UNAVAILABLE', message: 'nobody answers', atMs: 1 };

describe('replicator/readiness', () => {
  it('is ready when all lanes run and no partition stands still', () => {
    const one = gateway();
    assert.deepEqual([...reasonsOf([one], false).keys()], ['gw1/up-urgent', 'gw1/down']);
    for (const lane of one.lanes) lane.phase = 'running';
    assert.deepEqual([...reasonsOf([one], false)], []);
    const where = {
      topic: 'iot.gw1.registrations',
      partition: 1,
      offset: 7,
      code: 'X',
      reason: 'too large',
      sinceMs: 0,
    };
    one.lanes[0]!.stop(where);
    assert.deepEqual([...reasonsOf([one], false)], [['iot.gw1.registrations/1', 'stopped at offset 7: too large']]);
    one.lanes[0]!.release(where);
    assert.deepEqual([...reasonsOf([one], false)], []);
  });

  it('names a paused lane', () => {
    const one = gateway();
    for (const lane of one.lanes) lane.phase = 'running';
    one.lanes[1]!.pause();
    assert.deepEqual([...reasonsOf([one], true)], [['gw1/down', 'paused']]);
  });

  it('takes a lane that waits as a reason for one gateway, and as everyday life for a hub', () => {
    const [lane] = [idleLane('up-bulk')];
    lane.phase = 'waiting';
    lane.failure = failure;
    const one = gateway([lane]);
    assert.deepEqual([...reasonsOf([one], false)], [['gw1/up-bulk', 'waiting: nobody answers']]);
    assert.deepEqual([...reasonsOf([one], true)], []);
  });

  it('names a gateway that has ended, once, in a hub too', () => {
    const ended = { ...gateway(), phase: 'ended' as const, failure };
    assert.deepEqual([...reasonsOf([ended], true)], [['gw1', 'ended: nobody answers']]);
    assert.deepEqual(
      [...reasonsOf([{ ...gateway(), phase: 'starting' as const, lanes: [] }], true)],
      [['gw1', 'starting']],
    );
  });
});
