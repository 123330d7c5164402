import assert from 'node:assert/strict';
import { InputGateway, T0 } from './input.ts';
import { TestWorker } from './worker.ts';

describe('streams, maxper30sec on a real Kafka', function () {
  this.timeout(120_000);
  let gateway: InputGateway;
  afterEach(() => gateway.close());

  it('writes the record with the greatest number of each window, under the windowed key of the seed', async () => {
    gateway = await InputGateway.create();
    await gateway.write([
      { ep: 'a', value: 20, atMs: T0 },
      { ep: 'a', value: 25.5, atMs: T0 + 1_000 },
      { ep: 'a', value: 21, atMs: T0 + 2_000 },
      { ep: 'a', value: 'warm', atMs: T0 + 3_000 },
      { ep: 'b', value: -3, atMs: T0 + 4_000 },
      { ep: 'a', value: 1, atMs: T0 + 30_000 },
    ]);
    const worker = new TestWorker(gateway, 'maxper30sec');
    try {
      await worker.has('records_in_total', 6);
    } finally {
      await worker.stop();
    }
    const results = await gateway.read('maxPer30Seconds');
    console.log(results.map((r) => [r.key.toString('hex'), JSON.stringify(r.value)]));
    await worker.has('records_skipped_total', 1, { reason: 'not_numeric' });
    assert.equal(results.length, 3);
  });
});
