import assert from 'node:assert/strict';
import type { Sink } from '../../../connectors/sink.ts';
import { StoreConnection } from '../../../connectors/store-connection.ts';

const neverAborted = new AbortController().signal;

function setUp(connect: (signal: AbortSignal) => Promise<void>): StoreConnection {
  const sink: Sink = { connect, write: async () => ({}), close: async () => undefined, counters: {} };
  return new StoreConnection(sink, { wrote: () => undefined });
}

describe('connection of a runner to its store', () => {
  it('is opened once for two who write at once', async () => {
    let connects = 0;
    const connection = setUp(async () => void connects++);
    const written = await Promise.all(['a', 'b'].map((name) => connection.write(neverAborted, async () => name)));
    assert.deepEqual(written, ['a', 'b']);
    assert.equal(connects, 1);
  });

  it('is opened by the next when who was opening it is given up', async () => {
    const givenUp = new AbortController();
    let connects = 0;
    const connection = setUp(async (signal) => {
      if (++connects > 1) return;
      await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
      signal.throwIfAborted();
    });
    const first = connection.write(givenUp.signal, async () => 'first');
    const second = connection.write(neverAborted, async () => 'second');
    const reason = new Error('the group rebalances');
    givenUp.abort(reason);
    await assert.rejects(first, (error) => error === reason);
    assert.equal(await second, 'second');
    assert.equal(connects, 2);
  });
});
