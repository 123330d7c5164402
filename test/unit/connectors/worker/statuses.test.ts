import assert from 'node:assert/strict';
import { TOPICS_LIMIT } from '../../../../connectors/config/common-config.ts';
import { Statuses, statusKey, topicKey } from '../../../../connectors/worker/statuses.ts';

const key = statusKey('c', 0);
const said = (incarnation: string, state: string) => ({ state, worker_id: 'host:8083', incarnation });

describe('statuses of the workers', () => {
  it('tell two lives of one worker id apart: who goes gives up only what is still its own', () => {
    const statuses = new Statuses('one');
    const foreign: string[] = [];
    statuses.onForeign = (at) => foreign.push(at);
    statuses.take(key, said('one', 'RUNNING'));
    assert.deepEqual(foreign, []);
    statuses.take(key, said('two', 'RUNNING'));
    assert.deepEqual(foreign, [key]);
    statuses.take(key, said('one', 'UNASSIGNED'));
    assert.deepEqual(statuses.get('c', 0), said('two', 'RUNNING'));
    statuses.take(key, said('two', 'UNASSIGNED'));
    assert.equal(statuses.get('c', 0)?.state, 'UNASSIGNED');
    statuses.take(key, undefined);
    assert.equal(statuses.get('c', 0), undefined);
  });

  it('hold what is bounded: no entry that is no status, no longer text, no more topics than a connector may have', () => {
    const statuses = new Statuses('one');
    for (const wrong of ['text', 5, null, [], {}, { state: 'RUNNING' }, { state: 'DANCING', worker_id: 'w' }])
      statuses.take(key, wrong);
    assert.equal(statuses.get('c', 0), undefined);
    statuses.take(key, { ...said('one', 'FAILED'), trace: 'x'.repeat(1_000_000), waiting: 5 });
    assert.equal(statuses.get('c', 0)?.trace?.length, 16_384);
    assert.equal(statuses.get('c', 0)?.waiting, undefined);
    for (let at = 0; at < TOPICS_LIMIT + 10; at++) statuses.take(topicKey('c', `t${at}`), {});
    assert.equal(statuses.topicsOf('c').length, TOPICS_LIMIT);
    for (const topic of statuses.topicsOf('c')) statuses.take(topicKey('c', topic), undefined);
    assert.deepEqual(statuses.topicsOf('c'), []);
  });

  it('know the keys of one connector from those of another whose name begins alike', () => {
    const statuses = new Statuses('one');
    for (const name of ['c', 'c-1', 'c-1-2'])
      for (const part of ['connector', 0, 1] as const) statuses.take(statusKey(name, part), said('one', 'RUNNING'));
    statuses.take(topicKey('c', 'a:connector-b'), {});
    assert.deepEqual(
      [...statuses.keysOf('c')].sort(),
      ['connector', 0, 1].map((part) => statusKey('c', part as number)).sort(),
    );
    assert.deepEqual(statuses.keysOf('c-1', 1), [statusKey('c-1', 1)]);
  });
});
