import assert from 'node:assert/strict';
import { isRetriable } from '../../common/errors.ts';
import type { Sink, SinkRecord } from '../../connectors/sink.ts';

/** A sink on a real store, with what the suite needs to judge it. */
export interface SinkUnderTest {
  /** A new sink, not connected. */
  newSink(): Sink;
  /** Records that leave one row each in an empty store, no two alike, also across calls. */
  records(count: number): readonly SinkRecord[];
  /** Rows that the records made by this object have left. */
  rows(): Promise<number>;
  readonly bigBatch: number;
  stopStore(): Promise<void>;
  startStore(): Promise<void>;
  /** Process of the store, to be frozen. */
  storePid(): number;
}

/** What every sink promises to the runner, judged on the real store. */
export function sinkContract(name: string, open: () => Promise<SinkUnderTest>): void {
  const inTime = () => AbortSignal.timeout(120_000);

  describe(`sink contract: ${name}`, () => {
    let store: SinkUnderTest;
    let sink: Sink;
    before(async () => {
      store = await open();
    });
    beforeEach(() => {
      sink = store.newSink();
    });
    afterEach(() => sink.close());

    it('stores a batch that comes twice once', async () => {
      const batch = store.records(20);
      const rows = await store.rows();
      await sink.connect(inTime());
      assert.deepEqual(await sink.write(batch, inTime()), {});
      assert.deepEqual(await sink.write(batch, inTime()), {});
      assert.equal(await store.rows(), rows + 20);
    });

    it('takes an empty batch', async () => {
      await sink.connect(inTime());
      assert.deepEqual(await sink.write([], inTime()), {});
    });

    it('connects to a store that it prepared before', async () => {
      await sink.connect(inTime());
      await sink.connect(inTime());
      await sink.write(store.records(1), inTime());
    });

    it('takes a big batch', async () => {
      const rows = await store.rows();
      await sink.connect(inTime());
      await sink.write(store.records(store.bigBatch), inTime());
      assert.equal(await store.rows(), rows + store.bigBatch);
    });

    it('fails in a retriable way while the store is down and writes once it is back', async () => {
      const batch = store.records(20);
      const rows = await store.rows();
      await sink.connect(inTime());
      await store.stopStore();
      try {
        await assert.rejects(sink.write(batch, inTime()), isRetriable);
        await assert.rejects(sink.connect(inTime()), isRetriable);
      } finally {
        await store.startStore();
      }
      await sink.connect(inTime());
      await sink.write(batch, inTime());
      assert.equal(await store.rows(), rows + 20);
    });

    it('ends a write that hangs when the signal is aborted', async () => {
      await sink.connect(inTime());
      const pid = store.storePid();
      process.kill(pid, 'SIGSTOP');
      try {
        const hanging = new AbortController();
        const reason = new Error('enough');
        const startedAt = performance.now();
        const writing = sink.write(store.records(20), hanging.signal);
        setTimeout(() => hanging.abort(reason), 300);
        await assert.rejects(writing, (error) => error === reason);
        assert.ok(performance.now() - startedAt >= 299, 'the write ended before it was aborted: it did not hang');
        assert.ok(performance.now() - startedAt < 3_000, 'the write went on after it was aborted');
      } finally {
        process.kill(pid, 'SIGCONT');
      }
    });

    it('does not begin a write whose signal is aborted', async () => {
      await sink.connect(inTime());
      const rows = await store.rows();
      const reason = new Error('no more');
      await assert.rejects(sink.write(store.records(5), AbortSignal.abort(reason)), (error) => error === reason);
      assert.equal(await store.rows(), rows);
    });

    it('closes without having been connected, and twice', async () => {
      await sink.close();
      await sink.close();
    });
  });
}
