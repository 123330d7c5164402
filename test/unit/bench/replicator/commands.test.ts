import assert from 'node:assert/strict';
import { within } from '../../../../bench/replicator/commands.ts';

describe('commands during a catch-up', () => {
  const samples = [100, 200, 300, 400].map((sentAtMs) => ({ sentAtMs, ms: sentAtMs / 100 }));

  it('are those sent while the backlog was copied', () => {
    const kept = within({ samples, lost: 1, openAtMs: 50 }, 200, 300);
    assert.deepEqual(
      kept.samples.map(({ ms }) => ms),
      [2, 3],
    );
    assert.equal(kept.lost, 1);
  });

  it('begin when the first one has come through', () => {
    const kept = within({ samples, lost: 0, openAtMs: 250 }, 100, 400);
    assert.deepEqual(
      kept.samples.map(({ ms }) => ms),
      [3, 4],
    );
  });
});
