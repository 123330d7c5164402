import assert from 'node:assert/strict';
import { CONNECTORS_LIMIT, ConnectorConfigs } from '../../../../connectors/worker/connector-configs.ts';
import { slotOf, taskCountOf } from '../../../../connectors/worker/task-slots.ts';

const properties = { 'connector.class': 'InfluxSinkConnector' };
const claim = (id: string, at: number) => ({ id, at });

describe('configurations of the workers', () => {
  it('let the first of several claims create a connector, until it led to nothing for a minute', () => {
    const configs = new ConnectorConfigs();
    configs.take('claim-c', claim('one', 1_000), true);
    configs.take('claim-c', claim('two', 1_001), true);
    assert.deepEqual([configs.isClaimedBy('c', 'one'), configs.isClaimedBy('c', 'two')], [true, false]);
    configs.take('claim-c', claim('three', 62_000), true);
    assert.equal(configs.isClaimedBy('c', 'three'), true);
    configs.take('connector-c', { properties }, true);
    assert.equal(configs.isClaimedBy('c', 'three'), false);
    configs.take('claim-c', claim('four', 900_000), true);
    assert.equal(configs.isClaimedBy('c', 'four'), false);
    configs.take('connector-c', undefined, true);
    configs.take('claim-c', claim('five', 900_001), true);
    assert.equal(configs.isClaimedBy('c', 'five'), true);
    configs.take('claim-c', undefined, true);
    assert.equal(configs.isClaimedBy('c', 'five'), false);
  });

  it('hold a limited number of connectors, and tell of what they leave out', () => {
    const configs = new ConnectorConfigs();
    const strange: string[] = [];
    configs.onStrange = (key) => strange.push(key);
    for (let at = 0; at <= CONNECTORS_LIMIT; at++) configs.take(`connector-${at}`, { properties }, false);
    assert.equal(configs.size, CONNECTORS_LIMIT);
    assert.deepEqual(strange, [`connector-${CONNECTORS_LIMIT}`]);
    configs.take('connector-0', { properties: { ...properties, topics: 'other' } }, true);
    assert.equal(configs.get('0')?.config.topics, 'other');
    configs.take('connector-1', undefined, true);
    configs.take('connector-more', { properties }, true);
    assert.ok(configs.get('more'));
  });

  it('ask for restarts only of requests that come while it runs, and of numbers', () => {
    const configs = new ConnectorConfigs();
    const asked: unknown[] = [];
    configs.onRestart = (request) => asked.push(request);
    configs.take('restart-c', { tasks: [0] }, false);
    configs.take('restart-c', { tasks: [0, '1', null, 2.5, 3] }, true);
    configs.take('restart-c', { tasks: Array.from({ length: 100_000 }, () => 0) }, true);
    assert.deepEqual(asked[0], { connector: 'c', tasks: [0, 3] });
    assert.equal((asked[1] as { tasks: number[] }).tasks.length, 64);
  });

  it('come to as many tasks as can be, whatever the topic says', () => {
    const count = (tasksMax: string, state: 'STARTED' | 'STOPPED' = 'STARTED') =>
      taskCountOf({ config: { ...properties, 'tasks.max': tasksMax }, state, version: 1 });
    assert.deepEqual(
      ['3', '1e9', '-1', 'x', '2.5', ''].map((one) => count(one)),
      [3, 64, 1, 1, 1, 1],
    );
    assert.equal(count('3', 'STOPPED'), 0);
    const slots = new Set(Array.from({ length: 60 }, (_, number) => slotOf('any', number)));
    assert.equal(slots.size, 60);
  });
});
