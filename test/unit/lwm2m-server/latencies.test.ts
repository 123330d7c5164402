import assert from 'node:assert/strict';
import { Registry } from 'prom-client';
import { Latencies } from '../../../lwm2m-server/latencies.ts';

describe('latencies', () => {
  it('counts each duration in its bucket and in those above', () => {
    const latencies = new Latencies([0.01, 0.1]);
    for (const ms of [5, 10, 50, 500, -1]) latencies.note(ms);
    assert.deepEqual(latencies.read(), {
      buckets: [
        [0.01, 3],
        [0.1, 4],
      ],
      sum: 0.565,
      count: 5,
    });
  });

  it('is a histogram as Prometheus has it', async () => {
    const registry = new Registry();
    registry.setDefaultLabels({ service: 'x' });
    const latencies = new Latencies([0.01, 0.1]);
    latencies.note(50);
    latencies.expose(registry, 'some_seconds', 'what it is');
    assert.equal(
      await registry.metrics(),
      `# HELP some_seconds what it is
# TYPE some_seconds histogram
some_seconds_bucket{le="0.01",service="x"} 0
some_seconds_bucket{le="0.1",service="x"} 1
some_seconds_bucket{le="+Inf",service="x"} 1
some_seconds_sum{service="x"} 0.05
some_seconds_count{service="x"} 1
`,
    );
  });
});
