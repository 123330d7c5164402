import assert from 'node:assert/strict';
import { Precedence } from '../../../../replicator/copy/precedence.ts';

const FOR_EVER = 2 ** 31 - 1;

describe('replicator/copy/precedence', () => {
  it('lets bulk through at once while nothing urgent is under way', async () => {
    await new Precedence().clear(FOR_EVER);
  });

  it('holds bulk back until the last holder has released it, who may do so twice', async () => {
    const precedence = new Precedence();
    const [one, other] = [{}, {}];
    precedence.hold(one);
    precedence.hold(one);
    precedence.hold(other);
    let isClear = false;
    const waiting = precedence.clear(FOR_EVER).then(() => {
      isClear = true;
    });
    precedence.release(one);
    precedence.release(one);
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(isClear, false);
    precedence.release(other);
    await waiting;
  });

  it('never stops bulk: it goes on after the time, though the holder holds', async () => {
    const precedence = new Precedence();
    precedence.hold({});
    await precedence.clear(1);
  });
});
