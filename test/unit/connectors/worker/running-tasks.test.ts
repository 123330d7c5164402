import assert from 'node:assert/strict';
import { Registry } from 'prom-client';
import { connectKafka } from '../../../../common/kafka/client.ts';
import { createLog } from '../../../../common/log.ts';
import { References } from '../../../../connectors/config/references.ts';
import { RunningTasks, type TaskStatus, traceOf } from '../../../../connectors/worker/running-tasks.ts';
import { SecretTexts } from '../../../../connectors/worker/secrets.ts';
import type { TaskContext } from '../../../../connectors/worker/tasks.ts';

const log = createLog('test', 'silent');

/** A registry that refuses the metrics of a task: what a task is made of throws before anything runs. */
class BrokenRegistry extends Registry {
  override registerMetric(): void {
    throw new TypeError('this registry is broken');
  }
}

function contextWith(metrics: Registry): TaskContext {
  return {
    kafka: connectKafka({ brokers: ['127.0.0.1:1'], clientId: 'test' }, log),
    registryUrl: 'http://127.0.0.1:1',
    references: new References([]),
    models: [],
    groupId: 'group',
    metrics,
    log,
  };
}

const config = {
  name: 'c',
  'connector.class': 'InfluxSinkConnector',
  topics: 'iot.gw.observations',
  'connect.influx.url': 'http://127.0.0.1:1',
  'connect.influx.token': 'a-long-token',
  'connect.influx.db': 'b',
};

describe('tasks of a worker', () => {
  async function failureOf(context: TaskContext, change: Record<string, string>): Promise<TaskStatus> {
    const { promise, resolve } = Promise.withResolvers<TaskStatus>();
    const onStatus = (_connector: string, _number: number, status: TaskStatus) => {
      if (status.state === 'FAILED') resolve(status);
    };
    const tasks = new RunningTasks({ context, onStatus, onTopic: () => undefined });
    const wanted = { connector: 'c', number: 0, config: { ...config, ...change }, version: 1, paused: false };
    await tasks.become([wanted]);
    const status = await promise;
    assert.deepEqual(await tasks.become([]), [wanted]);
    return status;
  }

  it('are FAILED with lines of code when what they are made of throws', async () => {
    const { trace } = await failureOf(contextWith(new BrokenRegistry()), {});
    assert.match(trace ?? '', /^this registry is broken\n\s+at /);
  });

  it('are FAILED with the faults of a configuration that nobody checked', async () => {
    const { trace } = await failureOf(contextWith(new Registry()), { 'connector.class': 'Nobody', topics: '' });
    assert.match(trace ?? '', /^CONFIG_INVALID: .*Nobody/);
  });

  it('tell of causes, but each text once', () => {
    const cause = new Error('refused');
    const error = new Error('the store failed', { cause: new Error('the store failed', { cause }) });
    assert.equal(traceOf(error), 'the store failed\nCaused by: refused');
  });

  it('show no secret: of settings, of files, written as in an address', () => {
    const secrets = new SecretTexts({ ...config, 'connect.influx.password': 'p@ss w', odd: 'abc' });
    secrets.add('from a file');
    secrets.add('abc');
    const text = 'a-long-token p@ss w p%40ss%20w from a file http://user:name@host/x abc';
    assert.equal(secrets.hiddenIn(text), '[hidden] [hidden] [hidden] [hidden] http://[hidden]@host/x abc');
    for (let at = 0; at < 1_000; at++) secrets.add(`rotated ${at}`);
    assert.equal(secrets.hiddenIn('rotated 999'), '[hidden]');
  });
});
