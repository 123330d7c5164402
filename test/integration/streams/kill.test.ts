import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { eventually } from '../../rig/gateway.ts';
import {
  assertWhole,
  closingReadings,
  disorderedReadings,
  end,
  Progress,
  startDownsample,
} from './downsample-process.ts';
import { InputGateway } from './input.ts';

const READINGS = 12_000;
const all = disorderedReadings(READINGS, 20);
const closing = closingReadings(READINGS, ['ep0', 'ep1']);
const partitionOf = (ep: string) => Number(ep.slice(2)) % 2;

describe('streams, killed in the middle', function () {
  this.timeout(240_000);
  let gateway: InputGateway;
  let progress: Progress;
  let child: ChildProcess | undefined;
  let frozen: ChildProcess | undefined;
  beforeEach(async () => {
    gateway = await InputGateway.create(2);
    progress = new Progress(gateway);
  });
  afterEach(async () => {
    for (const one of [child, frozen]) if (one !== undefined) await end(one, 'SIGKILL');
    [child, frozen] = [undefined, undefined];
    gateway.close();
  });

  const allCommitted = () =>
    eventually('all is committed', async () => (await progress.committed()) === READINGS + closing.length, 90_000);

  it('has committed what a run without kills would have, each window once', async () => {
    const third = READINGS / 3;
    for (const kill of [0, 1]) {
      const before = await progress.committed();
      await gateway.write(all.slice(kill * third, (kill + 1) * third), partitionOf);
      child = startDownsample(gateway);
      // Some of it is committed, more is being worked on.
      await eventually('it commits', async () => (await progress.committed()) > before, 60_000);
      await end(child, 'SIGKILL');
      assert.ok((await progress.committed()) <= (kill + 1) * third);
    }
    await gateway.write(all.slice(2 * third), partitionOf);
    await gateway.write(closing, partitionOf);
    child = startDownsample(gateway);
    await allCommitted();
    await end(child, 'SIGTERM');
    await assertWhole(gateway, all);
  });

  it('lets one that was frozen, and comes back in the middle, write nothing that its successor writes too', async () => {
    const half = READINGS / 2;
    await gateway.write(all.slice(0, half), partitionOf);
    frozen = startDownsample(gateway);
    await eventually('it commits', async () => (await progress.committed()) > 0, 60_000);
    frozen.kill('SIGSTOP');
    const before = await progress.committed();
    child = startDownsample(gateway);
    await eventually(
      'the other goes on',
      async () => (await progress.committed()) > before && (await progress.committed()) >= half,
      60_000,
    );
    frozen.kill('SIGCONT');
    await gateway.write(all.slice(half), partitionOf);
    await gateway.write(closing, partitionOf);
    await allCommitted();
    await Promise.all([end(child, 'SIGTERM'), end(frozen, 'SIGTERM')]);
    await assertWhole(gateway, all);
  });
});
