import assert from 'node:assert/strict';
import { hasCode } from '../../../common/errors.ts';
import { planLanes, refuseSameCluster, transactionalIdOf } from '../../../replicator/lanes.ts';
import { TOPICS, type TopicRow } from '../../../schemas/topics.ts';

const names = (lane: { readonly topics: readonly { readonly topic: string }[] } | undefined) =>
  lane?.topics.map(({ topic }) => topic).sort();

describe('replicator/lanes', () => {
  it('takes what is urgent and what is bulk up, requests down, and the state nowhere', () => {
    const [urgent, bulk, down] = planLanes('gw7');
    assert.deepEqual(names(urgent), [
      'iot.gw7.management.rep',
      'iot.gw7.registrations',
      'iot.gw7.replication.events',
      'iot.gw7.replication.heartbeat',
    ]);
    assert.deepEqual(names(bulk), ['iot.gw7.observations']);
    assert.deepEqual([bulk?.source, bulk?.target], ['edge', 'cloud']);
    assert.deepEqual(names(down), ['iot.gw7.management.req']);
    assert.deepEqual([down?.source, down?.target], ['cloud', 'edge']);
  });

  it('takes further topics of the gateway up in the bulk lane, each once', () => {
    const [, bulk] = planLanes('gw7', ['analytics.gw7.alarms', 'iot.gw7.more', 'analytics.gw7.alarms']);
    assert.deepEqual(names(bulk), ['analytics.gw7.alarms', 'iot.gw7.more', 'iot.gw7.observations']);
    const isOverlap = (error: unknown) => hasCode(error, 'REPLICATION_OVERLAP');
    assert.throws(() => planLanes('gw7', ['iot.gw7.management.req']), isOverlap);
    assert.throws(() => planLanes('gw7', ['iot.gw7.replication.positions']), isOverlap);
    for (const topic of ['iot.gw8.observations', 'lwm2m.gw7.state', 'analytics.gw77.alarms'])
      assert.throws(
        () => planLanes('gw7', [topic]),
        (error) => hasCode(error, 'CONFIG_INVALID'),
      );
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
        () => planLanes('gw7', [], rows),
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

  it('fences each lane of each gateway by itself', () => {
    assert.equal(transactionalIdOf('gw7', 'up-bulk'), 'zeelos-replicator.gw7.up-bulk');
    assert.notEqual(transactionalIdOf('gw7', 'up-bulk'), transactionalIdOf('gw7', 'up-urgent'));
  });
});
