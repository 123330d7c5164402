import assert from 'node:assert/strict';
import { SendWindow } from '../../../../replicator/copy/send-window.ts';

const KIB = 1024;
const MIB = 1024 * KIB;

describe('replicator/copy/send-window', () => {
  it('grows by what is answered quickly, up to its most', () => {
    const window = new SendWindow(4 * MIB);
    assert.equal(window.limit, MIB);
    for (let n = 0; n < 8; n++) {
      window.take(MIB);
      window.answered(MIB, 80);
    }
    assert.equal(window.limit, 4 * MIB);
    assert.equal(window.used, 0);
  });

  it('halves when answers are slow, down to its least, and lets one request through', async () => {
    const window = new SendWindow(4 * MIB);
    for (let n = 0; n < 5; n++) {
      window.take(MIB);
      window.answered(MIB, 5_000);
    }
    assert.equal(window.limit, 256 * KIB);
    await window.room();
    window.take(MIB);
    assert.equal(window.hasRoom, false);
    window.answered(MIB, 2_000);
    assert.equal(window.limit, 256 * KIB, 'neither quick nor slow');
    assert.equal(window.hasRoom, true);
  });

  it('never exceeds a small budget', () => {
    const window = new SendWindow(100 * KIB);
    assert.equal(window.limit, 100 * KIB);
    window.take(50 * KIB);
    window.answered(50 * KIB, 9_000);
    assert.equal(window.limit, 100 * KIB);
  });
});
