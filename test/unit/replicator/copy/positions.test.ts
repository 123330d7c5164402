import assert from 'node:assert/strict';
import { hasCode } from '../../../../common/errors.ts';
import { LanePositions } from '../../../../replicator/copy/positions.ts';

describe('replicator/copy/positions', () => {
  it('reads what it wrote, offsets up to 2^53 included', () => {
    const positions = new LanePositions('cluster');
    positions.set('iot.gw1.observations', 'id-1', 0, { offset: 2 ** 53 - 1, epoch: 7 });
    positions.set('iot.gw1.observations', 'id-1', 11, { offset: 0, epoch: -1 });
    const read = LanePositions.decode(positions.encode());
    assert.equal(read.clusterId, 'cluster');
    assert.deepEqual(read.of('iot.gw1.observations'), positions.of('iot.gw1.observations'));
    assert.equal(read.of('iot.gw1.registrations'), undefined);
  });

  it('forgets a topic that was made anew', () => {
    const positions = new LanePositions('cluster');
    positions.set('t', 'old', 0, { offset: 9, epoch: 1 });
    positions.set('t', 'old', 1, { offset: 9, epoch: 1 });
    positions.set('t', 'new', 1, { offset: 0, epoch: -1 });
    assert.deepEqual(positions.of('t'), { id: 'new', partitions: new Map([[1, { offset: 0, epoch: -1 }]]) });
  });

  it('gives copies that do not change with it', () => {
    const positions = new LanePositions('cluster');
    positions.set('t', 'id', 0, { offset: 1, epoch: 0 });
    const copy = positions.copy();
    positions.set('t', 'id', 0, { offset: 2, epoch: 0 });
    positions.set('t', 'id', 1, { offset: 2, epoch: 0 });
    assert.deepEqual([...copy.of('t')!.partitions], [[0, { offset: 1, epoch: 0 }]]);
  });

  for (const value of [
    '',
    'x',
    'null',
    '7',
    '[]',
    '{"version":2,"clusterId":"c","topics":{}}',
    '{"version":1,"clusterId":7,"topics":{}}',
    '{"version":1,"clusterId":"c","topics":null}',
    '{"version":1,"clusterId":"c","topics":{"t":null}}',
    '{"version":1,"clusterId":"c","topics":{"t":{"id":"i","partitions":[[0,"5",1]]}}}',
    '{"version":1,"clusterId":"c","topics":{"t":{"id":"i","partitions":[[0,-1,1]]}}}',
    '{"version":1,"clusterId":"c","topics":{"t":{"id":"i","partitions":[[0]]}}}',
  ])
    it(`refuses ${value === '' ? 'nothing' : value}`, () =>
      assert.throws(
        () => LanePositions.decode(Buffer.from(value)),
        (error) => hasCode(error, 'REPLICATION_POSITIONS'),
      ));
});
