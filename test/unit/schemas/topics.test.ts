import assert from 'node:assert/strict';
import { isGatewayId, TOPICS, topicRowOf, topicsFlowing } from '../../../schemas/topics.ts';

const names = (direction: 'up' | 'down') => topicsFlowing(direction).map((row) => row.nameFor('gw1'));

describe('schemas/topics', () => {
  it('names the topics of a gateway', () => {
    const table = Object.fromEntries(
      Object.entries(TOPICS).map(([name, row]) => [name, [row.nameFor('gw1'), row.direction, row.cleanup]]),
    );
    assert.deepEqual(table, {
      registrations: ['iot.gw1.registrations', 'up', 'delete'],
      observations: ['iot.gw1.observations', 'up', 'delete'],
      replies: ['iot.gw1.management.rep', 'up', 'delete'],
      requests: ['iot.gw1.management.req', 'down', 'delete'],
      state: ['lwm2m.gw1.state', 'edge', 'compact'],
      maxPer30Seconds: ['analytics.gw1.observations.maxper30sec', 'edge', 'delete'],
      downsampled: ['analytics.gw1.observations.downsampled', 'edge', 'delete'],
      singleObservations: ['analytics.gw1.observations.single', 'edge', 'delete'],
      alarms: ['analytics.gw1.alarms', 'edge', 'delete'],
    });
  });

  it('gives each topic one direction: up and down have nothing in common, and no name stands twice', () => {
    assert.deepEqual(
      names('up').filter((name) => names('down').includes(name)),
      [],
    );
    const all = Object.values(TOPICS).map((row) => row.nameFor('gw1'));
    assert.equal(new Set(all).size, all.length);
    const staying = Object.values(TOPICS).filter(({ direction }) => direction === 'edge');
    assert.equal(names('up').length + names('down').length, all.length - staying.length);
  });

  it('has partitions wherever a topic goes, never fewer at the target, and none in the cloud for what stays', () => {
    for (const row of Object.values(TOPICS)) {
      const { edge, cloud } = row.partitions;
      if (row.direction === 'edge') assert.deepEqual([edge, cloud], [1, 0]);
      else if (row.direction === 'up') assert.ok(edge >= 1 && cloud >= edge);
      else assert.ok(cloud >= 1 && edge >= cloud);
    }
  });

  it('finds the row of a full name again', () => {
    for (const row of Object.values(TOPICS)) {
      assert.deepEqual(topicRowOf(row.nameFor('gw-7_x')), { row, gatewayId: 'gw-7_x' });
    }
    for (const stranger of [
      '',
      'iot',
      'iot.gw1',
      'iot.gw1.observations.dlq',
      'lwm2m.gw1.observations',
      'x.gw1.state',
    ]) {
      assert.equal(topicRowOf(stranger), undefined);
    }
  });

  it('takes gateway ids that Kafka takes in a topic and that can be read back from it', () => {
    for (const good of ['gw1', 'a', 'A-b_9', 'x'.repeat(64)]) assert.equal(isGatewayId(good), true);
    for (const bad of ['', 'a.b', 'a b', 'ä', 'a/b', 'x'.repeat(65), 'gw1\n']) assert.equal(isGatewayId(bad), false);
  });
});
