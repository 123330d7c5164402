import assert from 'node:assert/strict';
import { PendingAnswers } from '../../../../lwm2m-server/registration/pending-answers.ts';

describe('lwm2m-server/registration/pending-answers', () => {
  it('gives the answer once', () => {
    const given: unknown[] = [];
    const pending = new PendingAnswers(4_000, 30);
    const settle = pending.add((answer) => given.push(answer), 0);
    settle({ code: '2.04' });
    settle({ code: '2.04' });
    settle(undefined);
    assert.equal(pending.refuseOverdue(10_000), 0);
    assert.deepEqual(given, [{ code: '2.04' }]);
  });

  it('refuses what waits too long, oldest first, and then nothing more', () => {
    const given: string[] = [];
    const pending = new PendingAnswers(4_000, 30);
    const settles = [0, 1_000, 2_000].map((sinceMs) =>
      pending.add(({ code, maxAgeSeconds }) => given.push(`${sinceMs}: ${code} ${maxAgeSeconds}`), sinceMs),
    );
    assert.equal(pending.refuseOverdue(3_999), 0);
    assert.equal(pending.refuseOverdue(5_000), 2);
    for (const settle of settles) settle({ code: '2.01' });
    assert.deepEqual(given, ['0: 5.03 30', '1000: 5.03 30', '2000: 2.01 undefined']);
  });

  it('says 5.03 when there will be no commit', () => {
    const given: unknown[] = [];
    new PendingAnswers(4_000, 7).add((answer) => given.push(answer), 0)(undefined);
    assert.deepEqual(given, [{ code: '5.03', maxAgeSeconds: 7 }]);
  });
});
