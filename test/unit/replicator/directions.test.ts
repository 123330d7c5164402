import assert from 'node:assert/strict';
import { hasCode } from '../../../common/errors.ts';
import { groupOf, planDirections, refuseSameCluster } from '../../../replicator/directions.ts';
import { TOPICS, type TopicRow } from '../../../schemas/topics.ts';

const names = (direction: { topics: readonly { topic: string }[] } | undefined) =>
  direction?.topics.map(({ topic }) => topic).sort();

describe('replicator/directions', () => {
  it('takes registrations, observations and replies up, requests down, and the state nowhere', () => {
    const [up, down] = planDirections('gw7');
    assert.deepEqual(names(up), ['iot.gw7.management.rep', 'iot.gw7.observations', 'iot.gw7.registrations']);
    assert.deepEqual([up?.source, up?.target], ['edge', 'cloud']);
    assert.deepEqual(names(down), ['iot.gw7.management.req']);
    assert.deepEqual([down?.source, down?.target], ['cloud', 'edge']);
  });

  it('refuses a topic in both directions, twice in one, or that must stay at the edge', () => {
    const { requests, state } = TOPICS;
    const wrong: readonly TopicRow[][] = [
      [requests, { ...requests, direction: 'up' }],
      [requests, requests],
      [state, { ...state, direction: 'up' }],
    ];
    for (const rows of wrong) {
      assert.throws(
        () => planDirections('gw7', rows),
        (error) => hasCode(error, 'REPLICATION_OVERLAP'),
      );
    }
  });

  it('refuses one cluster under two addresses', () => {
    assert.throws(
      () => refuseSameCluster({ edge: 'x', cloud: 'x' }),
      (error) => hasCode(error, 'REPLICATION_OVERLAP'),
    );
    assert.equal(refuseSameCluster({ edge: 'x', cloud: 'y' }), undefined);
  });

  it('keeps offsets per gateway and direction', () => {
    assert.equal(groupOf('gw7', 'up'), 'zeelos-replicator.gw7.up');
    assert.notEqual(groupOf('gw7', 'up'), groupOf('gw7', 'down'));
  });
});
