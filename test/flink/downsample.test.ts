import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { ensureTopics } from '../../common/kafka/topics.ts';
import { selfContainedSchema } from '../../schemas/avro-types.ts';
import { TOPICS } from '../../schemas/topics.ts';
import { InputGateway, T0 } from '../integration/streams/input.ts';
import { TestWorker } from '../integration/streams/worker.ts';
import { provideFlink, sqlOf } from './flink.ts';

const run = promisify(execFile);
const WINDOW_SECONDS = 60;

/** What Flink's types want of the JVM. */
const OPENS = ['java.base/java.util', 'java.base/java.lang', 'java.base/java.net', 'java.base/java.time'].flatMap(
  (name) => ['--add-opens', `${name}=ALL-UNNAMED`],
);

async function rowsOf(gateway: InputGateway): Promise<string[]> {
  const rows = (await gateway.read('downsampled')).map(
    ({ value: { ep, path, windowStart, windowEnd, ...numbers } }) => {
      const { count, min, max, mean } = numbers;
      return `${ep} ${path} ${windowStart - T0} ${windowEnd - T0} ${count} ${min} ${max} ${mean.toFixed(9)}`;
    },
  );
  return rows.sort();
}

describe('streams/flink', function () {
  this.timeout(600_000);

  it('downsample.sql on Flink writes the rows that our own downsample writes', async () => {
    const classPath = await provideFlink((text) => process.stderr.write(`${text}\n`));
    const readings = Array.from({ length: 5_000 }, (_, i) => ({
      ep: `ep${i % 7}`,
      path: `/3303/${i % 2}/5700`,
      value: ((i * 7_919) % 1_000) / 8,
      // With disorder of up to five seconds; the last record closes all windows before it.
      atMs: T0 + i * 100 - ((i * 31) % 5_000),
    }));
    const closing = { ep: 'end', path: '/0', value: 0, atMs: T0 + 100_000_000 };
    const [ours, flinks] = [await InputGateway.create(), await InputGateway.create()];
    try {
      for (const gateway of [ours, flinks]) await gateway.write([...readings, closing]);
      const flags = [`--window-seconds=${WINDOW_SECONDS}`, '--grace-seconds=10', '--emit=final'];
      const worker = new TestWorker(ours, 'downsample', flags);
      await worker.has('records_in_total', readings.length + 1);
      await worker.stop();

      await ensureTopics(flinks.kafka, [{ topic: flinks.topicOf('downsampled'), partitions: 1 }]);
      const file = join(flinks.folder, 'downsample.sql');
      const values = {
        gateway: flinks.gatewayId,
        brokers: flinks.servers.kafkaBrokers.join(),
        registry: flinks.servers.registryUrl,
        graceSeconds: '10',
        windowSeconds: String(WINDOW_SECONDS),
        boundedMode: 'latest-offset',
        keySchema: JSON.stringify(selfContainedSchema(TOPICS.downsampled.key)),
        valueSchema: JSON.stringify(selfContainedSchema(TOPICS.downsampled.value)),
      };
      writeFileSync(file, sqlOf('downsample.sql', values));
      await run('java', ['-Xmx1g', ...OPENS, '-cp', classPath, 'RunSql', file], { maxBuffer: 2 ** 24 });
      const theirs = await rowsOf(flinks);
      const expected = await rowsOf(ours);
      // At the end of a bounded input Flink closes the last window too, that of the closing record.
      assert.ok(expected.length > 50);
      assert.deepEqual(
        theirs.filter((row) => !row.startsWith('end ')),
        expected,
      );
    } finally {
      ours.close();
      flinks.close();
    }
  });
});
